"""Loads the network of a run as soon as somebody may ask it, and says so for as long as that takes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject

from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.message import Message


class Warming(QObject):
    """Begins once a run; the message that it is under way goes when the network is there.

    Attributes:
        text: What is said while a network is loaded; empty at other times.
    """

    def __init__(self, studio: Studio, message: Message, parent: QObject) -> None:
        super().__init__(parent)
        self._studio, self._message = studio, message
        self._run: Path | None = None
        self.text = ""

    def begin(self, run: Path) -> None:
        """Load a run's network, unless that was done."""
        if run == self._run:
            return
        self._run = run
        self.text = self.tr("Loading the model of run {n}; then it answers at once…").format(
            n=run.name
        )
        self._message.say(self.text)
        self._studio.ask(partial(_load, run), partial(self._end, run), partial(self._fail, run))

    def _end(self, run: Path, _result: object = None) -> None:
        if run != self._run:
            return
        if self._message.text == self.text:
            self._message.say("")
        self.text = ""

    def _fail(self, run: Path, _error: object) -> None:
        """Say nothing: who asks the model is told what stands against it."""
        self._end(run)
        self._run = None


def _load(run: Path) -> None:
    from finetune_studio.engine import evaluate

    evaluate.loaded_run(run, None)
