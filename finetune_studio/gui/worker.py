"""The thread of one job: runs any iterator of events and hands each to the window."""

from __future__ import annotations

import os
import sys
import threading
import traceback

from PySide6.QtCore import QObject, QThread, Signal
from typing_extensions import override

from finetune_studio.core.errors import StudioError
from finetune_studio.core.job import Control, Job

# On two busy cores the window else waited up to 16 ms for its turn. Who alone wants a processor gets all
# of it at any niceness, so that a job takes no longer.
_NICENESS = 10
# macOS gives secondary threads half a megabyte, too little for some of torch's kernels.
_STACK_BYTES = 16 * 2**20


class Worker(QThread):
    """Runs one job to its end.

    Signals:
        stated: An event of the job.
        failed: The StudioError that ended it; its ``details`` hold the traceback.
        done: The job came to its end without an error, also when it was asked to stop.
    """

    stated = Signal(object)
    failed = Signal(object)
    done = Signal()

    def __init__(self, job: Job, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setStackSize(_STACK_BYTES)
        self.control = Control()
        self._job = job

    def ask_stop(self) -> None:
        """Ask the job to end after the step in hand, also when it waits."""
        self.control.ask_stop()

    @override
    def run(self) -> None:
        """Carry out the job; Qt calls this in the new thread."""
        self._give_way()
        try:
            for event in self._job(self.control):
                self.stated.emit(event)
        except Exception as error:  # noqa: BLE001  whatever a library raises is told in words
            self.failed.emit(explained(error))
        else:
            self.done.emit()

    def _give_way(self) -> None:
        """Let the window go before this thread, and on Linux before the threads that it begins."""
        if sys.platform == "linux":  # has no priorities but a niceness, which new threads inherit
            thread = threading.get_native_id()
            now = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, min(19, now + _NICENESS))
        else:
            self.setPriority(QThread.Priority.LowPriority)


def explained(error: Exception) -> StudioError:
    """Return any exception as words for the user, its traceback kept as details."""
    from finetune_studio.engine import trouble

    told = trouble.explain(error)
    told.details = "".join(traceback.format_exception(error))
    return told
