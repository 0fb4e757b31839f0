"""Objects that only refer to each other: who looks for them, and in which thread.

Python looks for them in whichever thread makes many objects, and destroys them there. Qt's objects must
be destroyed in the thread they live in, so where there is a window, it takes the search over.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

_keepers: list[Callable[[], None]] = []


def collect() -> None:
    """Free what nothing can reach any more, or have it freed by the one who took that over."""
    if _keepers:
        _keepers[-1]()
    else:
        gc.collect()


def leave_to(keeper: Callable[[], None]) -> None:
    """Have nobody but the keeper look for garbage, until :func:`take_back`."""
    gc.disable()
    _keepers.append(keeper)


def take_back(keeper: Callable[[], None]) -> None:
    """Let Python look for garbage by itself again, once no other keeper is left."""
    _keepers.remove(keeper)
    if not _keepers:
        gc.enable()
