"""Brings transformers into memory, one thread at a time."""

from __future__ import annotations

import threading

_loading = threading.Lock()


def load() -> None:
    """Import transformers; call this before any import from it that may be the first.

    The library replaces its own module while it is imported. A second thread that imports it meanwhile
    is handed the module of before, in which nothing can be found.
    """
    with _loading:
        import transformers  # noqa: F401  its import is all that is wanted
