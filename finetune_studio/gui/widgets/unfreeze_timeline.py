"""A timeline of gradual unfreezing: a bar for each part of a network, from where it begins to learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QFontMetrics,
    QHelpEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget
from typing_extensions import override

from finetune_studio.gui import theme

_ROW, _BAR, _AXIS = 24, 14, 22  # pixels in the 13 px design: a row, the bar in it, the axis below
_GAP = 12  # between the titles and the bars
_MOST_TITLE = 0.42  # of the width, for titles
_STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)  # epochs between two numbers of the axis
_GRIP = 6  # pixels beside a bar's start at which the pointer says that it can be moved


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of the network.

    Attributes:
        title: What it is called.
        begins: The epoch in which it begins to learn, counted from 1; 0 if it never does.
        movable: Whether the user may move its start.
        tip: What lies in it.
    """

    title: str
    begins: int = 1
    movable: bool = True
    tip: str = ""


class UnfreezeTimeline(QWidget):
    """Bars over epochs: dragging or the arrow keys move where one begins, in whole epochs.

    Signals:
        moved: The place of a bar, and the epoch in which it is to begin.
        undo_wanted: The user wants the last move taken back (Ctrl+Z, while the timeline has the focus).
    """

    moved = Signal(int, int)
    undo_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bars: list[Bar] = []
        self._epochs = 1
        self._chosen = 0
        self._pressed: QPoint | None = None
        self._before: Bar | None = None  # what the bar that is dragged was
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._describe()

    # --- what is shown ----------------------------------------------------------------------------

    def show_bars(self, bars: Sequence[Bar], epochs: int) -> None:
        """Show other bars; the chosen one stays chosen by its place. A drag in hand is given up."""
        self._bars, self._epochs = list(bars), max(1, epochs)
        self._before = self._pressed = None
        if not (self._chosen < len(self._bars) and self._bars[self._chosen].movable):
            self._chosen = next((n for n, bar in enumerate(self._bars) if bar.movable), 0)
        self._describe()
        self.updateGeometry()
        self.update()

    @property
    def bars(self) -> list[Bar]:
        """Return the bars as they are shown, also while one is dragged."""
        return list(self._bars)

    @property
    def epochs(self) -> int:
        """Return how many epochs the timeline spans."""
        return self._epochs

    @property
    def chosen(self) -> int:
        """Return the place of the bar that the keys move."""
        return self._chosen

    def said_of(self, bar: Bar) -> str:
        """Return what is said of a bar, in a sentence."""
        if not bar.begins:
            return self.tr("{part} stays frozen throughout.").format(part=bar.title)
        if bar.begins > self._epochs:
            return self.tr(
                "{part} would begin to learn in epoch {n}, after the end of the run."
            ).format(part=bar.title, n=bar.begins)
        if bar.begins == 1:
            return self.tr("{part} learns from the start.").format(part=bar.title)
        return self.tr("{part} learns from epoch {n} of {all} on.").format(
            part=bar.title, n=bar.begins, all=self._epochs
        )

    def _describe(self) -> None:
        here = self.said_of(self._bars[self._chosen]) if self._bars else ""
        self.setAccessibleName(f"{self.tr('Gradual unfreezing')}. {here}".strip())
        how = self.tr("Up and Down choose a part, Left and Right move its start.")
        self.setAccessibleDescription(" ".join([*map(self.said_of, self._bars), how]))

    # --- places -----------------------------------------------------------------------------------

    def row_box(self, row: int) -> QRect:
        """Return where a row lies."""
        return QRect(0, row * theme.px(_ROW), self.width(), theme.px(_ROW))

    def start_of(self, row: int) -> QPoint:
        """Return the middle of a bar's left end."""
        begins = min(self._bars[row].begins or 1, self._epochs + 1)
        return QPoint(round(self._x_of(begins - 1)), self.row_box(row).center().y())

    def _left(self) -> int:
        wide = max(map(self.fontMetrics().horizontalAdvance, self._titles()), default=0) + 12
        return min(max(wide, theme.px(76)), round(self.width() * _MOST_TITLE)) + _GAP

    def _titles(self) -> list[str]:
        return [bar.title for bar in self._bars]

    def _epoch_px(self) -> float:
        return max(1.0, self.width() - self._left() - theme.px(6)) / self._epochs

    def _x_of(self, epochs_done: float) -> float:
        return self._left() + epochs_done * self._epoch_px()

    def _row_at(self, y: int) -> int:
        row = y // theme.px(_ROW)
        return row if 0 <= row < len(self._bars) else -1

    @override
    def sizeHint(self) -> QSize:
        return QSize(320, len(self._bars) * theme.px(_ROW) + theme.px(_AXIS))

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(200, self.sizeHint().height())

    # --- painting ---------------------------------------------------------------------------------

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = 0
        for row, bar in enumerate(self._bars):
            self._paint_row(painter, row, bar, colour)
            colour += bool(bar.begins)
        self._paint_axis(painter)

    def _paint_row(self, painter: QPainter, row: int, bar: Bar, colour: int) -> None:
        now, box, left = theme.tokens(), self.row_box(row), self._left()
        if row == self._chosen and self.hasFocus():
            painter.setPen(QPen(now.accent, 2))
            painter.setBrush(now.accent_soft)
            painter.drawRoundedRect(QRectF(box).adjusted(1, 1, -1, -1), 5, 5)
        painter.setPen(now.text if bar.begins and self.isEnabled() else now.muted)
        title = self.fontMetrics().elidedText(
            bar.title, Qt.TextElideMode.ElideRight, left - _GAP - 4
        )
        words = QRect(4, box.top(), left - _GAP, box.height())
        painter.drawText(words, int(Qt.AlignmentFlag.AlignVCenter), title)
        high = theme.px(_BAR)
        top = box.center().y() - high / 2 + 0.5
        end = self._x_of(self._epochs)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(now.raised)
        painter.drawRoundedRect(QRectF(left, top, end - left, high), 4, 4)
        start = self._x_of(min(bar.begins or self._epochs + 1, self._epochs + 1) - 1)
        if bar.begins and start < end:
            ground = now.series[colour % len(now.series)] if self.isEnabled() else now.line
            painter.setBrush(ground)
            painter.drawRoundedRect(QRectF(start, top, end - start, high), 4, 4)
            if bar.movable and self.isEnabled():
                painter.setBrush(now.surface)
                painter.drawRoundedRect(QRectF(start + 3, top + 3, 2, high - 6), 1, 1)
        self._paint_remark(painter, bar, QRect(left, box.top(), round(start - left), box.height()))

    def _paint_remark(self, painter: QPainter, bar: Bar, room: QRect) -> None:
        """Write into the frozen stretch when it ends, if there is room for it."""
        now = theme.tokens()
        late = bar.begins > self._epochs
        tries = [""]
        if not bar.begins:
            tries = [self.tr("frozen throughout"), self.tr("frozen")]
        elif late:
            tries = [self.tr("begins after the end (epoch {n})").format(n=bar.begins)]
        elif bar.begins > 1:
            tries = [self.tr("from epoch {n}").format(n=bar.begins), str(bar.begins)]
        font = painter.font()
        small = painter.font()
        small.setPixelSize(theme.px(11))
        painter.setFont(small)
        painter.setPen(now.warning if late else now.muted)
        width = QFontMetrics(small).horizontalAdvance
        for text in tries:
            if width(text) + 12 <= room.width():
                inside = room.adjusted(6, 0, -6, 0)
                painter.drawText(inside, int(Qt.AlignmentFlag.AlignVCenter), text)
                break
        painter.setFont(font)

    def _paint_axis(self, painter: QPainter) -> None:
        """Write after how many epochs each place is, at round numbers."""
        now, top = theme.tokens(), len(self._bars) * theme.px(_ROW) + 3
        font = painter.font()
        font.setPixelSize(theme.px(11))
        painter.setFont(font)
        painter.setPen(now.muted)
        half, high = theme.px(20), QFontMetrics(font).height()
        most = max(1.0, self._epochs * self._epoch_px() / theme.px(44))
        step = next(n for n in _STEPS if n * most >= self._epochs)
        centre = int(Qt.AlignmentFlag.AlignHCenter)
        for done in range(0, self._epochs + 1, step):
            x = round(self._x_of(done))
            painter.drawText(QRect(x - half, top, 2 * half, high), centre, str(done))
        title = QRect(4, top, self._left() - _GAP, high)
        shown = QFontMetrics(font).elidedText(
            self.tr("epochs done"), Qt.TextElideMode.ElideRight, title.width()
        )
        painter.drawText(title, int(Qt.AlignmentFlag.AlignLeft), shown)

    # --- moving -----------------------------------------------------------------------------------

    def _may_move(self, row: int) -> bool:
        return 0 <= row < len(self._bars) and self._bars[row].movable and self.isEnabled()

    @override
    def mousePressEvent(self, event: QMouseEvent) -> None:
        row = self._row_at(event.position().toPoint().y())
        if event.button() != Qt.MouseButton.LeftButton or not self._may_move(row):
            return
        self._choose(row)
        self._pressed, self._before = event.position().toPoint(), self._bars[row]

    @override
    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        place = event.position().toPoint()
        if self._pressed is None or self._before is None:
            self._show_pointer(place)
            return
        from_ = min(self._before.begins, self._epochs + 1)
        by = round((place.x() - self._pressed.x()) / self._epoch_px())
        self._preview(from_ + by if by else self._before.begins)

    def _show_pointer(self, place: QPoint) -> None:
        row = self._row_at(place.y())
        near = self._may_move(row) and place.x() >= self.start_of(row).x() - _GRIP
        shape = Qt.CursorShape.SizeHorCursor if near else Qt.CursorShape.ArrowCursor
        self.setCursor(shape)

    @override
    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        before, self._before, self._pressed = self._before, None, None
        if before is not None and self._bars[self._chosen].begins != before.begins:
            self.moved.emit(self._chosen, self._bars[self._chosen].begins)

    def _preview(self, begins: int) -> None:
        """Show the chosen bar as if it began in another epoch; one after the end stays where it is."""
        bar = self._bars[self._chosen]
        kept = self._before is not None and begins == self._before.begins
        wanted = begins if kept else max(1, min(self._epochs, begins))
        if wanted != bar.begins:
            self._bars[self._chosen] = replace(bar, begins=wanted)
            self._describe()
            self.update()

    def _choose(self, row: int) -> None:
        if row != self._chosen:
            self._chosen = row
            self._describe()
            self.update()

    @override
    def event(self, event: QEvent) -> bool:
        """Keep Ctrl+Z for the timeline while it has the focus; tell what lies under the pointer."""
        own = event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent)
        if own and cast(QKeyEvent, event).matches(QKeySequence.StandardKey.Undo):
            event.accept()
            return True
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            row = self._row_at(event.pos().y())
            bar = self._bars[row] if row >= 0 else None
            text = f"{self.said_of(bar)}\n{bar.tip}".strip() if bar is not None else ""
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if event.matches(QKeySequence.StandardKey.Undo):
            self.undo_wanted.emit()
        elif key == Qt.Key.Key_Escape and self._before is not None:
            self._bars[self._chosen] = self._before
            self._before = self._pressed = None
            self._describe()
            self.update()
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._choose_beside(-1 if key == Qt.Key.Key_Up else 1)
        elif self._may_move(self._chosen) and (wanted := self._wanted_by(key)):
            if wanted != self._bars[self._chosen].begins:
                self._preview(wanted)
                self.moved.emit(self._chosen, wanted)
        else:
            super().keyPressEvent(event)

    def _wanted_by(self, key: Qt.Key) -> int:
        """Return the epoch to which a key moves the chosen bar; 0 for any other key."""
        begins = min(self._bars[self._chosen].begins, self._epochs + 1)
        return {
            Qt.Key.Key_Left: max(1, begins - 1),
            Qt.Key.Key_Right: min(self._epochs, begins + 1),
            Qt.Key.Key_Home: 1,
            Qt.Key.Key_End: self._epochs,
        }.get(key, 0)

    def _choose_beside(self, by: int) -> None:
        row = self._chosen + by
        while 0 <= row < len(self._bars):
            if self._bars[row].movable:
                self._choose(row)
                return
            row += by

    @override
    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    @override
    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()
