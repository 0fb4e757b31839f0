"""All runs of the project: look at one, go on with it, use its choices again, or delete it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton

from finetune_studio.core.errors import StudioError
from finetune_studio.core.project import Project
from finetune_studio.gui.page import Page
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.empty_state import EmptyState
from finetune_studio.gui.widgets.runs_table import RunRow, RunsTable, size_words

_AMOUNTS = {
    "head_only": "head only",
    "last_stage": "last stage",
    "later_half": "later half",
    "everything": "everything",
    "custom": "custom",
}


def list_runs(project: Project, at_work: str = "") -> list[RunRow]:
    """Return every run of a project; ``at_work`` is the number of the one that trains now."""
    return [row_of(folder, at_work=folder.name == at_work) for folder in project.runs()]


def row_of(folder: Path, *, at_work: bool = False) -> RunRow:
    """Return what the table shows of a run; one that is damaged says so."""
    from finetune_studio.engine.run import Run
    from finetune_studio.models.zoo import CATALOGUE as MODELS

    number = int(folder.name)
    try:
        run = Run(folder)
        recipe, started = run.recipe, run.started
        scores, source = run.metrics, recipe.model.source
        metric = started.headline if started else ""
        score = scores.get(metric, next(iter(scores.values()), None))
        return RunRow(
            str(folder),
            number,
            started.time if started else 0.0,
            MODELS[source].title if source in MODELS else Path(source).name,
            _AMOUNTS.get(recipe.layers.amount, recipe.layers.amount),
            metric.replace("_", " "),
            score,
            run.state,
            run.size(),
            run.usable,
            at_work,
        )
    except (StudioError, OSError, ValueError):
        return RunRow(str(folder), number, 0.0, "–", "–", "", None, "damaged", 0, has_network=False)


class RunsPage(Page):
    """A table with four things to do with the chosen run."""

    name = "runs"
    title = "Runs"

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self._row: RunRow | None = None
        self._make_actions()
        self.body.addWidget(self._question())
        self._card = Card()
        self._table = RunsTable()
        self._table.setObjectName("runs_table")
        self._table.row_chosen.connect(self._on_row_chosen)
        self._table.row_opened.connect(self._on_row_opened)
        self._empty = EmptyState(
            self.tr("No runs yet"),
            self.tr("Every training run is listed here with its choices and its score."),
            self.tr("Go to Train"),
        )
        self._empty.acted.connect(partial(self.page_wanted.emit, "train"))
        self._card.body.addWidget(self._table)
        self._card.body.addWidget(self._empty)
        self.body.addWidget(self._card, 1)
        self._show([])
        studio.project_changed.connect(self._on_project_changed)
        studio.busy_changed.connect(self._refresh_if_shown)

    def _make_actions(self) -> None:
        self._delete = self._action(self.tr("Delete…"), "delete_run", self._on_delete_clicked)
        self._delete.setProperty("danger", True)
        self._again = self._action(
            self.tr("Use these settings again"), "use_again", self._on_again_clicked
        )
        self._again.setToolTip(
            self.tr("Takes over model, layers and training choices for the next run.")
        )
        self._resume = self._action(self.tr("Resume"), "resume_run", self._on_resume_clicked)
        self._open = self._action(self.tr("Inspect this run"), "open_run", self._on_open_clicked)
        self._open.setProperty("primary", True)

    def _action(self, text: str, name: str, slot: object) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.clicked.connect(slot)
        self.add_action(button)
        return button

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
        project = self.studio.project
        if project is None:
            self._show([])
            return
        at_work = self.studio.training_run.name if self.studio.training_run else ""
        self.studio.ask(partial(list_runs, project, at_work), self._show)

    def _show(self, rows: list[RunRow]) -> None:
        self._table.setVisible(bool(rows))
        self._empty.setVisible(not rows)
        for button in (self._delete, self._again, self._resume, self._open):
            button.setVisible(bool(rows))
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
        free = row is not None and not row.at_work
        self._open.setEnabled(row is not None and row.has_network)
        self._resume.setEnabled(row is not None and row.can_resume and not self.studio.training)
        self._again.setEnabled(row is not None and row.state != "damaged")
        self._delete.setEnabled(free)
        self._ask.hide()

    @Slot(object)
    def _on_row_opened(self, row: RunRow) -> None:
        if row.has_network:
            self.studio.choose_run(Path(row.folder))
            self.page_wanted.emit("inspect")

    @Slot()
    def _on_open_clicked(self) -> None:
        if self._row is not None:
            self._on_row_opened(self._row)

    @Slot()
    def _on_resume_clicked(self) -> None:
        if self._row is not None:
            self.studio.resume_run(Path(self._row.folder))
            self.page_wanted.emit("train")

    @Slot()
    def _on_again_clicked(self) -> None:
        from finetune_studio.engine.run import Run

        if self._row is not None and self.studio.use_recipe(Run(Path(self._row.folder)).recipe):
            self.studio.noticed.emit(
                self.tr("The next run takes over the settings of run {n}.").format(
                    n=self._row.number
                ),
                "ok",
            )
            self.page_wanted.emit("train")

    @Slot()
    def _on_delete_clicked(self) -> None:
        if self._row is None:
            return
        self._ask_text.setText(
            self.tr(
                "Delete run {n} ({size})? Its network and its results cannot be brought back."
                " Your data and your exports stay."
            ).format(n=self._row.number, size=size_words(self._row.size))
        )
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
        self._show([])

    @Slot()
    def _refresh_if_shown(self) -> None:
        if self.isVisible() and self._ask.isHidden():
            self.entered()
