"""The card that says how strongly each part of the network is pulled, and how far it has moved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from finetune_studio.core.watching import Heated
from finetune_studio.gui import theme
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.heat_tree import HeatRow, HeatTree, colour_of, figure, share


class HeatCard(Card):
    """Shows the last epoch's heat; hidden where nothing was measured."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.set_title(self.tr("What changes in the network"))
        self.tree = HeatTree()
        self.legend = HeatLegend()
        self.body.addWidget(self.tree)
        self.body.addWidget(self.legend)
        self._shown: Heated | None = None
        self.hide()

    def show_heat(self, heat: Heated | None) -> None:
        """Show an epoch's heat, or none."""
        if heat is self._shown:
            return
        self._shown = heat
        self.setVisible(heat is not None and bool(heat.rows))
        if heat is None:
            return
        rows = heat_rows(heat.rows)
        self.tree.show_rows(rows)
        self.tree.setFixedHeight(min(self.tree.sizeHint().height(), theme.px(300)))
        drifts = [
            one.drift for row in rows for one in (row, *row.children) if one.drift is not None
        ]
        self.legend.show_ends(
            figure(max((row.gradient or 0.0 for row in rows), default=0.0)),
            share(max(0.05, *drifts)) if drifts else "",
        )


class HeatLegend(QWidget):
    """Two ramps of colour with what their ends stand for."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ends: list[tuple[str, str, str]] = []

    def show_ends(self, gradient: str, drift: str) -> None:
        """Say which values are the hottest; an empty drift is left out."""
        self._ends = [(self.tr("gradient"), self.tr("weak"), gradient)]
        if drift:
            self._ends.append((self.tr("drift"), "0 %", drift))
        told = (f"{name} from {low} to {high}" for name, low, high in self._ends)
        self.setAccessibleName("; ".join(told))
        self.update()

    @override
    def sizeHint(self) -> QSize:
        return QSize(theme.px(220), self.fontMetrics().height() + theme.px(9))

    @override
    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = self.font()
        font.setPixelSize(theme.px(11))
        painter.setFont(font)
        wide = self.width() / max(1, len(self._ends))
        now = theme.tokens()
        for place, (name, low, high) in enumerate(self._ends):
            box = QRectF(place * wide, 0, wide - 10, theme.px(6))
            ramp = QLinearGradient(box.topLeft(), box.topRight())
            ramp.setColorAt(0.0, colour_of(0.0))
            ramp.setColorAt(1.0, colour_of(1.0))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(now.raised)
            painter.drawRoundedRect(box, 3, 3)
            painter.setBrush(ramp)
            painter.drawRoundedRect(box, 3, 3)
            painter.setPen(now.muted)
            text = QRectF(box.left(), box.bottom() + 2, box.width(), self.height() - box.height())
            painter.drawText(text, Qt.AlignmentFlag.AlignLeft, low)
            painter.drawText(text, Qt.AlignmentFlag.AlignHCenter, name)
            painter.drawText(text, Qt.AlignmentFlag.AlignRight, high)


def heat_rows(rows: Sequence[dict[str, Any]]) -> list[HeatRow]:
    """Return stages with their parts; a stage of one part has none below it."""
    stages: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        stages.setdefault(str(row["stage"]), []).append(row)
    return [_stage(title, parts) for title, parts in stages.items()]


def _stage(title: str, parts: list[dict[str, Any]]) -> HeatRow:
    below = tuple(_part(part) for part in parts)
    if len(below) == 1:
        only = below[0]
        return HeatRow(title, only.gradient, only.drift, only.note, only.help)
    pulled = [row.gradient for row in below if row.gradient is not None]
    sizes = [(p["drift"], p["size"]) for p in parts if p.get("drift") is not None and p.get("size")]
    whole = math.hypot(*(size for _, size in sizes)) if sizes else 0.0
    drift = math.hypot(*(moved * size for moved, size in sizes)) / whole if whole else None
    gradient = math.hypot(*pulled) if pulled else None
    note = below[0].note if all(row.note == below[0].note for row in below) else ""
    numbers = sum(int(part["learn"]) for part in parts)
    return HeatRow(
        title, gradient, drift, note, _help(title, numbers, gradient, drift, note), below
    )


def _part(row: dict[str, Any]) -> HeatRow:
    learn, gradient, drift = int(row["learn"]), row.get("gradient"), row.get("drift")
    note = "frozen" if not learn else "new" if drift is None else ""
    name = str(row["name"])
    return HeatRow(name, gradient, drift, note, _help(name, learn, gradient, drift, note))


def _help(name: str, learn: int, gradient: float | None, drift: float | None, note: str) -> str:
    if not learn:
        return f"{name}: frozen, so nothing pulls at it and it stays as it was."
    pulled = f"gradient {figure(gradient)} in the last step" if gradient is not None else ""
    moved = f"moved by {share(drift)} of its size" if drift is not None else ""
    new = "began from nothing, so there is nothing to move away from" if note == "new" else ""
    return f"{name}: {learn:,} numbers learn; {', '.join(t for t in (pulled, moved, new) if t)}."
