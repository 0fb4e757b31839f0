"""The line above a plot: what is plotted, which colour is which, and the values under the mouse."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget
from typing_extensions import override

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.elided_label import ElidedLabel
from finetune_studio.gui.widgets.figure_label import FigureLabel


def number(value: float) -> str:
    """Return a number with as many digits as can be read off a plot."""
    if value == 0:
        return "0"
    if abs(value) < 0.001 or abs(value) >= 1e6:
        return power(value)
    digits = max(0, 3 - max(0, math.floor(math.log10(abs(value)))))
    return f"{value:.{min(digits, 3)}f}" if abs(value) >= 0.1 else f"{value:.4f}"


def power(value: float) -> str:
    """Return a number as people write small ones: ``6.2 × 10⁻⁴``."""
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    raised = str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{value / 10**exponent:.1f} × 10{raised}"


class Legend(QWidget):
    """Shows the title at the left and an entry a curve at the right."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = ElidedLabel(title)
        self.title.setProperty("role", "heading")
        self._at = QLabel()
        self._at.setProperty("role", "small")
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(theme.px(14))
        self._row.addWidget(self.title, 1)
        self._row.addWidget(self._at)
        self._entries: dict[str, _Entry] = {}
        self._at.setTextFormat(Qt.TextFormat.PlainText)

    def set_entries(self, entries: list[tuple[str, str, QColor]]) -> None:
        """Show these curves: name, what stands there, colour."""
        for name, title, colour in entries:
            if name not in self._entries:
                self._entries[name] = _Entry(title)
                self._row.addWidget(self._entries[name])
            self._entries[name].set_colour(colour)

    def show_values(self, values: dict[str, float | None], at: str = "") -> None:
        """Show a value beside each curve, and the moment they belong to."""
        self._at.setText(at)
        for name, value in values.items():
            self._entries[name].set_value(value)

    def texts(self) -> dict[str, str]:
        """Return what stands beside each curve."""
        return {name: entry.text() for name, entry in self._entries.items()}

    def moment(self) -> str:
        """Return the moment that the values belong to; empty for the newest."""
        return self._at.text()


class _Entry(FigureLabel):
    """A stroke of the curve's colour, its name and a value."""

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self.setProperty("role", "small")
        self._title = title
        self._colour = QColor()
        self.setContentsMargins(theme.px(22), 0, 0, 0)

    def set_colour(self, colour: QColor) -> None:
        self._colour = colour
        self.update()

    def set_value(self, value: float | None) -> None:
        self.setText(self._title if value is None else f"{self._title} {number(value)}")

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setPen(QPen(self._colour, 3))
        middle = self.height() / 2
        painter.drawLine(QPointF(2, middle), QPointF(theme.px(15), middle))
