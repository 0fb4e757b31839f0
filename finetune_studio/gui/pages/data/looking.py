"""Which samples are selected, and what the panel at the right says of them."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, QTimer, Slot

from finetune_studio.core.dataset import Sample
from finetune_studio.gui.pages.data import kinds, words, work
from finetune_studio.gui.pages.data.browser import Browser
from finetune_studio.gui.pages.data.lane import Lane
from finetune_studio.gui.pages.data.shelf import Shown
from finetune_studio.gui.pages.data.words import Facts
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.text_detail import Reading

_MOST_LOOKED_AT = 2000  # selected samples whose labels are counted


class Looking(QObject):
    """Brings what is known of the selected samples to the panel."""

    def __init__(self, studio: Studio, browser: Browser, lane: Lane, parent: QObject) -> None:
        super().__init__(parent)
        self._studio, self._browser, self._lane = studio, browser, lane
        self.shown = Shown()
        self._turn = 0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._show)
        studio.troubled.connect(self.plan)  # an edit that was refused is not shown any longer
        for view in (browser.grid, browser.texts):
            view.chosen.connect(self.plan)
            view.selected.connect(self.plan)

    @Slot()
    def plan(self) -> None:
        """Show the detail once, however many signals a click sends."""
        self._timer.start(0)

    def looked_at(self) -> list[int]:
        """Return the samples that are selected, the one to look at first."""
        view = self._browser.items
        chosen, current = view.selected_ids(), view.current_id()
        if not chosen:
            return [current] if current >= 0 else []
        if current in chosen:
            chosen.remove(current)
            chosen.insert(0, current)
        return chosen

    @property
    def _lags(self) -> bool:
        """Whether the text in its editor is newer than what is known here: its edit is being written."""
        return self.shown.kind.is_text and self._lane.editing

    @Slot()
    def _show(self) -> None:
        if self._lags:
            return  # planned again when the edit is written
        self._turn += 1
        project = self._studio.project
        current = self._sample(next(iter(self.looked_at()), -1))
        if current is None or project is None:
            self._browser.panel.show_detail(None)
            return
        self._show_facts(self._turn, current, Facts())
        self._studio.ask(
            partial(work.facts, project.dataset, current),
            partial(self._show_facts, self._turn, current),
        )

    def _show_facts(self, turn: int, current: Sample, facts: Facts) -> None:
        if turn != self._turn or self._lags:
            return
        numbers = self.looked_at()
        found = (self._sample(number) for number in numbers[:_MOST_LOOKED_AT])
        samples = [sample for sample in found if sample is not None] or [current]
        count, browser, shown = max(1, len(numbers)), self._browser, self.shown
        if not shown.kind.is_text:
            root = self._lane.stock.root
            browser.detail.show_detail(words.detail(samples, count, current, facts, root))
            return
        detail = words.text_detail(samples, count, current, facts, shown)
        reading = Reading(
            current.id,
            shown.kind.shown,
            current.fields,
            browser.view.search,
            labelled=shown.kind.shown == kinds.TEXT and "labels" not in current.fields,
        )
        browser.text_detail.show_detail(detail, reading if count == 1 else None)
        if count > 1:
            browser.text_detail.deciding.offer_labels(offered=reading.labelled)

    def _sample(self, number: int) -> Sample | None:
        row = self.shown.rows.get(number, -1)
        return self.shown.samples[row] if row >= 0 else None
