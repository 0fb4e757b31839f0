"""A line for several names, beside a button that offers groups of them to tick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QPushButton, QWidget


@dataclass(frozen=True, slots=True)
class Offer:
    """A group of names that is taken or left together."""

    title: str
    names: tuple[str, ...]


class NamesField(QWidget):
    """Shows names parted by commas; an empty line stands for what is usual.

    Signals:
        changed: The names, as a list, after the user typed or ticked.
    """

    changed = Signal(list)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("clear", True)
        self._names: list[str] = []
        self._offers: tuple[Offer, ...] = ()
        self.line = QLineEdit()
        self.line.setObjectName(f"field_{name}")
        self.line.editingFinished.connect(self._on_typed)
        self.offer = QPushButton(self.tr("Choose"))
        self.offer.setObjectName(f"offer_{name}")
        self._menu = QMenu(self.offer)
        self.offer.setMenu(self._menu)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.line, 1)
        row.addWidget(self.offer)

    def describe(self, title: str, help_text: str, usual: str) -> None:
        """Say what the names are for, and what an empty line means."""
        self.line.setPlaceholderText(usual)
        for widget in (self.line, self.offer):
            widget.setToolTip(help_text)
            widget.setAccessibleName(title)
            widget.setAccessibleDescription(help_text)

    def show_names(self, names: Sequence[str], offers: Sequence[Offer]) -> None:
        """Show names, and the groups that may be ticked, without saying that they changed."""
        if list(names) != self._names:
            self._names = list(names)
            self.line.setText(", ".join(names))
        if tuple(offers) != self._offers:
            self._offers = tuple(offers)
            self._make_menu()
        self._tick()
        self.offer.setVisible(bool(offers))

    def _make_menu(self) -> None:
        self._menu.clear()
        for offer in self._offers:
            action = self._menu.addAction(offer.title)
            action.setCheckable(True)
            action.triggered.connect(partial(self._on_ticked, offer, action))

    def _tick(self) -> None:
        for offer, action in zip(self._offers, self._menu.actions(), strict=True):
            action.setChecked(set(offer.names) <= set(self._names))

    def _on_ticked(self, offer: Offer, action: QAction) -> None:
        rest = [name for name in self._names if name not in offer.names]
        self._take([*rest, *offer.names] if action.isChecked() else rest)

    @Slot()
    def _on_typed(self) -> None:
        typed = [part.strip() for part in self.line.text().split(",")]
        self._take(list(dict.fromkeys(part for part in typed if part)))

    def _take(self, names: list[str]) -> None:
        if names == self._names:
            return
        self._names = names
        self.line.setText(", ".join(names))
        self._tick()
        self.changed.emit(list(names))
