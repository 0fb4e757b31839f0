"""The three plots of a run, made one at a time so that no single moment of the window's thread is long."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QSizePolicy

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.curve_plot import CurvePlot, Series
from finetune_studio.gui.widgets.plot_marks import PlotMarks


class RunPlots(QObject):
    """Loss, score and learning rate, each in a card; a plot alone takes 25 to 45 ms to make."""

    loss: CurvePlot
    score: CurvePlot
    rate: CurvePlot
    loss_card: Card
    score_card: Card
    rate_card: Card
    marks: PlotMarks

    def __init__(self) -> None:
        super().__init__()
        self._epoch = self.tr("epoch")
        self._left = [self._make_loss, self._make_score, self._make_rate]

    @property
    def made(self) -> bool:
        """Whether all plots are there."""
        return not self._left

    def make_next(self) -> None:
        """Make one of the plots that are still missing."""
        if self._left:
            self._left.pop(0)()

    def make_all(self) -> None:
        """Make what is still missing."""
        while self._left:
            self.make_next()

    def _make_loss(self) -> None:
        curves = [
            Series("training", self.tr("training"), 0),
            Series("validation", self.tr("validation"), 1, dots=True),
        ]
        self.loss = CurvePlot(self.tr("Loss (lower is better)"), self._epoch, curves)
        self.loss_card = _carded(self.loss, "loss_plot", 200)
        self.marks = PlotMarks(self.loss)

    def _make_score(self) -> None:
        curves = [Series("score", self.tr("validation"), 2, dots=True)]
        self.score = CurvePlot(self.tr("Score"), self._epoch, curves, top=1.0)
        self.score_card = _carded(self.score, "score_plot", 170)
        self.score.link_to(self.loss)

    def _make_rate(self) -> None:
        self.rate = CurvePlot(self.tr("Learning rate"), self._epoch, [])
        self.rate.legend.setToolTip(self.tr("How far one step may change the weights."))
        self.rate_card = _carded(self.rate, "rate_plot", 150)
        self.rate.link_to(self.loss)


def _carded(plot: CurvePlot, name: str, height: int) -> Card:
    plot.setObjectName(name)
    plot.setMinimumHeight(theme.px(height))
    plot.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
    card = Card()
    card.body.addWidget(plot)
    return card
