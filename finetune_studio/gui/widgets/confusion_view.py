"""The confusion matrix as something to click: a cell, a row or a column picks samples."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFontMetrics,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QSizePolicy, QToolTip, QWidget
from typing_extensions import override

from finetune_studio.core.preview import Grid
from finetune_studio.gui import theme
from finetune_studio.gui.widgets import mark_painters
from finetune_studio.gui.widgets.grid_places import GridPlaces

Place = tuple[int, int]
_EMPTY = Grid((), (), np.zeros((0, 0), int))


class ConfusionView(QAbstractScrollArea):
    """Rows are the true classes, columns what the model said.

    A click on a cell, a row's or a column's name picks it; a second click, or Escape, picks
    nothing. Arrow keys move, Enter picks. Names stay in sight when a large matrix is scrolled.

    Signals:
        picked: True class and said class; either is empty where all count.
    """

    picked = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = _EMPTY
        self._as_shares = False
        self._picked: Place | None = None
        self._cursor: Place = (0, 0)
        self._hovered: Place | None = None
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self.viewport().setProperty("clear", True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(self.tr("Confusion matrix: true classes and what the model said"))

    def show_grid(self, grid: Grid) -> None:
        """Show other counts; what was picked stays picked if its classes are still there."""
        before = self.picked_names()
        self._grid = grid
        self._picked = self._place_of(*before)
        self._cursor = self._picked or (0, 0)
        self._hovered = None
        self._range_bars()
        self.viewport().update()

    def show_shares(self, wanted: bool) -> None:
        """Write percent of each row into the cells, or counts."""
        self._as_shares = wanted
        self.viewport().update()

    def picked_names(self) -> tuple[str, str]:
        """Return the picked true class and said class; empty where all count."""
        if self._picked is None:
            return "", ""
        row, column = self._picked
        return (
            self._grid.rows[row] if row >= 0 else "",
            self._grid.columns[column] if column >= 0 else "",
        )

    def set_picked(self, truth: str, said: str) -> None:
        """Pick without saying so; unknown names pick nothing."""
        self._picked = self._place_of(truth, said)
        self.viewport().update()

    def places(self) -> GridPlaces:
        """Return where everything lies at the moment."""
        strong = self.font()
        strong.setBold(True)  # a picked name is bold and must fit too
        metrics = QFontMetrics(strong)
        shift = QPoint(self.horizontalScrollBar().value(), self.verticalScrollBar().value())
        return GridPlaces.fitting(
            self.viewport().rect(),
            [metrics.horizontalAdvance(name) for name in self._grid.rows],
            self._grid.columns,
            metrics,
            shift,
        )

    def _place_of(self, truth: str, said: str) -> Place | None:
        row = self._grid.rows.index(truth) if truth in self._grid.rows else -1
        column = self._grid.columns.index(said) if said in self._grid.columns else -1
        known = (row >= 0 or not truth) and (column >= 0 or not said) and (truth or said)
        return (row, column) if known else None

    def _pick(self, place: Place | None) -> None:
        self._picked = None if place == self._picked else place
        if place is not None:
            self._cursor = place
        self.viewport().update()
        self.picked.emit(*self.picked_names())

    def _range_bars(self) -> None:
        places = self.places()
        hidden, seen = places.hidden, places.cells_room
        for bar, most, page in (
            (self.horizontalScrollBar(), hidden.x(), seen.width()),
            (self.verticalScrollBar(), hidden.y(), seen.height()),
        ):
            bar.setRange(0, most)
            bar.setPageStep(max(1, page))
            bar.setSingleStep(places.cell)

    # --- painting ---------------------------------------------------------------------------------

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self.font())
        places = self.places()
        seen = places.cells_room
        painter.setClipRect(seen)
        mark_painters.paint_cells(painter, self._grid, places, as_shares=self._as_shares)
        self._paint_frames(painter, places)
        painter.setClipRect(QRect(places.room.left(), seen.top(), seen.right(), seen.height()))
        for row, name in enumerate(self._grid.rows):
            self._set_name_pen(painter, (row, -1))
            mark_painters.paint_row_name(painter, places, row, name)
        painter.setClipRect(places.room.adjusted(places.left - 4, 0, 0, 0))
        for column, name in enumerate(self._grid.columns):
            if seen.left() <= places.cell_box(0, column).center().x() <= seen.right():
                self._set_name_pen(painter, (-1, column))
                mark_painters.paint_column_name(painter, places, column, name)

    def _set_name_pen(self, painter: QPainter, name: Place) -> None:
        now = theme.tokens()
        strong = name in (self._picked, self._hovered)
        focused = self.hasFocus() and self._cursor == name
        painter.setPen(now.accent if name == self._picked or focused else now.muted)
        if strong and name != self._picked:
            painter.setPen(now.text)
        font = self.font()
        font.setBold(name == self._picked)
        font.setUnderline(focused)
        painter.setFont(font)

    def _paint_frames(self, painter: QPainter, places: GridPlaces) -> None:
        """Frame what is picked, what the pointer is over, and where the keyboard is."""
        now = theme.tokens()
        for place, colour, width in (
            (self._hovered, now.muted, 1),
            (self._cursor if self.hasFocus() else None, now.accent, 1),
            (self._picked, now.text, 2),
        ):
            box = self._framed(places, place)
            if box is not None:
                pen = painter.pen()
                pen.setStyle(Qt.PenStyle.SolidLine)
                pen.setColor(colour)
                pen.setWidth(width)
                painter.setPen(pen)
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRoundedRect(QRectF(box).adjusted(1, 1, -1, -1), 3, 3)

    def _framed(self, places: GridPlaces, place: Place | None) -> QRect | None:
        if place is None or not self._grid.rows or not self._grid.columns:
            return None
        row, column = place
        if row >= 0 and column >= 0:
            return places.cell_box(row, column)
        first = places.cell_box(max(0, row), max(0, column))
        last = places.cell_box(
            row if row >= 0 else places.rows - 1, column if column >= 0 else places.columns - 1
        )
        return first.united(last)

    # --- mouse and keys ---------------------------------------------------------------------------

    @override
    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            place = self.places().place_at(event.position().toPoint())
            if place is not None or self._picked is not None:
                self._pick(place)

    @override
    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        place = self.places().place_at(event.position().toPoint())
        if place != self._hovered:
            self._hovered = place
            hand = Qt.CursorShape.PointingHandCursor
            self.viewport().setCursor(hand if place is not None else Qt.CursorShape.ArrowCursor)
            self.viewport().update()

    @override
    def leaveEvent(self, event: QEvent) -> None:
        self._hovered = None
        self.viewport().update()

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves = {
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
        }
        key = Qt.Key(event.key())
        if key in moves and self._grid.rows:
            self._move(*moves[key])
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self._grid.rows:
            self._pick(self._cursor)
        elif key == Qt.Key.Key_Escape and self._picked is not None:
            self._pick(None)
        else:
            super().keyPressEvent(event)

    def _move(self, down: int, right: int) -> None:
        """Move the cursor; the names of the columns come after the last row, (-1, column)."""
        row, column = self._cursor
        rows, columns = len(self._grid.rows), len(self._grid.columns)
        row = rows if row < 0 else row
        row = max(0, min(rows if column >= 0 or right > 0 else rows - 1, row + down))
        column = max(0 if row == rows else -1, min(columns - 1, column + right))
        self._cursor = (-1 if row == rows else row, column)
        self._scroll_to(self._cursor)
        self.viewport().update()

    def _scroll_to(self, place: Place) -> None:
        places = self.places()
        row, column = max(0, place[0]), max(0, place[1])
        box, seen = places.cell_box(row, column), places.cells_room
        across, down = self.horizontalScrollBar(), self.verticalScrollBar()
        across.setValue(
            across.value() + max(0, box.right() - seen.right()) - max(0, seen.left() - box.left())
        )
        down.setValue(
            down.value() + max(0, box.bottom() - seen.bottom()) - max(0, seen.top() - box.top())
        )

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._range_bars()

    @override
    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self.viewport().update()

    @override
    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            place = self.places().place_at(event.pos())
            text = self.sentence(place) if place is not None else ""
            QToolTip.showText(event.globalPos(), text, self.viewport())
            return True
        return super().viewportEvent(event)

    def sentence(self, place: Place) -> str:
        """Return what a place of the matrix means, in words."""
        row, column = place
        values = self._grid.values
        if column < 0:
            right = self._grid.rows[row] in self._grid.columns
            hits = values[row, self._grid.columns.index(self._grid.rows[row])] if right else 0
            return self.tr("{total} are truly {truth}; {hits} of them were recognised.").format(
                total=int(values[row].sum()), truth=self._grid.rows[row], hits=int(hits)
            )
        if row < 0:
            return self.tr("The model said {said} {total} times.").format(
                said=self._grid.columns[column], total=int(values[:, column].sum())
            )
        return self.tr("{count} of {total} that are truly {truth} were said to be {said}.").format(
            count=int(values[row, column]),
            total=int(values[row].sum()),
            truth=self._grid.rows[row],
            said=self._grid.columns[column],
        )

    @override
    def sizeHint(self) -> QSize:
        return QSize(420, 420)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(200, 180)
