"""Folders whose names are classes, with or without folders for the splits above them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from finetune_studio.core.reader import storable, visible, walk
from finetune_studio.core.splits import SPLITS, split_named

_ALIKE = 5  # names written in several ways that one sentence lists

Wanted = Callable[[str], bool]


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

    @property
    def found_splits(self) -> list[str]:
        """Return the splits that folders above the classes stand for, in their usual order."""
        return [split for split in SPLITS if split in self.splits.values()]

    def place(self, file: str) -> tuple[str | None, str | None]:
        """Return a file's class and split; no class if it lies beside the class folders."""
        parts = file[len(self.top) :].split("/") if file.startswith(self.top) else [file]
        split = None
        if self.splits:
            split = self.splits.get(parts[0])
            parts = parts[1:] if split else []
        return (parts[0] if len(parts) > 1 else None), split


def arranged(path: Path, names: Collection[str] | None, wanted: Wanted) -> Layout:
    """Find the class folders at a path.

    Args:
        path: The folder.
        names: The files of an archive instead of those on the disk.
        wanted: Whether a file's name looks like a sample; one beside the classes ends the search for
            a folder further down.
    """
    if names is None:
        files, folders = walk(path)
    else:
        kept = sorted(n for n in names if all(visible(p) for p in n.strip("/").split("/")))
        files = [n for n in kept if not n.endswith("/")]
        folders = sorted({n.strip("/") for n in kept if n.endswith("/")} | _parents(files))
    top = _top(files, folders, wanted)
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


def _top(files: list[str], folders: list[str], wanted: Wanted) -> str:
    """Step down through single folders, as archives have them, to where classes or splits lie."""
    top = ""
    while True:
        here = [f for f in folders if f.startswith(top) and "/" not in f[len(top) :]]
        if len(here) != 1 or split_named(here[0][len(top) :]):
            return top
        below = here[0] + "/"
        inner = [f for f in folders if f.startswith(below) and "/" not in f[len(below) :]]
        loose = any(f.startswith(below) and "/" not in f[len(below) :] and wanted(f) for f in files)
        splits = any(split_named(f[len(below) :]) for f in inner)
        if loose or not (
            splits or len(inner) > 1 or any(f.startswith(inner[0] + "/") for f in folders if inner)
        ):
            return top
        top = below


def notes(layout: Layout, wanted: Wanted, things: str) -> Iterator[str]:
    """Say what is left out and which classes look alike; ``things`` are what the samples are called."""
    depth = layout.top.count("/") + bool(layout.splits)
    classes = [f for f in layout.folders if f.startswith(layout.top) and f.count("/") == depth]
    filled = _parents(layout.files)
    for folder in classes:
        if folder not in filled and (not layout.splits or layout.place(folder + "/x")[1]):
            yield f"The folder {storable(folder)} holds no files, so it gives no samples."
    beside = sum(wanted(f) and layout.place(f)[0] is None for f in layout.files)
    if beside:
        yield f"{beside:,} {things} lie beside the class folders and are left out: no label."
    if layout.splits:
        inner = {f[len(layout.top) :] for f in layout.folders if f.startswith(layout.top)}
        others = sorted(f for f in inner if "/" not in f and f not in layout.splits)
        if others:
            yield f"Left out, as they are no split: {', '.join(map(storable, others[:5]))}."
    yield from nearly_equal({layout.place(f)[0] or "" for f in layout.files})


def nearly_equal(names: set[str]) -> Iterator[str]:
    """Say which classes differ only in capitals or spaces; nothing is merged by itself."""
    seen: dict[str, list[str]] = {}
    for name in sorted(names - {""}):
        seen.setdefault(name.casefold().strip(), []).append(repr(storable(name)))
    alike = [listed(spellings) for spellings in seen.values() if len(spellings) > 1]
    if alike:
        more = f"; and {len(alike) - _ALIKE:,} more" if len(alike) > _ALIKE else ""
        yield (
            f"The classes {'; '.join(alike[:_ALIKE])}{more} differ only in capitals or spaces;"
            " merge them if they mean the same (Health offers it after the import)."
        )


def listed(words: list[str]) -> str:
    """Return the words with commas and a last "and" between them."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
