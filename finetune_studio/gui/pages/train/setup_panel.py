"""What is chosen before a run: the preset, what it costs, and the numbers behind it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget
from typing_extensions import override

from finetune_studio.core.recipe import Recipe
from finetune_studio.gui import theme
from finetune_studio.gui.pages.train import choices
from finetune_studio.gui.pages.train.choices import GROUPS, unfit
from finetune_studio.gui.pages.train.own_options import OwnOptions
from finetune_studio.gui.pages.train.reasons import Reasons
from finetune_studio.gui.pages.train.study_cards import StudyCards
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.choice_bar import ChoiceBar
from finetune_studio.gui.widgets.estimate_line import EstimateLine
from finetune_studio.gui.widgets.form import RecipeForm

_NARROW = 760
_LEFT = 2  # cards that stand at the left


class SetupPanel(QWidget):
    """Shows choices; says what the user changes.

    Signals:
        preset_chosen: The name of a preset.
        back_wanted: The user's own choices are to be those of the preset again.
        changed: A field's dotted name and its new value.
        page_wanted: A page of the guide.
    """

    preset_chosen = Signal(str)
    back_wanted = Signal()
    changed = Signal(str, object)
    page_wanted = Signal(str)

    def __init__(
        self,
        own: QWidget | None = None,
        studies: StudyCards | None = None,
        parent: QWidget | None = None,
        *,
        studio: Studio | None = None,
    ) -> None:
        super().__init__(parent)
        self.setProperty("clear", True)
        self._summaries: dict[str, QLabel] = {}
        self.estimate = EstimateLine()
        self._make_presets()
        if studio is not None:
            self.reasons.follow(studio)
        self.forms: list[RecipeForm] = []
        self._cards: list[Card] = []
        self._columns = QHBoxLayout()
        self._columns.setSpacing(12)
        left, right = QVBoxLayout(), QVBoxLayout()
        left.setSpacing(12)
        right.setSpacing(12)
        for place, (title, names) in enumerate(GROUPS):
            card = Card(self.tr(title))
            form = RecipeForm(list(names))
            form.changed.connect(self.changed)
            card.body.addWidget(form)
            card.body.addStretch(1)
            self.forms.append(form)
            self._cards.append(card)
            (left if place < _LEFT else right).addWidget(card, 1)
        if own is not None:  # the settings that only the task has
            right.insertWidget(1, own)
        self._columns.addLayout(left, 1)
        self._columns.addLayout(right, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(self.estimate)
        column.addWidget(self._card)
        column.addLayout(self._columns)
        self.studies = studies
        if studies is not None:  # what asks for more than one run
            studies.page_wanted.connect(self.page_wanted)
            column.addWidget(studies)
        column.addWidget(self._steps())
        column.addStretch(1)

    def _make_presets(self) -> None:
        from finetune_studio.engine import presets

        rows = presets.rows(Recipe().task)  # their names are the same for every task
        self._card = Card(self.tr("How thoroughly to train"))
        self.presets = ChoiceBar([(row.name, self.tr(row.title)) for row in rows])
        self.presets.setObjectName("presets")
        self.presets.chosen.connect(self.preset_chosen)
        summaries = QHBoxLayout()
        summaries.setSpacing(16)
        for row in rows:
            label = _wrapped("small")
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
            self._summaries[row.name] = label
            summaries.addWidget(label, 1)
        self._outlook = _wrapped()
        self.reasons = Reasons()
        self._departures = _wrapped("small")
        self._back = QPushButton(self.tr("Back to the preset"))
        self._back.setObjectName("back_to_preset")
        self._back.setProperty("link", True)
        self._back.clicked.connect(self.back_wanted)
        why = QPushButton(self.tr("What does overfitting look like?"))
        why.setProperty("link", True)
        why.clicked.connect(self._on_why_clicked)
        self._card.head.addWidget(why)
        own = QHBoxLayout()
        own.addWidget(self._departures, 1)
        own.addWidget(self._back, 0, Qt.AlignmentFlag.AlignTop)
        self._card.body.addWidget(self.presets)
        self._card.body.addLayout(summaries)
        self._card.body.addWidget(self.reasons)
        self._card.body.addWidget(self._outlook)
        self._card.body.addLayout(own)

    def _steps(self) -> Card:
        """Say what a press on Start sets going."""
        card = Card(self.tr("What happens when you start"))
        for number, text in enumerate(
            (
                self.tr("Layers that stay frozen look at each sample once, where that saves time."),
                self.tr(
                    "The layers that learn see the training samples again and again; after each"
                    " epoch the model is judged on the validation samples, which it never learns from."
                ),
                self.tr(
                    "The best epoch is kept. You can pause, stop and resume at any time; nothing is"
                    " lost if the power fails."
                ),
            ),
            1,
        ):
            row = QHBoxLayout()
            row.setSpacing(10)
            figure, words = QLabel(str(number)), _wrapped("muted")
            figure.setProperty("role", "heading")
            words.setText(text)
            row.addWidget(figure, 0, Qt.AlignmentFlag.AlignTop)
            row.addWidget(words, 1)
            card.body.addLayout(row)
        return card

    def set_expert(self, expert: bool) -> None:
        """Show the numbers behind the choices, or only the choices; no value changes."""
        for card, form in zip(self._cards, self.forms, strict=True):
            form.set_expert(expert)
            card.setVisible(form.shows_any)

    def show_recipe(self, recipe: Recipe, departures: list[str]) -> None:
        """Show a recipe's values, and what differs from its preset, in words."""
        from finetune_studio.engine import presets

        self.presets.set_value(recipe.preset)
        for row in presets.rows(recipe.task):
            self._summaries[row.name].setText(self.tr(row.summary))
        left_out = unfit(recipe.task)
        for card, form in zip(self._cards, self.forms, strict=True):
            form.leave_out(left_out)
            form.set_recipe(recipe)
            card.setVisible(form.shows_any)
        text = self.tr("Your own choices: {list}").format(list=choices.joined(departures))
        self._departures.setText(text if departures else "")
        self._departures.setVisible(bool(departures))
        self._back.setVisible(bool(departures))

    def show_outlook(self, text: str) -> None:
        """Show what the run will take."""
        self._outlook.setText(text)
        self._outlook.setVisible(bool(text))

    @property
    def texts(self) -> list[str]:
        """Return the sentences that stand under the presets."""
        labels = (self._outlook, self._departures)
        return [label.text() for label in labels if label.text()]

    @Slot()
    def _on_why_clicked(self) -> None:
        self.page_wanted.emit("guide/overfitting")

    @override
    def resizeEvent(self, event: object) -> None:
        narrow = self.width() < theme.px(_NARROW)
        direction = QBoxLayout.Direction
        self._columns.setDirection(direction.TopToBottom if narrow else direction.LeftToRight)


def _wrapped(role: str = "") -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    if role:
        label.setProperty("role", role)
    return label


def setup_for(studio: Studio) -> SetupPanel:
    """Return the panel with the cards that know the studio: the task's own settings, and studies."""
    return SetupPanel(OwnOptions(studio), StudyCards(studio), studio=studio)
