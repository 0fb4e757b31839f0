"""Why the choices are what they are, in sentences that follow the data, the model and the recipe."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtWidgets import QLabel, QWidget

if TYPE_CHECKING:
    from finetune_studio.core.project import Project
    from finetune_studio.core.recipe import Recipe
    from finetune_studio.gui.studio import Studio

_SETTLED_MS = 0  # changes that come together are asked about once


class Reasons(QLabel):
    """Asks for the sentences anew whenever a choice or the data are others; takes no room without any."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("reasons")
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self._studio: Studio | None = None
        self._asked = 0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SETTLED_MS)
        self._timer.timeout.connect(self.ask)
        self.hide()

    def follow(self, studio: Studio) -> None:
        """Follow what is chosen in a studio."""
        self._studio = studio
        for changed in (studio.recipe_changed, studio.data_changed, studio.project_changed):
            changed.connect(self._on_changed)
        studio.job_finished.connect(self._on_job_finished)
        self._on_changed()

    @Slot()
    def _on_changed(self) -> None:
        """Ask as soon as the change is through; until then the words of before are faint."""
        self.setEnabled(False)
        self._timer.start()

    @Slot(str)
    def _on_job_finished(self, name: str) -> None:
        if name == "shift":
            self._on_changed()

    @Slot()
    def ask(self) -> None:
        """Ask for the sentences now; an answer to an older question is dropped."""
        self._asked += 1
        if self._studio is None or self._studio.project is None:
            self._say(self._asked, [])
            return
        number, project, recipe = self._asked, self._studio.project, self._studio.recipe
        question = partial(self._find, number, project, recipe)
        self._studio.ask(question, partial(self._say, number), lambda _: self._say(number, []))

    def _find(self, number: int, project: Project, recipe: Recipe) -> list[str]:
        """Find the sentences in the pool's thread, unless somebody chose on meanwhile."""
        return _reasons(project, recipe) if number == self._asked else []

    def _say(self, number: int, sentences: list[str]) -> None:
        if number == self._asked:
            self.setText(" ".join(sentences))
            self.setEnabled(True)
            self.setVisible(bool(sentences))


def _reasons(project: Project, recipe: Recipe) -> list[str]:
    """Return the sentences; in a thread of its own, since the data are counted."""
    from finetune_studio.engine import shift
    from finetune_studio.engine.device import choose
    from finetune_studio.engine.presets.reasons import reasons

    samples = project.dataset.split_counts().get("train", 0)
    device = choose(recipe.compute.device).kind
    return reasons(recipe, samples, shift.kept(project, recipe), device)
