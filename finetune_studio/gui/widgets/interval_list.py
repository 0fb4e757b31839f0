"""A list of names with a score, its interval as a band, and how many samples stand behind it."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)
from typing_extensions import override

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.row_items import RowItemModel

_Index = QModelIndex | QPersistentModelIndex
_ROW_ROLE = int(Qt.ItemDataRole.UserRole) + 1


@dataclass(frozen=True, slots=True)
class IntervalRow:
    """A name, its score from 0 to 1 with a 95 % interval, a count, and ``worse``, ``small`` or nothing."""

    name: str
    score: float
    low: float
    high: float
    count: int
    state: str = ""


class IntervalItemModel(RowItemModel[IntervalRow]):
    """Shows rows to a view."""

    @override
    def cell(self, place: int, column: int) -> Mapping[int, Any]:
        row = self.rows[place]
        note = {"worse": "; worse than chance explains", "small": "; too small to judge"}
        told = (
            f"{row.name}: {row.score:.2f}, 95 % interval {row.low:.2f} to {row.high:.2f},"
            f" {row.count:,} samples{note.get(row.state, '')}"
        )
        return {
            _ROW_ROLE: row,
            int(Qt.ItemDataRole.DisplayRole): row.name,
            int(Qt.ItemDataRole.AccessibleTextRole): told,
            int(Qt.ItemDataRole.ToolTipRole): f"<span>{html.escape(told)}</span>",
        }


class _Delegate(QStyledItemDelegate):
    """Paints name, band, score and count in aligned columns."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.level = 0.0
        self.lowest = 0.0
        self.widest = "0"  # count
        self.small = False  # whether a row is too small to judge
        self.longest = 0  # pixels of the longest name

    @override
    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(120, option.fontMetrics.height() + 10)

    @override
    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        row: IntervalRow = index.data(_ROW_ROLE)
        now, metrics = theme.tokens(), option.fontMetrics
        box = option.rect.adjusted(0, 1, 0, -1)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        focused = bool(option.state & QStyle.StateFlag.State_HasFocus)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if chosen or focused:
            painter.setBrush(now.accent_soft if chosen else Qt.BrushStyle.NoBrush)
            painter.setPen(now.accent if focused else Qt.PenStyle.NoPen)
            painter.drawRoundedRect(box, 4, 4)
        inside = box.adjusted(6, 0, -6, 0)
        count = f"{row.count:,}"
        wide = metrics.horizontalAdvance(self.widest)
        counts = QRect(inside.right() - wide, inside.y(), wide, inside.height())
        figure_wide = metrics.horizontalAdvance("too small" if self.small else "0.00")
        figures = QRect(counts.left() - figure_wide - 10, inside.y(), figure_wide, inside.height())
        room = (
            inside.width() - wide - figure_wide - 26
        )  # for names, and for bands where these leave some
        band_wide = min(150, max(60, room - self.longest))
        band = QRect(figures.left() - band_wide - 8, inside.y(), band_wide, inside.height())
        name = QRect(inside.left(), inside.y(), band.left() - inside.left() - 8, inside.height())
        colour = {"worse": now.bad, "small": now.muted}.get(row.state, now.text)
        painter.setPen(colour)
        elided = metrics.elidedText(row.name, Qt.TextElideMode.ElideMiddle, name.width())
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(name, middle, elided)
        right = middle | Qt.AlignmentFlag.AlignRight
        text = "too small" if row.state == "small" else f"{row.score:.2f}"
        painter.drawText(figures, right, text)
        painter.setPen(now.muted)
        painter.drawText(counts, right, count)
        self._draw_band(painter, QRectF(band), row)
        painter.restore()

    def _draw_band(self, painter: QPainter, box: QRectF, row: IntervalRow) -> None:
        """Draw the interval, the score in it, and where all samples together stand."""
        now = theme.tokens()
        span = max(1e-9, 1 - self.lowest)

        def at(value: float) -> float:
            return box.left() + box.width() * (max(self.lowest, value) - self.lowest) / span

        centre = box.center().y()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(now.raised)
        painter.drawRoundedRect(QRectF(box.left(), centre - 3, box.width(), 6), 3, 3)
        colour = {"worse": now.bad, "small": now.line}.get(row.state, now.accent)
        painter.setBrush(colour)
        left, right = at(row.low), at(row.high)
        painter.drawRoundedRect(QRectF(left, centre - 3, max(3.0, right - left), 6), 3, 3)
        painter.setPen(QPen(now.surface, 2))
        painter.drawLine(
            QRectF(at(row.score), centre - 3, 0, 6).topLeft(),
            QRectF(at(row.score), centre - 3, 0, 6).bottomLeft(),
        )
        painter.setPen(QPen(now.text, 1))
        level = at(self.level)
        painter.drawLine(
            QRectF(level, centre - 7, 0, 14).topLeft(),
            QRectF(level, centre - 7, 0, 14).bottomLeft(),
        )


class IntervalList(QListView):
    """Rows to pick; a second click, or Escape, picks none. The thin line is what all reach together.

    Signals:
        picked: The place of the row that was picked; -1 when none is any more.
    """

    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = IntervalItemModel(self)
        self._delegate = _Delegate(self)
        self._picked = -1
        self.setModel(self._rows)
        self.setItemDelegate(self._delegate)
        self.setUniformItemSizes(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.clicked.connect(self._on_clicked)

    def show_rows(self, rows: Sequence[IntervalRow], level: float) -> None:
        """Show other rows; ``level`` is what all samples together reach."""
        self._picked = -1
        lowest = min([row.low for row in rows if row.state != "small"], default=0.0)
        # The band begins a little below the lowest interval, so that gaps can be seen.
        self._delegate.lowest = max(0.0, min(lowest, level) - 0.05)
        self._delegate.level = level
        self._delegate.widest = max((f"{row.count:,}" for row in rows), key=len, default="0")
        self._delegate.small = any(row.state == "small" for row in rows)
        self._measure(rows)
        self._rows.set_rows(rows)

    def _measure(self, rows: Sequence[IntervalRow]) -> None:
        advance = self.fontMetrics().horizontalAdvance
        self._delegate.longest = max((advance(row.name) + 4 for row in rows), default=0)

    @override
    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._measure(self._rows.rows)

    def picked_row(self) -> int:
        """Return the place of the picked row; -1 if none is."""
        return self._picked

    def set_picked(self, place: int) -> None:
        """Pick a row without saying so; -1 picks none."""
        self._picked = place if 0 <= place < self._rows.rowCount() else -1
        if self._picked < 0:
            self.clearSelection()
        else:
            self.setCurrentIndex(self._rows.index(self._picked, 0))

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._on_clicked(self.currentIndex())
        elif event.key() == Qt.Key.Key_Escape and self._picked >= 0:
            self.set_picked(-1)
            self.picked.emit(-1)
        else:
            super().keyPressEvent(event)

    @Slot(QModelIndex)
    def _on_clicked(self, index: QModelIndex) -> None:
        if index.isValid():
            self.set_picked(-1 if index.row() == self._picked else index.row())
            self.picked.emit(self._picked)
