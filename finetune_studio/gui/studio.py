"""The state of the window: the open project, its recipe, the run looked at, the jobs at work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal, Slot
from typing_extensions import override

from finetune_studio.core import settings as preferences
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import (
    Event,
    RunContinued,
    RunFinished,
    RunPaused,
    RunStarted,
    StepDone,
)
from finetune_studio.core.job import Control, Job
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.gui.worker import Worker, explained

TRAINING = "training"
IMPORT = "import"
SAMPLE = "leaves"
_MOST_STEPS = 20_000


class Studio(QObject):
    """What the pages show and change. It has no widgets.

    Signals:
        project_changed: Another project is open, or none.
        data_changed: Samples, labels, classes or splits are not what they were.
        recipe_changed: A choice for the next run is another.
        depth_changed: Simple or Expert was chosen.
        run_stated: An event of the run that trains.
        run_chosen: Inspect, Try and Export look at another run (or none).
        job_stated: Name of another job, and its event.
        job_finished: Name of a job that came to its end.
        job_failed: Name of a job, and the StudioError that ended it.
        troubled: A StudioError that the user must see.
        noticed: A text for the user, and its level.
        busy_changed: A job began or ended.
    """

    project_changed = Signal()
    data_changed = Signal()
    recipe_changed = Signal()
    depth_changed = Signal()
    run_stated = Signal(object)
    run_chosen = Signal()
    job_stated = Signal(str, object)
    job_finished = Signal(str)
    job_failed = Signal(str, object)
    troubled = Signal(object)
    noticed = Signal(str, str)
    busy_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.settings = preferences.load()
        self.project: Project | None = None
        self.recipe = Recipe()
        self.run_folder: Path | None = None
        self.run_events: list[Event] = []
        self.paused = False
        self._jobs: dict[str, _Running] = {}
        self._ending: list[_Running] = []
        self._asked: set[_Answer] = set()
        self._generation = 0
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(2)

    # --- facts ------------------------------------------------------------------------------------

    @property
    def expert(self) -> bool:
        """Whether the numbers behind the choices are shown."""
        return self.settings.depth == "expert"

    @property
    def training(self) -> bool:
        """Whether a run is training, also while it is paused."""
        return TRAINING in self._jobs

    @property
    def jobs(self) -> list[str]:
        """Return the names of all jobs at work."""
        return list(self._jobs)

    @property
    def busy(self) -> bool:
        """Whether any job is at work, also one that was asked to stop and still ends its step."""
        return bool(self._jobs or self._ending)

    def set_expert(self, expert: bool) -> None:
        """Choose between Simple and Expert."""
        if expert != self.expert:
            self.settings.depth = "expert" if expert else "simple"
            self.save_settings()
            self.depth_changed.emit()

    def save_settings(self) -> None:
        """Write the preferences; a refusal becomes a notice."""
        self._guarded(self.settings.save)

    # --- the project ------------------------------------------------------------------------------

    def new_project(self, folder: Path, task: str) -> bool:
        """Make and open a project; return whether that worked."""
        if Project.exists(folder):
            self.troubled.emit(
                StudioError(
                    f"There is a project in {folder} already.",
                    "Open it, or choose another name.",
                )
            )
            return False
        return self._open(folder, task)

    def open_project(self, folder: Path) -> bool:
        """Open a project; return whether that worked."""
        if not Project.exists(folder):
            self.troubled.emit(
                StudioError(
                    f"There is no project in {folder}.",
                    "Choose a folder that Finetune Studio made, or start a new project.",
                )
            )
            return False
        return self._open(folder, "")

    def open_sample(self) -> bool:
        """Open the sample project, made from the photos inside the package when it is new."""
        data = preferences.resources() / "samples" / SAMPLE
        folder = self.settings.projects_folder / "Sample - leaves"
        if not self._open(folder, "image_classification"):
            return False
        assert self.project is not None
        self.project.dataset.put("sample", SAMPLE)
        if len(self.project.dataset) == 0:
            self.project.dataset.put("name", "Sample: leaves")
            self.set_recipe({"data.path": str(data)})
            self.project_changed.emit()
            self.start(
                IMPORT, partial(_import, self.project, self.recipe), on_done=self.data_changed.emit
            )
        return True

    def close_project(self) -> None:
        """Close the project; jobs that use it end first."""
        if self.project is None:
            return
        self.stop_all()
        self._wait_for_all()
        self.project.close()
        self._forget_project()
        self.project_changed.emit()

    def _open(self, folder: Path, task: str) -> bool:
        try:
            if self.project is not None and self.project.folder == folder.expanduser().resolve():
                return True
            project = Project(folder, task)
            try:
                recipe = project.recipe()
                _find_sample(project)
            except BaseException:
                project.close()
                raise
        except Exception as error:  # noqa: BLE001  a damaged project must not end the program
            self.troubled.emit(explained(error))
            return False
        self.close_project()
        self.project, self.recipe = project, recipe
        self._guarded(partial(self.settings.remember, project.folder))
        self.run_folder = _newest_usable(project)
        self.project_changed.emit()
        self.run_chosen.emit()
        return True

    def _forget_project(self) -> None:
        self._generation += 1
        self.project = None
        self.recipe = Recipe()
        self.run_folder = None
        self.run_events = []
        self.paused = False

    # --- choices and edits ------------------------------------------------------------------------

    def set_recipe(self, settings: dict[str, Any] | None = None, **dotted: Any) -> bool:
        """Change choices of the next run (``optimiser.epochs``); return whether they fit."""
        changes = (settings or {}) | dotted
        try:
            recipe = self.recipe.with_settings(changes)
            if recipe == self.recipe:
                return True
            if self.project is not None:
                self.project.keep_recipe(recipe)
        except StudioError as error:
            self.troubled.emit(error)
            return False
        self.recipe = recipe
        self.recipe_changed.emit()
        return True

    def replace_recipe(self, recipe: Recipe) -> bool:
        """Take all choices of another recipe except where the data are."""
        values = recipe.model_dump()
        values["data"] = self.recipe.data.model_dump()
        values.pop("task")
        return self.set_recipe(dict(_flat(values)))

    def do_edit(self, edit: Callable[[], Any]) -> bool:
        """Carry out a change of the data; a refusal becomes a notice."""
        if not self._guarded(edit):
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
        if self.project is None:
            return
        try:
            text = getattr(self.project.dataset, what)()
        except Exception as error:  # noqa: BLE001  SQLite's refusals are told in words
            self.troubled.emit(explained(error))
            return
        if text is None:
            self.noticed.emit(nothing, "info")
            return
        self.data_changed.emit()
        self.noticed.emit(told.format(text=text), "ok")

    def _guarded(self, action: Callable[[], Any]) -> bool:
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
        running = _Running(self, name, job, on_event, on_done)
        before = self._jobs.pop(name, None)
        self._jobs[name] = running
        if before is None:
            running.worker.start()
        else:
            self._ending.append(before)
            before.leave(then=running)
        self.busy_changed.emit()

    def stop(self, name: str) -> None:
        """Ask a job to end after the step in hand."""
        if name in self._jobs:
            self._jobs[name].worker.ask_stop()

    def stop_all(self) -> None:
        """Ask every job to end after the step in hand."""
        for running in [*self._jobs.values(), *self._ending]:
            running.then = None
            running.worker.ask_stop()

    def ask(
        self,
        function: Callable[[], Any],
        on_result: Callable[[Any], None],
        on_error: Callable[[StudioError], None] | None = None,
    ) -> None:
        """Run a short function off the window's thread and bring its result back to it.

        The answer is dropped if another project has been opened meanwhile.
        """
        answer = _Answer(self, on_result, on_error, self._generation)
        self._asked.add(answer)
        self._pool.start(_Asking(function, answer))

    def shutdown(self) -> None:
        """End every job after the step in hand, wait for them, and close the project."""
        self._pool.clear()
        self.stop_all()
        self._wait_for_all()
        self._pool.waitForDone()
        self._asked.clear()
        if self.project is not None:
            self.project.close()
            self._forget_project()

    def _wait_for_all(self) -> None:
        for running in [*self._jobs.values(), *self._ending]:
            running.worker.ask_stop()
            running.worker.wait()
        self._jobs.clear()
        self._ending.clear()

    def ended(self, running: _Running) -> None:
        """Take note that a job's thread is over; called by the job's own record."""
        if running in self._ending:
            self._ending.remove(running)
        if self._jobs.get(running.name) is running:
            del self._jobs[running.name]
            if running.name == TRAINING:
                self.paused = False
        if running.then is not None:
            running.then.worker.start()
        self.busy_changed.emit()

    def answered(self, answer: _Answer) -> bool:
        """Take note of an answer; return whether anyone still waits for it."""
        self._asked.discard(answer)
        return answer.generation == self._generation

    # --- training ---------------------------------------------------------------------------------

    def start_training(self) -> None:
        """Train a new run with the choices made."""
        self._train(self.recipe, None)

    def resume_run(self, folder: Path) -> None:
        """Go on with a run that was stopped or interrupted."""
        from finetune_studio.engine.run import Run

        try:
            recipe = Run(folder).recipe
            past = list(Run(folder).events())
        except Exception as error:  # noqa: BLE001  a damaged run must not end the program
            self.troubled.emit(explained(error))
            return
        self._train(recipe, folder, past)

    def _train(self, recipe: Recipe, resume: Path | None, past: list[Event] | None = None) -> None:
        if self.project is None or self.training:
            return
        self.run_events = past or []
        self.paused = False
        job = partial(_train, self.project, recipe, resume)
        self.start(TRAINING, job, on_event=self._on_run_event)

    def pause_training(self) -> None:
        """Let the run wait after the step in hand."""
        if self.training:
            self._jobs[TRAINING].worker.control.pause()

    def continue_training(self) -> None:
        """Let a paused run go on."""
        if self.training:
            self._jobs[TRAINING].worker.control.go_on()

    def stop_training(self) -> None:
        """End the run after the step in hand; it can be resumed."""
        self.stop(TRAINING)

    def choose_run(self, folder: Path | None) -> None:
        """Look at another run on Inspect, Try and Export."""
        self.run_folder = folder
        self.run_chosen.emit()

    def _on_run_event(self, event: Event) -> None:
        self.run_events.append(event)
        if isinstance(event, StepDone) and len(self.run_events) > _MOST_STEPS:
            self.run_events = _thinned(self.run_events)
        if isinstance(event, RunPaused | RunContinued | RunStarted):
            self.paused = isinstance(event, RunPaused)
        if isinstance(event, RunFinished) and self.project is not None:
            folder = _run_folder(self.project, event.run)
            if folder is not None and (folder / "checkpoints" / "index.json").is_file():
                self.choose_run(folder)
        self.run_stated.emit(event)


class _Running(QObject):
    """One job at work; brings its events to the window's thread."""

    def __init__(
        self,
        studio: Studio,
        name: str,
        job: Job,
        on_event: Callable[[Any], None] | None,
        on_done: Callable[[], None] | None,
    ) -> None:
        super().__init__(studio)
        self.studio = studio
        self.name = name
        self.then: _Running | None = None
        self._on_event, self._on_done = on_event, on_done
        self._left = False
        self._error: StudioError | None = None
        self._done = False
        self.worker = Worker(job, self)
        self.worker.stated.connect(self._on_stated)
        self.worker.failed.connect(self._on_failed)
        self.worker.done.connect(self._on_finished_well)
        self.worker.finished.connect(self._on_thread_over)

    def leave(self, then: _Running) -> None:
        """Stop listening, ask the job to end, and start the next one after it."""
        self._left = True
        self.then = then
        self.worker.ask_stop()

    @Slot(object)
    def _on_stated(self, event: Any) -> None:
        if self._left:
            return
        if self._on_event is not None:
            self._on_event(event)
        if self.name != TRAINING:
            self.studio.job_stated.emit(self.name, event)

    @Slot(object)
    def _on_failed(self, error: Any) -> None:
        self._error = error

    @Slot()
    def _on_finished_well(self) -> None:
        self._done = True

    @Slot()
    def _on_thread_over(self) -> None:
        self.worker.wait()
        studio, left = self.studio, self._left
        studio.ended(self)
        if not left and self._error is not None:
            studio.job_failed.emit(self.name, self._error)
            studio.troubled.emit(self._error)
        elif not left and self._done:
            if self._on_done is not None:
                self._on_done()
            studio.job_finished.emit(self.name)
        self.deleteLater()


