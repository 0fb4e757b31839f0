"""The runs that wait and all that were: look at one, go on with it or from it, or delete it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from finetune_studio.core.recipe import Recipe
from finetune_studio.gui.page import Page
from finetune_studio.gui.pages.runs.comparing import Comparing
from finetune_studio.gui.pages.runs.queue_card import QueueCard
from finetune_studio.gui.pages.runs.rows import list_runs, to_continue, waiting_rows
from finetune_studio.gui.pages.runs.studies_card import StudiesCard
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.empty_state import EmptyState
from finetune_studio.gui.widgets.runs_table import RunRow, RunsTable, size_words
from finetune_studio.gui.widgets.sentence_bar import SentenceBar


class RunsPage(Page):
    """The queue, then a table with what can be done with the chosen run."""

    name = "runs"
    title = "Runs"

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self._row: RunRow | None = None
        self._comparing = Comparing(studio)
        self.body.addWidget(self._question())
        self._listed = QWidget()  # what a comparison takes the place of
        self._listed.setProperty("clear", True)
        listed = QVBoxLayout(self._listed)
        listed.setContentsMargins(0, 0, 0, 0)
        listed.setSpacing(12)
        self.body.addWidget(self._listed, 1)
        listed.addWidget(self._make_queue())
        self.studies = StudiesCard(studio)
        self.studies.page_wanted.connect(self.page_wanted)
        listed.addWidget(self.studies)
        self._card = Card()
        self._table = RunsTable()
        self._table.setObjectName("runs_table")
        self._table.row_chosen.connect(self._on_row_chosen)
        self._table.row_opened.connect(self._on_row_opened)
        self._comparing.opened.connect(self._on_comparison_opened)
        self._comparing.run_wanted.connect(self._on_compared_run_wanted)
        self._table.ticks_changed.connect(self._on_ticks_changed)
        self._empty = EmptyState(
            self.tr("No runs yet"),
            self.tr("Every training run is listed here with its choices and its score."),
            self.tr("Go to Train"),
        )
        self._empty.acted.connect(partial(self.page_wanted.emit, "train"))
        self._card.body.addWidget(self._table, 1)
        self._card.body.addWidget(self._empty, 1)
        self.monitors = SentenceBar()
        self._card.body.addWidget(self.monitors)
        self._card.body.addLayout(self._make_actions())
        listed.addWidget(self._card, 1)
        self.body.addWidget(self._comparing, 1)
        self._show([])
        studio.project_changed.connect(self._on_project_changed)
        studio.busy_changed.connect(self._refresh_if_shown)

    def _make_actions(self) -> QHBoxLayout:
        self._delete = self._button(self.tr("Delete…"), "delete_run", self._on_delete_clicked)
        self._delete.setProperty("danger", True)
        self._again = self._button(
            self.tr("Duplicate and change…"), "use_again", self._on_again_clicked
        )
        self._again.setToolTip(
            self.tr("Takes over model, layers and training choices for the next run.")
        )
        self._from = self._button(
            self.tr("Continue from this run"), "continue_from", self._on_from_clicked
        )
        self._from.setToolTip(
            self.tr(
                "The next run begins with this run's best network. Classes that it knows stay known;"
                " samples and classes may have been added since. Expert offers a replay of its samples on the"
                " Train page, so that they are not forgotten."
            )
        )
        self._resume = self._button(self.tr("Resume"), "resume_run", self._on_resume_clicked)
        self._open = self._button(self.tr("Inspect this run"), "open_run", self._on_open_clicked)
        self._open.setProperty("primary", True)
        for button in (self._resume, self._open):
            self.add_action(button)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._from)
        row.addWidget(self._again)
        row.addWidget(self._comparing.button)
        row.addStretch(1)
        row.addWidget(self._delete)
        return row

    @staticmethod
    def _button(text: str, name: str, slot: object) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.clicked.connect(slot)
        return button

    def _make_queue(self) -> QueueCard:
        queue, self._queue = self.studio.queue, QueueCard()
        self._queue.start_wanted.connect(queue.start)
        self._queue.hold_wanted.connect(queue.hold)
        self._queue.forget_wanted.connect(queue.forget_failures)
        self._queue.moved.connect(queue.move)
        self._queue.removed.connect(queue.remove)
        self._queue.copy_wanted.connect(self._on_copy_wanted)
        queue.changed.connect(self._show_queue)
        return self._queue

    def _question(self) -> QFrame:
        self._ask = QFrame()
        self._ask.setProperty("level", "bad")
        self._ask_text = QLabel()
        self._ask_text.setTextFormat(Qt.TextFormat.PlainText)
        self._ask_text.setWordWrap(True)
        self._yes = QPushButton(self.tr("Delete"))
        self._yes.setObjectName("confirm_delete")
        self._yes.setProperty("danger", True)
        self._yes.clicked.connect(self._on_deletion_confirmed)
        no = QPushButton(self.tr("Keep it"))
        no.clicked.connect(self._ask.hide)
        row = QHBoxLayout(self._ask)
        row.setContentsMargins(12, 8, 8, 8)
        row.addWidget(self._ask_text, 1)
        row.addWidget(no)
        row.addWidget(self._yes)
        self._ask.hide()
        return self._ask

    # --- what happens -----------------------------------------------------------------------------

    def entered(self) -> None:
        """List the runs as they are now."""
        self._ask.hide()
        self._show_queue()
        project = self.studio.project
        if project is None:
            self._show([])
            return
        self.studies.refresh()
        run = self.studio.training_run
        at_work = run.name if run is not None and run.parent == project.runs_folder else ""
        self.studio.ask(partial(list_runs, project, at_work), self._show)

    @Slot()
    def _show_queue(self) -> None:
        project, queue = self.studio.project, self.studio.queue
        self._queue.show_queue(
            waiting_rows(project, queue.waiting) if project else [],
            queue.failures,
            going=queue.going,
            training=self.studio.training,
        )

    def _show(self, rows: list[RunRow]) -> None:
        self._table.setVisible(bool(rows))
        self._empty.setVisible(not rows)
        for button in (self._delete, self._again, self._from):
            button.setVisible(bool(rows))
        self._comparing.button.setVisible(len(rows) > 1)
        listed = self._comparing.isHidden()
        self._open.setVisible(bool(rows) and listed)
        self._resume.setVisible(listed and any(row.can_resume for row in rows))
        self._table.set_rows(rows)
        size = size_words(sum(row.size for row in rows))
        many = (
            self.tr("{n} runs, {size} on disk")
            if len(rows) > 1
            else self.tr("1 run, {size} on disk")
        )
        self.subtitle.setText(many.format(n=len(rows), size=size) if rows else "")

    @Slot(object)
    def _on_row_chosen(self, row: RunRow | None) -> None:
        self._row = row
        self.monitors.setVisible(row is not None and bool(row.monitors))
        if row is not None:
            heading = self.tr("Run {n}:").format(n=row.number)
            self.monitors.show_sentence(row.monitors_level, heading, row.monitors)
        free = row is not None and not row.at_work
        self._open.setEnabled(row is not None and row.has_network)
        self._resume.setEnabled(row is not None and row.can_resume and not self.studio.training)
        self._again.setEnabled(row is not None and row.state != "damaged")
        self._from.setEnabled(row is not None and row.has_network)
        self._delete.setEnabled(free)
        self._ask.hide()

    @Slot(object)
    def _on_row_opened(self, row: RunRow) -> None:
        if row.has_network:
            self.studio.choose_run(Path(row.folder))
            self.page_wanted.emit("inspect")

    @Slot()
    def _on_ticks_changed(self) -> None:
        self._comparing.set_ticked(self._table.ticked())

    @Slot(bool)
    def _on_comparison_opened(self, opened: bool) -> None:
        self._listed.setVisible(not opened)
        QTimer.singleShot(0, self, self.to_top)  # the button stands far below what is shown now
        self._ask.hide()
        self._open.setVisible(not opened)
        self._resume.setVisible(not opened and self._row is not None and self._row.can_resume)

    @Slot(object, int)
    def _on_compared_run_wanted(self, folder: Path, sample: int) -> None:
        self.studio.choose_run(folder)
        self.page_wanted.emit(f"inspect/{sample}" if sample >= 0 else "inspect")

    @Slot()
    def _on_open_clicked(self) -> None:
        if self._row is not None:
            self._on_row_opened(self._row)

    @Slot()
    def _on_resume_clicked(self) -> None:
        if self._row is not None:
            self.studio.resume_run(Path(self._row.folder))
            self.page_wanted.emit("train/run")

    @Slot()
    def _on_again_clicked(self) -> None:
        from finetune_studio.engine.run import Run

        if self._row is not None:
            of = self.tr("run {n}").format(n=self._row.number)
            self._duplicate(Run(Path(self._row.folder)).recipe, of)

    @Slot(int)
    def _on_copy_wanted(self, number: int) -> None:
        found = [one.recipe for one in self.studio.queue.waiting if one.id == number]
        if found:
            self._duplicate(found[0], self.tr("the waiting run"))

    def _duplicate(self, recipe: Recipe, of: str) -> None:
        """Take the choices of a run over for the next one, and show them to be changed."""
        if self.studio.use_recipe(recipe):
            text = self.tr("The next run takes over the settings of {run}; change what you like.")
            self.studio.noticed.emit(text.format(run=of), "ok")
            self.page_wanted.emit("train/setup")

    @Slot()
    def _on_from_clicked(self) -> None:
        if self._row is None:
            return
        folder = Path(self._row.folder)
        if self.studio.set_recipe(to_continue(self.studio.recipe, folder)):
            text = self.tr("The next run begins with the network of run {n}.")
            self.studio.noticed.emit(text.format(n=self._row.number), "ok")
            self.page_wanted.emit("train/setup")

    @Slot()
    def _on_delete_clicked(self) -> None:
        if self._row is None:
            return
        text = self.tr(
            "Delete run {n} ({size})? Its network and its results cannot be brought back."
            " Your data, your exports and the runs that went on from it stay."
        ).format(n=self._row.number, size=size_words(self._row.size))
        sources = [one.recipe.model.source for one in self.studio.queue.waiting]
        if self._row.folder in sources:
            text += " " + self.tr("A run that waits in the queue begins with it, and would fail.")
        self._ask_text.setText(text)
        self._ask.show()
        self._yes.setFocus()

    @Slot()
    def _on_deletion_confirmed(self) -> None:
        self._ask.hide()
        if self._row is None:
            return
        if self.studio.delete_run(Path(self._row.folder)):
            self.entered()

    @Slot()
    def _on_project_changed(self) -> None:
        self._comparing.leave()
        self._show([])

    @Slot()
    def _refresh_if_shown(self) -> None:
        if self.isVisible() and self._ask.isHidden():
            self.entered()
