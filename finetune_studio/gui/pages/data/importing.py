"""The way of data into a project: look at what was dropped, preview it, import it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog

from finetune_studio.core import events
from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import DataChoices
from finetune_studio.gui.pages.data import intake_words, words, work
from finetune_studio.gui.pages.data.intake import Intake, common_place
from finetune_studio.gui.pages.data.preview import Standing
from finetune_studio.gui.studio import IMPORT, Studio

if TYPE_CHECKING:
    from finetune_studio.engine.curate import DataLook

# The recipe's choices that say how data are read; they are kept with the recipe once data are imported.
_READING = (
    *("reader", "path_column", "text_column", "question_column", "label_column", "target_column"),
    *("split_column", "group_column", "labels_path", "label_separator", "encoding"),
)


class Importing(QObject):
    """Carries out what the intake wants.

    Signals:
        begun: Something was offered, or an import began: the intake is to be shown.
        left: The user gave up, and wants to see what there is.
        imported: New data are in the project.
        face_changed: The intake shows another face.
    """

    begun = Signal()
    left = Signal()
    imported = Signal()
    face_changed = Signal()

    def __init__(self, studio: Studio, intake: Intake, parent: QObject) -> None:
        super().__init__(parent)
        self._studio, self._intake = studio, intake
        self._choices = DataChoices()
        self._turn = 0
        self._held = 0
        self._kept: dict[str, Any] | None = None
        self._done: events.DataImported | None = None
        self._total = 0
        intake.offered.connect(self.offer)
        intake.folder_wanted.connect(self._on_folder_wanted)
        intake.file_wanted.connect(self._on_file_wanted)
        intake.sample_wanted.connect(studio.open_sample)
        intake.mapped.connect(self._on_mapped)
        intake.table_wanted.connect(self._on_table_wanted)
        intake.import_wanted.connect(self._on_import_wanted)
        intake.left.connect(self._on_left)
        intake.stop_wanted.connect(self._on_stop_wanted)
        studio.job_stated.connect(self._on_job_stated)
        studio.job_finished.connect(self._on_job_finished)
        studio.job_failed.connect(self._on_job_failed)

    @property
    def at_work(self) -> bool:
        """Whether an import is under way, whoever began it."""
        return IMPORT in self._studio.jobs

    def show_drop(self, held: int) -> None:
        """Offer to drop data; ``held`` samples are in the project already."""
        self._turn += 1
        self._held = held
        self._intake.show_drop(self._task, has_data=held > 0)
        self.face_changed.emit()

    @property
    def _task(self) -> str:
        project = self._studio.project
        return project.task if project is not None else self._studio.recipe.task

    # --- looking ----------------------------------------------------------------------------------

    @Slot(object)
    def offer(self, paths: list[Path]) -> None:
        """Look at what was dropped or chosen."""
        if self._studio.project is None or self.at_work or not paths:
            return
        place = common_place(paths)
        kept = self._studio.recipe.data
        self._choices = DataChoices(
            path=str(place), validation_share=kept.validation_share, test_share=kept.test_share
        )
        self._intake.show_work(self.tr("Looking at what is there…"), str(place))
        self.begun.emit()
        self._look()

    def _look(self) -> None:
        self._turn += 1
        choices = self._choices
        self._studio.ask(
            partial(work.look, Path(choices.path), choices, self._task),
            partial(self._on_looked, self._turn),
            partial(self._on_look_failed, self._turn),
        )

    def _on_looked(self, turn: int, look: DataLook) -> None:
        if turn != self._turn or self._studio.project is None:
            return
        task = self._studio.project.task
        least = "" if look.complete else self.tr("at least ")
        usable = look.samples - look.set_aside
        button = self.tr("Import {photos}").format(
            photos=least + words.counted(usable, task) if usable else ""
        )
        said, refusal = self._standing(look)
        seen = Standing(task, self._choices, said, refusal, button.strip())
        self._intake.show_look(look, seen)
        self._intake.focus_first()
        self.face_changed.emit()

    def _standing(self, look: DataLook) -> tuple[str, str]:
        """Return what the user must know before importing, and why it cannot be."""
        project = self._studio.project
        if not look.importable:
            return "", look.blocked or look.title
        if not self._held or project is None:
            return "", ""
        if project.runs() or project.studies():
            return "", self.tr(
                "This project has runs that were trained on its data. Make a new project for"
                " other data."
            )
        return self.tr(
            "This takes the place of the {photos} of this project. Labels and other changes made"
            " here are forgotten; your files stay as they are."
        ).format(photos=words.counted(self._held, project.task)), ""

    def _on_look_failed(self, turn: int, error: StudioError) -> None:
        if turn != self._turn:
            return
        self._studio.troubled.emit(error)
        self._on_left()

    @Slot(object)
    def _on_mapped(self, roles: dict[str, str]) -> None:
        self._choices = self._choices.model_copy(update=roles)
        self._look()

    @Slot()
    def _on_folder_wanted(self) -> None:
        said = intake_words.invitation(self._task)
        found = QFileDialog.getExistingDirectory(
            self._intake, self.tr(said.folder), str(Path.home())
        )
        if found:
            self.offer([Path(found)])

    @Slot()
    def _on_file_wanted(self) -> None:
        said = intake_words.invitation(self._task)
        title = self.tr(said.file_button).rstrip("…")
        found, _ = QFileDialog.getOpenFileName(
            self._intake, title, str(Path.home()), self.tr(said.kinds)
        )
        if found:
            self.offer([Path(found)])

    @Slot(str)
    def _on_table_wanted(self, name: str) -> None:
        beside = Path(self._choices.path)
        found, _ = QFileDialog.getOpenFileName(
            self._intake,
            self.tr("Choose the table with the names of the labels"),
            str(beside if beside.is_dir() else beside.parent),
            self.tr("Tables (*.csv *.tsv *.tab *.txt *.jsonl *.ndjson *.parquet);;All files (*)"),
        )
        if found:
            self._on_mapped({name: found})

    # --- importing --------------------------------------------------------------------------------

    @Slot()
    def _on_import_wanted(self) -> None:
        project, look = self._studio.project, self._intake.preview.look
        if project is None or look is None:
            return
        self._kept = {f"data.{name}": getattr(self._choices, name) for name in ("path", *_READING)}
        job = partial(
            work.import_data, project, self._choices, self._studio.recipe.seed, self._held > 0
        )
        self._studio.start(IMPORT, job)
        self.show_import()

    def show_import(self) -> None:
        """Show that an import is under way."""
        self._intake.show_work(self.tr("Reading your data…"))
        self.begun.emit()
        self.face_changed.emit()

    @Slot(str, object)
    def _on_job_stated(self, name: str, event: Any) -> None:
        if name != IMPORT:
            return
        match event:
            case events.PhaseStarted():
                self._total = event.total
                self._intake.show_work(event.text)
            case events.Progress():
                total = event.total or self._total
                of = self.tr("{done} of {total}").format(done=f"{event.done:,}", total=f"{total:,}")
                self._intake.show_progress(event.done, total, of if total else f"{event.done:,}")
            case events.DataImported():
                self._done = event

    @Slot(str)
    def _on_job_finished(self, name: str) -> None:
        if name != IMPORT:
            return
        kept, self._kept = self._kept, None
        done, self._done = self._done, None
        if done is None:  # it was stopped
            self._on_left()
            return
        if kept is not None:
            self._studio.set_recipe(kept)
        self.imported.emit()

    @Slot(str, object)
    def _on_job_failed(self, name: str, error: object) -> None:
        del error  # the window tells it
        if name == IMPORT:
            self._kept = self._done = None
            self._on_left()

    @Slot()
    def _on_stop_wanted(self) -> None:
        if self.at_work:
            self._studio.stop(IMPORT)
        else:
            self._on_left()

    @Slot()
    def _on_left(self) -> None:
        """From a preview back to the drop area, from there back to the data."""
        self._turn += 1
        if self._intake.at_drop:
            self.left.emit()
        else:
            self.show_drop(self._held)
            if self._held == 0:
                self._intake.focus_first()
