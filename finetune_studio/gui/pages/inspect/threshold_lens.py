"""The Thresholds tab: one class against the rest, its misses and false alarms, and what these cost."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QWidget,
)
from typing_extensions import override

from finetune_studio.engine import trust_words
from finetune_studio.gui import theme
from finetune_studio.gui.pages.inspect.lens import Lens, Narrowed, sentence
from finetune_studio.gui.pages.inspect.results import Results
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.choice_bar import ChoiceBar
from finetune_studio.gui.widgets.trade_plot import TradePlot

if TYPE_CHECKING:
    from finetune_studio.engine.calibrating import Look
    from finetune_studio.insights.thresholds import Trade

_STEPS = 1000


class ThresholdLens(Lens):
    """A curve, a slider along it, and the samples that are missed or falsely named there."""

    name: ClassVar[str] = "thresholds"
    title: ClassVar[str] = "Thresholds"
    insight: ClassVar[str] = "thresholds"
    heading: ClassVar[str] = "From which probability on is a class named?"

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(studio, parent)
        self._look: Look | None = None
        self._trade: Trade | None = None
        self._areas = (0.0, 0.0)
        self.classes = QComboBox()
        self.classes.setObjectName("threshold_class")
        self.classes.setAccessibleName(self.tr("Class"))
        self.classes.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.classes.setMinimumContentsLength(9)
        self.curves = ChoiceBar([("pr", self.tr("Precision")), ("roc", self.tr("ROC"))])
        self.curves.set_tip("pr", self.tr("How often the name is right, over how many are found."))
        self.curves.set_tip(
            "roc", self.tr("How many are found, over how many others are named so.")
        )
        self.plot = TradePlot()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setObjectName("threshold")
        self.slider.setRange(0, _STEPS)
        self.slider.setAccessibleName(self.tr("Threshold"))
        self.says = sentence()
        self.ratio = QDoubleSpinBox()
        self.ratio.setObjectName("cost_ratio")
        self.ratio.setRange(0.01, 1000.0)
        self.ratio.setDecimals(2)
        self.ratio.setValue(1.0)
        self.ratio.setFixedWidth(theme.px(96))
        self.ratio.lineEdit().setTextMargins(6, 0, 0, 0)  # the theme's do not reach into it
        self.ratio.setAccessibleName(self.tr("How many false alarms a miss is worth"))
        self.best_button = QPushButton(self.tr("Find best"))
        self.best_button.setObjectName("best_threshold")
        self.use_button = QPushButton(self.tr("Use"))
        self.use_button.setObjectName("use_threshold")
        self.drop_button = QPushButton(self.tr("Take back"))
        self.drop_button.setObjectName("drop_threshold")
        self.drop_button.setProperty("link", True)
        self._paid: tuple[float, float] | None = None
        self._exact: float | None = None  # finer than the slider can stand
        self._lay_out()
        self._listen()

    def _lay_out(self) -> None:
        top, costs = QHBoxLayout(), QHBoxLayout()
        for row in (top, costs):
            row.setSpacing(8)
        top.addWidget(self.classes, 1)
        top.addWidget(self.curves)
        costs.addWidget(QLabel(self.tr("A miss costs")))
        costs.addWidget(self.ratio)
        costs.addWidget(QLabel(self.tr("false alarms")))
        costs.addStretch(1)
        costs.addWidget(self.best_button)
        bottom = QHBoxLayout()
        bottom.setSpacing(8)
        bottom.addWidget(self.says, 1)
        bottom.addWidget(self.drop_button)
        bottom.addWidget(self.use_button)
        self.column.addLayout(top)
        self.column.addWidget(self.plot, 1)
        self.column.addWidget(self.slider)
        self.column.addLayout(costs)
        self.column.addLayout(bottom)
        self.column.addWidget(self.trouble)

    def _listen(self) -> None:
        self.classes.activated.connect(self._on_class_chosen)
        self.curves.chosen.connect(self._draw)
        self.plot.chosen.connect(self._on_point_chosen)
        self.slider.valueChanged.connect(self._on_moved)
        self.best_button.clicked.connect(self._on_best_clicked)
        self.use_button.clicked.connect(self._on_use_clicked)
        self.drop_button.clicked.connect(self._on_drop_clicked)

    @property
    def threshold(self) -> float:
        """Return where the slider stands, from 0 to 1; where it was put there, exactly."""
        return self.slider.value() / _STEPS if self._exact is None else self._exact

    @override
    def suits(self, results: Results) -> bool:
        return super().suits(results) and any(
            answer.probabilities for _, answer in results.pairs[:50]
        )

    @override
    def question(self, results: Results) -> Callable[[], Any] | None:
        project = self.studio.project
        return partial(_look, results.folder, project.dataset) if project is not None else None

    @override
    def show_answer(self, answer: Any) -> None:
        look: Look = answer
        self._look = look
        kept = self.classes.currentText()
        self.classes.clear()
        self.classes.addItems(list(look.classes))
        self.classes.setCurrentIndex(max(0, self.classes.findText(kept)))
        for part in (self.plot, self.slider, self.best_button, self.use_button, self.classes):
            part.setEnabled(bool(look.classes))
        if look.classes:
            self._on_class_chosen()
            return
        self._trade = None
        self.plot.show_curve((), 0)
        self.drop_button.hide()
        self.says.setText(
            self.tr(
                "There is nothing to choose a threshold by: it takes validation samples of at least two"
                " classes."
            )
        )

    @override
    def unpick(self) -> None:
        """Keep the threshold; the gallery shows everything again."""

    # --- what is chosen ---------------------------------------------------------------------------

    @Slot()
    def _on_class_chosen(self) -> None:
        if self._look is None:
            return
        self._trade, self._areas = _trade(self._look, self.classes.currentText())
        set_to, costs = self._in_use()
        if costs:
            self.ratio.setValue(costs["miss"] / max(1e-9, costs["false_alarm"]))
        self.slider.blockSignals(True)
        self.slider.setValue(round(_STEPS * (0.5 if set_to is None else set_to)))
        self.slider.blockSignals(False)
        self._exact = set_to
        self.drop_button.setVisible(set_to is not None)
        self._paid = None
        self._draw()
        self._say()

    def _in_use(self) -> tuple[float | None, dict[str, float] | None]:
        """Return the threshold that is kept for the class, and the costs that it came from."""
        assert self._look is not None
        if self.studio.project is None or self.results is None:
            return None, None
        name = self.classes.currentText()
        numbers = {n: str(k) for k, n in self.studio.project.dataset.classes().items()}
        number = numbers.get(name, "")
        kept = self._look.decision
        costs = kept.costs.get(number)
        return kept.thresholds.get(number), dict(costs) if costs else None

    @Slot()
    def _draw(self) -> None:
        trade = self._trade
        if trade is None:
            return
        place = trade.at(self.threshold)
        recall = trade.recall.tolist()
        if self.curves.value() == "pr":
            self.plot.set_titles(self.tr("Share that is found"), self.tr("Share rightly named"))
            share = trade.positives / max(1, trade.positives + trade.negatives)
            points = list(zip(recall, trade.precision.tolist(), strict=True))
            self.plot.show_curve(points, place, ((0.0, share), (1.0, share)))
        else:
            self.plot.set_titles(
                self.tr("Share of others named so"), self.tr("Share that is found")
            )
            points = list(zip(trade.false_alarms.tolist(), recall, strict=True))
            self.plot.show_curve(points, place, ((0.0, 0.0), (1.0, 1.0)))

    @Slot(int)
    def _on_point_chosen(self, place: int) -> None:
        if self._trade is not None:
            # Rounded down, so that the sample at that point is still named.
            self.slider.setValue(int(_STEPS * min(1.0, float(self._trade.thresholds[place]))))

    @Slot()
    def _on_moved(self) -> None:
        self._paid = self._exact = None
        if self._trade is not None:
            self.plot.set_place(self._trade.at(self.threshold))
            self._say(narrow=True)

    def _say(self, *, narrow: bool = False) -> None:
        trade = self._trade
        if trade is None:
            return
        missed, falsely = trade.ids_at(self.threshold)
        told = trust_words.counts(
            trade.name, self.threshold, len(missed), len(falsely), trade.positives
        )
        precision, area = self._areas
        extra = self.tr("Average precision {ap}, area under ROC {auc}.").format(
            ap=f"{precision:.2f}", auc=f"{area:.2f}"
        )
        set_to, costs = self._in_use()
        unchanged = set_to is not None and abs(set_to - self.threshold) < 0.5 / _STEPS
        if unchanged and costs and self._look and (fair := self._look.fairly(trade.name)):
            told = f"{told} {trust_words.fairly(fair)}"
        self.says.setText(told if narrow else f"{told} {extra}")
        self.use_button.setEnabled(not unchanged)
        if narrow:
            title = self.tr("Missed {m}, false alarms {f}").format(m=len(missed), f=len(falsely))
            self.narrowed.emit(Narrowed(title, missed | falsely))

    @Slot()
    def _on_best_clicked(self) -> None:
        if self._trade is None:
            return
        ratio = self.ratio.value()
        found, fair = _cheapest(self._trade, ratio)
        self.slider.setValue(round(_STEPS * found.threshold))
        self._exact = found.threshold
        self.plot.set_place(self._trade.at(self.threshold))
        self._say(narrow=True)
        self.says.setText(f"{self.says.text()} {trust_words.best(found, fair, ratio)}")
        self._paid = (ratio, 1.0)

    @Slot()
    def _on_use_clicked(self) -> None:
        self._set(self.threshold)

    @Slot()
    def _on_drop_clicked(self) -> None:
        self._set(None)

    def _set(self, threshold: float | None) -> None:
        project = self.studio.project
        if project is None or self.results is None:
            return
        name = self.classes.currentText()
        where = (self.results.folder, project.dataset)
        self.decide(partial(_set, *where, name, threshold, self._paid))


def _look(folder: Any, dataset: Any) -> Any:
    from finetune_studio.engine import calibrating

    return calibrating.look(folder, dataset)


def _trade(look: Look, name: str) -> tuple[Trade, tuple[float, float]]:
    from finetune_studio.insights import thresholds

    found = look.trade(name)
    return found, (thresholds.average_precision(found), thresholds.roc_area(found))


def _cheapest(trade: Trade, ratio: float) -> Any:
    from finetune_studio.insights import thresholds

    return thresholds.cheapest(trade, ratio, 1.0), thresholds.fairly(trade, ratio, 1.0)


def _set(folder: Any, dataset: Any, name: str, threshold: float | None, costs: Any) -> Any:
    from finetune_studio.engine import calibrating

    return calibrating.set_threshold(folder, dataset, name, threshold, costs)
