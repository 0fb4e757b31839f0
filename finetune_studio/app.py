"""Starts the window: the application, its look, and the ways in which it is asked to end."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import TracebackType

from PySide6.QtCore import QSize, QSocketNotifier
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from finetune_studio.core.settings import resources
from finetune_studio.gui import sources, theme
from finetune_studio.gui.garbage import GarbageKeeper
from finetune_studio.gui.main_window import MainWindow
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.worker import explained


def main() -> int:
    """Open the window and stay until it is closed; return the exit code."""
    app = make_application()
    studio = Studio()
    theme.apply(app, studio.settings.theme)
    window = MainWindow(studio)
    window.first_painted.connect(window.warm_up)
    window.resize(_fitting(app))
    window.show()
    with _errors_told(studio), _interrupts_close(window):
        return app.exec()


def no_screen() -> str:
    """Return, in two lines, why no window can be shown; empty if one can.

    On Linux Qt ends the whole process where it finds no screen, and tells of plugins, so it is not asked.
    """
    named = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))
    if named or "-platform" in sys.argv or not sys.platform.startswith("linux"):
        return ""
    return (
        "The window cannot open: this session has no screen (neither DISPLAY nor WAYLAND_DISPLAY is set).\n"
        "Start it on a desktop, or do the same in the terminal: 'finetune-studio --help' says how.\n"
    )


def make_application() -> QApplication:
    """Return the application with its names and icon; it looks for garbage itself from now on."""
    sources.leave_unread()
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    GarbageKeeper(app)
    app.setApplicationName("finetune-studio")
    app.setApplicationDisplayName("Finetune Studio")
    app.setDesktopFileName("finetune-studio")
    app.setWindowIcon(QIcon(str(resources() / "icons" / "studio.svg")))
    return app


def _fitting(app: QApplication) -> QSize:
    """Return a window size that suits the screen."""
    room = app.primaryScreen().availableSize()
    return QSize(min(1440, room.width() * 9 // 10), min(900, room.height() * 9 // 10))


@contextmanager
def _errors_told(studio: Studio) -> Iterator[None]:
    """Show what nobody caught as a notice; no error ends the program."""

    def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.__excepthook__(kind, error, trace)
        if isinstance(error, Exception):
            studio.troubled.emit(explained(error))

    sys.excepthook = tell
    try:
        yield
    finally:
        sys.excepthook = sys.__excepthook__


@contextmanager
def _interrupts_close(window: MainWindow) -> Iterator[None]:
    """Let Ctrl+C and a polite kill close the window, so that a run in hand saves its checkpoint.

    Python runs its own handlers only between two of its instructions, which never comes while Qt
    waits; the byte that Python writes at once into a socket wakes Qt.
    """
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)  # noqa: FBT003  the standard library takes it by position
    awake = QSocketNotifier(ours.fileno(), QSocketNotifier.Type.Read)
    awake.activated.connect(partial(_drain_and_close, ours, window))
    before = signal.set_wakeup_fd(theirs.fileno())
    handlers = {
        kind: signal.signal(kind, lambda *_: None) for kind in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for kind, handler in handlers.items():
            signal.signal(kind, handler)
        signal.set_wakeup_fd(before)
        awake.setEnabled(False)
        ours.close()
        theirs.close()


def _drain_and_close(ours: socket.socket, window: MainWindow, *_: object) -> None:
    ours.recv(64)
    window.close()
