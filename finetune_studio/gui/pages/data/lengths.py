"""Has the texts' tokens counted for the model that is chosen, and brings the counts to the page."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import QObject, QTimer, Slot

from finetune_studio.core.events import Noted
from finetune_studio.gui.pages.data import work
from finetune_studio.gui.pages.data.lane import Lane
from finetune_studio.gui.pages.data.texts import Lengths
from finetune_studio.gui.studio import Studio

LENGTHS = "lengths"
_AFTER_MS = 800  # choices and edits come in rows


class Measuring(QObject):
    """Counts anew when the texts or the model are other ones; nothing is counted while a run trains."""

    def __init__(self, studio: Studio, lane: Lane, parent: QObject) -> None:
        super().__init__(parent)
        self._studio, self._lane = studio, lane
        self._measured: tuple[Any, ...] = ()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._start)
        studio.recipe_changed.connect(self._on_recipe_changed)
        studio.busy_changed.connect(self._on_recipe_changed)
        studio.job_stated.connect(self._on_job_stated)

    def start_anew(self) -> None:
        """Forget what was counted, for another project."""
        self._timer.stop()
        self._measured = ()

    def note_change(self) -> None:
        """Take note that texts may be other ones."""
        self._measured = ()
        self.plan()

    def plan(self) -> None:
        """Count soon, if there is anything new to count."""
        if self._lane.stock.kind.is_text and self._lane.stock.samples:
            self._timer.start(_AFTER_MS)

    @Slot()
    def _on_recipe_changed(self) -> None:
        if self._what() != self._measured:
            self.plan()

    def _what(self) -> tuple[Any, ...]:
        """Return what the counts depend on, besides the texts."""
        recipe = self._studio.recipe
        return (id(self._studio.project), recipe.model.source, recipe.options)

    @Slot()
    def _start(self) -> None:
        project, stock = self._studio.project, self._lane.stock
        if project is None or not stock.kind.is_text or self._studio.training:
            return
        what = self._what()
        if what == self._measured or LENGTHS in self._studio.jobs:
            return
        self._measured = what
        self._studio.start(LENGTHS, partial(work.measure, project, self._studio.recipe))

    @Slot(str, object)
    def _on_job_stated(self, name: str, event: Any) -> None:
        if name != LENGTHS:
            return
        if isinstance(event, Noted):
            self._lane.measure(Lengths(note=event.text))
        elif event.word() == "lengths_measured":
            over = sum(length > event.limit for length in event.lengths.values())
            self._lane.measure(
                Lengths(event.lengths, event.limit, event.model, event.windows, over)
            )
