"""The jobs at work: each in a thread of its own, its events brought to the window's thread."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

from PySide6.QtCore import QObject, QRunnable, Qt, QThreadPool, Signal, Slot
from shiboken6 import isValid
from typing_extensions import override

from finetune_studio.core.errors import StudioError
from finetune_studio.core.job import Job
from finetune_studio.gui.worker import Worker, explained


class Jobs(QObject):
    """One worker a name, and a small pool for short questions.

    Signals:
        stated: Name of a job, and its event.
        finished: Name of a job that came to its end.
        failed: Name of a job, and the StudioError that ended it.
        troubled: A StudioError of a question that nobody else wants to hear.
        changed: A job began or ended.
        answered: Number of a question, its result, and the StudioError instead of one.
    """

    stated = Signal(str, object)
    finished = Signal(str)
    failed = Signal(str, object)
    troubled = Signal(object)
    changed = Signal()
    answered = Signal(int, object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._at_work: dict[str, _Running] = {}
        self._ending: list[_Running] = []
        self._asked: dict[int, _Question] = {}
        self._numbers = count()
        self.answered.connect(self._on_answered, Qt.ConnectionType.QueuedConnection)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(2)
        self._lasting_pool = QThreadPool(self)
        self._lasting_pool.setMaxThreadCount(2)

    @property
    def names(self) -> list[str]:
        """Return the names of all jobs at work."""
        return list(self._at_work)

    @property
    def busy(self) -> bool:
        """Whether any job is at work, also one that was asked to stop and ends its step."""
        return bool(self._at_work or self._ending)

    @property
    def asking(self) -> bool:
        """Whether a question of :meth:`ask` still waits for its answer."""
        return bool(self._asked)

    def worker(self, name: str) -> Worker | None:
        """Return the thread of a job at work."""
        running = self._at_work.get(name)
        return running.worker if running else None

    def start(
        self,
        name: str,
        job: Job,
        on_event: Callable[[Any], None] | None = None,
        on_done: Callable[[], None] | None = None,
    ) -> None:
        """Run a job; one of the same name that still works is stopped first."""
        running = _Running(self, name, job, on_event, on_done)
        before = self._at_work.pop(name, None)
        self._at_work[name] = running
        if before is None:
            running.worker.start()
        else:
            self._ending.append(before)
            before.leave(then=running)
        self.changed.emit()

    def stop(self, name: str) -> None:
        """Ask a job to end after the step in hand."""
        if name in self._at_work:
            self._at_work[name].worker.ask_stop()

    def stop_all(self) -> None:
        """Ask every job to end after the step in hand."""
        for running in [*self._at_work.values(), *self._ending]:
            running.worker.ask_stop()

    def ask(
        self,
        function: Callable[[], Any],
        on_result: Callable[[Any], None],
        on_error: Callable[[StudioError], None] | None = None,
        *,
        lasting: bool = False,
    ) -> None:
        """Run a short function in a pool and bring its result to the window's thread.

        The answer is dropped when :meth:`end_all` comes between, unless it is ``lasting``.
        """
        number = next(self._numbers)
        self._asked[number] = _Question(on_result, on_error or self.troubled.emit, lasting)
        pool = self._lasting_pool if lasting else self._pool
        pool.start(_Asking(function, number, self))

    def end_all(self) -> None:
        """Stop every job and wait for it; jobs that waited for another one never begin."""
        self.stop_all()
        for running in [*self._at_work.values(), *self._ending]:
            running.dismiss()
        self._at_work.clear()
        self._ending.clear()
        self._pool.clear()
        self._asked = {number: asked for number, asked in self._asked.items() if asked.lasting}
        self.changed.emit()

    def shutdown(self) -> None:
        """End every job and question, for good."""
        self.end_all()
        self._lasting_pool.clear()
        self._pool.waitForDone()
        self._lasting_pool.waitForDone()
        self._asked.clear()

    def ended(self, running: _Running) -> None:
        """Take note that a thread is over; called by the job's own record."""
        if running in self._ending:
            self._ending.remove(running)
        if self._at_work.get(running.name) is running:
            del self._at_work[running.name]
        self.changed.emit()

    @Slot(int, object, object)
    def _on_answered(self, number: int, result: Any, error: Any) -> None:
        question = self._asked.pop(number, None)
        if question is None or _gone(question.on_result):
            return
        if error is None:
            question.on_result(result)
        else:
            question.on_error(error)


class _Running(QObject):
    """One job at work; its slots live in the window's thread, so events arrive there."""

    def __init__(
        self,
        jobs: Jobs,
        name: str,
        job: Job,
        on_event: Callable[[Any], None] | None,
        on_done: Callable[[], None] | None,
    ) -> None:
        super().__init__(jobs)
        self.name = name
        self._jobs = jobs
        self._then: _Running | None = None
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
        self._then = then
        self.worker.ask_stop()

    def dismiss(self) -> None:
        """Wait for the thread and hear nothing more of it."""
        self._left = True
        self._then = None
        self.worker.wait()
        self.worker.finished.disconnect(self._on_thread_over)
        self.deleteLater()

    @Slot(object)
    def _on_stated(self, event: Any) -> None:
        if self._left:
            return
        if self._on_event is not None:
            self._on_event(event)
        self._jobs.stated.emit(self.name, event)

    @Slot(object)
    def _on_failed(self, error: Any) -> None:
        self._error = error

    @Slot()
    def _on_finished_well(self) -> None:
        self._done = True

    @Slot()
    def _on_thread_over(self) -> None:
        self.worker.wait()
        self._jobs.ended(self)
        if self._then is not None:
            self._then.worker.start()
        elif not self._left and self._error is not None:
            self._jobs.failed.emit(self.name, self._error)
        elif not self._left and self._done:
            if self._on_done is not None:
                self._on_done()
            self._jobs.finished.emit(self.name)
        self.deleteLater()


@dataclass(frozen=True)
class _Question:
    """Whom an answer is for; known to the window's thread alone."""

    on_result: Callable[[Any], None]
    on_error: Callable[[StudioError], None]
    lasting: bool


def _gone(callback: Any) -> bool:
    """Return whether a callback belongs to a widget that was closed while the answer was sought."""
    while hasattr(callback, "func"):  # functools.partial
        callback = callback.func
    owner = getattr(callback, "__self__", None)
    return isinstance(owner, QObject) and not isValid(owner)


class _Asking(QRunnable):
    """Runs one asked function in the pool.

    It holds nothing of Qt but who asked: what is let go of here last is destroyed in this thread.
    """

    def __init__(self, function: Callable[[], Any], number: int, jobs: Jobs) -> None:
        super().__init__()
        self._function, self._number, self._jobs = function, number, jobs

    @override
    def run(self) -> None:
        try:
            result, error = self._function(), None
        except Exception as raised:  # noqa: BLE001  whatever a library raises is told in words
            result, error = None, explained(raised)
        with suppress(RuntimeError):  # the window was closed meanwhile, and nobody waits any more
            self._jobs.answered.emit(self._number, result, error)
