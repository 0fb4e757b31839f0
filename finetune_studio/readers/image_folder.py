"""Reads pictures that lie in a folder a class, with or without folders for the splits above."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.folders import Layout, arranged, listed, notes
from finetune_studio.core.reader import Description, Reader, is_picture, storable
from finetune_studio.core.recipe import DataChoices

_HINT = "Put the pictures of each class into a folder of its own, and choose the folder above them."


class ImageFolder(Reader):
    """Every visible file in a class folder, or below it, is a sample, whatever its suffix."""

    name = "image_folder"

    def recognises(self, path: Path, names: Collection[str] | None = None) -> float:
        """Return 0.8 for class folders with pictures, 0.5 for class folders with other files."""
        if names is None and not path.is_dir():
            return 0.0
        layout = arranged(path, names, is_picture)
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
        layout = arranged(path, names, is_picture)
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
        layout = arranged(path, names, is_picture)
        _refuse_what_is_none(path, layout)
        found = layout.found_splits
        title = "A folder per class"
        if found:
            title += f", with {listed(found)} above"
        return Description(title, tuple(notes(layout, is_picture, "pictures")))


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
