"""A list of projects, each with its task, when it was used, and where it lies."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QFont, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
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
ROW_ROLE = int(Qt.ItemDataRole.UserRole) + 1


@dataclass(frozen=True, slots=True)
class RecentProject:
    """One project as the list shows it; ``used`` in Unix seconds, 0 where unknown."""

    folder: str
    name: str
    task: str = ""
    used: float = 0.0
    missing: bool = False

    @property
    def about(self) -> str:
        """Return task and time, or that the project is not there."""
        if self.missing:
            return "not found: moved, deleted, or on a drive that is not connected"
        return " · ".join(part for part in (self.task, ago(self.used)) if part)


def ago(when: float, now: float | None = None) -> str:
    """Return a moment as people say it; empty where it is unknown."""
    if when <= 0:
        return ""
    now = time.time() if now is None else now
    then, today = time.localtime(when), time.localtime(now)
    days = (
        time.mktime((*today[:3], 12, 0, 0, 0, 0, -1)) - time.mktime((*then[:3], 12, 0, 0, 0, 0, -1))
    ) / 86400
    clock = time.strftime("%H:%M", then)
    if round(days) == 0:
        return f"today {clock}"
    if round(days) == 1:
        return f"yesterday {clock}"
    return time.strftime("%Y-%m-%d", then)


class RecentItemModel(RowItemModel[RecentProject]):
    """Shows projects to a view."""

    @override
    def cell(self, place: int, column: int) -> Mapping[int, Any]:
        row = self.rows[place]
        return {
            int(Qt.ItemDataRole.DisplayRole): row.name,
            int(Qt.ItemDataRole.AccessibleTextRole): f"{row.name}, {row.about}, {row.folder}",
            ROW_ROLE: row,
        }


class _RecentDelegate(QStyledItemDelegate):
    """Paints two lines: name and path, then task and time."""

    @override
    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(200, theme.px(52))

    @override
    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        now = theme.tokens()
        row: RecentProject = index.data(ROW_ROLE)
        hover = bool(option.state & QStyle.StateFlag.State_MouseOver)
        focused = bool(option.state & QStyle.StateFlag.State_HasFocus)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = option.rect.adjusted(1, 1, -1, -1)
        if hover or focused:
            painter.setPen(QPen(now.accent) if focused else Qt.PenStyle.NoPen)
            painter.setBrush(now.raised if hover else Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box, 6, 6)
        inside = box.adjusted(10, 6, -10, -6)
        upper = QRect(inside.left(), inside.top(), inside.width(), inside.height() // 2)
        lower = upper.translated(0, upper.height())
        bold = QFont(option.font)
        bold.setBold(True)
        painter.setFont(bold)
        painter.setPen(now.muted if row.missing else now.text)
        _line(painter, upper, row.name, Qt.TextElideMode.ElideRight)
        small = QFont(option.font)
        small.setPixelSize(theme.px(12))
        painter.setFont(small)
        painter.setPen(now.warning if row.missing else now.muted)
        half = lower.adjusted(0, 0, -lower.width() * (0 if row.missing else 1) // 2, 0)
        width = painter.fontMetrics().horizontalAdvance(row.about)
        _line(painter, half, row.about, Qt.TextElideMode.ElideRight)
        painter.setPen(now.muted)
        path = lower.adjusted(min(width, half.width()) + 16, 0, 0, 0)
        if path.width() > 40:
            _line(painter, path, row.folder, Qt.TextElideMode.ElideMiddle, right=True)
        painter.restore()


def _line(
    painter: QPainter, box: QRect, text: str, mode: Qt.TextElideMode, *, right: bool = False
) -> None:
    side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
    shown = painter.fontMetrics().elidedText(text, mode, box.width())
    painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | side, shown)


class RecentList(QListView):
    """Opens a project at a click or Enter; Delete takes it off the list.

    Signals:
        opened: The folder of the project to open.
        dropped: The folder of the project to take off the list (nothing is deleted on disk).
    """

    opened = Signal(str)
    dropped = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = RecentItemModel(self)
        self.setModel(self._rows)
        self.setItemDelegate(_RecentDelegate(self))
        self.setMouseTracking(True)
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(self.tr("Recent projects"))
        self.clicked.connect(self._on_clicked)

    def set_rows(self, rows: list[RecentProject]) -> None:
        """Show other projects."""
        self._rows.set_rows(rows)
        self.updateGeometry()

    @override
    def sizeHint(self) -> QSize:
        return QSize(300, max(1, self._rows.rowCount()) * theme.px(52) + 2)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(200, min(3, max(1, self._rows.rowCount())) * theme.px(52) + 2)

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        index = self.currentIndex()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._on_clicked(index)
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and index.isValid():
            self.dropped.emit(index.data(ROW_ROLE).folder)
        else:
            super().keyPressEvent(event)

    @Slot(QModelIndex)
    def _on_clicked(self, index: QModelIndex) -> None:
        if index.isValid():
            self.opened.emit(index.data(ROW_ROLE).folder)
