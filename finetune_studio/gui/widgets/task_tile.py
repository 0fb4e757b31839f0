"""A tile that offers a task: its drawing, its name, and a sentence; the whole tile is a button."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget
from typing_extensions import override

from finetune_studio.gui import theme

_DRAWING = QSize(110, 44)


class TaskTile(QPushButton):
    """One of the things that a model can be taught.

    Args:
        title: What people call it.
        sentence: What it does, in one sentence.
        drawing: A picture file, wider than high.
    """

    def __init__(
        self, title: str, sentence: str, drawing: Path, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setProperty("tile", True)
        self.setAccessibleName(title)
        self.setAccessibleDescription(sentence)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        picture = QLabel()
        size = _DRAWING * (theme.px(13) / 13)
        picture.setPixmap(QIcon(str(drawing)).pixmap(size, self.devicePixelRatioF()))
        self._words = [QLabel(title), QLabel(sentence)]
        for label, role in zip(self._words, ("heading", "muted"), strict=True):
            label.setProperty("role", role)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 10)
        column.setSpacing(4)
        column.addWidget(picture)
        for label in self._words:
            column.addWidget(label)
        column.addStretch(1)
        for label in (picture, *self._words):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    @override
    def sizeHint(self) -> QSize:
        return self.minimumSizeHint()

    @override
    def minimumSizeHint(self) -> QSize:
        """Return the room that all words need at the width at hand."""
        column = self.layout()
        assert column is not None
        width = max(theme.px(150), self.width())
        return QSize(theme.px(150), column.totalHeightForWidth(width))

    @override
    def hasHeightForWidth(self) -> bool:
        return True

    @override
    def heightForWidth(self, width: int) -> int:
        column = self.layout()
        assert column is not None
        return column.totalHeightForWidth(width)
