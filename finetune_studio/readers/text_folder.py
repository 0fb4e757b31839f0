"""Reads text files that lie in a folder a class, with or without folders for the splits above."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.folders import Layout, arranged, listed, notes
from finetune_studio.core.reader import Description, Reader, storable
from finetune_studio.core.recipe import DataChoices
from finetune_studio.core.tables import chosen, encoding_in, title
from finetune_studio.core.text_tables import empty

_HINT = (
    "Put the text files of each class into a folder of its own, and choose the folder above them."
)
_TEXTS = frozenset({".txt", ".text", ".md", ".markdown"})
_PLAIN = _TEXTS | {"", ".rst", ".asc", ".log", ".eml"}  # read too where they lie in a class folder
_MOST_BYTES = 64 * 2**20
_HEAD = 2**16
_TRIED = 100  # files whose encoding is looked at for the description


class TextFolder(Reader):
    """One file a text; what is no text, or empty, is set aside with the reason."""

    name = "text_folder"

    def recognises(self, path: Path, names: Collection[str] | None = None) -> float:
        """Return 0.85 for class folders with .txt or .md files, 0.3 for class folders with others."""
        if names is None and not path.is_dir():
            return 0.0
        layout = arranged(path, names, _is_text)
        kept = [file for file in layout.files if layout.place(file)[0] is not None]
        if not kept:
            return 0.1
        if any(_is_text(file) for file in kept):
            return 0.85
        return 0.6 if all(_suffix(file) in _PLAIN for file in kept) else 0.3

    def root(self, path: Path) -> Path:
        """Return the folder itself."""
        return path

    def read(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Iterator[Row]:
        """Yield the files class by class within each split; texts of an unpacked archive alone."""
        layout = arranged(path, names, _is_text)
        _refuse_what_is_none(path, layout)
        for file in layout.files:
            label, split = layout.place(file)
            if label is None:
                continue
            kept = storable(file)
            text, problem = "", ""
            if kept != file:
                problem = "the file's name is not valid text; rename it"
            elif _suffix(file) not in _PLAIN:
                problem = f"a {_suffix(file)} file is no plain text; save it as .txt"
            elif names is None or (path / file).is_file():
                text, problem = _content(path / file, choices.encoding)
            yield Row(
                kept,
                storable(label).strip() or storable(label),
                split,
                fields={"text": text} if text else {},
                problem=f"{kept}: {problem}" if problem else "",
            )

    def describe(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Description:
        """Say whether split folders lie above, how letters are read, and what is left out."""
        layout = arranged(path, names, _is_text)
        _refuse_what_is_none(path, layout)
        text = "A folder of texts per class"
        if found := layout.found_splits:
            text += f", with {listed(found)} above"
        said = [] if names is not None else _encoding_notes(path, layout, choices.encoding)
        return Description(text, (*said, *notes(layout, _is_text, "text files")))


def _suffix(file: str) -> str:
    suffix = Path(file).suffix.lower()
    return "" if suffix[1:].isdigit() or " " in suffix else suffix  # "article.3" has none


def _is_text(file: str) -> bool:
    return _suffix(file) in _TEXTS


def _refuse_what_is_none(path: Path, layout: Layout) -> None:
    if any(layout.place(file)[0] is not None for file in layout.files):
        return
    loose = sum(_is_text(file) for file in layout.files)
    if loose:
        raise StudioError(
            f"The {loose:,} text files in {path} lie in no class folder, so they have no labels.",
            _HINT + " Or make a table with a column of texts and a column of labels.",
        )
    if layout.folders:
        raise StudioError(f"The folders in {path} hold no files.", _HINT)
    if layout.files:
        raise StudioError(f"{path} holds no class folders and no text files.", _HINT)
    raise StudioError(f"The folder {path} is empty.", _HINT)


def _content(file: Path, encoding: str) -> tuple[str, str]:
    """Return a file's text, or why it has none."""
    try:
        if file.stat().st_size > _MOST_BYTES:
            return "", f"it is larger than {_MOST_BYTES // 2**20} MB, which is no single text"
        content = file.read_bytes()
    except OSError as error:
        return "", f"it cannot be read ({error.strerror})"
    return _decoded(content, chosen(encoding, file) if encoding else encoding_in(content))


def _decoded(content: bytes, name: str) -> tuple[str, str]:
    if content.startswith(b"version https://git-lfs"):
        return "", "it is only a pointer left by git-lfs; run 'git lfs pull' where it came from"
    try:
        text = content.decode(name)
    except UnicodeError as error:
        if b"\0" in content:
            return "", f"it holds zero bytes, the first is byte {content.index(0) + 1}: no text"
        place = f", byte {error.start + 1}" if isinstance(error, UnicodeDecodeError) else ""
        return "", f"its letters are not {title(name)}{place}; choose another encoding"
    if "\0" in text:
        return "", f"it holds zero bytes, the first is byte {content.index(0) + 1}: no text"
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    return ("", "it is empty") if empty(text) else (text, "")


def _encoding_notes(path: Path, layout: Layout, encoding: str) -> list[str]:
    """Say how letters are read, from the first files."""
    files = [f for f in layout.files if layout.place(f)[0] is not None and _suffix(f) in _PLAIN]
    found: Counter[str] = Counter()
    for file in files[:_TRIED]:
        try:
            with (path / file).open("rb") as opened:
                head = opened.read(_HEAD)
        except OSError:
            continue
        if len(head) == _HEAD:
            head = head.rsplit(b"\n", 1)[0]  # a letter cut in two must not decide
        found[chosen(encoding, path / file) if encoding else encoding_in(head)] += 1
    if set(found) <= {"utf-8"}:
        return []
    return [
        f"Read as {title(name)}: {count:,} of the first {found.total():,} files."
        for name, count in found.most_common()
    ]
