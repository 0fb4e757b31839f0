"""The card that looks for a learning rate: a button, the plot, and a button that takes the suggestion."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event
from finetune_studio.core.study_events import RateFound, RateTried
from finetune_studio.gui.studio import Studio, work
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.form import RecipeForm

if TYPE_CHECKING:
    from finetune_studio.gui.widgets.rate_plot import RatePlot

RATE = "rate test"  # the name of the job


class RateCard(Card):
    """Runs the range test in a worker, and shows it step by step.

    Signals:
        page_wanted: A page of the guide.
    """

    page_wanted = Signal(str)

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.set_title(self.tr("Find the learning rate"))
        self._studio = studio
        self.plot: RatePlot | None = None
        self._found: RateFound | None = None
        why = QPushButton(self.tr("How does it work?"))
        why.setProperty("link", True)
        why.clicked.connect(partial(self.page_wanted.emit, "guide/studies"))
        self.head.addWidget(why)
        self._text = QLabel()
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        self.body.addWidget(self._text)
        self.start = self._button(self.tr("Find the learning rate"), "find_rate")
        self.start.clicked.connect(self._on_start_clicked)
        self.use = self._button("", "use_rate")
        self.use.clicked.connect(self._on_use_clicked)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.start)
        row.addWidget(self.use)
        row.addStretch(1)
        self.body.addLayout(row)
        self.form = RecipeForm(["optimiser.find_rate"], expert=True)
        self.form.changed.connect(self._on_form_changed)
        self.body.addWidget(self.form)
        self.body.addStretch(1)
        studio.recipe_changed.connect(self._on_recipe_changed)
        studio.project_changed.connect(self.forget)
        studio.data_changed.connect(self.forget)
        studio.busy_changed.connect(self._show)
        studio.job_failed.connect(self._on_job_failed)
        self.forget()

    @staticmethod
    def _button(text: str, name: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        return button

    @property
    def text(self) -> str:
        """Return the sentence that it says."""
        return self._text.text()

    @property
    def _working(self) -> bool:
        return RATE in self._studio.jobs

    @Slot()
    def forget(self) -> None:
        """Show no earlier test any more."""
        if self._working:
            self._studio.stop(RATE)
        self._found = None
        if self.plot is not None:
            self.plot.hide()
        self._show()

    @Slot()
    def _show(self) -> None:
        solved = self._studio.recipe.optimiser.method == "solve"
        ready = self._studio.project is not None and not self._studio.training and not solved
        self.start.setText(self.tr("Stop") if self._working else self.tr("Find the learning rate"))
        self.start.setEnabled(ready)
        found = self._found.rate if self._found is not None else None
        self.use.setVisible(found is not None and not self._working)
        if found is not None:
            self.use.setText(self.tr("Use {rate}").format(rate=plain(found)))
        self.form.set_recipe(self._studio.recipe)
        self._text.setText(self._sentence(solved=solved))

    def _sentence(self, *, solved: bool) -> str:
        if solved:
            return self.tr("A head that is solved exactly has no learning rate.")
        if self._working:
            steps = self.plot.steps if self.plot is not None else 0
            return self.tr("Step {n} of at most 100 …").format(n=steps)
        if self._found is None:
            return self.tr(
                "Raises the rate from tiny to huge on a copy of the network, in at most 100 steps and"
                " about half a minute, and suggests the one at which it learns fastest. Nothing is changed."
            )
        if self._found.rate is None:
            return self.tr("The loss fell at no rate, so none can be suggested.")
        head = self._found.settings["optimiser.head_learning_rate"]
        if self._found.group == "head":
            return self.tr("The head learns fastest at about {rate}.").format(rate=plain(head))
        return self.tr(
            "The pretrained layers learn fastest at about {rate}; the head's rate keeps its distance:"
            " {head}."
        ).format(rate=plain(self._found.rate), head=plain(head))

    @Slot()
    def _on_start_clicked(self) -> None:
        project = self._studio.project
        if self._working:
            self._studio.stop(RATE)
            return
        if project is None or self._studio.training:
            return
        self._show_plot().clear()
        self._found = None
        job = partial(work.rate_test, project, self._studio.recipe)
        self._studio.start(RATE, job, on_event=self._on_stated, on_done=self._show)
        self._show()

    def _show_plot(self) -> RatePlot:
        """Make the plot on first use; until then nothing has loaded what draws it."""
        if self.plot is None:
            from finetune_studio.gui.widgets.rate_plot import RatePlot

            self.plot = RatePlot()
            self.body.insertWidget(1, self.plot)
        self.plot.show()
        return self.plot

    def _on_stated(self, event: Event) -> None:
        assert self.plot is not None
        if isinstance(event, RateTried):
            self.plot.add(event.rate, event.loss)
        elif isinstance(event, RateFound):
            self._found = event
            self.plot.show_curve(event.rates, event.smoothed)
            text = self.tr("suggested: {rate}").format(rate=plain(event.rate or 0.0))
            self.plot.mark(text, event.rate)
        self._show()

    @Slot()
    def _on_use_clicked(self) -> None:
        if self._found is not None and self._studio.set_recipe(dict(self._found.settings)):
            text = self.tr("The next run uses the learning rate {rate}.")
            self._studio.noticed.emit(text.format(rate=plain(self._found.rate or 0.0)), "ok")

    @Slot(str, object)
    def _on_form_changed(self, name: str, value: object) -> None:
        self._studio.set_recipe({name: value})

    @Slot()
    def _on_recipe_changed(self) -> None:
        self._show()

    @Slot(str, object)
    def _on_job_failed(self, name: str, _error: StudioError) -> None:
        if name == RATE:
            self.forget()


def plain(rate: float) -> str:
    """Return a rate as people type it: ``2e-4``, or ``0.02`` where that is shorter."""
    short = f"{rate:.2g}"
    mantissa, _, exponent = f"{rate:.1e}".partition("e")
    return short if 0.001 <= rate < 100 else f"{mantissa.removesuffix('.0')}e{int(exponent)}"
