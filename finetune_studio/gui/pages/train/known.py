"""What is known of the next run: its data, what will learn, and what stands against it; no Qt here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finetune_studio.gui.pages.train import choices
from finetune_studio.gui.pages.train.outlook_words import WAITING, outlook_text

if TYPE_CHECKING:
    from finetune_studio.core.recipe import Recipe
    from finetune_studio.engine.probe import ModelLook
    from finetune_studio.gui.pages.outlook import Data


class Known:
    """Remembers for which choices the model was looked at, so that nothing is said of others."""

    def __init__(self, data: Data) -> None:
        self.data = data
        self._look: ModelLook | None = None
        self._refusal = ""
        self._of = ""

    def forget(self) -> None:
        """Know nothing of the model any more."""
        self._look, self._refusal, self._of = None, "", ""

    def take(self, look: ModelLook, recipe: Recipe) -> None:
        """Take note of what was seen of a recipe's model."""
        self._look, self._refusal, self._of = look, "", _key(recipe)

    def refuse(self, refusal: str) -> None:
        """Take note of what stands against the model."""
        self._refusal = refusal

    def text(self, recipe: Recipe) -> str:
        """Return what the run will train; that it is being counted, where other layers were chosen since."""
        text = outlook_text(recipe, self.data, self._look)
        return text if not text or self._of == _key(recipe) else WAITING

    def against(self, task: str) -> str:
        """Return why no run can start; empty if one can."""
        local = self._look.local if self._look is not None else True
        data = self.data
        return self._refusal or choices.cannot_start(
            data.splits, len(data.labels), local=local, task=task
        )


def _key(recipe: Recipe) -> str:
    """Return the choices that decide what of a model learns."""
    return f"{recipe.task} {recipe.model.model_dump_json()} {recipe.layers.model_dump_json()}"
