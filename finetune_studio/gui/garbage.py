"""Looks for garbage in the window's thread alone, where Qt's objects may be destroyed."""

from __future__ import annotations

import gc
import threading
import time

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from finetune_studio.core import garbage

_EVERY = 500  # milliseconds
# A search through everything takes a quarter of a second once torch is loaded, in which nothing moves.
_LONGEST_SHARE = 0.005
_PATIENCE = 1.0  # seconds that another thread waits for the window to look


class GarbageKeeper(QObject):
    """Takes the search for garbage over from Python, as soon as it is made.

    Generations are searched as Python does, by the numbers of its thresholds, twice a second.
    """

    _wanted = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._thread = threading.get_ident()
        self._rested = 0.0
        self._wanted.connect(self._on_wanted)
        timer = QTimer(self)
        timer.setInterval(_EVERY)
        timer.timeout.connect(self._look)
        timer.start()
        garbage.leave_to(self.collect)

    def stop(self) -> None:
        """Hand the search back to Python; call it before the parent is destroyed."""
        garbage.take_back(self.collect)
        self.setParent(None)
        self.deleteLater()

    def collect(self) -> None:
        """Search everything now; from another thread, ask the window's and wait a little for it."""
        if threading.get_ident() == self._thread:
            gc.collect()
            return
        done = threading.Event()
        self._wanted.emit(done)
        done.wait(_PATIENCE)

    @Slot(object)
    def _on_wanted(self, done: threading.Event) -> None:
        gc.collect()
        done.set()

    @Slot()
    def _look(self) -> None:
        for generation in (2, 1, 0):
            if gc.get_count()[generation] > gc.get_threshold()[generation] and (
                generation < 2 or time.perf_counter() > self._rested
            ):
                began = time.perf_counter()
                gc.collect(generation)
                if generation == 2:
                    now = time.perf_counter()
                    self._rested = now + (now - began) / _LONGEST_SHARE
                return
