"""Carries the queue of runs out: begins the next one when a run ends, and says what happened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, RunFinished, RunStarted
from finetune_studio.gui.studio.work import TRAINING
from finetune_studio.gui.worker import explained

if TYPE_CHECKING:  # recipes bring pydantic, which would double the time to the first paint
    from finetune_studio.core.queue import Past, Queue, Waiting
    from finetune_studio.core.recipe import Recipe
    from finetune_studio.gui.studio.state import Studio


class RunQueue(QObject):
    """The open project's queue. Nothing begins by itself when a project is opened.

    Signals:
        changed: The waiting runs, how earlier ones ended, or whether it goes on.
    """

    changed = Signal()

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self._studio = studio
        self._queue: Queue | None = None
        self._going = False
        self._held = False  # by the user, or because a run was stopped
        self._closing = False
        self._run = ""
        self._end: RunFinished | None = None
        studio.project_changed.connect(self._on_project_changed)
        studio.run_stated.connect(self._on_run_stated)
        studio.job_finished.connect(self._on_job_finished)
        studio.job_failed.connect(self._on_job_failed)

    # --- facts ------------------------------------------------------------------------------------

    @property
    def waiting(self) -> list[Waiting]:
        """Return the runs that wait, in their order."""
        return list(self._queue.waiting) if self._queue else []

    @property
    def failures(self) -> list[Past]:
        """Return the runs of the queue that ended with an error, the newest last."""
        return self._queue.failures if self._queue else []

    @property
    def going(self) -> bool:
        """Whether the next one of the waiting runs begins by itself when the one at work ends."""
        return self._going

    @property
    def at_work(self) -> bool:
        """Whether the run that trains came from the queue."""
        return self._queue is not None and self._queue.at_work is not None

    # --- what the user does -----------------------------------------------------------------------

    def add(self, recipe: Recipe) -> None:
        """Let a run with these choices wait behind the others."""
        queue = self._queue
        if queue is None or not self._kept(lambda: queue.add(recipe)):
            return
        if self._studio.training and not self._held:
            self._going = True
        text = (
            self.tr("Added to the queue: it begins when the runs before it have ended.")
            if self._going
            else self.tr("Added to the queue. Start the queue on the Runs page.")
        )
        self._studio.noticed.emit(text, "ok")
        self.changed.emit()

    def move(self, number: int, place: int) -> None:
        """Put a waiting run at another place, counted from 0."""
        queue = self._queue
        if queue is not None and self._kept(lambda: queue.move(number, place)):
            self.changed.emit()

    def remove(self, number: int) -> None:
        """Let a run wait no longer."""
        queue = self._queue
        if queue is not None and self._kept(lambda: queue.remove(number)):
            self._going = self._going and bool(queue.waiting)
            self.changed.emit()

    def forget_failures(self) -> None:
        """Take the errors of earlier runs off the list."""
        if self._queue is not None and self._kept(self._queue.forget_past):
            self.changed.emit()

    def start(self) -> None:
        """Let the waiting runs begin, one after the other, now or after the run at work."""
        if self.waiting:
            self._going, self._held = True, False
            self._begin_next()
            self.changed.emit()

    def hold(self) -> None:
        """Let no further run begin by itself; the one at work goes on."""
        self._going, self._held = False, True
        self.changed.emit()

    def close(self) -> None:
        """Begin nothing any more, because the window closes; what waits stays waiting."""
        self._going, self._closing = False, True

    def framed(self, error: StudioError) -> StudioError:
        """Return an error that ended a run, with a word about the runs behind it."""
        if not (self._going and self.waiting):
            return error
        hint = f"{error.hint} {self.tr('The queue goes on with the next run.')}".strip()
        told = StudioError(error.message, hint)
        told.details = error.details
        return told

    # --- what the studio says ---------------------------------------------------------------------

    @Slot()
    def _on_project_changed(self) -> None:
        self._queue, self._going, self._held, self._end = None, False, False, None
        project = self._studio.project
        if project is not None:
            from finetune_studio.core.queue import Queue

            made: list[Queue] = []
            self._kept(lambda: made.append(Queue(project)))
            self._queue = made[0] if made else None
        self.changed.emit()

    @Slot(object)
    def _on_run_stated(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._run, self._end = Path(event.run).name, None
        elif isinstance(event, RunFinished):
            self._run, self._end = Path(event.run).name, event

    @Slot(str)
    def _on_job_finished(self, name: str) -> None:
        if name == TRAINING and self._queue is not None:
            from finetune_studio.core.queue import FINISHED, STOPPED

            stopped = self._end is not None and self._end.stopped
            self._after(STOPPED if stopped else FINISHED, self._end.reason if self._end else "")

    @Slot(str, object)
    def _on_job_failed(self, name: str, error: Any) -> None:
        if name == TRAINING and self._queue is not None:
            from finetune_studio.core.queue import FAILED

            self._after(FAILED, f"{error.message} {error.hint}".strip())

    def _after(self, outcome: str, text: str) -> None:
        """Note how a run ended; go on with the next one, or hold the queue."""
        queue, run = self._queue, self._run
        self._run, self._end = "", None
        assert queue is not None
        was_last = self.at_work and not queue.waiting
        if self._going or self.at_work:
            self._kept(lambda: queue.end(outcome, run=run, text=text))
        if outcome == "stopped" and self._going:
            self._hold_after_stop(text)
        elif outcome == "finished" and was_last and not self._closing:
            self._studio.noticed.emit(self.tr("The last run of the queue has ended."), "ok")
        QTimer.singleShot(0, self, self._begin_next)  # when all have heard how this one ended
        self.changed.emit()

    def _hold_after_stop(self, reason: str) -> None:
        self._going, self._held = False, True
        wait = counted(len(self.waiting))
        text = self.tr("The run was stopped, so the queue is held: {wait}.").format(wait=wait)
        self._studio.noticed.emit(f"{reason} {text}".strip(), "warning")

    @Slot()
    def _begin_next(self) -> None:
        queue = self._queue
        if queue is None or not self._going or self._closing or self._studio.training:
            return
        begun: list[Waiting | None] = []
        kept = self._kept(lambda: begun.append(queue.begin()))
        self._going = kept and bool(queue.waiting)
        if begun and begun[0] is not None:
            self._studio.start_training(begun[0].recipe)
        self.changed.emit()

    def _kept(self, change: Callable[[], Any]) -> bool:
        try:
            change()
        except Exception as error:  # noqa: BLE001  a full disk must not end the program
            self._studio.troubled.emit(explained(error))
            return False
        return True


def counted(waiting: int) -> str:
    """Return ``1 run waits`` or ``3 runs wait``."""
    return "1 run waits" if waiting == 1 else f"{waiting:,} runs wait"
