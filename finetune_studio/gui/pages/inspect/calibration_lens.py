"""The Calibration tab: whether it is as certain as it ought to be, and what is answered "none of these"."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QPushButton, QWidget
from typing_extensions import override

from finetune_studio.core import shares
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, Progress
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.engine import trust_words
from finetune_studio.gui import theme
from finetune_studio.gui.pages.inspect.lens import Lens, Narrowed, sentence
from finetune_studio.gui.pages.inspect.results import Results
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.reliability_plot import ReliabilityPlot, Step
from finetune_studio.insights.unlike import least_share

if TYPE_CHECKING:
    from pathlib import Path

    from finetune_studio.engine.calibrating import Look

LEARNING = "unlike"  # name of the job


class CalibrationLens(Lens):
    """A bar a step of certainty; each shows its answers in the gallery."""

    name: ClassVar[str] = "calibration"
    title: ClassVar[str] = "Calibration"
    insight: ClassVar[str] = "calibration"
    heading: ClassVar[str] = "Is it as often right as it says?"

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(studio, parent)
        self._look: Look | None = None
        self.plot = ReliabilityPlot()
        self.says = sentence()
        self.offers = sentence()
        self.button = QPushButton()
        self.button.setObjectName("calibrate")
        self.button.hide()
        self.share = QDoubleSpinBox()
        self.share.setObjectName("turn_away_share")
        self.share.setRange(0.0, 30.0)
        self.share.setDecimals(1)
        self.share.setSingleStep(0.5)
        self.share.setSuffix(" %")
        self.share.setFixedWidth(theme.px(88))
        self.share.lineEdit().setTextMargins(6, 0, 0, 0)  # the theme's do not reach into it
        self.share.setAccessibleName(self.tr("Share of your own samples that may be turned away"))
        self.share.setToolTip(
            self.tr(
                "Inputs that are far from every training sample are unlike anything the model has learnt."
                " Some of your own samples are lost with them: say how many may be."
            )
        )
        self.turn_button = QPushButton(self.tr("Use"))
        self.turn_button.setObjectName("turn_away")
        self.away = sentence()
        self._lay_out()
        self.plot.picked.connect(self._on_picked)
        self.button.clicked.connect(self._on_clicked)
        self.share.valueChanged.connect(self._on_share_changed)
        self.turn_button.clicked.connect(self._on_turn_clicked)
        studio.job_failed.connect(self._on_job_failed)

    def _lay_out(self) -> None:
        first, second = QHBoxLayout(), QHBoxLayout()
        first.setSpacing(8)
        first.addWidget(self.offers, 1)
        first.addWidget(self.button)
        second.setSpacing(8)
        self._away_title = QLabel(self.tr("“None of these” for"))
        second.addWidget(self._away_title)
        second.addWidget(self.share)
        second.addWidget(QLabel(self.tr("of your own")), 1)
        second.addWidget(self.turn_button)
        self.column.addWidget(self.says)
        self.column.addWidget(self.plot, 1)
        self.column.addLayout(first)
        self.column.addWidget(self.trouble)
        self._second = QWidget()
        self._second.setProperty("clear", True)
        second.setContentsMargins(0, 0, 0, 0)
        self._second.setLayout(second)
        self.column.addWidget(self._second)
        self.column.addWidget(self.away)

    @override
    def suits(self, results: Results) -> bool:
        return super().suits(results) and any(
            answer.probabilities or "spans" in answer.answer or answer.answer.get("certainty")
            for _, answer in results.pairs[:50]
        )

    @override
    def question(self, results: Results) -> Callable[[], Any] | None:
        project = self.studio.project
        return partial(_look, results.folder, project.dataset) if project is not None else None

    @override
    def show_answer(self, answer: Any) -> None:
        look: Look = answer
        self._look = look
        self.plot.show_steps(
            [Step(b.low, b.high, b.certainty, b.right, b.count) for b in look.bins_now]
        )
        self.says.setText(trust_words.calibration(look))
        self.offers.setText(trust_words.offer(look))
        scaled = look.decision.temperature != 1
        self.button.setText(self.tr("Take back") if scaled else self.tr("Calibrate"))
        self.button.setVisible(scaled or not look.scaling.reason)
        one_each = any(
            answer.probabilities and "labels" not in answer.answer for _, answer in look.pairs
        )
        self._second.setVisible(one_each)
        self.away.setVisible(one_each)
        share = look.decision.turned_away or max(0.02, least_share(len(look.pairs)))
        self.share.blockSignals(True)
        # Rounded up: a tenth of a percent less is one sample less where there are few.
        self.share.setValue(math.ceil(1000 * share - 1e-6) / 10)
        self.share.blockSignals(False)
        self._say_share()

    @override
    def unpick(self) -> None:
        self.plot.set_picked(-1)

    def _say_share(self) -> None:
        look = self._look
        if look is None:
            return
        if not look.likeness:
            self.away.setText(
                self.tr(
                    "An input unlike anything learnt still gets an answer. “Use” looks at your samples once"
                    " and then tells such inputs apart by their distance to these."
                )
            )
            self.turn_button.setEnabled(True)
            return
        found, used = look.turned_away(self.share.value() / 100), look.decision.least_likeness
        same = found.least_likeness == used
        self.turn_button.setEnabled(not found.reason and not same)
        in_use = self.tr("In use. ") if same and used > -1 else ""
        self.away.setText(in_use + trust_words.turned_away(found))

    @Slot(int)
    def _on_picked(self, place: int) -> None:
        if place < 0 or self._look is None:
            self.narrowed.emit(None)
            return
        found = self._look.bins_now[place]
        low, high = shares.whole(found.low), shares.whole(found.high)
        title = self.tr("{low} to {high} certain: {n}").format(
            low=low, high=high, n=f"{len(found.ids):,}"
        )
        self.narrowed.emit(Narrowed(title, frozenset(found.ids)))

    @Slot()
    def _on_clicked(self) -> None:
        project = self.studio.project
        if project is None or self.results is None or self._look is None:
            return
        action = _uncalibrate if self._look.decision.temperature != 1 else _calibrate
        self.decide(partial(action, self.results.folder, project.dataset))

    @Slot()
    def _on_share_changed(self) -> None:
        self._say_share()
        if self._look is not None and self._look.likeness:
            found = self._look.turned_away(self.share.value() / 100)
            title = self.tr("Would be turned away: {n}").format(n=f"{len(found.ids):,}")
            self.narrowed.emit(Narrowed(title, found.ids) if found.ids else None)

    @Slot()
    def _on_turn_clicked(self) -> None:
        project = self.studio.project
        if project is None or self.results is None or self._look is None:
            return
        if self._look.likeness:
            self._set_share()
            return
        self.turn_button.setEnabled(False)
        job = partial(_learn, project, self.results.folder)
        self.studio.start(LEARNING, job, on_event=self._on_stated, on_done=self._set_share)

    def _on_stated(self, event: Event) -> None:
        if isinstance(event, Progress):
            self.away.setText(
                self.tr("Looking at your samples: {done} of {all}").format(
                    done=f"{event.done:,}", all=f"{event.total:,}"
                )
            )

    def _set_share(self) -> None:
        if self.results is not None:
            self.decide(partial(_turn_away, self.results.folder, self.share.value() / 100))

    @Slot(str, object)
    def _on_job_failed(self, name: str, error: Any) -> None:
        if name == LEARNING and isinstance(error, StudioError):
            self._say_share()
            self.say_trouble(error)


def _look(folder: Any, dataset: Any) -> Any:
    from finetune_studio.engine import calibrating

    return calibrating.look(folder, dataset)


def _calibrate(folder: Any, dataset: Any) -> Any:
    from finetune_studio.engine import calibrating

    return calibrating.calibrate(folder, dataset)


def _uncalibrate(folder: Any, dataset: Any) -> Any:
    from finetune_studio.engine import calibrating

    return calibrating.uncalibrate(folder, dataset)


def _learn(project: Project, folder: Path, control: Control) -> Iterator[Event]:
    from finetune_studio.engine import unlike

    yield from unlike.learn(project, folder, control)


def _turn_away(folder: Any, share: float) -> Any:
    from finetune_studio.engine import unlike

    return unlike.set_share(folder, share)
