"""A label that shortens its text with an ellipsis instead of pushing others away."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QStyle, QStyleOption, QWidget
from typing_extensions import override


class ElidedLabel(QLabel):
    """Shows as much of one line as fits; the whole text is its tooltip when it does not."""

    def __init__(
        self,
        text: str = "",
        parent: QWidget | None = None,
        *,
        mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
    ) -> None:
        super().__init__(text, parent)
        self._mode = mode
        self.setTextFormat(Qt.TextFormat.PlainText)

    @override
    def setText(self, text: str) -> None:
        if text != self.text():
            super().setText(text)
            self._say_whole()

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(24, super().minimumSizeHint().height())

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._say_whole()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        option = QStyleOption()
        option.initFrom(self)
        box = self.contentsRect()
        shown = self.fontMetrics().elidedText(self.text(), self._mode, box.width())
        self.style().drawItemText(
            painter,
            box,
            self.alignment(),
            option.palette,
            self.isEnabled(),
            shown,
            self.foregroundRole(),
        )
        if self.hasFocus():
            self.style().drawPrimitive(
                QStyle.PrimitiveElement.PE_FrameFocusRect, option, painter, self
            )

    def _say_whole(self) -> None:
        fits = self.fontMetrics().horizontalAdvance(self.text()) <= self.contentsRect().width()
        told = "" if fits else self.text()
        if told != self.toolTip():
            self.setToolTip(told)
