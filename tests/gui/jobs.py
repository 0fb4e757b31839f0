"""Small jobs for the tests of the window."""

from __future__ import annotations

from collections.abc import Iterator

from finetune_studio.core.events import Event, Noted
from finetune_studio.core.job import Control


def talkative(count: int):
    """Return a job that states ``count`` notes."""

    def job(control: Control) -> Iterator[Event]:
        for number in range(count):
            yield Noted(str(number))

    return job


def patient(control: Control) -> Iterator[Event]:
    """Work until it is asked to stop, then state one more note, as a checkpoint would be."""
    yield Noted("begun")
    while not control.stop.wait(0.01):
        control.wait_while_paused()
    yield Noted("saved")
