"""When and how fast the layers learn: keeps timeline, rates and recipe in step, and takes changes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Slot

from finetune_studio.gui.pages.layers import timeline as times
from finetune_studio.gui.pages.layers.rates_card import RatesCard
from finetune_studio.gui.pages.layers.timeline_card import TimelineCard
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.layer_rates import Rates, with_rate
from finetune_studio.gui.widgets.layer_tree import LayerTree
from finetune_studio.models import pace

if TYPE_CHECKING:
    from finetune_studio.engine.probe import ModelLook

_MOST_UNDONE = 100


class Pacing(QObject):
    """Brings the two cards and the tree's column of rates up to date; writes what the user changes."""

    def __init__(self, studio: Studio, tree: LayerTree, parent: QObject) -> None:
        super().__init__(parent)
        self._studio, self._tree = studio, tree
        self._look: ModelLook | None = None
        self._past: list[dict[str, Any]] = []
        self.timeline = TimelineCard()
        self.timeline.scheme_chosen.connect(self._on_scheme_chosen)
        self.timeline.moved.connect(self._on_moved)
        self.timeline.undo_wanted.connect(self._on_undo_wanted)
        self.rates = RatesCard()
        self.rates.changed.connect(self._on_rate_field_changed)
        tree.rate_changed.connect(self._on_rate_changed)

    def forget(self) -> None:
        """Know nothing of a model, nor of changes to take back."""
        self._look, self._past = None, []
        self.show()

    def take(self, look: ModelLook) -> None:
        """Show what is known of the model now."""
        self._look = look
        self.show()

    @Slot()
    def show(self) -> None:
        """Bring everything up to date with the recipe."""
        recipe, look = self._studio.recipe, self._look
        reason = ""
        if recipe.optimiser.method == "solve":
            reason = self.tr("The head is solved exactly, so nothing is unfrozen step by step.")
        shown = times.timeline(look, recipe) if look is not None else None
        self.timeline.show_timeline(shown, times.scheme(recipe), reason, can_undo=bool(self._past))
        layers = recipe.layers
        names = times.learning(look) if look is not None else []
        stages = look.stages if look is not None else ()
        factors = pace.factors(layers, stages, names) if look is not None else {}
        begins = (
            pace.begins(layers, stages, names, recipe.optimiser.epochs) if look is not None else {}
        )
        movable = shown is not None and shown.movable
        slowest = min(factors.values(), default=1.0) if movable else None
        expert = self._studio.expert
        self.rates.show_recipe(recipe, len(stages), slowest, expert=expert)
        seen = bool(factors) and (expert or any(factor != 1 for factor in factors.values()))
        self._tree.show_rates(Rates(factors, layers.rates, begins), shown=seen)

    # --- what the user does -----------------------------------------------------------------------

    @Slot(str)
    def _on_scheme_chosen(self, name: str) -> None:
        self._change(times.settings_for(name))

    @Slot(int, int)
    def _on_moved(self, stage: int, epoch: int) -> None:
        if self._look is not None:
            self._change(times.moved(self._look, self._studio.recipe, stage, epoch))

    def _change(self, settings: dict[str, Any]) -> None:
        before = times.kept(self._studio.recipe)
        if {name: settings.get(name, value) for name, value in before.items()} == before:
            self.show()
            return
        self._past = [*self._past, before][-_MOST_UNDONE:]
        if not self._studio.set_recipe(settings):
            self._past.pop()
        self.show()

    @Slot()
    def _on_undo_wanted(self) -> None:
        if self._past:
            self._studio.set_recipe(self._past.pop())
            self.show()

    @Slot(str, object)
    def _on_rate_field_changed(self, name: str, value: Any) -> None:
        self._studio.set_recipe({name: value})
        self.show()

    @Slot(str, object)
    def _on_rate_changed(self, module: str, rate: float | None) -> None:
        """Give a module a rate; the whole network has that of the recipe, so only its parts have one."""
        known = self._studio.recipe.layers.rates
        wanted = with_rate(known, module, rate)
        if not module and rate not in (None, 1.0):
            self._studio.noticed.emit(
                self.tr("For all layers alike, change the learning rate itself under Step sizes."),
                "info",
            )
            wanted = dict(known)
        self._studio.set_recipe({"layers.rates": wanted})
        self.show()
