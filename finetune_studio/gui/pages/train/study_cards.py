"""The cards of the Train page that ask for more than one run: the rate test, cross-validation, a search."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QBoxLayout, QCheckBox, QHBoxLayout, QLabel, QPushButton, QWidget
from typing_extensions import override

from finetune_studio.core.events import Estimated
from finetune_studio.gui import theme
from finetune_studio.gui.pages.train.rate_card import RateCard
from finetune_studio.gui.pages.train.study_words import cost_of_folds, cost_of_search
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.form import RecipeForm
from finetune_studio.tasks import CATALOGUE

_NARROW = 900
_OVER = (
    ("learning_rate", "Learning rate"),
    ("depth", "How much to retrain"),
    ("augmentation", "Variation of pictures"),
)


class StudyCards(QWidget):
    """Three cards beside each other, shown in Expert.

    Signals:
        page_wanted: A page of the guide.
    """

    page_wanted = Signal(str)

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("clear", True)
        self._studio = studio
        self._estimate: Estimated | None = None
        self.rate = RateCard(studio)
        self.rate.page_wanted.connect(self.page_wanted)
        self.folds_text, self.search_text = _wrapped(), _wrapped()
        self.folds = self._form(["crossval.folds", "crossval.final"])
        self.search = self._form(["search.trials", "search.minutes"])
        self._over: dict[str, QCheckBox] = {}
        self._columns = QHBoxLayout(self)
        self._columns.setContentsMargins(0, 0, 0, 0)
        self._columns.setSpacing(12)
        self._columns.addWidget(self.rate, 1)
        self._columns.addWidget(self._folds_card(), 1)
        self._columns.addWidget(self._search_card(), 1)
        studio.recipe_changed.connect(self.show_now)
        studio.project_changed.connect(self.show_now)
        studio.depth_changed.connect(self.show_now)
        self.show_now()

    def _form(self, names: list[str]) -> RecipeForm:
        form = RecipeForm(names, expert=True)
        form.changed.connect(self._on_changed)
        return form

    def _folds_card(self) -> Card:
        card = self._card(self.tr("Cross-validation"))
        card.body.addWidget(self.folds_text)
        card.body.addWidget(self.folds)
        card.body.addStretch(1)
        return card

    def _search_card(self) -> Card:
        card = self._card(self.tr("Search for better choices"))
        card.body.addWidget(self.search_text)
        card.body.addWidget(self.search)
        label = QLabel(self.tr("Searched over"))
        label.setProperty("role", "small")
        card.body.addWidget(label)
        for name, title in _OVER:
            box = QCheckBox(self.tr(title))
            box.setObjectName(f"over_{name}")
            box.clicked.connect(self._on_over_clicked)
            card.body.addWidget(box)
            self._over[name] = box
        card.body.addStretch(1)
        return card

    def _card(self, title: str) -> Card:
        card = Card(title)
        why = QPushButton(self.tr("When is it worth it?"))
        why.setProperty("link", True)
        why.clicked.connect(partial(self.page_wanted.emit, "guide/studies"))
        card.head.addWidget(why)
        return card

    def show_estimate(self, found: Estimated | None) -> None:
        """Say what a single run takes; a study takes as many times as long as it has runs."""
        self._estimate = found
        self.show_now()

    @Slot()
    def show_now(self) -> None:
        """Show the recipe's values, what they cost, and nothing of it in Simple."""
        recipe = self._studio.recipe
        self.folds.set_recipe(recipe)
        self.search.set_recipe(recipe)
        pictures = CATALOGUE[recipe.task].facts["inputs"] == "images"
        for name, box in self._over.items():
            box.setChecked(name in recipe.search.over)
            box.setVisible(name != "augmentation" or pictures)
        self.folds_text.setText(self.tr(cost_of_folds(recipe, self._estimate)))
        self.search_text.setText(self.tr(cost_of_search(recipe, self._estimate)))
        self.setVisible(self._studio.expert)

    @Slot(str, object)
    def _on_changed(self, name: str, value: object) -> None:
        """Take a choice over; one study is chosen at a time, so the other one is switched off."""
        other = {"crossval.folds": "search.trials", "search.trials": "crossval.folds"}.get(name)
        settings = {name: value}
        if other and value:
            settings[other] = 0
        if name == "crossval.folds" and value == 1:  # on the way from off to two, or back
            settings[name] = 0 if self._studio.recipe.crossval.folds else 2
        if not self._studio.set_recipe(settings):
            self.show_now()

    @Slot()
    def _on_over_clicked(self) -> None:
        chosen = [name for name, box in self._over.items() if box.isChecked()]
        self._studio.set_recipe({"search.over": chosen})

    @override
    def resizeEvent(self, event: object) -> None:
        narrow = self.width() < theme.px(_NARROW)
        direction = QBoxLayout.Direction
        self._columns.setDirection(direction.TopToBottom if narrow else direction.LeftToRight)


def _wrapped() -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setProperty("role", "muted")
    return label
