"""The job that opens an export, lets programs ask it, and ends when it is told to."""

from __future__ import annotations

import contextlib
import errno
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import (
    Event,
    Noted,
    PhaseStarted,
    ServiceEnded,
    ServiceStarted,
)
from finetune_studio.core.job import Control
from finetune_studio.engine.serving.asking import Asking
from finetune_studio.engine.serving.server import Server
from finetune_studio.exporters import opened

HOST = "127.0.0.1"
PORT = 8765
_LISTEN_S = 0.25


def serve(folder: Path, control: Control, *, port: int = PORT, host: str = HOST) -> Iterator[Event]:
    """Answer requests by an export's own files until the job is stopped.

    Args:
        folder: The export.
        control: Stops it.
        port: Where it listens; 0 takes any port that is free.
        host: The address it listens at; only this computer can reach the usual one.

    Raises:
        StudioError: If there is no export, or the port is taken.
    """
    folder = Path(folder)
    yield PhaseStarted("load", "Loading the export")
    asking = Asking(opened(folder), folder)
    with _listening(asking, host, port) as server:
        began = time.monotonic()
        yield ServiceStarted(server.url, str(folder.absolute()), asking.thing)
        if not server.local:
            yield Noted(
                "Every computer that reaches this one can ask the model: there is no password.",
                "warning",
            )
        # In short waits: a Ctrl+C that another thread received is only heard when this one wakes.
        while not control.stop.wait(_LISTEN_S):
            pass
    yield ServiceEnded(server.answered, server.refused, round(time.monotonic() - began, 3))


@contextlib.contextmanager
def _listening(asking: Asking, host: str, port: int) -> Iterator[Server]:
    try:
        server = Server((host, port), asking)
    except (OSError, OverflowError) as error:
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        why = "it is taken by another program" if taken else str(error)
        raise StudioError(
            f"The service cannot listen at {host}, port {port}: {why}.",
            "Choose another port with --port; 0 takes any that is free.",
        ) from error
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="service")
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.hang_up()
        server.server_close()
        thread.join()
