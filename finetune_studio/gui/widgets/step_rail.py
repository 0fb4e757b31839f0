"""The rail on the left: the numbered steps with their states, and what belongs at its foot."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QKeyEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QFrame, QVBoxLayout, QWidget
from typing_extensions import override

from finetune_studio.gui import theme

_WIDTH = 196


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the rail: ``number`` 0 means that it has none."""

    name: str
    title: str
    number: int = 0


class RailButton(QAbstractButton):
    """One row: a disc with number, tick or mark, the title, and a note in small text."""

    def __init__(self, step: Step, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.step = step
        self.state = "not started"
        self.note = ""
        self.setCheckable(True)
        self.setText(step.title)
        self.setObjectName(f"rail_{step.name}")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._tell()

    def show_state(self, state: str, note: str) -> None:
        """Show another state and note."""
        if (state, note) != (self.state, self.note):
            self.state, self.note = state, note
            self._tell()
            self.update()

    def _tell(self) -> None:
        parts = [self.text(), self.state if self.step.number else "", self.note]
        self.setAccessibleName(", ".join(part for part in parts if part))
        self.setToolTip(self.accessibleName() if self.step.number else "")

    @override
    def sizeHint(self) -> QSize:
        return QSize(theme.px(_WIDTH - 17), theme.px(50 if self.step.number else 36))

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(120), theme.px(42 if self.step.number else 30))

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        now = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = self.rect().adjusted(1, 1, -1, -1)
        if self.isChecked() or self.underMouse():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(now.accent_soft if self.isChecked() else now.raised)
            painter.drawRoundedRect(box, 6, 6)
        if self.hasFocus():
            painter.setPen(QPen(now.accent, 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box, 6, 6)
        left = 10
        if self.step.number:
            side = theme.px(20)
            disc = QRect(left, (self.height() - side) // 2, side, side)
            self._paint_disc(painter, disc)
            left = disc.right() + 11
        self._paint_words(painter, QRect(left, 0, self.width() - left - 6, self.height()))

    def _paint_disc(self, painter: QPainter, disc: QRect) -> None:
        now = theme.tokens()
        small = QFont(self.font())
        small.setPixelSize(theme.px(11))
        small.setBold(True)
        painter.setFont(small)
        if self.state == "done":
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(now.ok)
            painter.drawEllipse(disc)
            _tick(painter, disc, now.surface)
            return
        if self.state == "needs attention":
            painter.setPen(QPen(now.warning, 1.4))
            painter.setBrush(now.warning_back)
            _triangle(painter, disc)
            painter.drawText(disc.adjusted(0, 3, 0, 2), Qt.AlignmentFlag.AlignCenter, "!")
            return
        colour = now.accent if self.isChecked() else now.muted
        painter.setPen(QPen(colour, 1.2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(disc)
        painter.drawText(disc, Qt.AlignmentFlag.AlignCenter, str(self.step.number))

    def _paint_words(self, painter: QPainter, box: QRect) -> None:
        now = theme.tokens()
        note = (self.note or self.state) if self.step.number else ""
        words = self.text() if self.step.number or not self.note else f"{self.text()} ({self.note})"
        title = QFont(self.font())
        title.setBold(self.isChecked())
        painter.setFont(title)
        painter.setPen(
            now.accent if self.isChecked() else now.text if self.isEnabled() else now.muted
        )
        height = painter.fontMetrics().height()
        small = QFont(self.font())
        small.setPixelSize(theme.px(11))
        total = height + (theme.px(15) if note else 0)
        top = (box.height() - total) // 2
        line = QRect(box.left(), top, box.width(), height)
        painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, words)
        if note:
            painter.setFont(small)
            painter.setPen(now.warning if self.state == "needs attention" else now.muted)
            below = QRect(box.left(), line.bottom() + 1, box.width(), theme.px(15))
            shown = painter.fontMetrics().elidedText(note, Qt.TextElideMode.ElideRight, box.width())
            painter.drawText(below, Qt.AlignmentFlag.AlignVCenter, shown)


def _tick(painter: QPainter, disc: QRect, colour: QColor) -> None:
    width = disc.width()
    points = [(0.28, 0.52), (0.44, 0.68), (0.73, 0.35)]
    painter.setPen(
        QPen(colour, 1.8, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
    )
    painter.drawPolyline(
        QPolygonF([QPointF(disc.x() + x * width, disc.y() + y * width) for x, y in points])
    )


def _triangle(painter: QPainter, disc: QRect) -> None:
    box = disc.adjusted(-1, 0, 1, 0)
    painter.drawPolygon(
        QPolygonF(
            [
                QPointF(box.center().x() + 0.5, box.top()),
                QPointF(box.right() + 1, box.bottom()),
                QPointF(box.left(), box.bottom()),
            ]
        )
    )


class StepRail(QFrame):
    """The wizard's steps above, pages that are always there at the foot; arrow keys move.

    Signals:
        picked: The name of the row that the user chose.
    """

    picked = Signal(str)

    def __init__(self, steps: list[Step], foot: list[Step], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("bar", "rail")
        self.setFixedWidth(theme.px(_WIDTH))
        self._group = QButtonGroup(self)
        self._group.buttonClicked.connect(self._on_clicked)
        self._buttons: dict[str, RailButton] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(2)
        for step in steps:
            column.addWidget(self._made(step))
        column.addStretch(1)
        for step in foot:
            column.addWidget(self._made(step))

    def _made(self, step: Step) -> RailButton:
        button = RailButton(step)
        self._buttons[step.name] = button
        self._group.addButton(button)
        return button

    @property
    def names(self) -> list[str]:
        """Return the names of the rows, from above to below."""
        return list(self._buttons)

    def button(self, name: str) -> RailButton:
        """Return one row."""
        return self._buttons[name]

    def set_current(self, name: str) -> None:
        """Mark the page that is shown; an unknown name marks none."""
        if name in self._buttons:
            self._buttons[name].setChecked(True)
            return
        checked = self._group.checkedButton()
        if checked is not None:
            self._group.setExclusive(False)
            checked.setChecked(False)
            self._group.setExclusive(True)

    def show_state(self, name: str, state: str, note: str) -> None:
        """Show a step's state and the note under its name."""
        self._buttons[name].show_state(state, note)

    def set_steps_shown(self, shown: bool) -> None:
        """Show the steps, or hide them while no project is open."""
        for button in self._buttons.values():
            if button.step.number or button.step.name == "runs":
                button.setVisible(shown)

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Left: -1}
        shown = [b for b in self._buttons.values() if b.isVisible() and b.isEnabled()]
        focused = next((b for b in shown if b.hasFocus()), None)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and focused is not None:
            focused.click()
        elif event.key() in moves and focused is not None:
            place = (shown.index(focused) + moves[Qt.Key(event.key())]) % len(shown)
            shown[place].setFocus(Qt.FocusReason.TabFocusReason)
        else:
            super().keyPressEvent(event)

    @Slot(QAbstractButton)
    def _on_clicked(self, button: QAbstractButton) -> None:
        if isinstance(button, RailButton):
            self.picked.emit(button.step.name)
