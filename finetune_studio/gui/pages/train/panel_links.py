"""Carries out what the user asks of a run's panel: a saved plot is told, a monitor's proposal is made."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.watching import MonitorSpoke
from finetune_studio.gui import qt_types
from finetune_studio.gui.page import Page
from finetune_studio.gui.pages.train import changes
from finetune_studio.gui.pages.train.old_run import load_curves

if TYPE_CHECKING:
    from finetune_studio.gui.pages.train.plots import RunPlots
    from finetune_studio.gui.pages.train.run_panel import RunPanel


_BREATH_MS = 30  # between two pieces of the panel, for the window to do what it must


class PanelLinks(QObject):
    """Stands between one page, its studio and the panel of its runs.

    Signals:
        ready: All pieces of the panel are made, so that making it takes no time.
    """

    ready = Signal()

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self._page, self._studio = page, page.studio
        self._plots: RunPlots | None = None
        self._made = False
        self._timer = QTimer(self)
        self._timer.setInterval(_BREATH_MS)
        self._timer.timeout.connect(self._on_idle)

    def prepare(self) -> None:
        """Load what draws curves in a thread, then make the panel piece by piece between other work."""
        qt_types.make_all(self, partial(self._studio.ask, load_curves, self._on_loaded))

    def _on_loaded(self, _module: object) -> None:
        if not self._made:
            self._timer.start()

    @Slot()
    def _on_idle(self) -> None:
        """Make one piece; the last one is the panel with all plots in it."""
        from finetune_studio.gui.pages.train.plots import RunPlots

        if self._made:
            self._timer.stop()
            return
        self._plots = self._plots or RunPlots()
        if self._plots.made:
            self._timer.stop()
            self.ready.emit()
        else:
            self._plots.make_next()

    def make_panel(self) -> RunPanel:
        """Make the panel; until then nothing has loaded what draws curves."""
        from finetune_studio.gui.pages.train.run_panel import RunPanel

        self._made = True
        panel = RunPanel(self._studio.thumbnails, self.samples, self._plots)
        panel.plot_saved.connect(self._on_plot_saved)
        panel.troubled.connect(self._studio.troubled)
        panel.alarms.acted.connect(self._on_acted)
        panel.alarms.page_wanted.connect(self._page.page_wanted)
        return panel

    def samples(self, numbers: Sequence[int]) -> dict[int, Sample]:
        """Return those of the numbered samples that the project still has."""
        found: dict[int, Sample] = {}
        project = self._studio.project
        for number in numbers if project is not None else ():
            with suppress(StudioError):
                assert project is not None
                found[number] = project.dataset.sample(number)
        return found

    @Slot(str)
    def _on_plot_saved(self, name: str) -> None:
        self._studio.noticed.emit(self.tr("Saved as {name}.").format(name=name), "ok")

    @Slot(object, bool)
    def _on_acted(self, spoke: MonitorSpoke, stop: bool) -> None:
        """Change the choices of the next run as proposed, say so, and stop the run if that was asked."""
        words = changes.in_words(spoke.settings)
        if not self._studio.set_recipe(dict(spoke.settings)):
            return
        told = self.tr("For the next run: {words}").format(words=words)
        if stop and self._studio.training:
            self._studio.stop_training()
            told = self.tr("The run ends after this step; its best epoch is kept. {told}").format(
                told=told
            )
        self._studio.noticed.emit(told, "ok")
