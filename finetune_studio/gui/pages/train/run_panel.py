"""A run as it learns, or as it learnt: the sentence, the curves, the figures, what happened."""

from __future__ import annotations

import time
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import (
    QBoxLayout,
    QFileDialog,
    QHBoxLayout,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from finetune_studio.core.events import (
    Estimated,
    Event,
    RunFinished,
    RunStarted,
    StepDone,
    Validated,
)
from finetune_studio.core.watching import MonitorSpoke
from finetune_studio.core.words import figure
from finetune_studio.gui import theme
from finetune_studio.gui.pages.train.alarms import AlarmBars
from finetune_studio.gui.pages.train.figures import LIVE_ROWS, figures
from finetune_studio.gui.pages.train.follow_card import FollowCard, Lookup
from finetune_studio.gui.pages.train.heat_card import HeatCard
from finetune_studio.gui.pages.train.lights import lights
from finetune_studio.gui.pages.train.plots import RunPlots
from finetune_studio.gui.pages.train.rates import telling
from finetune_studio.gui.pages.train.story import Story, plain
from finetune_studio.gui.pages.train.study_words import part_of
from finetune_studio.gui.pages.train.verdict import verdict
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets import plot_export
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.curve_plot import CurvePlot, Series
from finetune_studio.gui.widgets.event_log import EventLog
from finetune_studio.gui.widgets.lamps import Lamps
from finetune_studio.gui.widgets.mark_places import PlotMark
from finetune_studio.gui.widgets.progress_card import ProgressCard
from finetune_studio.gui.widgets.sentence_bar import SentenceBar
from finetune_studio.gui.worker import explained
from finetune_studio.monitors import CATALOGUE as MONITORS
from finetune_studio.tasks import better

if TYPE_CHECKING:
    from finetune_studio.core.recipe import Recipe

_NARROW = 700
_RATES = {"head": "head", "body": "pretrained"}


class RunPanel(QWidget):
    """Is fed the events of one run.

    Args:
        thumbnails: Reads the pictures of the samples that are followed.
        lookup: Returns samples by their numbers.
        plots: What was made of the plots already.

    Signals:
        plot_saved: The name of the file that a plot was written to.
        troubled: The StudioError that stood against it.
    """

    plot_saved = Signal(str)
    troubled = Signal(object)

    def __init__(
        self,
        thumbnails: Thumbnails,
        lookup: Lookup,
        plots: RunPlots | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setProperty("clear", True)
        self.story = Story()
        self.bar = SentenceBar()
        self.lamps, self.alarms = Lamps(), AlarmBars()
        self.followed, self.heat = FollowCard(thumbnails, lookup), HeatCard()
        self.progress = ProgressCard(self.tr("Progress"))
        self.progress.setMinimumWidth(theme.px(290))
        self.progress.prepare([self.tr(name) for name in LIVE_ROWS])
        self.log = EventLog()
        self._take_plots(plots or RunPlots())
        happened = Card(self.tr("What happened"))
        happened.body.addWidget(self.log)
        self.log.setMinimumHeight(theme.px(110))
        side = QVBoxLayout()
        side.setSpacing(12)
        side.addWidget(self.progress)
        side.addWidget(self.heat)
        side.addWidget(happened, 1)
        curves = QVBoxLayout()
        curves.setSpacing(12)
        for card, share in zip(self._cards, (5, 4, 3), strict=True):
            curves.addWidget(card, share)
        curves.addWidget(self.followed)
        self._columns = QHBoxLayout()
        self._columns.setSpacing(12)
        self._columns.addLayout(curves, 7)
        self._columns.addLayout(side, 3)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        self._lamps_card = lamps = Card()
        if (outer := lamps.layout()) is not None:
            outer.setContentsMargins(14, 8, 14, 8)
            outer.setSpacing(0)
        lamps.body.addWidget(self.lamps)
        column.addWidget(self.bar)
        column.addWidget(lamps)
        column.addWidget(self.alarms)
        column.addLayout(self._columns, 1)
        self._parts = (
            self._show_standing,
            self._show_alarms,
            self._show_followed,
            self._show_heat,
            self._show_figures,
            self._show_log,
        )
        self._turns = cycle(self._parts)
        self.refresh(at_work=False)

    def _take_plots(self, plots: RunPlots) -> None:
        plots.make_all()
        self.loss, self.score, self.rate = plots.loss, plots.score, plots.rate
        self.marks = plots.marks
        self._cards = (plots.loss_card, plots.score_card, plots.rate_card)
        for plot in (self.loss, self.score, self.rate):
            plot.export_wanted.connect(self._on_export_wanted)

    # --- a run ------------------------------------------------------------------------------------

    def begin(self, events: list[Event], estimate: Estimated | None = None) -> None:
        """Show another run from its first event on; ``estimate`` counts until something is measured."""
        self.story = Story(estimate)
        for plot in (self.loss, self.score, self.rate):
            plot.clear()
        self.followed.begin()
        for event in events:
            self.take(event)
        self._show_marks()

    def show_outcome(self, events: list[Event]) -> None:
        """Show the run that came out of a study, in place of the study's last part."""
        if self.story.part:
            self.begin(events)

    def take(self, event: Event, now: float = 0.0) -> None:
        """Take note of an event; curves are drawn by their own timers."""
        if part_of(event):  # a study's next run has curves of its own
            self.begin([], self.story.estimate)
        self.story.take(event, now)
        match event:
            case RunStarted():
                self._on_started(event)
            case StepDone():
                self.loss.add("training", event.epoch, event.loss)
                for place, (group, rate) in enumerate(telling(event.learning_rates).items()):
                    title = self.tr(_RATES.get(group, group))
                    self.rate.add_series(Series(group, title, place % 6))
                    self.rate.add(group, event.epoch, rate)
            case Validated():
                self._on_validated(event)
            case MonitorSpoke() if now:
                self._show_marks()
            case RunFinished():
                self._fit_axis()
                self._mark_best()

    def _on_started(self, event: RunStarted) -> None:
        name = plain(event.headline)
        less = better(event.task, 0.0, 1.0)
        which = self.tr("lower is better") if less else self.tr("higher is better")
        self.score.set_title(self.tr("Validation {name} ({which})").format(name=name, which=which))
        self.score.set_top(None if less else 1.0)
        baseline = self.story.baseline
        text = f"{baseline[0]}: {figure(baseline[1])}" if baseline else ""
        self.score.set_level(text, baseline[1] if baseline else None)
        self._fit_axis()

    def _on_validated(self, event: Validated) -> None:
        self.loss.add("validation", event.epoch, event.loss)
        self.score.add("score", event.epoch, self.story.epochs[-1].score)
        self._mark_best()

    def _mark_best(self) -> None:
        best = self.story.best
        if best is not None:
            text = self.tr("best: epoch {n}").format(n=f"{best.number:g}")
            for plot in (self.loss, self.score):
                plot.set_moment(text, best.number)

    def _show_marks(self) -> None:
        """Mark the moments at which monitors spoke."""
        self.marks.show_marks([_mark(spoke) for spoke in self.story.said])

    def _fit_axis(self) -> None:
        """Let the axes end with the plan while the run works, and with the run when it has ended."""
        end = float(self.story.all_epochs)
        if self.story.finished is not None and self.story.step is not None:
            end = max(1.0, self.story.step.epoch)
        for plot in (self.loss, self.score, self.rate):
            plot.set_x_end(end)

    def refresh(self, *, at_work: bool, recipe: Recipe | None = None) -> None:
        """Bring everything but the curves up to date; ``recipe`` is that of the next run."""
        for show in self._parts:
            show(at_work, recipe)

    def refresh_next(self, *, at_work: bool, recipe: Recipe | None = None) -> None:
        """Bring the next of its parts up to date, each call another one.

        All of them at once, after an epoch, hold the window's thread for longer than a frame.
        """
        next(self._turns)(at_work, recipe)

    def _show_standing(self, at_work: bool, _recipe: Recipe | None) -> None:
        self.lamps.show_lamps(lights(self.story))
        said = verdict(self.story, at_work=at_work)
        self.bar.show_sentence(said.level, said.word, said.text)

    def _show_alarms(self, at_work: bool, recipe: Recipe | None) -> None:
        self.alarms.show_alarms(self.story.alarms, recipe, at_work=at_work)
        self._show_marks()

    def _show_followed(self, _at_work: bool, _recipe: Recipe | None) -> None:
        task = self.story.started.task if self.story.started else ""
        self.followed.show_watched(self.story.watched, task, self.story.headline)

    def _show_heat(self, _at_work: bool, _recipe: Recipe | None) -> None:
        self.heat.show_heat(self.story.heat)

    def _show_figures(self, at_work: bool, _recipe: Recipe | None) -> None:
        shown = figures(
            self.story, at_work=at_work, now=time.time(), memory_mb=_memory_mb(), tr=self.tr
        )
        self.progress.show_figures(shown)

    def _show_log(self, at_work: bool, _recipe: Recipe | None) -> None:
        self.log.set_lines(self.story.lines)
        _, score_card, rate_card = self._cards
        for card in (self._lamps_card, score_card):
            card.setVisible(not self.story.is_final)
        rate_card.setVisible(bool(self.rate.series) or (at_work and not self.story.epochs))

    @Slot(str)
    def _on_export_wanted(self, kind: str) -> None:
        plot = self.sender()
        if not isinstance(plot, CurvePlot):
            return
        name, _ = QFileDialog.getSaveFileName(
            self, self.tr("Save the plot"), f"{plot.objectName()}.{kind}", f"*.{kind}"
        )
        if name:
            self.save_plot(plot, Path(name).with_suffix(f".{kind}"))

    def save_plot(self, plot: CurvePlot, file: Path) -> None:
        """Write a plot to a file, or say why that cannot be."""
        try:
            plot_export.save(plot, file)
        except Exception as error:  # noqa: BLE001  whatever the disk says is told in words
            self.troubled.emit(explained(error))
        else:
            self.plot_saved.emit(file.name)

    @override
    def resizeEvent(self, event: object) -> None:
        narrow = self.width() < theme.px(_NARROW)
        direction = QBoxLayout.Direction
        wanted = direction.TopToBottom if narrow else direction.LeftToRight
        if self._columns.direction() != wanted:
            self._columns.setDirection(wanted)


@cache
def _memory_mb() -> float:
    """Return how much memory the computer has: asking takes longer than all else that is shown."""
    return float(psutil.virtual_memory().total / 2**20)


def _mark(spoke: MonitorSpoke) -> PlotMark:
    title = MONITORS[spoke.monitor].title if spoke.monitor in MONITORS else spoke.monitor
    text = f"{title}, epoch {spoke.epoch:g}. {spoke.text}"
    return PlotMark(spoke.epoch, spoke.severity, text, title)
