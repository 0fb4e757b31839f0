"""A label for what people and models say: also a word without blanks, however long, is broken into lines."""

from __future__ import annotations

import unicodedata

from PySide6.QtCore import QPoint, Qt, Slot
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QLabel, QMenu
from typing_extensions import override

_LONG = 24  # letters without a blank, after which a line may end
_BREAK = "\u200b"  # of no width; a line may end there
_JOINERS = ("\u200d", "\ufe0e", "\ufe0f")  # what stands around them is one sign


def breakable(text: str) -> str:
    """Return a text in which no run of letters is too long to be broken into lines."""
    found: list[str] = []
    run = 0
    for before, letter in zip(" " + text, text, strict=False):
        run = 0 if letter.isspace() else run + 1
        one = unicodedata.combining(letter) or letter in _JOINERS or before in _JOINERS
        if run > _LONG and not one:
            found.append(_BREAK)
            run = 1
        found.append(letter)
    return "".join(found)


class SaidLabel(QLabel):
    """Plain text that wraps anywhere, can be selected, and is copied as it was said."""

    def __init__(self, *, selectable: bool = True) -> None:
        super().__init__()
        self._said = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        if selectable:
            by_hand = Qt.TextInteractionFlag
            self.setTextInteractionFlags(
                by_hand.TextSelectableByMouse | by_hand.TextSelectableByKeyboard
            )
            self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
            self.customContextMenuRequested.connect(self._on_menu_wanted)

    @property
    def said(self) -> str:
        """Return the text as it was said."""
        return self._said

    def say(self, text: str) -> None:
        """Show a text."""
        self._said = text
        self.setText(breakable(text))

    @Slot()
    def copy(self) -> None:
        """Put what is selected on the clipboard, without the places where lines may end."""
        if chosen := self.selectedText():
            own = chosen.replace(_BREAK, "").replace("\u2029", "\n")
            QGuiApplication.clipboard().setText(own)

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
            event.accept()
            return
        super().keyPressEvent(event)

    @Slot(QPoint)
    def _on_menu_wanted(self, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(self.tr("Copy"), self.copy).setEnabled(self.hasSelectedText())
        menu.popup(self.mapToGlobal(place))
