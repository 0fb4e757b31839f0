"""A text to read, with places in it marked; words can be selected by mouse and keys, nothing is typed."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QHelpEvent,
    QKeyEvent,
    QKeySequence,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
)
from PySide6.QtWidgets import QFrame, QTextEdit, QToolTip, QWidget
from typing_extensions import override

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.letters import Letters, plain
from finetune_studio.gui.widgets.mark_painters import mixed

MOST_LETTERS = (
    60_000  # more of one text takes too long to lay out; the end is left out and said to be
)
_KEEP = QTextCursor.MoveMode.KeepAnchor


@dataclass(frozen=True, slots=True)
class Marked:
    """A place in a text, in letters, the number of its colour, and what it is called."""

    start: int
    end: int
    colour: int = 0
    name: str = ""


def colour(number: int) -> QColor:
    """Return the colour of a kind of mark; after six they begin anew, which names must tell apart."""
    series = theme.series()
    return series[number % len(series)]


class MarkedText(QTextEdit):
    """Shows plain text with marks behind its letters.

    Signals:
        picked: The mark that the caret stands in (its place in the list); -1 for none.
        selected: Other words are selected, or none any more.
        pressed: A key that was asked for, as it is called (``Delete``, ``1``).
    """

    picked = Signal(int)
    selected = Signal()
    pressed = Signal(str)

    def __init__(self, keys: Sequence[str] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._keys = frozenset(keys)
        self._letters = Letters("")
        self._marks: list[Marked] = []
        self._found: list[tuple[int, int]] = []
        self._picked = -1
        self._dark = theme.tokens().dark
        self.setReadOnly(True)
        self.setAcceptRichText(False)
        self.setUndoRedoEnabled(False)
        self.setTabChangesFocus(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setProperty("reading", True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        by_hand = Qt.TextInteractionFlag
        self.setTextInteractionFlags(
            by_hand.TextSelectableByMouse | by_hand.TextSelectableByKeyboard
        )
        self.document().setDocumentMargin(2)
        self.cursorPositionChanged.connect(self._on_moved)
        self.selectionChanged.connect(self.selected)

    # --- what is shown ----------------------------------------------------------------------------

    def show_text(self, text: str) -> None:
        """Show another text from its beginning; the same one stays as it is."""
        if text == self._letters.text:
            return
        self._letters = Letters(text)
        self._marks, self._found = [], []
        cut = plain(text[:MOST_LETTERS])
        if len(text) > MOST_LETTERS:
            left = len(text) - MOST_LETTERS
            cut += "\n\n" + self.tr("… {n} more letters are not shown here.").format(n=f"{left:,}")
        self.setPlainText(cut)
        shape = QTextBlockFormat()
        shape.setLineHeight(132, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        whole = QTextCursor(self.document())
        whole.select(QTextCursor.SelectionType.Document)
        whole.mergeBlockFormat(shape)
        self.moveCursor(QTextCursor.MoveOperation.Start)
        self._paint()

    def set_marks(self, marks: Sequence[Marked], found: Sequence[tuple[int, int]] = ()) -> None:
        """Mark places, and those where a searched word stands."""
        self._marks, self._found = list(marks), list(found)
        self._picked = self._mark_here()
        self._paint()

    @property
    def text(self) -> str:
        """Return the text that is shown."""
        return self._letters.text

    def show_place(self, place: int) -> None:
        """Scroll to a place, without moving the caret into it."""
        kept = self.textCursor()
        there = QTextCursor(self.document())
        there.setPosition(self._there(place))
        self.setTextCursor(there)
        self.ensureCursorVisible()
        self.setTextCursor(kept)

    def _paint(self) -> None:
        now = theme.tokens()
        made = []
        for start, end in self._found:
            made.append(self._selection(start, end, now.warning_back, now.warning))
        for number, mark in enumerate(self._marks):
            strong = colour(mark.colour)
            part = 0.5 if number == self._picked else 0.22
            made.append(
                self._selection(mark.start, mark.end, mixed(now.surface, strong, part), strong)
            )
        self.setExtraSelections(made)

    def _selection(
        self, start: int, end: int, back: QColor, line: QColor
    ) -> QTextEdit.ExtraSelection:
        look = QTextCharFormat()
        look.setBackground(back)
        look.setForeground(theme.tokens().text)
        look.setUnderlineStyle(QTextCharFormat.UnderlineStyle.SingleUnderline)
        look.setUnderlineColor(line)
        made = QTextEdit.ExtraSelection()
        cursor = QTextCursor(self.document())
        cursor.setPosition(self._there(start))
        cursor.setPosition(self._there(end), _KEEP)
        made.cursor, made.format = cursor, look
        return made

    def _there(self, place: int) -> int:
        return min(self._letters.there(place), max(0, self.document().characterCount() - 1))

    # --- what the user does -----------------------------------------------------------------------

    def selection(self) -> tuple[int, int]:
        """Return the letters that are selected, the second being the one after the last."""
        cursor = self.textCursor()
        here = self._letters.here
        most = min(len(self._letters.text), MOST_LETTERS)
        return min(most, here(cursor.selectionStart())), min(most, here(cursor.selectionEnd()))

    def select(self, start: int, end: int) -> None:
        """Select letters, and scroll to them."""
        cursor = self.textCursor()
        cursor.setPosition(self._there(start))
        cursor.setPosition(self._there(end), _KEEP)
        self.setTextCursor(cursor)

    def clear_selection(self) -> None:
        """Select nothing; the caret stays."""
        cursor = self.textCursor()
        cursor.clearSelection()
        self.setTextCursor(cursor)

    @property
    def picked_mark(self) -> int:
        """Return the mark that the caret stands in; -1 for none."""
        return self._picked

    def pick(self, number: int) -> None:
        """Put the caret into a mark."""
        mark = self._marks[number]
        self.select(mark.start, mark.start)

    def pick_next(self, step: int = 1) -> None:
        """Put the caret into the next mark, or the one before (-1)."""
        if not self._marks:
            return
        at = self.selection()[0]
        if self._picked >= 0:
            number = (self._picked + step) % len(self._marks)
        elif step > 0:
            number = next((n for n, m in enumerate(self._marks) if m.start >= at), 0)
        else:
            before = [n for n, m in enumerate(self._marks) if m.end <= at]
            number = before[-1] if before else len(self._marks) - 1
        self.pick(number)

    def _mark_here(self) -> int:
        start, end = self.selection()
        if start != end:
            return -1
        inside = (n for n, m in enumerate(self._marks) if m.start <= start < m.end)
        return next(inside, -1)

    @Slot()
    def _on_moved(self) -> None:
        now = self._mark_here()
        if now != self._picked:
            self._picked = now
            self._paint()
            self.picked.emit(now)

    @staticmethod
    def _named(event: QKeyEvent) -> str:
        return QKeySequence(event.keyCombination()).toString(
            QKeySequence.SequenceFormat.PortableText
        )

    @override
    def event(self, event: QEvent) -> bool:
        # Keys that are wanted here are kept from the page's shortcuts of the same name.
        override = event.type() == QEvent.Type.ShortcutOverride
        if override and isinstance(event, QKeyEvent) and self._named(event) in self._keys:
            event.accept()
            return True
        return super().event(event)

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        name = self._named(event)
        if name in self._keys:
            self.pressed.emit(name)
            return
        super().keyPressEvent(event)

    @override
    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            place = self._letters.here(self.cursorForPosition(event.pos()).position())
            names = [mark.name for mark in self._marks if mark.start <= place < mark.end]
            text = html.escape(" · ".join(name for name in names if name))
            QToolTip.showText(event.globalPos(), f"<span>{text}</span>" if text else "", self)
            return True
        return super().viewportEvent(event)

    @override
    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._on_moved()

    @override
    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if getattr(self, "_dark", None) not in (None, theme.tokens().dark):
            self._dark = theme.tokens().dark
            self._paint()

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(120, 3 * self.fontMetrics().height())
