"""What the columns of a table mean: guessed by looking at values, or as the user says."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from finetune_studio.core.errors import StudioError
from finetune_studio.core.reader import PICTURES, is_picture, visible
from finetune_studio.core.recipe import DataChoices
from finetune_studio.core.splits import split_named
from finetune_studio.core.tables import Cells

NONE = "-"  # what the user writes where a table has no such column although one was guessed
_PATH_WORDS = ("path", "file", "filename", "image", "img", "photo", "picture", "name", "id")
LABEL_WORDS = (
    *("label", "labels", "class", "category", "target", "species", "diagnosis", "disease"),
    *("condition", "variety", "type", "kind", "y", "dx"),
)
# A column of these names keeps samples together; "plant" alone may be a label, "plant_id" is none.
_GROUP_WORDS = ("group", "patient", "subject", "person", "participant", "speaker", "session")
_GROUPS_WITH_ID = (*_GROUP_WORDS, "case", "plot", "field", "plant", "animal", "site", "lesion")
_SUFFIXES = (".jpg", ".jpeg", ".png", ".JPG", ".tif", ".tiff", ".bmp", ".webp")


@dataclass(frozen=True)
class Roles:
    """The columns that matter; ``split`` and ``group`` are empty where there is none."""

    path: str
    label: str
    split: str = ""
    group: str = ""

    def as_choices(self) -> dict[str, str]:
        """Return the roles under the names of the recipe's fields."""
        return {
            "path_column": self.path,
            "label_column": self.label,
            "split_column": self.split,
            "group_column": self.group,
        }


class Files:
    """Finds the files that cells name, also in a folder below the table or without their suffix.

    Args:
        folder: Where the table lies.
        names: The files of an archive, relative to the table; None looks on the disk.

    Attributes:
        found: Whether any file was found.
        plain: Whether the cells name files with their suffix.
    """

    def __init__(self, folder: Path, names: Collection[str] | None = None) -> None:
        self._folder = folder
        self._names = None if names is None else set(names)
        self._ways: list[tuple[str, str]] = [("", "")]
        self.found = False
        self.plain = False

    def any_there(self, cells: Iterable[str]) -> bool:
        """Whether one of the cells names a picture that lies where it says."""
        return any(is_picture(cell) and self._there(_tidy(cell)) for cell in cells)

    def learn(self, rows: Sequence[Cells]) -> None:
        """Find out from the first rows where files lie and whether cells leave out their suffix."""
        values = [v.strip() for cells in rows[:50] for v in cells.values() if v and len(v) < 500]
        folders = ("", *self._folders_below())
        used: list[tuple[str, str]] = []
        for suffixes in (
            ("",),
            _SUFFIXES,
        ):  # numbers may look like names without a suffix by chance
            ways = [(base, suffix) for suffix in suffixes for base in folders]
            used = used or [way for way in ways if any(self._at(way, value) for value in values)]
        self.found = bool(used)
        self.plain = any(not suffix for _, suffix in used)
        self._ways = used or [("", "")]

    def find(self, value: str) -> str | None:
        """Return where the file lies, relative to the table or absolute; None if nowhere."""
        for way in self._ways:
            if found := self._at(way, value):
                return found
        return None

    def _at(self, way: tuple[str, str], value: str) -> str | None:
        base, suffix = way
        if not value or (suffix and Path(value).suffix.lower() in PICTURES):
            return None
        name = f"{base}{_tidy(value)}{suffix}"
        return name if self._there(name) else None

    def _there(self, name: str) -> bool:
        if self._names is not None:
            return name in self._names
        try:
            return (self._folder / name).is_file()
        except (OSError, ValueError):  # too long for a file name, or a letter that none may have
            return False

    def _folders_below(self) -> list[str]:
        if self._names is not None:
            return sorted({n[: n.index("/") + 1] for n in self._names if "/" in n})[:50]
        try:
            inner = sorted(f.name for f in self._folder.iterdir() if visible(f.name) and f.is_dir())
        except OSError:
            return []
        return [f"{name}/" for name in inner[:50]]


