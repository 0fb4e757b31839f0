"""Says below a text what its tints and brackets mean: as painted swatches with words."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from finetune_studio.core.preview import Mark, Spans, Words
from finetune_studio.gui import theme
from finetune_studio.gui.widgets.text_block import heat_colour, tint

FOR, AGAINST, TRUTH, SAID = "for", "against", "truth", "said"


def entries(marks: Sequence[Mark]) -> list[tuple[str, str]]:
    """Return what must be explained, as a kind of swatch and the words beside it."""
    heat = [weight for mark in marks if isinstance(mark, Words) for _, _, weight in mark.heat]
    spans = [mark for mark in marks if isinstance(mark, Spans)]
    both = {group.said for group in spans} == {True, False}
    found = []
    if heat:
        found.append((FOR, _tr("speaks for it")))
    if any(weight < 0 for weight in heat):
        found.append((AGAINST, _tr("speaks against it")))
    if both and any(group.spans for group in spans if group.said):
        found.append((SAID, _tr("said by the model")))
    if both and any(group.spans for group in spans if not group.said):
        found.append((TRUTH, _tr("in the data")))
    return found


def _tr(text: str) -> str:
    return QCoreApplication.translate("TextLegend", text)


class TextLegend(QWidget):
    """One or more lines of swatches with words; takes no room where nothing needs explaining."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entries: list[tuple[str, str]] = []
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        font = self.font()
        font.setPixelSize(theme.px(12))
        self.setFont(font)
        self.hide()

    def show_entries(self, shown: list[tuple[str, str]]) -> None:
        """Explain other things."""
        self._entries = shown
        self.setAccessibleName(", ".join(text for _, text in shown))
        self.setVisible(bool(shown))
        self.updateGeometry()
        self.update()

    @property
    def texts(self) -> list[str]:
        """Return the words beside the swatches."""
        return [text for _, text in self._entries]

    def _places(self, width: int) -> list[tuple[QRectF, str, str]]:
        metrics, found = self.fontMetrics(), []
        x, y, high = 0.0, 0.0, metrics.height() + 4.0
        for kind, text in self._entries:
            wide = 26.0 + metrics.horizontalAdvance(text) + 14
            if x and x + wide > width:
                x, y = 0.0, y + high
            found.append((QRectF(x, y, wide, high), kind, text))
            x += wide
        return found

    @override
    def hasHeightForWidth(self) -> bool:
        return True

    @override
    def heightForWidth(self, width: int) -> int:
        return round(max((box.bottom() for box, _, _ in self._places(width)), default=0.0))

    @override
    def sizeHint(self) -> QSize:
        return QSize(160, self.heightForWidth(max(160, self.width())))

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for box, kind, text in self._places(self.width()):
            swatch = QRectF(box.left() + 1, box.center().y() - 5, 18, 10)
            _paint_swatch(painter, swatch, kind)
            painter.setPen(theme.tokens().muted)
            painter.drawText(box.adjusted(26, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, text)


def _paint_swatch(painter: QPainter, box: QRectF, kind: str) -> None:
    blue = theme.series()[0]
    any_colour = theme.tokens().muted  # names have colours of their own: here the shape tells
    low = QPointF(0, box.bottom() + 1).y()
    painter.setPen(Qt.PenStyle.NoPen)
    if kind in (FOR, AGAINST):
        painter.setBrush(heat_colour(1.0 if kind == FOR else -1.0))
        painter.drawRoundedRect(box, 3, 3)
    elif kind == SAID:
        painter.setBrush(tint(any_colour))
        painter.drawRoundedRect(box, 3, 3)
    if kind == AGAINST:
        painter.setPen(QPen(blue, 1.5, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(box.left(), low), QPointF(box.right(), low))
    if kind == TRUTH:
        painter.setPen(QPen(any_colour, 2))
        painter.drawLine(QPointF(box.left(), low - 2), QPointF(box.right(), low - 2))
        for x in (box.left(), box.right()):
            painter.drawLine(QPointF(x, low - 2), QPointF(x, low - 6))
