"""What a gallery shows, and how its view asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from finetune_studio.core.preview import Mark, Words

_Index = QModelIndex | QPersistentModelIndex
ITEM_ROLE = Qt.ItemDataRole.UserRole + 1


@dataclass(frozen=True, slots=True)
class GalleryItem:
    """One picture or text, two lines with it; ``strong`` stands before ``first``, tinted by ``level``.

    Attributes:
        path: The picture's file.
        marks: A short form of the text, where it is one (:mod:`excerpt`): words and places in them.
    """

    id: int
    path: str
    strong: str = ""
    first: str = ""
    second: str = ""
    level: str = ""
    marks: tuple[Mark, ...] = ()


class GalleryItemModel(QAbstractListModel):
    """Shows gallery items to a view."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.items: list[GalleryItem] = []

    def set_items(self, items: Sequence[GalleryItem]) -> None:
        """Show other items."""
        self.beginResetModel()
        self.items = list(items)
        self.endResetModel()

    def row_of(self, number: int) -> int:
        """Return the row of an item by its id; -1 if it is not shown."""
        return next((row for row, item in enumerate(self.items) if item.id == number), -1)

    @override
    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(self.items)

    @override
    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.items):
            return None
        item = self.items[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{item.strong} {item.first}".strip()
        if role == Qt.ItemDataRole.AccessibleTextRole:
            said = (f"{item.strong} {item.first}".strip(), item.second, words_of(item))
            return ", ".join(t for t in said if t)
        if role == ITEM_ROLE:
            return item
        return None


def words_of(item: GalleryItem) -> str:
    """Return the short form of a text as it is read aloud; empty for a picture."""
    return " ".join(mark.text for mark in item.marks if isinstance(mark, Words))
