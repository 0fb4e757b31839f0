"""The card on the Model page that says how far the user's data lie from what the model knows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget

from finetune_studio.core.events import Event, Progress
from finetune_studio.core.job import Control
from finetune_studio.core.measures import FAR, NEAR, ShiftMeasured
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.gauge import Gauge

if TYPE_CHECKING:
    from finetune_studio.core.project import Project
    from finetune_studio.core.recipe import Recipe

SHIFT = "shift"


class ShiftCard(Card):
    """Shows what was measured of the chosen model before, or offers to measure it.

    Signals:
        measured: How far the data lie is known now.
    """

    measured = Signal()

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.set_title(self.tr("How far your data lie from what it knows"))
        self._studio = studio
        self._asked = 0
        names = (self.tr("near"), self.tr("some way off"), self.tr("far"))
        self.gauge = Gauge(names, (NEAR, FAR))
        self.gauge.setAccessibleName(self.title.text())
        self.text, self.advice = _words(), _words("small")
        self.button = QPushButton(self.tr("Measure it"))
        self.button.setObjectName("measure_shift")
        self.button.clicked.connect(self._on_measure)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self.stop_button = QPushButton(self.tr("Stop"))
        self.stop_button.setProperty("link", True)
        self.stop_button.clicked.connect(partial(studio.stop, SHIFT))
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.button)
        row.addWidget(self._bar, 1, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self.stop_button)
        row.addStretch(1)
        for part in (self.gauge, self.text, self.advice):
            self.body.addWidget(part)
        self.body.addLayout(row)
        studio.busy_changed.connect(self._on_busy_changed)
        studio.data_changed.connect(self.ask)
        self._show(None)

    @Slot()
    def ask(self) -> None:
        """Show what is known of the chosen model and the data of today."""
        self._asked += 1
        project, recipe = self._studio.project, self._studio.recipe
        self._show(None)
        if project is not None:
            known = partial(_kept, project, recipe)
            self._studio.ask(known, partial(self._on_known, self._asked), _nothing)

    def _on_known(self, number: int, found: ShiftMeasured | None) -> None:
        if number == self._asked and SHIFT not in self._studio.jobs:
            self._show(found)

    def _show(self, found: ShiftMeasured | None) -> None:
        self.gauge.set_value(None if found is None else found.distance)
        self.gauge.setVisible(found is not None)
        self.text.setText(
            self.tr(
                "Looks at some of your samples and compares them with what the model was pretrained on."
            )
            if found is None
            else found.text
        )
        self.advice.setText("" if found is None else found.advice)
        self.advice.setVisible(found is not None)
        self._show_work(at_work=False)
        self.button.setVisible(found is None)

    def _show_work(self, *, at_work: bool) -> None:
        self._bar.setVisible(at_work)
        self.stop_button.setVisible(at_work)
        self.button.setVisible(not at_work)

    @Slot()
    def _on_measure(self) -> None:
        project = self._studio.project
        if project is None:
            return
        self._bar.setRange(0, 0)
        self._show_work(at_work=True)
        job = partial(_measure, project, self._studio.recipe)
        self._studio.start(SHIFT, job, on_event=partial(self._on_stated, self._asked))

    def _on_stated(self, number: int, event: Event) -> None:
        if isinstance(event, Progress):
            self._bar.setRange(0, event.total)
            self._bar.setValue(event.done)
        elif isinstance(event, ShiftMeasured):
            if number == self._asked:
                self._show(event)
            self.measured.emit()

    @Slot()
    def _on_busy_changed(self) -> None:
        if not self._bar.isHidden() and SHIFT not in self._studio.jobs:
            self.ask()


def _words(role: str = "") -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    if role:
        label.setProperty("role", role)
    return label


def _nothing(_error: object) -> None:
    """Say nothing: the page itself says what stands against the model."""


def _kept(project: Project, recipe: Recipe) -> ShiftMeasured | None:
    from finetune_studio.engine import shift

    return shift.kept(project, recipe)


def _measure(project: Project, recipe: Recipe, control: Control) -> Iterator[Event]:
    from finetune_studio.engine import shift

    yield from shift.measure(project, recipe, control)
