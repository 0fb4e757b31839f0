"""The card of step sizes: whether deeper layers learn more slowly, and for experts the rates themselves."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QCheckBox, QDoubleSpinBox, QHBoxLayout, QLabel, QWidget
from typing_extensions import override

from finetune_studio.core.recipe import Recipe, fields
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.form import RecipeForm
from finetune_studio.gui.widgets.layer_rates import short_rate

_FEW_STAGES = 7
# Of the rate of the stage above: 1 / 2.6 (Howard and Ruder 2018) for a network of a few stages; for many
# layers a little at a time, as is usual with transformers (Clark et al. 2020).
_FOR_FEW, _FOR_MANY = 0.38, 0.9


class RatesCard(Card):
    """Shows the recipe's rates.

    Signals:
        changed: A field's dotted name and its new value.
    """

    changed = Signal(str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.set_title(self.tr("Step sizes"))
        self._last = 0.0  # the factor that was chosen last, for when the box is ticked again
        about = fields()["layers.rate_decay"]
        self.slower = QCheckBox(self.tr("Deeper layers learn more slowly"))
        self.slower.setObjectName("slower_with_depth")
        self.slower.setToolTip(str(about["description"]))
        self.slower.clicked.connect(self._on_slower_clicked)
        self.factor = _Factor()
        self.factor.setObjectName("rate_decay")
        self.factor.setRange(float(about["minimum"]), 0.99)
        self.factor.setAccessibleName(str(about["title"]))
        self.factor.setAccessibleDescription(str(about["description"]))
        self.factor.setToolTip(str(about["description"]))
        self.factor.valueChanged.connect(self._on_factor_changed)
        self._unit = QLabel(self.tr("of the rate of the part above"))
        self._unit.setProperty("role", "small")
        self._sentence = QLabel()
        self._sentence.setProperty("role", "small")
        self._sentence.setTextFormat(Qt.TextFormat.PlainText)
        self._sentence.setWordWrap(True)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.factor)
        row.addWidget(self._unit, 1)
        self.form = RecipeForm(
            ["optimiser.learning_rate", "optimiser.head_learning_rate", "optimiser.weight_decay"],
            expert=True,
        )
        self.form.changed.connect(self.changed)
        self.body.addWidget(self.slower)
        self.body.addLayout(row)
        self.body.addWidget(self._sentence)
        self.body.addWidget(self.form)

    def show_recipe(
        self, recipe: Recipe, stages: int, slowest: float | None, *, expert: bool
    ) -> None:
        """Show the recipe's rates.

        Args:
            recipe: The recipe.
            stages: How many parts the network has.
            slowest: The smallest multiplier of what learns; None while nothing but the head does.
            expert: Whether the numbers are shown too.
        """
        decay = recipe.layers.rate_decay
        if decay < 1:
            self._last = decay
        self._last = self._last or (_FOR_FEW if stages <= _FEW_STAGES else _FOR_MANY)
        on = decay < 1
        self.slower.setChecked(on)
        self.slower.setEnabled(slowest is not None or on)
        self.factor.blockSignals(True)
        self.factor.setValue(decay if on else self._last)
        self.factor.blockSignals(False)
        for part in (self.factor, self._unit, self._sentence):
            part.setVisible(on)
        text = ""
        if on and slowest is not None:
            text = self.tr("The slowest part learns with ×{n} of the learning rate.").format(
                n=short_rate(slowest)
            )
        self._sentence.setText(text)
        self._sentence.setVisible(bool(text))
        self.form.set_recipe(recipe)
        self.form.setVisible(expert)

    @Slot(bool)
    def _on_slower_clicked(self, on: bool) -> None:
        self.changed.emit("layers.rate_decay", self._last if on else 1.0)

    @Slot(float)
    def _on_factor_changed(self, value: float) -> None:
        self.changed.emit("layers.rate_decay", round(value, 2))


class _Factor(QDoubleSpinBox):
    """A number below one; leaves the wheel to the page."""

    def __init__(self) -> None:
        super().__init__()
        self.setDecimals(2)
        self.setSingleStep(0.05)
        self.setKeyboardTracking(False)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)

    @override
    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()
