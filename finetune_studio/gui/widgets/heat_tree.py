"""A network's stages and parts as a tree with two columns of heat: gradient and drift."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)
from typing_extensions import override

from finetune_studio.gui import theme

_Index = QModelIndex | QPersistentModelIndex
_HEAT = int(Qt.ItemDataRole.UserRole) + 1
_DECADES = 4  # of gradients, from cold to hot
_SERIES = 3
_LEAST, _MOST = 1e-3, 1e3  # gradients that are written out


@dataclass(frozen=True, slots=True)
class HeatRow:
    """One part: its heat from 0 to 1 in both columns (None: nothing learns or was measured), and in words.

    Attributes:
        title: What the row says.
        gradient: The length of its gradient, and ``drift`` how far it has moved.
        note: What stands there instead of a drift ("new", "frozen").
        help: What hovering says.
    """

    title: str
    gradient: float | None = None
    drift: float | None = None
    note: str = ""
    help: str = ""
    children: tuple[HeatRow, ...] = ()


class HeatTree(QTreeWidget):
    """Shows stages, each of which opens to its parts."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: tuple[HeatRow, ...] = ()
        self.setColumnCount(3)
        self.setHeaderLabels([self.tr("Part"), self.tr("Gradient"), self.tr("Drift")])
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setIndentation(theme.px(14))
        self.setUniformRowHeights(True)
        self.setItemDelegate(_Heat(self))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QTreeWidget.SelectionMode.NoSelection)
        for column in (1, 2):
            self.headerItem().setTextAlignment(column, Qt.AlignmentFlag.AlignCenter)
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column, width in ((1, 74), (2, 74)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(column, theme.px(width))
        self.headerItem().setToolTip(
            1,
            self.tr(
                "How strongly the last step of the epoch pulled at the part: the gradient's length."
            ),
        )
        self.headerItem().setToolTip(
            2,
            self.tr(
                "How far the part's weights have moved from where they began, relative to their size."
            ),
        )
        self.setAccessibleName(self.tr("Gradient and drift of each part"))
        self.itemExpanded.connect(self.updateGeometry)
        self.itemCollapsed.connect(self.updateGeometry)

    def show_rows(self, rows: Sequence[HeatRow]) -> None:
        """Show other rows; what is open stays open."""
        if tuple(rows) == self.rows:
            return
        same = [_titles(row) for row in rows] == [_titles(row) for row in self.rows]
        self.rows = tuple(rows)
        if not same:
            self.clear()
            self.addTopLevelItems([_item(row) for row in rows])
        hottest = max((r.gradient or 0.0 for r in rows), default=0.0)
        farthest = max(0.05, *(r.drift or 0.0 for r in _every(rows))) if rows else 1.0
        for place, row in enumerate(rows):
            item = self.topLevelItem(place)
            if item is not None:
                _fill(item, row, hottest, farthest)
        self.updateGeometry()

    @override
    def sizeHint(self) -> QSize:
        shown = sum(
            1 + (item.childCount() if item.isExpanded() else 0)
            for place in range(self.topLevelItemCount())
            if (item := self.topLevelItem(place)) is not None
        )
        row = self.sizeHintForRow(0) if self.topLevelItemCount() else 24
        return QSize(theme.px(260), self.header().sizeHint().height() + shown * row + 4)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(220), min(self.sizeHint().height(), theme.px(320)))


class _Heat(QStyledItemDelegate):
    """Paints a cell in the colour of its heat, with its number on it."""

    @override
    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(theme.px(40), option.fontMetrics.height() + 9)

    @override
    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        heat = index.data(_HEAT)
        box = QRectF(option.rect).adjusted(2, 1.5, -2, -1.5)
        now = theme.tokens()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if heat is not None:
            painter.setBrush(now.raised)
            painter.drawRoundedRect(box, 3, 3)
            painter.setBrush(colour_of(float(heat)))
            painter.drawRoundedRect(box, 3, 3)
        named = index.column() == 0
        focused = bool(option.state & QStyle.StateFlag.State_HasFocus)
        muted = not named and heat is None
        painter.setPen(now.accent if focused and named else now.muted if muted else now.text)
        side = Qt.AlignmentFlag.AlignLeft if named else Qt.AlignmentFlag.AlignHCenter
        text = option.fontMetrics.elidedText(
            str(index.data() or ""), Qt.TextElideMode.ElideMiddle, int(box.width()) - 2
        )
        painter.drawText(box, int(side | Qt.AlignmentFlag.AlignVCenter), text)
        painter.restore()


def colour_of(heat: float) -> QColor:
    """Return the colour of a heat from 0 (the ground) to 1, on which the theme's text can be read."""
    colour = QColor(theme.series()[_SERIES])
    colour.setAlphaF(min(1.0, max(0.0, heat)) * (0.55 if theme.tokens().dark else 0.6))
    return colour


def heat_of_gradient(length: float | None, hottest: float) -> float | None:
    """Return the heat of a gradient beside the longest: each tenth of it is a quarter colder."""
    if length is None:
        return None
    if length <= 0 or hottest <= 0:
        return 0.0
    return max(0.0, min(1.0, 1 + math.log10(length / hottest) / _DECADES))


def figure(value: float | None) -> str:
    """Return a length with two digits that count; what is tiny has too many noughts to be read."""
    if value is None:
        return ""
    if 0 < abs(value) < _LEAST:
        return f"< {_LEAST:g}"
    return f"{value:.2g}" if abs(value) < _MOST else f"{value:.0e}"


def share(value: float | None) -> str:
    """Return a drift in percent."""
    if value is None:
        return ""
    return f"{100 * value:.2g} %" if value < 0.995 else f"{100 * value:.0f} %"


def _titles(row: HeatRow) -> tuple[str, ...]:
    return (row.title, *(child.title for child in row.children))


def _every(rows: Sequence[HeatRow]) -> list[HeatRow]:
    return [one for row in rows for one in (row, *row.children)]


def _item(row: HeatRow) -> QTreeWidgetItem:
    item = QTreeWidgetItem([row.title])
    item.addChildren([_item(child) for child in row.children])
    return item


def _fill(item: QTreeWidgetItem, row: HeatRow, hottest: float, farthest: float) -> None:
    drift = None if row.drift is None else min(1.0, row.drift / farthest)
    cells = (
        (figure(row.gradient), heat_of_gradient(row.gradient, hottest)),
        (share(row.drift) or row.note, drift),
    )
    item.setToolTip(0, row.help)
    for column, (text, heat) in enumerate(cells, 1):
        item.setText(column, text)
        item.setData(column, _HEAT, heat)
        item.setToolTip(column, row.help)
    for place, child in enumerate(row.children):
        if (below := item.child(place)) is not None:
            _fill(below, child, hottest, farthest)
