"""A place to drop files and folders on, with a button for those who rather choose."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget
from typing_extensions import override

from finetune_studio.gui import theme


class DropArea(QWidget):
    """Takes what is dropped on it; its buttons ask for a file dialog.

    Signals:
        dropped: The paths that were dropped (a list of Path).
        browse_wanted: The button was pressed.
    """

    dropped = Signal(object)
    browse_wanted = Signal()

    def __init__(
        self, text: str, sentence: str = "", button: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAcceptDrops(True)
        self._over = False
        self._text = QLabel(text)
        self._text.setProperty("role", "heading")
        self._sentence = QLabel(sentence)
        self._sentence.setProperty("role", "muted")
        if not sentence:
            self._sentence.hide()
        for label in (self._text, self._sentence):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.button = QPushButton(button)
        if not button:
            self.button.hide()
        self.button.clicked.connect(self.browse_wanted)
        self.buttons = QHBoxLayout()
        self.buttons.setSpacing(8)
        self.buttons.addStretch(1)
        self.buttons.addWidget(self.button)
        self.buttons.addStretch(1)
        self._column = column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 24)
        column.setSpacing(8)
        column.addStretch(1)
        column.addWidget(self._text)
        column.addWidget(self._sentence)
        column.addSpacing(4)
        column.addLayout(self.buttons)
        column.addStretch(1)

    def set_words(self, text: str, sentence: str) -> None:
        """Say something else."""
        self._text.setText(text)
        self._sentence.setText(sentence)
        self._sentence.setVisible(bool(sentence))

    def set_compact(self, *, compact: bool) -> None:
        """Take little room beside other things, or all there is, with its sentence."""
        for label in (self._text, self._sentence):
            label.setVisible(bool(label.text()) and not compact)
        margin = 10 if compact else 24
        self._column.setContentsMargins(24, margin, 24, margin)

    def add_button(self, button: QPushButton) -> None:
        """Put another button beside the first."""
        self.buttons.insertWidget(self.buttons.count() - 1, button)

    @override
    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if paths_in(event.mimeData()):
            event.acceptProposedAction()
            self._set_over(over=True)

    @override
    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._set_over(over=False)

    @override
    def dropEvent(self, event: QDropEvent) -> None:
        self._set_over(over=False)
        paths = paths_in(event.mimeData())
        if paths:
            event.acceptProposedAction()
            self.dropped.emit(paths)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        now = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(now.accent_soft if self._over else now.surface)
        pen = QPen(now.accent if self._over else now.muted, 1, Qt.PenStyle.CustomDashLine)
        pen.setDashPattern([5, 4])
        painter.setPen(pen)
        painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), 8, 8)

    def _set_over(self, *, over: bool) -> None:
        self._over = over
        self.update()


def paths_in(data: QMimeData) -> list[Path]:
    """Return the files and folders on this computer that were dropped or pasted."""
    return [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