class _Answer(QObject):
    """Brings the result of one asked function to the window's thread."""

    arrived = Signal(object, object)

    def __init__(
        self,
        studio: Studio,
        on_result: Callable[[Any], None],
        on_error: Callable[[StudioError], None] | None,
        generation: int,
    ) -> None:
        super().__init__()
        self.generation = generation
        self._studio = studio
        self._on_result, self._on_error = on_result, on_error
        self.arrived.connect(self._on_arrived)

    @Slot(object, object)
    def _on_arrived(self, result: Any, error: Any) -> None:
        if not self._studio.answered(self):
            return
        if error is None:
            self._on_result(result)
        elif self._on_error is not None:
            self._on_error(error)
        else:
            self._studio.troubled.emit(error)


class _Asking(QRunnable):
    """Runs one asked function in the pool."""

    def __init__(self, function: Callable[[], Any], answer: _Answer) -> None:
        super().__init__()
        self._function, self._answer = function, answer

    @override
    def run(self) -> None:
        try:
            result, error = self._function(), None
        except Exception as raised:  # noqa: BLE001  whatever a library raises is told in words
            result, error = None, explained(raised)
        self._answer.arrived.emit(result, error)


def _train(
    project: Project, recipe: Recipe, resume: Path | None, control: Control
) -> Iterator[Event]:
    from finetune_studio.engine import train

    yield from train.train(project, recipe, control, resume=resume)


