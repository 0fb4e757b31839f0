"""The card that shows how long the texts are, and how many of them a model would cut off."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QPushButton
from typing_extensions import override

from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.length_histogram import LengthHistogram


class LengthCard(Card):
    """Bars, a sentence, and a way to see those that are too long.

    Signals:
        show_wanted: Only the texts that are longer than the limit are to be shown.
    """

    show_wanted = Signal()

    def __init__(self) -> None:
        super().__init__("")
        self.set_title(self.tr("Length"))
        self.bars = LengthHistogram()
        self.told = QLabel()
        self.told.setProperty("role", "small")
        self.told.setTextFormat(Qt.TextFormat.PlainText)
        self.told.setWordWrap(True)
        self.show_button = QPushButton(self.tr("Show them"))
        self.show_button.setObjectName("show_long")
        self.show_button.setProperty("link", True)
        self.show_button.clicked.connect(self.show_wanted)
        self.body.addWidget(self.bars)
        self.body.addWidget(self.told)
        self.body.addWidget(self.show_button, 0, Qt.AlignmentFlag.AlignLeft)

    def show_lengths(self, spread: Mapping[int, int], unit: str, limit: int, told: str) -> None:
        """Show how many are how long, the limit (0: none), and the sentence about them."""
        self.bars.show_lengths(spread, unit, limit)
        self.told.setText(told)
        self.told.setVisible(bool(told))
        self._fit()
        self.show_button.setVisible(bool(limit) and any(length > limit for length in spread))

    def _fit(self) -> None:
        """Keep the sentence whole: a card as low as can be would cut its last line off."""
        high = self.told.heightForWidth(max(60, self.bars.width()))
        self.told.setMinimumHeight(max(0, high))  # -1 where there are no words

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()
