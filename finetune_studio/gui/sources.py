"""Keeps PySide from reading the source of every module that is imported after it.

It looks there for its own name, in case a module asks for other spellings of its functions
(``from __feature__ import snake_case``), which nothing here does. All those lines stay in memory: 170 MB
once torch and transformers are loaded, and a tenth of the time that loading them takes.
"""

from __future__ import annotations

import importlib


def leave_unread() -> None:
    """Say in PySide's place that no module asks for other spellings; one that cannot be told so reads on."""
    try:
        feature = importlib.import_module("shibokensupport.feature")
    except ImportError:
        return
    if hasattr(feature, "_mod_uses_pyside"):
        setattr(feature, "_mod_uses_pyside", _asks_for_nothing)  # noqa: B010  mypy knows no such name


def _asks_for_nothing(_: object) -> bool:
    return False
