"""The card with an expert's choices about adapters: their strength, their dropout, how they are kept."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from finetune_studio.core.recipe import Recipe
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.form import RecipeForm

FIELDS = ("layers.lora_alpha", "layers.lora_dropout", "layers.dora", "layers.lora_4bit")


class AdaptersCard(Card):
    """Shows what the tree does not; hidden where no adapters learn, and in Simple.

    Signals:
        changed: A field's dotted name and its new value.
    """

    changed = Signal(str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.set_title(self.tr("Adapters"))
        self.form = RecipeForm(list(FIELDS), expert=True)
        self.form.changed.connect(self.changed)
        self.body.addWidget(self.form)
        self.hide()

    def show_recipe(self, recipe: Recipe, *, expert: bool) -> None:
        """Show the choices of a recipe."""
        self.form.set_recipe(recipe)
        self.setVisible(expert and recipe.layers.amount == "adapters")
