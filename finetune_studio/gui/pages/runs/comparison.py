"""Runs beside each other: their curves over each other, what differs, and whose answers flipped."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from finetune_studio.core.errors import StudioError
from finetune_studio.core.words import score_name
from finetune_studio.gui import theme
from finetune_studio.gui.pages.runs import compared
from finetune_studio.gui.pages.runs.compared import PARTS, Comparison, Flipped
from finetune_studio.gui.pages.runs.flips_card import FlipsCard
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets import plot_export
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.choice_bar import ChoiceBar
from finetune_studio.gui.widgets.curve_plot import CurvePlot, Series
from finetune_studio.gui.widgets.difference_table import DifferenceRow, DifferenceTable
from finetune_studio.gui.widgets.elided_label import ElidedLabel
from finetune_studio.gui.worker import explained
from finetune_studio.tasks import CATALOGUE as TASKS

ANSWER = "answer"  # the name of the job
_TITLE, _ENTRY = 160, 112  # pixels that a plot's title and each entry of its legend need


class ComparisonPanel(QWidget):
    """Shows a comparison; asks the studio for what takes time.

    Signals:
        left: The user wants all runs again.
        run_wanted: The folder of a run to be inspected (a Path), and the number of a sample to begin with.
    """

    left = Signal()
    run_wanted = Signal(object, int)

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("clear", True)
        self._studio = studio
        self._shown: Comparison | None = None
        self._asked = 0
        self._stale = False
        self._title = ElidedLabel()
        self._title.setProperty("role", "heading")
        self.table = DifferenceTable()
        self.table.setObjectName("differences")
        self.flips = FlipsCard(studio.thumbnails)
        self.flips.pair_wanted.connect(self._on_pair_wanted)
        self.flips.answers_wanted.connect(self._on_answers_wanted)
        self.flips.run_wanted.connect(self._on_run_wanted)
        self._differ = Card()
        self._differ.body.addWidget(self.table)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addLayout(self._make_head())
        column.addLayout(self._make_plots())
        column.addWidget(self._differ)
        column.addWidget(self.flips)
        column.addStretch(1)
        studio.busy_changed.connect(self._on_busy_changed)
        studio.data_changed.connect(self._on_data_changed)

    def _make_head(self) -> QHBoxLayout:
        back = QPushButton(self.tr("Back to all runs"))
        back.setObjectName("all_runs")
        back.clicked.connect(self.left)
        self._save = QPushButton(self.tr("Save as CSV…"))
        self._save.setObjectName("save_comparison")
        self._save.clicked.connect(self._on_save_clicked)
        self.which = ChoiceBar(
            [("validation", self.tr("Validation loss")), ("training", self.tr("Training loss"))]
        )
        self.which.setObjectName("which_loss")
        self.which.chosen.connect(self._draw_loss)
        self.logarithmic = QCheckBox(self.tr("Log scale"))
        self.logarithmic.setObjectName("logarithmic")
        self.logarithmic.setToolTip(
            self.tr(
                "Each tenfold of the loss is as high as the next: small losses can be told apart."
            )
        )
        self.logarithmic.toggled.connect(self._on_logarithmic)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._title, 1)
        row.addWidget(self.which)
        row.addWidget(self.logarithmic)
        row.addWidget(self._save)
        row.addWidget(back)
        return row

    def _make_plots(self) -> QBoxLayout:
        self._loss_card, self._score_card = Card(), Card()
        self.loss: CurvePlot | None = None
        self.score: CurvePlot | None = None
        self._plots = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._plots.setSpacing(12)
        for card in (self._loss_card, self._score_card):
            card.setMinimumWidth(240)
            self._plots.addWidget(card, 1)
        return self._plots

    # --- what is shown ----------------------------------------------------------------------------

    def show_comparison(self, shown: Comparison) -> None:
        """Show other runs."""
        self._shown = shown
        numbers = [str(run.number) for run in shown.runs]
        text = self.tr("Runs {first} and {last}")
        self._title.setText(text.format(first=", ".join(numbers[:-1]), last=numbers[-1]))
        self._draw()
        self.table.show_rows(
            [run.title for run in shown.runs],
            [
                DifferenceRow(self.tr(PARTS[r.part]), r.title, r.unit, r.help, r.values, r.best)
                for r in shown.rows
            ],
        )
        self._fit_plots()
        pair = self.flips.offer_runs([run.number for run in shown.answering])
        if pair is None:
            self._asked += 1
            self.flips.show_nothing(self._missing(), can_compute=bool(shown.silent))
        else:
            self.flips.say_missing(self._missing(), can_compute=bool(shown.silent))
            self._on_pair_wanted(*pair)

    def _missing(self) -> str:
        """Return which answers are not there, as a sentence; empty if none is missing."""
        assert self._shown is not None
        names = [run.title.lower() for run in self._shown.runs if not run.answered]
        if not names:
            return ""
        text = self.tr("The answers of {runs} to the validation samples are not there.")
        told = text.format(runs=", ".join(names))
        if len(self._shown.silent) < len(names):
            told += " " + self.tr("A run without a trained network cannot give any.")
        return told

    def _draw(self) -> None:
        """Make the plots anew: a curve a run, its colour that of the table's column."""
        assert self._shown is not None
        runs = self._shown.runs
        headline = runs[0].headline
        less = bool(TASKS[runs[0].task].facts.get("less_is_better"))
        name = score_name(headline) or self.tr("score")
        title = f"{name[:1].upper()}{name[1:]}"
        for old in (self.loss, self.score):
            if old is not None:
                old.hide()
                old.deleteLater()
        self.loss = self._plot(self.tr("Loss"), self._loss_card, top=None)
        self.loss.legend.setToolTip(self.tr("Lower is better."))
        self.loss.set_logarithmic(self.logarithmic.isChecked())
        self.score = self._plot(title, self._score_card, top=None if less else 1.0)
        for run in runs:
            for epoch, value in run.curves.get("score", ()):
                self.score.add(str(run.number), epoch, value)
        self._draw_loss()

    def _plot(self, title: str, card: Card, *, top: float | None) -> CurvePlot:
        assert self._shown is not None
        series = [
            Series(str(run.number), run.title, place, dots=True)
            for place, run in enumerate(self._shown.runs)
        ]
        plot = CurvePlot(title, self.tr("epoch"), series, top=top)
        plot.setMinimumHeight(theme.px(190))
        plot.set_x_end(max([1.0, *(run.epochs or 0.0 for run in self._shown.runs)]))
        plot.export_wanted.connect(partial(self._on_export_wanted, plot))
        card.body.addWidget(plot, 1)
        return plot

    @Slot()
    def _draw_loss(self) -> None:
        if self._shown is None or self.loss is None:
            return
        self.loss.clear()
        for run in self._shown.runs:
            for epoch, value in run.curves.get(self.which.value(), ()):
                self.loss.add(str(run.number), epoch, value)

    @Slot(bool)
    def _on_logarithmic(self, on: bool) -> None:
        if self.loss is not None:
            self.loss.set_logarithmic(on)

    def _fit_plots(self) -> None:
        runs = len(self._shown.runs) if self._shown is not None else 0
        beside = self.width() / 2 >= theme.px(_TITLE + runs * _ENTRY)
        direction = QBoxLayout.Direction
        self._plots.setDirection(direction.LeftToRight if beside else direction.TopToBottom)

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_plots()

    # --- whose answers flipped --------------------------------------------------------------------

    @Slot(int, int)
    def _on_pair_wanted(self, first: int, second: int) -> None:
        if self._shown is None or self._studio.project is None:
            return
        runs = {run.number: run for run in self._shown.runs}
        self._asked += 1
        can_compute = bool(self._shown.silent)
        if first == second:
            text = self.tr("Choose two different runs.")
            self.flips.show_nothing(text, can_compute=can_compute)
            return
        self._studio.ask(
            partial(compared.flipped, self._studio.project, runs[first], runs[second]),
            partial(self._on_flipped, self._asked),
            partial(self._on_refused, self._asked),
        )

    def _on_flipped(self, asked: int, found: Flipped) -> None:
        if asked == self._asked and self._shown is not None:
            self.flips.say_missing(self._missing(), can_compute=bool(self._shown.silent))
            self.flips.show_flips(found)

    def _on_refused(self, asked: int, error: StudioError) -> None:
        if asked == self._asked:
            text = f"{error.message} {error.hint}".strip()
            self.flips.show_nothing(text, can_compute=False)

    @Slot()
    def _on_answers_wanted(self) -> None:
        shown, project = self._shown, self._studio.project
        if shown is None or project is None:
            return
        job = partial(compared.answer, project, [run.folder for run in shown.silent])
        self._studio.start(ANSWER, job, on_done=self._read_again)

    def _read_again(self) -> None:
        shown, project = self._shown, self._studio.project
        if shown is not None and project is not None:
            folders = [run.folder for run in shown.runs]
            self._studio.ask(partial(compared.read, folders, project.folder), self.show_comparison)

    @Slot()
    def _on_busy_changed(self) -> None:
        self.flips.compute.setEnabled(ANSWER not in self._studio.jobs)

    @Slot()
    def _on_data_changed(self) -> None:
        """Sort the samples anew: labels may have been corrected."""
        self._stale = not self.isVisible()
        if not self._stale and self._shown is not None and len(self._shown.answering) > 1:
            self._on_pair_wanted(*self.flips.pair)

    @override
    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self._on_data_changed()

    @Slot(int, int)
    def _on_run_wanted(self, number: int, sample: int) -> None:
        if self._shown is not None:
            folder = next(run.folder for run in self._shown.runs if run.number == number)
            self.run_wanted.emit(folder, sample)

    # --- files ------------------------------------------------------------------------------------

    @Slot()
    def _on_save_clicked(self) -> None:
        file, _ = QFileDialog.getSaveFileName(
            self, self.tr("Save the comparison"), "comparison.csv", self.tr("Tables (*.csv)")
        )
        if file:
            self.save(Path(file))

    def save(self, file: Path) -> None:
        """Write the comparison into a file; what stands against it becomes a notice."""
        if self._shown is not None and self._studio.project is not None:
            self._studio.ask(
                partial(compared.save, self._studio.project, self._shown, file), self._on_saved
            )

    def _on_saved(self, file: Path) -> None:
        self._studio.noticed.emit(self.tr("Saved: {file}").format(file=file), "ok")

    @Slot(str)
    def _on_export_wanted(self, plot: CurvePlot, kind: str) -> None:
        start = f"{plot.title.partition(' (')[0].lower()}.{kind}"
        file, _ = QFileDialog.getSaveFileName(self, self.tr("Save the plot"), start)
        if not file:
            return
        try:
            plot_export.save(plot, Path(file))
        except Exception as error:  # noqa: BLE001  whatever stands against it is told in words
            self._studio.troubled.emit(explained(error))
            return
        self._on_saved(Path(file))