def _import(project: Project, recipe: Recipe, control: Control) -> Iterator[Event]:
    from finetune_studio.engine import curate

    yield from curate.import_data(project, recipe.data, recipe.seed, control)


def _find_sample(project: Project) -> None:
    """Point a sample project at the package of today, which an update may have moved."""
    data = preferences.resources() / "samples" / project.dataset.get("sample", "?")
    if project.dataset.get("sample") and not project.dataset.root.is_dir() and data.is_dir():
        project.dataset.relink(data)


def _newest_usable(project: Project) -> Path | None:
    runs = [f for f in project.runs() if (f / "checkpoints" / "index.json").is_file()]
    return runs[-1] if runs else None


def _run_folder(project: Project, run: str) -> Path | None:
    """Return the folder that an event means, be it a path or a number."""
    for folder in (Path(run), project.runs_folder / Path(run).name):
        if (folder / "recipe.toml").is_file():
            return folder
    return None


def _thinned(events: list[Event]) -> list[Event]:
    """Leave out every second step of a long run's history; every other event stays."""
    kept: list[Event] = []
    odd = False
    for event in events:
        if isinstance(event, StepDone):
            odd = not odd
            if odd:
                continue
        kept.append(event)
    return kept


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict) and prefix + name != "options":
            yield from _flat(value, f"{prefix}{name}.")
        elif prefix + name != "options":
            yield prefix + name, value
