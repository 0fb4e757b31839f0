"""The card with an expert's choices about adapters: where they lie, their strength, how they are kept."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QWidget

from finetune_studio.core.recipe import Recipe, fields
from finetune_studio.gui.pages.layers import words
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.form import RecipeForm
from finetune_studio.gui.widgets.names_field import NamesField, Offer

if TYPE_CHECKING:
    from finetune_studio.engine.probe import ModelLook

FIELDS = ("layers.lora_alpha", "layers.lora_dropout", "layers.dora", "layers.lora_4bit")
LAYERS = "layers.lora_layers"


class AdaptersCard(Card):
    """Shows what the tree does not; hidden where no adapters learn, and in Simple.

    Signals:
        changed: A field's dotted name and its new value.
    """

    changed = Signal(str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.set_title(self.tr("Adapters"))
        self._offers: list[Offer] = []
        about = fields()[LAYERS]
        title = QLabel(self.tr(str(about["title"])))
        self.layers = NamesField(LAYERS)
        self.layers.describe(
            str(about["title"]), str(about["description"]), self.tr("the usual ones")
        )
        self.layers.changed.connect(partial(self.changed.emit, LAYERS))
        title.setBuddy(self.layers.line)
        self.placed = QLabel()
        self.placed.setTextFormat(Qt.TextFormat.PlainText)
        self.placed.setProperty("role", "small")
        self.placed.setWordWrap(True)
        self.form = RecipeForm(list(FIELDS), expert=True)
        self.form.changed.connect(self.changed)
        for widget in (title, self.layers, self.placed, self.form):
            self.body.addWidget(widget)
        self.hide()

    def show_recipe(self, recipe: Recipe, *, expert: bool) -> None:
        """Show the choices of a recipe."""
        self.form.set_recipe(recipe)
        self.layers.show_names(recipe.layers.lora_layers, self._offers)
        self.setVisible(expert and recipe.layers.amount == "adapters")

    def show_look(self, look: ModelLook | None) -> None:
        """Offer the layers of a model, and say how many have an adapter; what is refused keeps its offers."""
        if look is None:
            self.placed.setText("")
            return
        adaptable = [layer.name for layer in look.adaptable]
        groups = words.groups_for_adapters(adaptable, look.stages)
        self._offers = [Offer(self.tr(title), names) for title, names in groups]
        ranks = look.adapters["ranks"] if look.adapters else {}
        self.placed.setText(
            self.tr("{n} of {all} layers that can have an adapter have one.").format(
                n=len(ranks), all=len(adaptable)
            )
        )
