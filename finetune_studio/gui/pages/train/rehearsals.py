"""Rehearses the chosen run when the choices have settled, and remembers what was found."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Slot

from finetune_studio.core.events import Estimated, Event, Noted
from finetune_studio.gui.pages.train.estimate_words import WORKING, Words, estimate_words
from finetune_studio.gui.pages.train.study_words import in_all
from finetune_studio.gui.studio import Studio, work

if TYPE_CHECKING:
    from finetune_studio.core.recipe import Recipe
    from finetune_studio.gui.pages.train.setup_panel import SetupPanel

ESTIMATE = "estimate"
_SETTLED_MS = 700
_BESIDE = {ESTIMATE, "download"}  # jobs that a rehearsal need not wait for


class Rehearsals(QObject):
    """One rehearsal at a time, none while a run trains; what it says is shown in the line beside Start.

    Attributes:
        foreseen: What the run at work was estimated to take, if that is known.
    """

    def __init__(self, studio: Studio, panel: SetupPanel, parent: QObject) -> None:
        super().__init__(parent)
        self._studio = studio
        self._panel = panel
        self.foreseen: Estimated | None = None
        self._found: dict[str, Estimated | Noted] = {}
        self._asked = ""
        self._number = 0
        self._working = self._trained = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SETTLED_MS)
        self._timer.timeout.connect(self._on_settled)
        studio.project_changed.connect(self._on_data_changed)
        studio.data_changed.connect(self._on_data_changed)
        studio.busy_changed.connect(self._on_busy_changed)

    @property
    def words(self) -> Words:
        """Return what there is to say of the recipe that was asked for last."""
        found = self._found.get(self._asked)
        if isinstance(found, Estimated):
            words = estimate_words(found)
            return replace(words, text=in_all(self._studio.recipe, words.text))
        if found is not None:
            return Words(found.text, level=found.level)
        return WORKING if self._asked and (self._working or self._timer.isActive()) else Words()

    def ask(self, recipe: Recipe) -> None:
        """Find out about a recipe, unless that is known or at work already."""
        key = _key(recipe)
        if key == self._asked and (self._working or self._timer.isActive()):
            return
        self.forget()
        self._asked = key
        if key not in self._found and not self._studio.training:
            self._timer.start()
        self._show()

    def forget(self) -> None:
        """Wait for no answer any more, and end the rehearsal at work."""
        self._number += 1
        self._asked = ""
        self._timer.stop()
        if self._working:
            self._working = False
            self._studio.stop(ESTIMATE)
        self._show()

    def begin(self) -> None:
        """Make way for the run that was chosen, and keep what was found for it."""
        found = self._found.get(_key(self._studio.recipe))
        self.foreseen = found if isinstance(found, Estimated) else None
        self.forget()

    def _show(self) -> None:
        words = self.words
        line, found = self._panel.estimate, self._found.get(self._asked)
        line.show_words(self.tr(words.text), self.tr(words.aside), words.level)
        if self._panel.studies is not None:
            self._panel.studies.show_estimate(found if isinstance(found, Estimated) else None)

    @Slot()
    def _on_settled(self) -> None:
        project = self._studio.project
        if self._studio.training or project is None:
            return
        if (
            set(self._studio.jobs) - _BESIDE
        ):  # what is measured beside other work comes out too long
            self._timer.start()
            return
        self._working = True
        job = partial(work.rehearse, project, self._studio.recipe)
        number, key = self._number, self._asked
        self._studio.start(
            ESTIMATE,
            job,
            on_event=partial(self._on_stated, number, key),
            on_done=partial(self._on_done, number),
        )
        self._show()

    def _on_stated(self, number: int, key: str, event: Event) -> None:
        if number == self._number and isinstance(event, Estimated | Noted):
            self._found[key] = event
            self._show()

    def _on_done(self, number: int) -> None:
        """Say no more that it works: also where it was cancelled, and nothing was found."""
        if number == self._number:
            self._working = False
            self._show()

    @Slot()
    def _on_data_changed(self) -> None:
        self._found.clear()
        self.forget()

    @Slot()
    def _on_busy_changed(self) -> None:
        training = self._studio.training
        if training and not self._trained and self._asked:
            self.forget()
        if self._trained and not training:  # what was computed once is there for the next run
            self._found.clear()
            self.foreseen = None
        self._trained = training


def _key(recipe: Recipe) -> str:
    """Return what an estimate is found by: that of a single run is the same in any study."""
    from finetune_studio.core.study import single

    return single(recipe).model_dump_json()
