"""The Forgetting tab: the card of forgetting in the place of gallery and sample, which say nothing of it."""

from __future__ import annotations

from typing import ClassVar

from PySide6.QtWidgets import QWidget
from typing_extensions import override

from finetune_studio.gui.pages.inspect.forgetting_card import ForgettingCard
from finetune_studio.gui.pages.inspect.lens import Lens
from finetune_studio.gui.studio import Studio


class ForgettingLens(Lens):
    """Hands the run that is looked at to its card."""

    name: ClassVar[str] = "forgetting"
    title: ClassVar[str] = "Forgetting"
    heading: ClassVar[str] = ""  # the card has its own, in a row with its buttons
    alone: ClassVar[bool] = True

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(studio, parent)
        self.card = ForgettingCard(studio)
        self.card.setProperty("card", None)  # it stands in a card already
        self.card.setProperty("clear", True)
        if (outer := self.card.layout()) is not None:
            outer.setContentsMargins(0, 0, 0, 0)
        self.card.body.addStretch(0)
        self.column.addWidget(self.card, 1)

    @override
    def entered(self) -> None:
        if self._stale and self.results is not None:
            self._stale = False
            self.card.show_run(self.results.folder)
