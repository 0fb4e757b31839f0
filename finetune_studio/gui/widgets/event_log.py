"""What happened in a run, line by line with its time."""

from __future__ import annotations

import time
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QColor, QFont, QTextBlockFormat, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QWidget
from typing_extensions import override

from finetune_studio.gui import theme

_MOST = 500


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened; ``time`` in Unix seconds, 0 where it is not known."""

    time: float
    text: str
    level: str = "info"


class EventLog(QPlainTextEdit):
    """Shows the newest lines at its end and follows them while it is scrolled there."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setProperty("log", True)
        self.setTabChangesFocus(True)
        self.setMaximumBlockCount(_MOST)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setPlaceholderText(self.tr("What happens is listed here."))
        self.setAccessibleName(self.tr("What happened"))
        self.document().setDocumentMargin(0)
        self._shown: list[Line] = []
        self._dark = theme.tokens().dark

    @property
    def texts(self) -> list[str]:
        """Return the lines as they stand there."""
        return self.toPlainText().splitlines()

    def set_lines(self, lines: list[Line]) -> None:
        """Show these lines; those that stand there already are not written anew."""
        dark = theme.tokens().dark
        if lines == self._shown and dark == self._dark:
            return
        bar = self.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 4
        same = 0
        if dark == self._dark:
            while same < min(len(lines), len(self._shown)) and lines[same] == self._shown[same]:
                same += 1
        if same < len(self._shown):  # the last line was brought up to date, or another run is shown
            self.clear()
            same = 0
        for line in lines[same:][-_MOST:]:
            self._append(line)
        self._shown, self._dark = list(lines), dark
        if at_end:
            bar.setValue(bar.maximum())

    @override
    def sizeHint(self) -> QSize:
        return QSize(theme.px(200), theme.px(110))

    def _append(self, line: Line) -> None:
        now = theme.tokens()
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        block = QTextBlockFormat()
        block.setBottomMargin(3)
        if not self.document().isEmpty():
            cursor.insertBlock(block)
        clock = time.strftime("%H:%M:%S", time.localtime(line.time)) if line.time else "–"
        cursor.insertText(f"{clock}  ", _format(now.muted))
        colour = {"ok": now.ok, "warning": now.warning, "bad": now.bad}.get(line.level, now.text)
        cursor.insertText(" ".join(line.text.split()), _format(colour))

    @override
    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if getattr(self, "_shown", None) and theme.tokens().dark != self._dark:
            self.set_lines(self._shown)


def _format(colour: QColor) -> QTextCharFormat:
    made = QTextCharFormat()
    made.setForeground(colour)
    font = QFont()
    font.setPixelSize(theme.px(12))
    made.setFont(
        font, QTextCharFormat.FontPropertiesInheritanceBehavior.FontPropertiesSpecifiedOnly
    )
    return made
