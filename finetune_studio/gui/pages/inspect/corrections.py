"""What the user corrects while looking at answers: labels, exclusions, marks for review; all with undo."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QObject, Signal

from finetune_studio.gui.pages.inspect import words
from finetune_studio.gui.studio import Studio


class Corrections(QObject):
    """Carries corrections out, and says in words what was done.

    Signals:
        made: What was done, and whether a model must train again to learn from it.
        left_out: The numbers of samples that were just left out.
    """

    made = Signal(str, bool)
    left_out = Signal(object)

    def __init__(self, studio: Studio, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._studio = studio

    def relabel(self, ids: Sequence[int], name: str, task: str) -> None:
        """Give samples another class."""
        project = self._studio.project
        if ids and project and self._studio.do_edit(partial(project.dataset.relabel, ids, name)):
            told = self.tr("{n} labelled {name}.").format(
                n=words.samples(len(ids), task), name=name
            )
            self._say(told, learn=True)

    def exclude(self, ids: Sequence[int], task: str) -> None:
        """Leave samples out of training and scoring."""
        project = self._studio.project
        if ids and project and self._studio.do_edit(partial(project.dataset.exclude, ids)):
            self.left_out.emit(ids)
            told = self.tr("{n} left out of training and scoring.")
            self._say(told.format(n=words.samples(len(ids), task)), learn=True)

    def review(self, ids: Sequence[int], task: str) -> None:
        """Mark samples for a second look, or take the mark away where all have it."""
        project = self._studio.project
        if not ids or project is None:
            return
        dataset = project.dataset
        marked = all(dataset.sample(number).review for number in ids)
        if self._studio.do_edit(partial(dataset.review, ids, wanted=not marked)):
            told = (
                self.tr("{n} no longer marked for review.")
                if marked
                else self.tr("{n} marked for review.")
            )
            self._say(told.format(n=words.samples(len(ids), task)), learn=False)

    def _say(self, told: str, *, learn: bool) -> None:
        again = self.tr("Train again so that the model learns from it.")
        self.made.emit(f"{told} {again}" if learn else told, learn)
