"""What the pages show and change, without any widget."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from finetune_studio.core import events
from finetune_studio.core import settings as preferences
from finetune_studio.core.errors import StudioError
from finetune_studio.core.job import Job
from finetune_studio.gui.studio import work
from finetune_studio.gui.studio.jobs import Jobs
from finetune_studio.gui.studio.queueing import RunQueue
from finetune_studio.gui.studio.work import IMPORT, TRAINING
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.worker import explained

if TYPE_CHECKING:  # recipes bring pydantic, which would double the time to the first paint
    from finetune_studio.core.project import Project
    from finetune_studio.core.recipe import Recipe


class Studio(QObject):
    """The open project, its recipe, the run looked at, and the jobs at work.

    Signals:
        project_changed: Another project is open, or none.
        data_changed: Samples, labels, classes or splits are not what they were.
        recipe_changed: A choice for the next run is another.
        depth_changed: Simple or Expert was chosen.
        settings_changed: Some preference is another.
        run_stated: An event of the run that trains.
        run_chosen: Inspect, Try and Export look at another run (or none).
        job_stated: Name of another job, and its event.
        job_finished: Name of a job that came to its end.
        job_failed: Name of a job, and the StudioError that ended it.
        troubled: A StudioError that the user must see.
        noticed: A text for the user, and its level.
        replayed: What was undone or done again, its level, and what takes that back (undo, redo).
        busy_changed: A job began or ended.
    """

    project_changed = Signal()
    data_changed = Signal()
    recipe_changed = Signal()
    depth_changed = Signal()
    settings_changed = Signal()
    run_stated = Signal(object)
    run_chosen = Signal()
    job_stated = Signal(str, object)
    job_finished = Signal(str)
    job_failed = Signal(str, object)
    troubled = Signal(object)
    noticed = Signal(str, str)
    replayed = Signal(str, str, str)
    busy_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.settings = preferences.load()
        self.project: Project | None = None
        self._recipe: Recipe | None = None
        self.run_folder: Path | None = None
        self.run_events: list[events.Event] = []
        self.training_run: Path | None = None
        self.run_recipe: Recipe | None = None  # of the run at work, or the last one
        self.paused = False
        self._thumbnails: Thumbnails | None = None
        self._jobs = Jobs(self)
        self._jobs.stated.connect(self._on_job_stated)
        self._jobs.finished.connect(self.job_finished)
        self._jobs.failed.connect(self._on_job_failed)
        self._jobs.troubled.connect(self.troubled)
        self._jobs.changed.connect(self._on_jobs_changed)
        self.queue = RunQueue(self)

    # --- facts ------------------------------------------------------------------------------------

    @property
    def recipe(self) -> Recipe:
        """Return the choices for the next run."""
        if self._recipe is None:
            work.import_first()
            from finetune_studio.core.recipe import Recipe

            self._recipe = Recipe()
        return self._recipe

    @property
    def expert(self) -> bool:
        """Whether the numbers behind the choices are shown."""
        return self.settings.depth == "expert"

    @property
    def jobs(self) -> list[str]:
        """Return the names of all jobs at work."""
        return self._jobs.names

    @property
    def training(self) -> bool:
        """Whether a run is training, also while it is paused."""
        return TRAINING in self.jobs

    @property
    def thumbnails(self) -> Thumbnails:
        """Return the small pictures that all pages share."""
        if self._thumbnails is None:
            self._thumbnails = Thumbnails(self)
        return self._thumbnails

    @property
    def busy(self) -> bool:
        """Whether any job is at work, also one that was asked to stop and ends its step."""
        return self._jobs.busy

    @property
    def asking(self) -> bool:
        """Whether a question still waits for its answer."""
        return self._jobs.asking

    def set_expert(self, expert: bool) -> None:
        """Choose between Simple and Expert; no value changes."""
        if expert != self.expert:
            self.settings.depth = "expert" if expert else "simple"
            self.save_settings()
            self.depth_changed.emit()

    def save_settings(self) -> None:
        """Write the preferences; a refusal becomes a notice."""
        self.do_quietly(self.settings.save)
        self.settings_changed.emit()

    # --- the project ------------------------------------------------------------------------------

    def new_project(self, folder: Path, task: str, name: str = "") -> bool:
        """Make and open a project, called like its folder or otherwise; return whether it worked."""
        return self._open(partial(work.make_project, folder, task, name))

    def open_project(self, folder: Path) -> bool:
        """Open a project; return whether that worked."""
        return self._is_open(folder) or self._open(partial(work.open_project, folder))

    def open_sample(self) -> bool:
        """Open the sample project; a new one reads the photos inside the package where they lie."""
        folder = self.settings.projects_folder / work.SAMPLE_FOLDER
        title = self.tr("Sample: leaves")
        if not (self._is_open(folder) or self._open(partial(work.sample_project, folder, title))):
            return False
        if self.project is not None and len(self.project.dataset) == 0:
            self.set_recipe({"data.path": str(work.sample_photos())})
            job = partial(work.import_data, self.project, self.recipe)
            self.start(IMPORT, job, on_done=self.data_changed.emit)
        return True

    def close_project(self) -> None:
        """Close the project; jobs that use it end after the step in hand."""
        if self.project is None:
            return
        self._jobs.end_all()
        self._forget_project()
        self.project_changed.emit()
        self.run_chosen.emit()

    def _is_open(self, folder: Path) -> bool:
        return self.project is not None and self.project.folder == folder.expanduser().resolve()

    def _open(self, make: Callable[[], Project]) -> bool:
        try:
            project = make()
            try:
                recipe = project.recipe()
            except BaseException:
                project.close()
                raise
        except Exception as error:  # noqa: BLE001  a damaged project must not end the program
            self.troubled.emit(explained(error))
            return False
        self._jobs.end_all()
        self._forget_project()
        self.project, self._recipe = project, recipe
        self.do_quietly(partial(self.settings.remember, project.folder))
        self.run_folder = work.newest_usable(project)
        self.project_changed.emit()
        self.run_chosen.emit()
        return True

    def _forget_project(self) -> None:
        if self.project is not None:
            self.project.close()
        self.project = None
        self._recipe = self.run_folder = None
        self.run_events = []
        self.paused = False
        if self._thumbnails:
            self._thumbnails.forget()

    # --- choices and edits ------------------------------------------------------------------------

    def set_recipe(self, settings: dict[str, Any] | None = None, **dotted: Any) -> bool:
        """Change choices of the next run (``optimiser.epochs``); return whether they fit."""
        try:
            recipe = self.recipe.with_settings((settings or {}) | dotted)
            if recipe == self.recipe:
                return True
            if self.project is not None:
                self.project.keep_recipe(recipe)
        except StudioError as error:
            self.troubled.emit(error)
            return False
        self._recipe = recipe
        self.recipe_changed.emit()
        return True

    def use_recipe(self, recipe: Recipe) -> bool:
        """Take over the choices of another recipe, except its task and where its data are."""
        from finetune_studio.core.recipe import dotted

        values = dict(dotted(recipe))
        kept = {n: v for n, v in values.items() if n != "task" and not n.startswith("data.")}
        return self.set_recipe(kept)

    def do_edit(self, edit: Callable[[], Any]) -> bool:
        """Carry out a change of the data; a refusal becomes a notice."""
        if not self.do_quietly(edit):
            return False
        self.data_changed.emit()
        return True

    def undo(self) -> None:
        """Take the last edit of the data back."""
        self._replay("undo", self.tr("Undone: {text}"), self.tr("There is nothing to undo."))

    def redo(self) -> None:
        """Do the edit again that was taken back last."""
        self._replay("redo", self.tr("Done again: {text}"), self.tr("There is nothing to redo."))

    def _replay(self, what: str, told: str, nothing: str) -> None:
        if self.project is not None:
            act, back = getattr(self.project.dataset, what), "redo" if what == "undo" else "undo"
            self.ask(act, partial(self._on_replayed, told, nothing, back))

    def _on_replayed(self, told: str, nothing: str, back: str, text: str | None) -> None:
        if text is None:
            self.replayed.emit(nothing, "info", "")
            return
        self.replayed.emit(told.format(text=text), "info", back)
        self.data_changed.emit()

    def do_quietly(self, action: Callable[[], Any]) -> bool:
        """Do something that changes no sample; a refusal becomes a notice. Return whether it worked."""
        try:
            action()
        except Exception as error:  # noqa: BLE001  no error ends the program
            self.troubled.emit(explained(error))
            return False
        return True

    # --- jobs -------------------------------------------------------------------------------------

    def start(
        self,
        name: str,
        job: Job,
        on_event: Callable[[Any], None] | None = None,
        on_done: Callable[[], None] | None = None,
    ) -> None:
        """Run a job in a thread of its own; one of the same name that still works is stopped first.

        Args:
            name: What the job is called in :attr:`job_stated` and :attr:`job_finished`.
            job: What to run.
            on_event: Called in the window's thread with each event.
            on_done: Called in the window's thread after the last event, if the job did not fail.
        """
        self._jobs.start(name, job, on_event, on_done)

    def stop(self, name: str) -> None:
        """Ask a job to end after the step in hand."""
        self._jobs.stop(name)

    def stop_all(self) -> None:
        """Ask every job to end after the step in hand."""
        self._jobs.stop_all()

    def ask(
        self,
        function: Callable[[], Any],
        on_result: Callable[[Any], None],
        on_error: Callable[[StudioError], None] | None = None,
        *,
        lasting: bool = False,
    ) -> None:
        """Run a short function off the window's thread and bring its result back to it.

        The answer is dropped if another project is opened meanwhile, unless it is ``lasting``.
        """
        self._jobs.ask(function, on_result, on_error, lasting=lasting)

    def note_closing(self) -> None:
        """Remember that the window was closed over a run, so that reopening offers to go on."""
        self.queue.close()
        if self.training and self.project is not None:
            work.note_closed_over(self.project)

    def shutdown(self) -> None:
        """End every job after the step in hand, wait for them, and close the project."""
        if self._thumbnails is not None:
            self._thumbnails.shutdown()
        self._jobs.shutdown()
        self._forget_project()

    # --- training ---------------------------------------------------------------------------------

    def start_training(self, recipe: Recipe | None = None) -> None:
        """Train a new run with the choices made, or with those that it was queued with."""
        self._train(recipe or self.recipe, None, [])

    def resume_run(self, folder: Path) -> None:
        """Go on with a run that was stopped or interrupted."""
        try:
            recipe, past = work.recalled(folder)
        except Exception as error:  # noqa: BLE001  a damaged run must not end the program
            self.troubled.emit(explained(error))
            return
        self._train(recipe, folder, past)

    def _train(self, recipe: Recipe, resume: Path | None, past: list[events.Event]) -> None:
        if self.project is None or self.training:
            return
        self.run_events = past
        self.training_run, self.run_recipe = resume, recipe
        self.paused = False
        job = partial(work.train, self.project, recipe, resume)
        self.start(TRAINING, job, on_event=self._on_run_event)

    def pause_training(self) -> None:
        """Let the run wait after the step in hand."""
        if at_work := self._jobs.worker(TRAINING):
            at_work.control.pause()

    def continue_training(self) -> None:
        """Let a paused run go on."""
        if worker := self._jobs.worker(TRAINING):
            worker.control.go_on()

    def stop_training(self) -> None:
        """End the run after the step in hand; it can be resumed."""
        self._jobs.stop(TRAINING)

    def choose_run(self, folder: Path | None) -> None:
        """Look at another run on Inspect, Try and Export."""
        self.run_folder = folder
        self.run_chosen.emit()

    def delete_run(self, folder: Path) -> bool:
        """Delete a run from the disk; return whether that worked."""
        if self.project is None or folder == self.training_run:
            return False
        if not self.do_quietly(partial(self.project.delete_run, folder)):
            return False
        if self.run_folder == folder:
            self.choose_run(work.newest_usable(self.project))
        return True

    def _on_run_event(self, event: events.Event) -> None:
        self.run_events = work.with_event(self.run_events, event)
        if isinstance(event, events.RunStarted) and self.project is not None:
            self.training_run = work.run_folder(self.project, event.run)
        if isinstance(event, events.RunPaused | events.RunContinued | events.RunStarted):
            self.paused = isinstance(event, events.RunPaused)
        if isinstance(event, events.RunFinished) and self.project is not None:
            folder = work.run_folder(self.project, event.run)
            if folder is not None and work.has_network(folder):
                self.training_run = folder
                self.choose_run(folder)
        self.run_stated.emit(event)

    @Slot(str, object)
    def _on_job_stated(self, name: str, event: Any) -> None:
        if name != TRAINING:
            self.job_stated.emit(name, event)

    @Slot(str, object)
    def _on_job_failed(self, name: str, error: Any) -> None:
        told = self.queue.framed(error) if name == TRAINING else error
        self.job_failed.emit(name, error)
        self.troubled.emit(told)

    @Slot()
    def _on_jobs_changed(self) -> None:
        if not self.training:
            self.paused = False
            self.training_run = None
        self.busy_changed.emit()
