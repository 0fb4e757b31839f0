"""Looks for garbage in the window's thread alone, where Qt's objects may be destroyed."""

from __future__ import annotations

import gc
import threading
import time

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from finetune_studio.core import garbage

_EVERY = 250  # milliseconds
# A search through everything takes a quarter of a second once torch is loaded, half of one with 100,000
# samples, and nothing moves meanwhile. It waits until nothing is made anyway, at most so many times as long.
_PATIENCE_FOR_REST = 1000  # a first search is taken to last a quarter of a second
_PATIENCE = 1.0  # seconds that another thread waits for the window to look


class GarbageKeeper(QObject):
    """Takes the search for garbage over from Python, as soon as it is made.

    What was made since is searched four times a second, once it is as much as Python would wait for; what
    outlived that ten times as seldom, and everything when the program is at rest.
    """

    _wanted = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._thread = threading.get_ident()
        self._everything_by = time.perf_counter() + _PATIENCE_FOR_REST / 4
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
        many, searched, old = (
            count > enough for count, enough in zip(gc.get_count(), gc.get_threshold(), strict=True)
        )
        began = time.perf_counter()
        if old and (not many or began > self._everything_by):
            gc.collect()
            took = time.perf_counter() - began
            self._everything_by = began + _PATIENCE_FOR_REST * took
        elif many:
            gc.collect(1 if searched else 0)
