"""The Layers page itself: a choice, the tree it sets, and what to expect of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QBoxLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
)
from typing_extensions import override

from finetune_studio.core.errors import StudioError
from finetune_studio.gui import theme
from finetune_studio.gui.page import DONE, NEEDS_ATTENTION, NOT_STARTED, Page
from finetune_studio.gui.pages.layers import timeline as times
from finetune_studio.gui.pages.layers import words
from finetune_studio.gui.pages.layers.adapters_card import AdaptersCard
from finetune_studio.gui.pages.layers.pacing import Pacing
from finetune_studio.gui.pages.outlook import Data, Outlook, data_of, free_memory_mb
from finetune_studio.gui.pages.train.choices import primed
from finetune_studio.gui.pages.train.outlook_words import model_title
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.choice_bar import ChoiceBar
from finetune_studio.gui.widgets.elided_label import ElidedLabel
from finetune_studio.gui.widgets.figure_card import FigureCard
from finetune_studio.gui.widgets.happenings import span
from finetune_studio.gui.widgets.layer_tree import LayerTree, short
from finetune_studio.gui.widgets.sentence_bar import SentenceBar
from finetune_studio.models.node import count, within

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from finetune_studio.engine.estimate import TimeEstimate
    from finetune_studio.engine.probe import ModelLook

_NARROW = 680
_WIDE = 1000
_SHORT = 600  # of the page's height, where the bars are folded away


class LayersPage(Page):
    """A choice bar above; the tree at the left, what to expect at the right."""

    name: ClassVar[str] = "layers"
    title: ClassVar[str] = "Layers"
    next_text: ClassVar[str] = "Next: train"

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self.subtitle.setText(self.tr("What may change, how fast, and from when"))
        self._look: ModelLook | None = None
        self._looked_at = studio.recipe.layers
        self._refusal = ""
        self._entered = False
        self._data: Data = data_of(studio)
        self.outlook = Outlook(studio, self)
        self.body.addWidget(self._choice_card())
        left, right = self._left(), self._side()
        self._columns = QHBoxLayout()
        self._columns.setSpacing(12)
        self._columns.addLayout(left, 1)
        self._columns.addLayout(right, 1)
        self.body.addLayout(self._columns, 1)
        self._listen()
        self._show_choice()

    # --- parts ------------------------------------------------------------------------------------

    def _choice_card(self) -> Card:
        card = Card(self.tr("How much of the model to retrain"))
        self._recommended = ElidedLabel()
        self._recommended.setProperty("role", "muted")
        self._recommended.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        card.head.addWidget(self._recommended, 2)
        self.amounts = ChoiceBar([])
        self.amounts.setObjectName("amounts")
        self.amounts.chosen.connect(self._on_amount_chosen)
        card.body.addWidget(self.amounts)
        return card

    def _tree_card(self) -> Card:
        card = Card()
        self.tree = LayerTree()
        self.tree.setObjectName("layer_tree")
        self.tree.setMinimumHeight(theme.px(300))
        self.tree.names_changed.connect(self._on_names_changed)
        self.tree.rank_changed.connect(self._on_rank_changed)
        self._refused = QLabel()
        self._refused.setTextFormat(Qt.TextFormat.PlainText)
        self._refused.setWordWrap(True)
        self._refused.setProperty("level", "bad")
        self._refused.hide()
        self.pacing = Pacing(self.studio, self.tree, self)
        self.pacing.timeline.why_wanted.connect(
            partial(self.page_wanted.emit, "guide/gradual-unfreezing")
        )
        card.body.addWidget(self._refused)
        card.body.addWidget(self.tree, 1)
        return card

    def _left(self) -> QVBoxLayout:
        """Return the tree, and below it what says how fast its layers learn."""
        column = QVBoxLayout()
        column.setSpacing(12)
        column.addWidget(self._tree_card(), 1)
        self.adapters = AdaptersCard()
        self.adapters.changed.connect(self._on_adapters_changed)
        column.addWidget(self.pacing.rates)
        column.addWidget(self.adapters)
        return column

    def _side(self) -> QVBoxLayout:
        self._trains = FigureCard(self.tr("This will train"))
        self._takes = FigureCard(self.tr("Time, this computer"))
        self._memory = FigureCard(self.tr("Memory"))
        self._figures = QGridLayout()
        self._figures.setSpacing(12)
        for card in (self._trains, self._takes, self._memory):
            card.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._place_figures(wide=True)
        column = QVBoxLayout()
        column.setSpacing(12)
        column.addWidget(self.pacing.timeline)
        column.addLayout(self._figures)
        column.addWidget(self._expect_card())
        column.addStretch(1)
        return column

    def _place_figures(self, *, wide: bool) -> None:
        """Put the three figures side by side, or the time below the others where room is short."""
        for column, card in enumerate((self._trains, self._memory)):
            self._figures.addWidget(card, 0, column)
            self._figures.setColumnStretch(column, 1)
        self._figures.setColumnStretch(2, int(wide))
        where = (0, 2, 1, 1) if wide else (1, 0, 1, 2)
        self._figures.addWidget(self._takes, *where)

    def _expect_card(self) -> Card:
        card = Card(self.tr("What to expect"))
        self.overfitting, self.forgetting = SentenceBar(stacked=True), SentenceBar(stacked=True)
        for bar in (self.overfitting, self.forgetting):
            bar.hide()  # until there is something to say
            card.body.addWidget(bar)
        note = QLabel(
            self.tr(
                "Rules of thumb, not measurements. Frozen layers keep their pretrained weights and the"
                " statistics of their norms."
            )
        )
        note.setWordWrap(True)
        note.setProperty("role", "small")
        card.body.addWidget(note)
        why = QPushButton(self.tr("Why freeze layers?"))
        why.setObjectName("why_freezing")
        why.setProperty("link", True)
        why.clicked.connect(partial(self.page_wanted.emit, "guide/freezing"))
        card.body.addWidget(why, 0, Qt.AlignmentFlag.AlignLeft)
        return card

    def _listen(self) -> None:
        studio = self.studio
        self.outlook.looked.connect(self._on_looked)
        self.outlook.timed.connect(self._on_timed)
        self.outlook.refused.connect(self._on_refused)
        studio.project_changed.connect(self._on_project_changed)
        studio.data_changed.connect(self._on_data_changed)
        studio.recipe_changed.connect(self._on_recipe_changed)
        studio.depth_changed.connect(self._show_choice)

    # --- what the page says of itself -------------------------------------------------------------

    @override
    def entered(self) -> None:
        self._entered = True
        self._data = data_of(self.studio)
        settings = primed(self.studio.recipe, self._data.train)
        if not (settings and self.studio.set_recipe(settings)):  # else the change itself asks
            self._ask()

    @override
    def blocked(self) -> str:
        return getattr(self, "_refusal", "")

    @override
    def state(self) -> str:
        if self._refusal:
            return NEEDS_ATTENTION
        return DONE if self._entered and self._look is not None else NOT_STARTED

    @override
    def rail_note(self) -> str:
        if self._look is None:
            return ""
        chosen = self.studio.recipe.layers
        if (
            chosen != self._looked_at
        ):  # a preset chose otherwise; the count is that of the choice before
            return self.tr(dict(words.AMOUNTS).get(chosen.amount, "Custom"))
        return self.tr("{n} of {all}").format(
            n=short(self._look.trainable), all=short(self._look.total)
        )

    def _ask(self) -> None:
        self._show_choice()
        if self.studio.project is not None:
            self.outlook.ask(self.studio.recipe, self._data)

    # --- showing ----------------------------------------------------------------------------------

    @Slot()
    def _show_choice(self) -> None:
        layers = self.studio.recipe.layers
        options = [(name, self.tr(title)) for name, title in words.AMOUNTS]
        if layers.amount == "custom" or layers.trainable:
            options.append(("custom", self.tr("Custom")))
        if list(options) != getattr(self, "_options", None):
            self._options = options
            self.amounts.set_options(options)
            for name, _ in options:
                self.amounts.set_tip(name, self.tr(words.TIPS[name]))
        self.amounts.set_value(layers.amount)
        self._recommended.setText(
            self.tr(
                words.recommendation(
                    self._data.train, len(self._data.labels), self.studio.recipe.task
                )
            )
        )
        self.tree.layers.set_expert(self.studio.expert)
        self.adapters.show_look(self._look)
        self.adapters.show_recipe(self.studio.recipe, expert=self.studio.expert)
        self._show_ranks()
        self.pacing.show()

    def _show_meaning(self, look: ModelLook) -> None:
        names = look.trainable_names
        self._trains.show_figure(
            short(look.trainable), self.tr("of {all} parameters").format(all=short(look.total))
        )
        figure, sentence = words.memory_words(
            look.memory_mb, free_memory_mb(), look.first_memory_mb
        )
        self._memory.show_figure(figure, self.tr(sentence))
        over = words.overfitting(self._data.train, look.trainable, self.studio.recipe.task)
        self.overfitting.show_sentence(over.level, self.tr(over.word), self.tr(over.text))
        new = look.head if look.always else ""  # a language model keeps its last layer
        head = sum(size for name, size in look.root.owned() if new and within(name, new))
        trained = count(look.root, names) - head
        lost = words.forgetting(max(0, trained), look.total - head)
        if look.adapters:
            lost = words.adapted(look.trainable)
        self.forgetting.show_sentence(lost.level, self.tr(lost.word), self.tr(lost.text))
        self.overfitting.show()
        self.forgetting.show()

    # --- what the user does -----------------------------------------------------------------------

    @Slot(str)
    def _on_amount_chosen(self, amount: str) -> None:
        settings = words.settings_for(amount, self.studio.recipe)
        if self._look is not None:
            settings |= times.widened(self._look, self.studio.recipe, amount)
        self.studio.set_recipe(settings)

    @Slot(str, object)
    def _on_adapters_changed(self, name: str, value: object) -> None:
        self.studio.set_recipe({name: value})

    @Slot(object)
    def _on_names_changed(self, names: tuple[str, ...]) -> None:
        """Take a changed tree as the choice it is equal to, or else as a custom one."""
        same = ""
        if self._look is not None:
            wanted = set(names)
            amounts = self._look.amounts.items()
            known = (amount for amount, those in amounts if set(those) == wanted)
            same = next((amount for amount in known if amount != "adapters"), "")
        self.studio.set_recipe(words.settings_for(same or "custom", self.studio.recipe, names))

    @Slot(str, int)
    def _on_rank_changed(self, module: str, rank: int) -> None:
        """Give the adapters of a module a rank of their own; of the whole network, that of all."""
        if not module:
            self.studio.set_recipe({"layers.lora_rank": rank, "layers.lora_ranks": {}})
            return
        known = self.studio.recipe.layers.lora_ranks
        self.studio.set_recipe({"layers.lora_ranks": words.with_rank(known, module, rank)})

    def _show_ranks(self) -> None:
        look = self._look
        shown = look.adapters["ranks"] if look is not None and look.adapters else None
        names = [layer.name for layer in look.adaptable] if look is not None else []
        self.tree.show_ranks(words.ranks_shown(names, shown) if self.studio.expert else {})

    # --- what the studio says ---------------------------------------------------------------------

    @Slot()
    def _on_project_changed(self) -> None:
        self._look, self._refusal, self._entered = None, "", False
        self.outlook.forget()
        self.pacing.forget()
        self.tree.show_network(None, "", "")
        self.overfitting.hide()
        self.forgetting.hide()
        self._data = data_of(self.studio)
        self._show_choice()

    @Slot()
    def _on_data_changed(self) -> None:
        """Count again where that is seen; otherwise it is done when the page is entered."""
        if self.isVisible():
            self._data = data_of(self.studio)
            self._on_recipe_changed()

    @Slot()
    def _on_recipe_changed(self) -> None:
        if self.isVisible():
            self._ask()
        else:
            self._show_choice()

    # --- what was found out -----------------------------------------------------------------------

    @Slot(object)
    def _on_looked(self, look: ModelLook) -> None:
        if self._look is None or self._look.root is not look.root:
            project = self.studio.project
            home = project.folder if project else None
            title = model_title(self.studio.recipe.model.source, home)
            self.tree.show_network(look.root, title, look.head if look.always else "")
        if self._look is None or self._look.trainable_names != look.trainable_names:
            self._takes.show_figure("–", self.tr("being measured"))
        self._look, self._refusal = look, ""
        self._looked_at = self.studio.recipe.layers
        self._refused.hide()
        self.tree.set_names(look.trainable_names)
        self.adapters.show_look(look)
        self.adapters.show_recipe(self.studio.recipe, expert=self.studio.expert)
        self._show_ranks()
        self.pacing.take(look)
        self._show_meaning(look)
        self.refresh_next()
        self.state_changed.emit()

    @Slot(object)
    def _on_timed(self, found: TimeEstimate) -> None:
        epochs = self.studio.recipe.optimiser.epochs
        sentence = self.tr("for 1 epoch, about")
        if epochs > 1:
            sentence = self.tr("for {n} epochs, about").format(n=epochs)
        if found.stretches and found.stretches[0].epoch_s < 0.7 * found.epoch_s:
            sentence = self.tr("{told}; the first ones are short").format(told=sentence)
        self._takes.show_figure(span(found.total_s(epochs)), sentence)

    @Slot(object)
    def _on_refused(self, error: StudioError) -> None:
        self._look = None
        self.pacing.forget()
        self._refusal = error.message
        self._refused.setText(f"{error.message} {error.hint}".strip())
        self._refused.show()
        self.tree.show_network(None, "", "")
        self.refresh_next()
        self.state_changed.emit()

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() < theme.px(_NARROW)
        direction = QBoxLayout.Direction
        self._columns.setDirection(direction.TopToBottom if narrow else direction.LeftToRight)
        self._place_figures(wide=narrow or self.width() >= theme.px(_WIDE))
        self.pacing.timeline.fit(short=self.height() < theme.px(_SHORT))
