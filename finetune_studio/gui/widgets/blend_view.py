"""Two curves along a blend of two networks, a slider on them, and a button that keeps what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from finetune_studio.core.words import NAMES, figure
from finetune_studio.gui import theme

if TYPE_CHECKING:
    from finetune_studio.core.measures import BlendMeasured
    from finetune_studio.gui.widgets.curve_plot import CurvePlot

_STEPS = 100


class BlendView(QWidget):
    """Shows a blend's curves; the slider begins where the most is kept at no cost.

    Signals:
        kept: The user wants the blend with this share of the fine-tuned network.
    """

    kept = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("clear", True)
        self._blend: BlendMeasured | None = None
        self.plot: CurvePlot | None = None
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setObjectName("blend_slider")
        self.slider.setRange(0, _STEPS)
        self.slider.setPageStep(10)
        self.slider.setAccessibleName(self.tr("How much of the fine-tuned network"))
        self.slider.valueChanged.connect(self._on_moved)
        self.values = QLabel()
        self.values.setTextFormat(Qt.TextFormat.PlainText)
        self.values.setWordWrap(True)
        self.keep_button = QPushButton(self.tr("Keep this blend as a run of its own"))
        self.keep_button.setObjectName("keep_blend")
        self.keep_button.clicked.connect(self._on_keep)
        ends = QHBoxLayout()
        ends.setSpacing(8)
        ends.addWidget(_small(self.tr("original")))
        ends.addWidget(self.slider, 1)
        ends.addWidget(_small(self.tr("fine-tuned")))
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self._column.addLayout(ends)
        self._column.addWidget(self.values)
        self._column.addWidget(self.keep_button, 0, Qt.AlignmentFlag.AlignRight)

    @property
    def share(self) -> float:
        """Return how much of the fine-tuned network the slider stands at."""
        return self.slider.value() / _STEPS

    def show_blend(self, blend: BlendMeasured, share: float | None) -> None:
        """Show other curves, the slider at a share of the fine-tuned network."""
        self._blend = blend
        plot = self._plot(blend)
        for point in blend.points:
            plot.add("score", point["share"], point["score"])
            if "original" in point:
                plot.add("original", point["share"], point["original"])
        self.slider.setValue(round(_STEPS * (1.0 if share is None else share)))
        self._on_moved()

    def _plot(self, blend: BlendMeasured) -> CurvePlot:
        """Return an empty plot; its module is loaded with the first curves."""
        from finetune_studio.gui.widgets.curve_plot import CurvePlot, Series

        if self.plot is not None:
            self._column.removeWidget(self.plot)
            self.plot.deleteLater()
        series = [Series("score", self._named(blend.headline, own=True), 0, dots=True)]
        if "original" in blend.points[-1]:
            series.append(Series("original", self._named(blend.measure, own=False), 1, dots=True))
        top = None if blend.falls or blend.less_is_better else 1.0
        self.plot = CurvePlot("", self.tr("share of the fine-tuned network"), series, top=top)
        self.plot.setMinimumHeight(theme.px(170))
        self._column.insertWidget(0, self.plot, 1)
        return self.plot

    def _named(self, measure: str, *, own: bool) -> str:
        if measure == "agreement":
            return self.tr("original head agrees")
        if measure == "likeness":
            return self.tr("sees as before")
        name = NAMES.get(measure, measure.replace("_", " "))
        text = self.tr("your samples: {name}") if own else self.tr("what it knew: {name}")
        return text.format(name=name)

    @Slot()
    def _on_moved(self) -> None:
        if self._blend is None or self.plot is None:
            return
        from finetune_studio.engine import blend_words

        point = blend_words.at(self._blend, self.share)
        self.plot.set_moment("", self.share)
        parts = [self.tr("{n} % of what was learnt").format(n=round(100 * self.share))]
        names = {"score": (self._blend.headline, True), "original": (self._blend.measure, False)}
        for key, (measure, own) in names.items():
            if key in point:
                parts.append(f"{self._named(measure, own=own)} {figure(point[key])}")
        self.values.setText(" · ".join(parts))

    @Slot()
    def _on_keep(self) -> None:
        self.kept.emit(self.share)


def _small(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", "small")
    return label
