"""A conversation as bubbles, the user's at the right; replies of two models can stand side by side."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget
from typing_extensions import override

from finetune_studio.gui.widgets.said_label import SaidLabel
from finetune_studio.gui.widgets.text_layout import reads_from_right

_WIDEST = 0.78  # of the view's width, for one bubble in a row


class Bubble(QFrame):
    """One message: who says it, what is said, and a small line below."""

    def __init__(self, who: str, text: str, *, own: bool = False) -> None:
        super().__init__()
        self.setProperty("bubble", "own" if own else "other")
        self._who = QLabel(who)
        self._who.setProperty("role", "small")
        self._who.setTextFormat(Qt.TextFormat.PlainText)
        self._who.setVisible(bool(who))
        self._text = SaidLabel()
        self._below = QLabel()
        self._below.setProperty("role", "small")
        self._below.setTextFormat(Qt.TextFormat.PlainText)
        self._below.setWordWrap(True)
        self._below.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 12, 8)
        column.setSpacing(2)
        for part in (self._who, self._text, self._below):
            column.addWidget(part)
        self.say(text)

    @property
    def text(self) -> str:
        """Return what is said."""
        return self._text.said

    @property
    def below(self) -> str:
        """Return the small line below it."""
        return self._below.text()

    def say(self, text: str, below: str = "") -> None:
        """Say something else, with a small line below it."""
        self._text.say(text)
        right = reads_from_right(text)
        self._text.setAlignment(
            Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        )
        self._below.setText(below)
        self._below.setVisible(bool(below))
        self.setAccessibleName(f"{self._who.text()}: {text}" if self._who.text() else text)


class ChatView(QScrollArea):
    """Shows messages from the top; the newest stays in sight while it grows."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setProperty("clear", True)
        inside = QWidget()
        inside.setProperty("clear", True)
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(0, 4, 8, 4)
        self._column.setSpacing(10)
        self._column.addStretch(1)
        self.setWidget(inside)
        self._rows: list[_Row] = []
        self._follow = QTimer(self)
        self._follow.setSingleShot(True)
        self._follow.setInterval(0)
        self._follow.timeout.connect(self._show_end)
        self._at_end = True  # until the user scrolls away from the newest message
        self.verticalScrollBar().valueChanged.connect(self._on_scrolled)
        self.verticalScrollBar().rangeChanged.connect(self._on_grown)

    @property
    def bubbles(self) -> list[Bubble]:
        """Return all bubbles, from the first message to the last."""
        return [bubble for row in self._rows for bubble in row.bubbles]

    def add_own(self, text: str, who: str = "") -> Bubble:
        """Add what the user says, at the right, and go there."""
        self._at_end = True
        return self._add([Bubble(who, text, own=True)], own=True)[0]

    def add_replies(self, names: Sequence[str]) -> list[Bubble]:
        """Add an empty reply of each model, side by side, at the left."""
        return self._add([Bubble(name, "…") for name in names], own=False)

    def _add(self, bubbles: list[Bubble], *, own: bool) -> list[Bubble]:
        row = _Row(bubbles, own=own)
        self._rows.append(row)
        self._column.insertWidget(self._column.count() - 1, row)
        row.fit(self.viewport().width())
        self.follow()
        return bubbles

    def follow(self) -> None:
        """Keep the newest message in sight, unless the user has scrolled away from it."""
        if self._at_end:
            self._follow.start()

    @Slot(int)
    def _on_scrolled(self, value: int) -> None:
        left = self.verticalScrollBar().maximum() - value
        self._at_end = left < 4 * self.fontMetrics().height()

    @Slot(int, int)
    def _on_grown(self) -> None:
        self.follow()  # also where the window got another size, or many lines came at once

    @Slot()
    def _show_end(self) -> None:
        self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())

    def clear(self) -> None:
        """Begin a new conversation."""
        for row in self._rows:
            self._column.removeWidget(row)
            row.deleteLater()
        self._rows = []

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        for row in self._rows:
            row.fit(self.viewport().width())


class _Row(QWidget):
    """One or two bubbles in a line."""

    def __init__(self, bubbles: list[Bubble], *, own: bool) -> None:
        super().__init__()
        self.setProperty("clear", True)
        self.bubbles = bubbles
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        if own:
            row.addStretch(1)
        for bubble in bubbles:
            share = 1 if len(bubbles) > 1 else 0
            row.addWidget(bubble, share, Qt.AlignmentFlag.AlignTop)
        if not own and len(bubbles) == 1:
            row.addStretch(1)

    def fit(self, width: int) -> None:
        """Let one bubble take most of the width, and two half of it each."""
        if len(self.bubbles) > 1:
            for bubble in self.bubbles:
                bubble.setFixedWidth(max(80, (width - 20) // len(self.bubbles)))
            return
        bubble = self.bubbles[0]
        widest = max(120, round(width * _WIDEST))
        bubble.setMaximumWidth(widest)
        wished = bubble.fontMetrics().boundingRect(0, 0, widest, 10**6, 0, bubble.text).width()
        bubble.setMinimumWidth(min(widest, wished + 40))
