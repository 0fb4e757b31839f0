"""What a command runs in: libraries that write to the log only, and signals that end it in good order."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

from finetune_studio.core import settings
from finetune_studio.core.job import Control

_MOST_LOG_BYTES = 5_000_000


@contextlib.contextmanager
def quiet(*, json_lines: bool) -> Iterator[TextIO]:
    """Yield the stream for the program's own words; what libraries print and warn of goes to the log."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with ExitStack() as stack:
        log = stack.enter_context(_log_file())
        words = stack.enter_context(_own_words(log, json_lines=json_lines))
        stack.enter_context(contextlib.redirect_stdout(log))
        stack.enter_context(_descriptor_to(2, log))
        stack.enter_context(_logging_to(log))
        yield words


def _log_file() -> TextIO:
    """Open the log; where no file can be written, what goes there is lost."""
    path = settings.home() / "log.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > _MOST_LOG_BYTES:
            path.replace(path.with_name("log-before.txt"))
        return path.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)
    except OSError:
        return Path(os.devnull).open("a", encoding="utf-8", errors="backslashreplace")


@contextlib.contextmanager
def _own_words(log: TextIO, *, json_lines: bool) -> Iterator[TextIO]:
    """Yield a stream to where stdout leads, and lead file descriptor 1 itself to the log.

    A name that the terminal's encoding does not have is written with backslashes; in JSON that
    happens to halves of letters only, and gives valid JSON.
    """
    if _number(sys.stdout) != 1:  # captured by a test, or closed
        yield sys.stdout or log
        return
    encoding = "utf-8" if json_lines else sys.stdout.encoding
    words = open(os.dup(1), "w", encoding=encoding, errors="backslashreplace")  # noqa: SIM115, PTH123
    try:
        with _descriptor_to(1, log):
            yield words
    finally:
        with contextlib.suppress(OSError):  # whoever read it may be gone
            words.close()


def _number(stream: TextIO | None) -> int:
    try:
        return stream.fileno() if stream else -1
    except (OSError, ValueError):
        return -1


@contextlib.contextmanager
def _descriptor_to(number: int, log: TextIO) -> Iterator[None]:
    """Send what C libraries write to a file descriptor by themselves (libtiff does) to the log."""
    stream = sys.stdout if number == 1 else sys.stderr
    try:
        kept = os.dup(number)
    except OSError:  # it is closed: nobody sees what is written there
        yield
        return
    if stream:
        stream.flush()
    os.dup2(log.fileno(), number)
    try:
        yield
    finally:
        if stream:
            stream.flush()
        os.dup2(kept, number)
        os.close(kept)


@contextlib.contextmanager
def _logging_to(log: TextIO) -> Iterator[None]:
    root = logging.getLogger()
    before = list(root.handlers)
    root.handlers = [logging.StreamHandler(log)]
    logging.captureWarnings(capture=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            yield
    finally:
        logging.captureWarnings(capture=False)
        root.handlers = before


@contextlib.contextmanager
def interruptible(control: Control) -> Iterator[None]:
    """Let Ctrl+C end the job after the step in hand; a second one ends it at once."""

    def on_signal(*_: Any) -> None:
        if control.stop.is_set():
            raise KeyboardInterrupt
        control.ask_stop()

    try:
        before = {s: signal.signal(s, on_signal) for s in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not on the main thread, as in some tests
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
