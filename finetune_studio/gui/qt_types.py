"""Makes PySide's classes in the window's thread, before other threads can ask for them.

PySide makes a class when somebody first asks for it, and two that are made at once end the whole program:
the list of those that are not made yet changes while it is gone through. pyqtgraph asks for all of them, and
it is loaded in a thread, as the pages' modules are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType

from PySide6 import QtCore, QtGui, QtWidgets
from PySide6.QtCore import QObject, QTimer

_SLICE = 0.004  # seconds in one go; all of them take about 150 ms


def make_all(parent: QObject, then: Callable[[], object]) -> None:
    """Make all classes, a few between other work, then call.

    Args:
        parent: Where it is destroyed before, nothing is called.
        then: What had to wait for the classes.
    """
    _go_on(parent, then, iter(unmade()))


def unmade() -> list[tuple[ModuleType, str]]:
    """Return the modules and names of the classes that nobody asked for yet."""
    modules = (QtCore, QtGui, QtWidgets)
    return [
        (module, name) for module in modules for name in dir(module) if name not in vars(module)
    ]


def _go_on(
    parent: QObject, then: Callable[[], object], left: Iterator[tuple[ModuleType, str]]
) -> None:
    end = time.perf_counter() + _SLICE
    for module, name in left:
        getattr(module, name)
        if time.perf_counter() > end:
            QTimer.singleShot(0, parent, partial(_go_on, parent, then, left))
            return
    then()
