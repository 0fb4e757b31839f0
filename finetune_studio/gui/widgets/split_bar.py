"""The split bar: how many samples train, validate and test, dragged, typed or moved by keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from finetune_studio.gui import theme

SPLITS = ("train", "validation", "test")
# The first series colours, the two lighter ones darkened until white text on them can be read.
_COLOURS = (QColor("#0072B2"), QColor("#007D5C"), QColor("#B84F00"))
_REACH = 6  # pixels beside a boundary at which it can be taken
_LOCK = 8  # pixels of the padlock's width
LEAST, MOST = 0.01, 0.5


@dataclass(frozen=True, slots=True)
class Shares:
    """The shares of validation and test, from 0 to 1; the rest trains."""

    validation: float
    test: float

    @property
    def train(self) -> float:
        """Return what is left to train with."""
        return 1 - self.validation - self.test

    def moved(self, boundary: int, place: float) -> Shares:
        """Return the shares after a boundary (0: before validation, 1: before test) was moved."""
        if boundary == 0:
            return replace(self, validation=_within(1 - self.test - place, LEAST, MOST))
        # What test takes or gives comes from validation, as on the screen.
        both = self.validation + self.test
        test = _within(1 - place, 0.0, min(MOST, both - LEAST))
        return Shares(_within(both - test, LEAST, MOST), test)


class SplitBar(QWidget):
    """Three joined parts; the boundary before validation can be moved, that before test if unlocked.

    Signals:
        divided: The shares that the user wants (a Shares).
        previewed: The shares while a boundary is moved (a Shares, or None: taken back).
        picked: The split that was clicked.
    """

    divided = Signal(object)
    previewed = Signal(object)
    picked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._counts = dict.fromkeys(SPLITS, 0)
        self._wanted: Shares | None = None
        self._locked = True
        self._taken = -1
        self._pressed: int | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._describe()

    def set_counts(self, counts: Mapping[str, int]) -> None:
        """Show how many samples each split has."""
        self._counts = {split: counts.get(split, 0) for split in SPLITS}
        self._wanted = None
        self._describe()
        self.update()

    def set_locked(self, *, locked: bool) -> None:
        """Keep the test samples as they are, or let them be dealt out anew."""
        self._locked = locked
        self._describe()
        self.update()

    @property
    def locked(self) -> bool:
        """Whether the test samples stay as they are."""
        return self._locked

    @property
    def shares(self) -> Shares:
        """Return the shares shown: those wanted while a boundary is moved, else today's."""
        if self._wanted is not None:
            return self._wanted
        total = sum(self._counts.values()) or 1
        return Shares(self._counts["validation"] / total, self._counts["test"] / total)

    def parts(self) -> list[tuple[str, QRect, int]]:
        """Return each split with its place and its number of samples."""
        total, shares = sum(self._counts.values()), self.shares
        ends = [0.0, shares.train, 1 - shares.test, 1.0]
        if self._wanted is None:
            numbers = [self._counts[split] for split in SPLITS]
        else:
            numbers = [round(total * (b - a)) for a, b in pairwise(ends)]
        room = self.rect().adjusted(0, 2, 0, -2)
        xs = [round(room.width() * end) for end in ends]
        return [
            (split, QRect(xs[i], room.top(), xs[i + 1] - xs[i], room.height()), numbers[i])
            for i, split in enumerate(SPLITS)
        ]

    def _describe(self) -> None:
        text = ", ".join(f"{split} {number:,}" for split, _, number in self.parts())
        self.setAccessibleName(self.tr("Split"))
        self.setAccessibleDescription(text)

    # --- painting ---------------------------------------------------------------------------------

    @override
    def sizeHint(self) -> QSize:
        return QSize(320, self.fontMetrics().height() + 10)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.sizeHint().height())

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        now = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        outline = QPainterPath()
        outline.addRoundedRect(QRectF(self.rect().adjusted(0, 2, 0, -2)), 5, 5)
        painter.setClipPath(outline)
        painter.fillRect(self.rect(), now.raised)
        for (split, box, number), colour in zip(self.parts(), _COLOURS, strict=True):
            painter.fillRect(box, colour if self.isEnabled() else now.line)
            painter.setPen(Qt.GlobalColor.white if self.isEnabled() else now.muted)
            self._paint_words(painter, box, split, number)
        painter.setClipping(False)
        self._paint_handles(painter)
        if self.hasFocus():
            painter.setPen(QPen(now.accent, 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), 6, 6)

    def _paint_words(self, painter: QPainter, box: QRect, split: str, number: int) -> None:
        """Write as much into a part as fits; a padlock stands for "locked" where that does not."""
        font = painter.font()
        font.setPixelSize(theme.px(11))
        painter.setFont(font)
        width = painter.fontMetrics().horizontalAdvance
        whole, lock = f"{split} {number:,}", split == "test" and self._locked and number > 0
        tries = [(f"{whole} · {self.tr('locked')}", False)] if lock else []
        for text, drawn in (*tries, (whole, lock), (f"{number:,}", lock), (f"{number:,}", False)):
            room = width(text) + (_LOCK + 4 if drawn else 0)
            if room + 6 <= box.width():
                left = box.left() + (box.width() - room) // 2
                words = QRect(left, box.top(), width(text) + 1, box.height())
                painter.drawText(words, int(Qt.AlignmentFlag.AlignVCenter), text)
                if drawn:
                    _draw_lock(painter, left + width(text) + 4, box.center().y())
                return

    def _paint_handles(self, painter: QPainter) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.tokens().surface)
        for boundary in self._movable():
            x = self._x_of(boundary)
            painter.drawRect(QRect(x - 1, 2, 2, self.height() - 4))

    # --- moving -----------------------------------------------------------------------------------

    def _movable(self) -> tuple[int, ...]:
        if not self.isEnabled() or not sum(self._counts.values()):
            return ()
        return (0,) if self._locked else (0, 1)

    def _x_of(self, boundary: int) -> int:
        return self.parts()[boundary + 1][1].left()

    def _boundary_at(self, x: int) -> int:
        near = [(abs(x - self._x_of(b)), b) for b in self._movable()]
        distance, boundary = min(near, default=(_REACH + 1, -1))
        return boundary if distance <= _REACH else -1

    def _split_at(self, x: int) -> str:
        return next((split for split, box, _ in self.parts() if box.left() <= x <= box.right()), "")

    @override
    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = event.position().toPoint().x()
            self._taken = self._boundary_at(self._pressed)

    @override
    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x = event.position().toPoint().x()
        over = self._taken if self._taken >= 0 else self._boundary_at(x)
        self.setCursor(Qt.CursorShape.SplitHCursor if over >= 0 else Qt.CursorShape.ArrowCursor)
        if self._taken >= 0:
            self._want(self.shares.moved(self._taken, x / max(1, self.width())))
        else:
            self.setToolTip(self._explained(self._split_at(x)))

    @override
    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        taken, self._taken = self._taken, -1
        pressed, self._pressed = self._pressed, None
        x = event.position().toPoint().x()
        if taken >= 0:
            self._settle()
        elif pressed is not None and self._split_at(x) == self._split_at(pressed):
            self.picked.emit(self._split_at(x))

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, shift = event.key(), event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        step = {Qt.Key.Key_Left: -0.01, Qt.Key.Key_Right: 0.01}.get(Qt.Key(key), 0.0)
        boundary = 1 if shift else 0
        if step and boundary in self._movable():
            shares = self.shares
            place = shares.train if boundary == 0 else 1 - shares.test
            self._want(shares.moved(boundary, place + step))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._wanted is not None:
            self._settle()
        elif key == Qt.Key.Key_Escape and self._wanted is not None:
            self._want(None)
        else:
            super().keyPressEvent(event)

    def _want(self, shares: Shares | None) -> None:
        self._wanted = shares
        self._describe()
        self.update()
        self.previewed.emit(shares)

    def _settle(self) -> None:
        if self._wanted is not None:
            self.divided.emit(self._wanted)

    def _explained(self, split: str) -> str:
        return {
            "train": self.tr("The model learns from these."),
            "validation": self.tr("These judge the model after each round of training."),
            "test": self.tr(
                "These judge the finished model once, at the end. While they are locked,"
                " dividing anew leaves them as they are."
            ),
        }.get(split, "")


def _draw_lock(painter: QPainter, x: int, middle: int) -> None:
    """Draw a small padlock in the pen's colour."""
    colour = painter.pen().color()
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(colour, 1.3))
    painter.drawArc(QRectF(x + 1.5, middle - 5, _LOCK - 3, 7), 0, 180 * 16)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawRoundedRect(QRectF(x, middle - 1, _LOCK, 6), 1, 1)


def _within(value: float, least: float, most: float) -> float:
    return max(least, min(most, value))
