"""A list of names with a bar and a figure each, such as classes and how many samples they have."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QColor, QKeyEvent, QPainter
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
from finetune_studio.gui.widgets.row_items import Heading, RowItemModel

_Index = QModelIndex | QPersistentModelIndex
BAR_ROLE = int(Qt.ItemDataRole.UserRole) + 1
FIGURE_ROLE = int(Qt.ItemDataRole.UserRole) + 2


@dataclass(frozen=True, slots=True)
class BarRow:
    """One row: a name, a number that sets the bar's length, and how the number is written."""

    name: str
    value: float
    figure: str = ""
    muted: bool = False


class BarItemModel(RowItemModel[BarRow]):
    """Shows rows to a view."""

    _most = 1.0

    @override
    def set_rows(
        self,
        rows: Sequence[BarRow],
        headings: Sequence[Heading] | None = None,
        *,
        most: float | None = None,
    ) -> None:
        """Show other rows; ``most`` is the value of a full bar, by default the largest."""
        self._most = most or max((row.value for row in rows), default=0.0) or 1.0
        super().set_rows(rows, headings)

    @property
    def names(self) -> list[str]:
        """Return the names in order."""
        return [row.name for row in self.rows]

    @override
    def cell(self, place: int, column: int) -> Mapping[int, Any]:
        row = self.rows[place]
        figure = row.figure or f"{row.value:,g}"
        return {
            int(Qt.ItemDataRole.DisplayRole): row.name,
            int(Qt.ItemDataRole.AccessibleTextRole): f"{row.name}: {figure}",
            int(Qt.ItemDataRole.ToolTipRole): f"<span>{html.escape(row.name)}: {figure}</span>",
            BAR_ROLE: max(0.0, min(1.0, row.value / self._most)),
            FIGURE_ROLE: figure,
        }


class _BarDelegate(QStyledItemDelegate):
    """Paints name, bar and figure in three aligned columns."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.figure_width = 40
        self.name_width = 0

    @override
    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(120, option.fontMetrics.height() + 10)

    @override
    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        now = theme.tokens()
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
        figure = QRect(
            inside.right() - self.figure_width, inside.y(), self.figure_width, box.height()
        )
        room = inside.width() - self.figure_width
        # Long names take from the bars, which are read beside each other also where they are short.
        bar_width = min(96, max(24, min(room * 2 // 5, room - self.name_width - 16)))
        bar = QRect(figure.left() - bar_width - 4, inside.center().y() - 2, bar_width, 6)
        name = QRect(inside.topLeft(), QPoint(bar.left() - 8, inside.bottom()))
        painter.setPen(now.text)
        text = option.fontMetrics.elidedText(
            str(index.data()), Qt.TextElideMode.ElideRight, name.width()
        )
        painter.drawText(name, Qt.AlignmentFlag.AlignVCenter, text)
        painter.setPen(now.muted)
        painter.drawText(
            figure,
            Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight,
            str(index.data(FIGURE_ROLE)),
        )
        _draw_bar(painter, bar, float(index.data(BAR_ROLE)), now.raised, now.accent)
        painter.restore()


def _draw_bar(painter: QPainter, box: QRect, share: float, back: QColor, front: QColor) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(back)
    painter.drawRoundedRect(box, 3, 3)
    if share > 0:
        painter.setBrush(front)
        painter.drawRoundedRect(
            QRect(box.topLeft(), QSize(max(3, round(box.width() * share)), box.height())), 3, 3
        )


class BarList(QListView):
    """Shows rows as bars; a click or Enter picks one, a second click on it picks none.

    Signals:
        picked: The name of the row that was picked; empty when none is any more.
    """

    picked = Signal(str)

    def __init__(self, parent: QWidget | None = None, *, pickable: bool = True) -> None:
        super().__init__(parent)
        self._rows = BarItemModel(self)
        self._delegate = _BarDelegate(self)
        self._pickable = pickable
        self._fitted = False
        self._picked = ""
        self.setModel(self._rows)
        self.setItemDelegate(self._delegate)
        self.setUniformItemSizes(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(
            QAbstractItemView.SelectionMode.SingleSelection
            if pickable
            else QAbstractItemView.SelectionMode.NoSelection
        )
        if not pickable:
            self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.clicked.connect(self._on_clicked)

    def set_rows(
        self, rows: list[BarRow] | list[tuple[str, float, str]], most: float | None = None
    ) -> None:
        """Show other rows; what was picked stays picked if it is among them."""
        made = [row if isinstance(row, BarRow) else BarRow(*row) for row in rows]
        figures = [row.figure or f"{row.value:,g}" for row in made]
        metrics = self.fontMetrics()
        self._delegate.figure_width = (
            max([metrics.horizontalAdvance(text) for text in figures], default=24) + 4
        )
        self._delegate.name_width = max(
            [metrics.horizontalAdvance(row.name) for row in made], default=0
        )
        self._rows.set_rows(made, most=most)
        self.set_picked(self._picked)
        self.updateGeometry()

    def picked_name(self) -> str:
        """Return the name that is picked; empty if none is."""
        return self._picked

    def set_picked(self, name: str) -> None:
        """Pick a row without saying so; an unknown name picks none."""
        names = self._rows.names
        self._picked = name if name in names else ""
        if self._picked:
            self.setCurrentIndex(self._rows.index(names.index(name), 0))
        else:
            self.clearSelection()

    def fit_height(self, most_rows: int = 12) -> None:
        """Be as high as the rows need, up to that many; more are scrolled."""
        self._fitted = True
        self._most_rows = most_rows
        self.updateGeometry()

    @override
    def sizeHint(self) -> QSize:
        if not self._fitted:
            return super().sizeHint()
        rows = min(self._rows.rowCount(), self._most_rows)
        return QSize(220, max(1, rows) * (self.fontMetrics().height() + 10) + 2)

    @override
    def minimumSizeHint(self) -> QSize:
        row = self.fontMetrics().height() + 10
        return QSize(120, self.sizeHint().height() if self._fitted else row * 2)

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._on_clicked(self.currentIndex())
            return
        super().keyPressEvent(event)

    @Slot(QModelIndex)
    def _on_clicked(self, index: QModelIndex) -> None:
        if not self._pickable or not index.isValid():
            return
        name = str(index.data())
        self.set_picked("" if name == self._picked else name)
        self.picked.emit(self._picked)
