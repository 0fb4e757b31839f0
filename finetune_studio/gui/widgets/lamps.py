"""A row of lights, each saying in a word and a shape how something stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QToolTip, QWidget
from typing_extensions import override

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.shapes import paint_level

_NARROW = 150  # pixels that a light needs, in the 13 px design


@dataclass(frozen=True, slots=True)
class Lamp:
    """One light: what it is about, its level (ok, info, warning, bad, or empty), its word, and its help."""

    title: str
    level: str
    word: str
    help: str = ""


class Lamps(QWidget):
    """Shows lights side by side, or in two rows where it is narrow."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.lamps: list[Lamp] = []
        policy = self.sizePolicy()
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def show_lamps(self, lamps: Sequence[Lamp]) -> None:
        """Show other lights."""
        if list(lamps) == self.lamps:
            return
        self.lamps = list(lamps)
        self.setAccessibleName("; ".join(f"{one.title}: {one.word}" for one in self.lamps))
        self.updateGeometry()
        self.update()

    @property
    def words(self) -> dict[str, str]:
        """Return what each light says."""
        return {one.title: one.word for one in self.lamps}

    def _columns(self, width: int) -> int:
        fits = max(1, width // theme.px(_NARROW))
        count = len(self.lamps) or 1
        return count if fits >= count else max(1, min(fits, (count + 1) // 2))

    def _row(self) -> int:
        return 2 * self.fontMetrics().height() + 6

    @override
    def hasHeightForWidth(self) -> bool:
        return True

    @override
    def heightForWidth(self, width: int) -> int:
        columns = self._columns(width)
        rows = -(-max(1, len(self.lamps)) // columns)
        return rows * self._row() + (rows - 1) * 6

    @override
    def sizeHint(self) -> QSize:
        return QSize(theme.px(4 * _NARROW), self.heightForWidth(theme.px(4 * _NARROW)))

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(_NARROW), self._row())

    def _boxes(self) -> list[QRectF]:
        columns = self._columns(self.width())
        wide = self.width() / columns
        return [
            QRectF(place % columns * wide, place // columns * (self._row() + 6), wide, self._row())
            for place in range(len(self.lamps))
        ]

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        now = theme.tokens()
        painter = QPainter(self)
        bold = QFont(self.font())
        bold.setBold(True)
        side, line = float(theme.px(18)), self.fontMetrics().height()
        for lamp, box in zip(self.lamps, self._boxes(), strict=True):
            shape = QRectF(box.left() + 2, box.center().y() - side / 2, side, side)
            paint_level(painter, shape, lamp.level)
            text = box.adjusted(side + 12, 2, -6, 0)
            painter.setFont(self.font())
            painter.setPen(now.muted)
            painter.drawText(text, Qt.AlignmentFlag.AlignTop, lamp.title)
            painter.setFont(bold)
            loud = lamp.level in ("warning", "bad")
            painter.setPen(theme.level_colours(lamp.level)[0] if loud else now.text)
            word = painter.fontMetrics().elidedText(
                lamp.word, Qt.TextElideMode.ElideRight, int(text.width())
            )
            painter.drawText(text.translated(0, line + 1), Qt.AlignmentFlag.AlignTop, word)

    @override
    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            for lamp, box in zip(self.lamps, self._boxes(), strict=True):
                if box.contains(event.position() if hasattr(event, "position") else event.pos()):
                    QToolTip.showText(
                        event.globalPos(), f"{lamp.title}: {lamp.word}. {lamp.help}", self
                    )
                    return True
        return super().event(event)
