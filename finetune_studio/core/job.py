"""What runs long: a job yields events and can be stopped or paused between two of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from finetune_studio.core.events import Event


class Control:
    """The two switches that a job looks at after each step; safe to set from any thread."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._go_on = threading.Event()
        self._go_on.set()

    @property
    def paused(self) -> bool:
        """Whether the job was asked to wait."""
        return not self._go_on.is_set()

    def pause(self) -> None:
        """Ask the job to wait after the step in hand."""
        self._go_on.clear()

    def go_on(self) -> None:
        """Let a waiting job continue."""
        self._go_on.set()

    def ask_stop(self) -> None:
        """Ask the job to end after the step in hand, also when it waits."""
        self.stop.set()
        self._go_on.set()

    def wait_while_paused(self) -> None:
        """Block until the job may go on or must stop."""
        self._go_on.wait()


Job = Callable[[Control], Iterator[Event]]
