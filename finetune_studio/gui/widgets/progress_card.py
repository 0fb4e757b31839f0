"""How far a run is: a bar, what it needs, and what it will do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QProgressBar, QWidget

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.elided_label import ElidedLabel
from finetune_studio.gui.widgets.figure_label import FigureLabel

_ROW = 26  # pixels of a row in the 13 px design


@dataclass(frozen=True, slots=True)
class Figures:
    """What the card shows.

    Attributes:
        text: What is going on, such as ``Epoch 8 of 12``.
        aside: What stands at the right, such as the time left.
        share: How much is done, 0 to 1; None where that is unknown.
        rows: Names and values, in the order in which they stand.
    """

    text: str
    aside: str
    share: float | None
    rows: tuple[tuple[str, str], ...]


class ProgressCard(Card):
    """Shows figures; a row that is not there any more disappears."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(title, parent)
        self._text = ElidedLabel()
        self._aside = FigureLabel()
        self._aside.setProperty("role", "muted")
        self._aside.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        top = QHBoxLayout()
        top.addWidget(self._text, 1)
        top.addWidget(self._aside)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._grid = QGridLayout()
        self._grid.setVerticalSpacing(0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setColumnStretch(0, 1)
        self._rows: dict[str, tuple[QLabel, FigureLabel, QFrame]] = {}
        self.body.addLayout(top)
        self.body.addWidget(self._bar)
        self.body.addLayout(self._grid)
        self.body.addStretch(1)

    def prepare(self, names: Sequence[str]) -> None:
        """Make rows before they are needed: several at once take longer than a frame."""
        for name in names:
            if name not in self._rows:
                self._add(name)
                for widget in self._rows[name]:
                    widget.hide()

    def show_figures(self, figures: Figures) -> None:
        """Show other figures."""
        self._text.setText(figures.text)
        self._aside.setText(figures.aside)
        self._bar.setVisible(figures.share is None or figures.share >= 0)
        end = 0 if figures.share is None else 1000
        if end != self._bar.maximum():
            self._bar.setRange(0, end)
        if figures.share is not None:
            self._bar.setValue(round(1000 * min(1.0, max(0.0, figures.share))))
        self._bar.setAccessibleName(f"{figures.text}, {figures.aside}")
        shown = dict(figures.rows)
        for name in shown:
            if name not in self._rows:
                self._add(name)
        for name, widgets in self._rows.items():
            for widget in widgets:
                if widget.isHidden() == (name in shown):
                    widget.setVisible(name in shown)
            widgets[1].setText(shown.get(name, ""))

    def values(self) -> dict[str, str]:
        """Return the rows as they stand there."""
        return {
            name: value.text()
            for name, (_, value, _line) in self._rows.items()
            if not value.isHidden()
        }

    def _add(self, name: str) -> None:
        title, value, line = ElidedLabel(name), FigureLabel(), QFrame()
        title.setProperty("role", "muted")
        value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        line.setFrameShape(QFrame.Shape.HLine)
        line.setProperty("rule", True)
        for label in (title, value):
            label.setMinimumHeight(theme.px(_ROW))  # margins alone once left rows without air
        row = 2 * len(self._rows)
        self._grid.addWidget(title, row, 0)
        self._grid.addWidget(value, row, 1)
        self._grid.addWidget(line, row + 1, 0, 1, 2)
        self._rows[name] = (title, value, line)
