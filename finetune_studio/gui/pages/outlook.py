"""What the chosen model and layers will mean on this computer, found out off the window's thread."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import psutil
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import Recipe
from finetune_studio.gui.studio import Studio
from finetune_studio.tasks import fewest_classes

if TYPE_CHECKING:
    from finetune_studio.core.dataset import Labels
    from finetune_studio.engine.estimate import TimeEstimate
    from finetune_studio.engine.probe import ModelLook

_SETTLED_MS = 400


@dataclass(frozen=True, slots=True)
class Data:
    """How many usable samples each split has, and the classes."""

    splits: dict[str, int]
    labels: Labels

    @property
    def train(self) -> int:
        """Return how many samples there are to learn from."""
        return self.splits.get("train", 0)


def data_of(studio: Studio) -> Data:
    """Return the open project's numbers."""
    from finetune_studio.core.dataset import Labels

    if studio.project is None:
        return Data({}, Labels(()))
    dataset = studio.project.dataset
    labels = dataset.labels()
    if not labels.names and fewest_classes(studio.project.task):
        # Several classes a text, or types of spans: they stand in the samples' fields.
        named = {name for sample in dataset.samples(usable=True) for name in sample.names}
        labels = Labels(tuple(sorted(named)))
    return Data(dataset.split_counts(), labels)


def free_memory_mb() -> float:
    """Return the memory that is free now, in MB."""
    return float(psutil.virtual_memory().available) / 2**20


class Outlook(QObject):
    """Looks at the model at once; measures its time when the choice has settled and nothing trains.

    Attributes:
        recipe: What was asked about last, and so what the answers are about.

    Signals:
        looked: The ModelLook of the last recipe that was asked for.
        timed: Its TimeEstimate.
        refused: The StudioError that stands against it.
    """

    looked = Signal(object)
    timed = Signal(object)
    refused = Signal(object)

    def __init__(self, studio: Studio, parent: QObject) -> None:
        super().__init__(parent)
        self._studio = studio
        self._number = 0
        self._timed_for = ""
        self.recipe = Recipe()
        self._data: Data | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SETTLED_MS)
        self._timer.timeout.connect(self._on_settled)

    def ask(self, recipe: Recipe, data: Data, *, time: bool = True) -> None:
        """Find out about a recipe; an answer to an older question is dropped."""
        self._number += 1
        self.recipe, self._data = recipe, data
        number = self._number
        self._timer.stop()
        self._studio.ask(
            partial(self._look, number, recipe, data.labels),
            partial(self._on_looked, number, time),
            partial(self._on_refused, number),
        )

    def forget(self) -> None:
        """Wait for no answer any more."""
        self._number += 1
        self._timer.stop()

    def _look(self, number: int, recipe: Recipe, labels: Labels) -> ModelLook | None:
        if number != self._number:  # in the pool's thread: somebody chose on meanwhile
            return None
        from finetune_studio.engine.probe import look_at_model

        return look_at_model(recipe, labels)

    def _on_looked(self, number: int, time: bool, look: ModelLook | None) -> None:
        if number != self._number or look is None:
            return
        self.looked.emit(look)
        if time and self._data is not None and self._data.train:
            self._timer.start()

    def _on_refused(self, number: int, error: StudioError) -> None:
        if number == self._number:
            self.refused.emit(error)

    @Slot()
    def _on_settled(self) -> None:
        if self._studio.training or self._data is None:
            return
        number, recipe, data = self._number, self.recipe, self._data
        self._studio.ask(
            partial(self._time, number, recipe, data),
            partial(self._on_timed, number),
            partial(self._on_untimed, number),
        )

    def _time(self, number: int, recipe: Recipe, data: Data) -> TimeEstimate | None:
        if number != self._number:
            return None
        from finetune_studio.engine.estimate import seconds_per_epoch

        return seconds_per_epoch(recipe, data.labels, data.train)

    def _on_timed(self, number: int, found: TimeEstimate | None) -> None:
        if number == self._number and found is not None:
            self.timed.emit(found)

    def _on_untimed(self, number: int, error: StudioError) -> None:
        """Say nothing: without an estimate the page shows none, and the look has told what is wrong."""