def guess(
    columns: Sequence[str],
    rows: Sequence[Cells],
    files: Files,
    choices: DataChoices,
    table: str,
    *,
    strict: bool,
) -> Roles:
    """Return what each column means, the user's choices first.

    Args:
        columns: All columns.
        rows: The first rows.
        files: Finds the files that cells name.
        choices: What the user decided.
        table: How the table is called in messages.
        strict: Whether a column that only looks like paths, of files that are missing, counts too.

    Raises:
        StudioError: If a chosen column is missing, or none fits.
    """
    offer = f"Its columns are: {', '.join(columns)}."
    for wanted in (
        choices.path_column,
        choices.label_column,
        choices.split_column,
        choices.group_column,
    ):
        if wanted and wanted != NONE and wanted not in columns:
            raise StudioError(f"{table} has no column {wanted!r}.", offer)
    path = choices.path_column or _path_column(columns, rows, files, strict)
    if not path:
        raise StudioError(
            f"No column of {table} names files that are there.",
            f"Choose the column with the paths, which are relative to the table. {offer}",
        )
    taken = {path, choices.label_column, choices.group_column}
    split = choices.split_column or split_column([c for c in columns if c not in taken], rows)
    taken.add(split)
    rest = [c for c in columns if c not in taken]
    label = choices.label_column or by_words(rest, LABEL_WORDS)
    group = choices.group_column or group_column([c for c in rest if c != label])
    label = label or _label_column([c for c in rest if c != group], rows)
    if not label:
        raise StudioError(f"No column of {table} looks like labels.", f"Choose it. {offer}")
    return Roles(path, label, "" if split == NONE else split, "" if group == NONE else group)


def _path_column(columns: Sequence[str], rows: Sequence[Cells], files: Files, strict: bool) -> str:
    there = {c: _share(c, rows, lambda v: files.find(v) is not None) for c in columns}
    best = max(columns, key=lambda c: there[c] + 0.001 * (by_words([c], _PATH_WORDS) == c))
    if there[best] > 0:
        return best
    if not strict:
        return ""
    named = {c: _share(c, rows, is_picture) for c in columns}
    best = max(columns, key=lambda c: named[c])
    return best if named[best] >= 0.5 else ""


def split_column(columns: Sequence[str], rows: Sequence[Cells]) -> str:
    """Return the column whose cells say train, validation or test; empty if there is none."""
    for column in columns:
        values = {v.strip().lower() for r in rows if (v := r.get(column)) and v.strip()}
        if values and all(split_named(value) for value in values):
            named = any(word in column.lower() for word in ("split", "set", "fold", "partition"))
            if named or len({split_named(value) for value in values}) > 1:
                return column
    return ""


def _label_column(columns: Sequence[str], rows: Sequence[Cells]) -> str:
    kinds: dict[str, int] = {}
    for column in columns:
        values = [v.strip() for r in rows if (v := r.get(column)) and v.strip()]
        different = len(set(values))
        if values and 2 <= different <= max(2, len(values) // 2) and max(map(len, values)) < 100:
            kinds[column] = different
    if kinds:
        return min(kinds, key=lambda c: kinds[c])
    return columns[0] if len(columns) == 1 else ""


def group_column(columns: Sequence[str]) -> str:
    """Return the column whose name says that it keeps samples together; empty if there is none."""
    named = by_words(columns, _GROUP_WORDS)
    with_id = [f"{word}{link}id" for word in _GROUPS_WITH_ID for link in ("_", "", " ", "-")]
    return named or next((c for c in columns if c.strip().lower() in with_id), "")


def by_words(columns: Sequence[str], words: Sequence[str]) -> str:
    """Return the column whose name is one of the words, or holds one between ``_``, or none."""
    for word in words:
        for column in columns:
            if column.strip().lower() == word:
                return column
    for word in words:
        for column in columns:
            if word in column.lower().replace("-", "_").replace(" ", "_").split("_"):
                return column
    return ""


def _share(column: str, rows: Sequence[Cells], test: Callable[[str], bool]) -> float:
    values = [v.strip() for r in rows if (v := r.get(column)) and v.strip()]
    return sum(test(v) for v in values) / len(values) if values else 0.0


def _tidy(value: str) -> str:
    """Return a path with ``/`` between its parts and nothing before its first part."""
    value = value.strip().replace("\\", "/")
    while value.startswith("./"):
        value = value[2:]
    return value
