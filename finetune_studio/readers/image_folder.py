"""Reads pictures that lie in a folder a class, with or without folders for the splits above."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.reader import Description, Reader, is_picture, storable, visible, walk
from finetune_studio.core.recipe import DataChoices
from finetune_studio.core.splits import split_named

_HINT = "Put the pictures of each class into a folder of its own, and choose the folder above them."


@dataclass(frozen=True)
class Layout:
    """Files and folders below one top, and what their places mean.

    Attributes:
        top: The folder in which the class or split folders lie: empty, or ending in ``/``.
        splits: Split by the folder's name, where split folders lie above the classes.
        files: Every visible file, relative.
        folders: Every visible folder, relative.
    """

    top: str
    splits: dict[str, str]
    files: list[str]
    folders: list[str]

    def place(self, file: str) -> tuple[str | None, str | None]:
        """Return a file's class and split; no class if it lies beside the class folders."""
        parts = file[len(self.top) :].split("/") if file.startswith(self.top) else [file]
        split = None
        if self.splits:
            split = self.splits.get(parts[0])
            parts = parts[1:] if split else []
        return (parts[0] if len(parts) > 1 else None), split


class ImageFolder(Reader):
    """Every visible file in a class folder, or below it, is a sample, whatever its suffix."""

    name = "image_folder"

    def recognises(self, path: Path, names: Collection[str] | None = None) -> float:
        """Return 0.8 for class folders with pictures, 0.5 for class folders with other files."""
        if names is None and not path.is_dir():
            return 0.0
        layout = _arranged(path, names)
        kept = [file for file in layout.files if layout.place(file)[0] is not None]
        if not kept:
            return 0.1
        return 0.8 if any(is_picture(file) for file in kept) else 0.5

    def root(self, path: Path) -> Path:
        """Return the folder itself."""
        return path

    def read(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Iterator[Row]:
        """Yield the files class by class within each split."""
        del choices  # a folder leaves nothing to choose
        layout = _arranged(path, names)
        _refuse_what_is_none(path, layout)
        for file in layout.files:
            label, split = layout.place(file)
            if label is None:
                continue
            kept = storable(file)
            problem = (
                "" if kept == file else f"{kept}: the file's name is not valid text; rename it"
            )
            yield Row(kept, storable(label).strip() or storable(label), split, problem=problem)

    def describe(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Description:
        """Say whether split folders lie above, and what is left out."""
        del choices
        layout = _arranged(path, names)
        _refuse_what_is_none(path, layout)
        found = [
            split for split in ("train", "validation", "test") if split in layout.splits.values()
        ]
        title = "A folder per class"
        if found:
            title += f", with {_listed(found)} above"
        return Description(title, tuple(_notes(layout)))


def _arranged(path: Path, names: Collection[str] | None) -> Layout:
    if names is None:
        files, folders = walk(path)
    else:
        kept = sorted(n for n in names if all(visible(p) for p in n.strip("/").split("/")))
        files = [n for n in kept if not n.endswith("/")]
        folders = sorted({n.strip("/") for n in kept if n.endswith("/")} | _parents(files))
    top = _top(files, folders)
    inner = [f[len(top) :] for f in folders if f.startswith(top)]
    above = {f.split("/")[0] for f in inner if "/" in f}  # folders that hold folders
    splits = {f: split for f in inner if "/" not in f and (split := split_named(f))}
    nested = {split for f, split in splits.items() if f in above}
    everything = bool(nested) and all("/" in f or f in splits for f in inner)
    if not ("train" in nested or everything):
        splits = {}  # a class may well be called "test"
    return Layout(top, splits, files, folders)


def _parents(files: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for file in files:
        folder = file.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return found


def _top(files: list[str], folders: list[str]) -> str:
    """Step down through single folders, as archives have them, to where classes or splits lie."""
    top = ""
    while True:
        here = [f for f in folders if f.startswith(top) and "/" not in f[len(top) :]]
        if len(here) != 1 or split_named(here[0][len(top) :]):
            return top
        below = here[0] + "/"
        inner = [f for f in folders if f.startswith(below) and "/" not in f[len(below) :]]
        loose = any(
            f.startswith(below) and "/" not in f[len(below) :] and is_picture(f) for f in files
        )
        splits = any(split_named(f[len(below) :]) for f in inner)
        if loose or not (
            splits or len(inner) > 1 or any(f.startswith(inner[0] + "/") for f in folders if inner)
        ):
            return top
        top = below


def _refuse_what_is_none(path: Path, layout: Layout) -> None:
    if any(layout.place(file)[0] is not None for file in layout.files):
        return
    loose = sum(is_picture(file) for file in layout.files)
    if loose:
        raise StudioError(
            f"The {loose:,} pictures in {path} lie in no class folder, so they have no labels.",
            _HINT + " Or add a table that names each file and its label.",
        )
    if layout.folders:
        raise StudioError(f"The folders in {path} hold no files.", _HINT)
    if layout.files:
        raise StudioError(f"{path} holds no class folders and no pictures.", _HINT)
    raise StudioError(f"The folder {path} is empty.", _HINT)


def _notes(layout: Layout) -> Iterator[str]:
    depth = layout.top.count("/") + bool(layout.splits)
    classes = [f for f in layout.folders if f.startswith(layout.top) and f.count("/") == depth]
    filled = _parents(layout.files)
    for folder in classes:
        if folder not in filled and (not layout.splits or layout.place(folder + "/x")[1]):
            yield f"The folder {storable(folder)} holds no files, so it gives no samples."
    beside = sum(is_picture(f) and layout.place(f)[0] is None for f in layout.files)
    if beside:
        yield f"{beside:,} pictures lie beside the class folders and are left out: no label."
    if layout.splits:
        inner = {f[len(layout.top) :] for f in layout.folders if f.startswith(layout.top)}
        others = sorted(f for f in inner if "/" not in f and f not in layout.splits)
        if others:
            yield f"Left out, as they are no split: {', '.join(map(storable, others[:5]))}."
    yield from _nearly_equal({layout.place(f)[0] or "" for f in layout.files})


def _nearly_equal(names: set[str]) -> Iterator[str]:
    seen: dict[str, str] = {}
    for name in sorted(names - {""}):
        key = name.casefold().strip()
        if key in seen:
            yield (
                f"The classes {storable(seen[key])!r} and {storable(name)!r} differ only in"
                " capitals or spaces; merge them if they mean the same."
            )
        seen[key] = name


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
