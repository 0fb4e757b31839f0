"""The Inspect page itself: headline cards above, errors and their samples below."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from PySide6.QtCore import Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from finetune_studio.core.events import Event, Progress
from finetune_studio.gui import theme
from finetune_studio.gui.page import DONE, NOT_STARTED, Page
from finetune_studio.gui.pages.inspect import items, jobs, words
from finetune_studio.gui.pages.inspect.cards import HeadlineCard, TestCard
from finetune_studio.gui.pages.inspect.corrections import Corrections
from finetune_studio.gui.pages.inspect.errors_panel import ErrorsPanel
from finetune_studio.gui.pages.inspect.lenses import LENSES
from finetune_studio.gui.pages.inspect.replies import Replies
from finetune_studio.gui.pages.inspect.results import Results, finished_runs, read
from finetune_studio.gui.pages.inspect.why_card import WhyCard
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.empty_state import EmptyState
from finetune_studio.gui.widgets.heats import Heats
from finetune_studio.gui.widgets.notice_bar import NoticeBar
from finetune_studio.gui.widgets.one_of import OneOf

EVALUATE = "evaluate"
REPORT = "report"
TRAIN_AGAIN = "train/setup"  # the page where the next run is prepared
_LOW = 680  # pixels of height below which cards and a lens have no room together


class InspectPage(Page):
    """Shows how good the chosen run is, where it errs, and why."""

    name: ClassVar[str] = "inspect"
    title: ClassVar[str] = "Inspect"
    next_text: ClassVar[str] = "Next: try it"

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self._results: Results | None = None
        self._stale = True
        self._reading = 0
        self._lens_open = False
        self.heats = Heats(studio.ask, self)
        self.replies = Replies(studio, self)
        self.corrections = Corrections(studio, self)
        self._make_head_parts()
        self._make_parts()
        self._make_shortcuts()
        self._listen()

    # --- parts ------------------------------------------------------------------------------------

    def _make_head_parts(self) -> None:
        self.runs = QComboBox()
        self.runs.setObjectName("runs")
        self.runs.setAccessibleName(self.tr("The run to inspect"))
        self.runs.activated.connect(self._on_run_picked)
        self.head.insertWidget(2, self.runs)
        self.report_button = QPushButton(self.tr("Report…"))
        self.report_button.setObjectName("report")
        self.report_button.setToolTip(self.tr("Write these results as a page to send to others."))
        self.report_button.clicked.connect(self._on_report_clicked)
        self.add_action(self.report_button)

    def _make_parts(self) -> None:
        self.empty = EmptyState("", "", self.tr("Go to Train"))
        self.headline = HeadlineCard(self.tr("Accuracy"))
        self.weakest = HeadlineCard(self.tr("Weakest class"))
        self.second = HeadlineCard(self.tr("Macro-F1"))
        self.test = TestCard()
        self.notices = NoticeBar()
        self.why = WhyCard(self.studio.thumbnails)
        lenses = [kind(self.studio) for kind in LENSES]
        self.errors = ErrorsPanel(self.studio.thumbnails, self.why, lenses)
        self._cards = QWidget()
        self._cards.setProperty("clear", True)
        row = QHBoxLayout(self._cards)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        for card in (self.headline, self.weakest, self.second, self.test):
            card.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            row.addWidget(card, 1)
        content = QWidget()
        content.setProperty("clear", True)
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(self._cards)
        column.addWidget(self.notices)
        column.addWidget(self.errors, 1)
        self.pile = OneOf()
        self.pile.addWidget(self.empty)
        self.pile.addWidget(content)
        self.body.addWidget(self.pile)

    def _make_shortcuts(self) -> None:
        for key, slot in (
            ("L", self.why.offer_classes),
            ("X", self._on_exclude_wanted),
            ("R", self._on_review_wanted),
        ):
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(slot)

    def _listen(self) -> None:
        self.empty.acted.connect(partial(self.page_wanted.emit, "train"))
        self.errors.sample_chosen.connect(self._on_sample_chosen)
        self.errors.selection_changed.connect(self.why.set_selected)
        self.errors.lens_opened.connect(self._on_lens_opened)
        self.heats.waiting.connect(self.why.show_waiting)
        self.heats.ready.connect(self.why.show_heat)
        self.heats.checked.connect(self.why.show_checked)
        self.heats.failed.connect(self.why.show_trouble)
        self.why.heat_wanted.connect(self._on_heat_wanted)
        self.why.replies_wanted.connect(self._on_replies_wanted)
        self.replies.written.connect(self.why.show_replies)
        self.replies.failed.connect(self.why.show_trouble)
        self.why.relabel_wanted.connect(self._on_relabel_wanted)
        self.why.exclude_wanted.connect(self._on_exclude_wanted)
        self.why.review_wanted.connect(self._on_review_wanted)
        self.corrections.made.connect(self._say_corrected)
        self.corrections.left_out.connect(self.errors.take_out)
        for lens in self.errors.lenses.values():
            lens.decided.connect(self._mark_stale)
        self.test.open_wanted.connect(self._on_open_test)
        self.test.stop_wanted.connect(partial(self.studio.stop, EVALUATE))
        self.notices.acted.connect(self._on_notice_acted)
        self.studio.project_changed.connect(self._on_run_chosen)
        self.studio.run_chosen.connect(self._on_run_chosen)
        self.studio.data_changed.connect(self._mark_stale)
        self.studio.job_failed.connect(self._on_job_failed)

    @Slot(bool)
    def _on_lens_opened(self, opened: bool) -> None:
        self._lens_open = opened
        self._fit_cards()

    def _fit_cards(self) -> None:
        """Leave the room of the headline cards to an open lens where the window is low."""
        self._cards.setVisible(not (self._lens_open and self.height() < theme.px(_LOW)))

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_cards()

    # --- what the page is about -------------------------------------------------------------------

    @override
    def entered(self) -> None:
        self._list_runs()
        if self._stale:
            self._read()

    @override
    def show_inside(self, name: str) -> None:
        self.errors.look_for(int(name))

    @override
    def blocked(self) -> str:
        return "" if self.studio.run_folder else self.tr("Train a model first.")

    @override
    def state(self) -> str:
        known = self._results is not None and self._results.folder == self.studio.run_folder
        return DONE if known else NOT_STARTED

    @override
    def rail_note(self) -> str:
        if self._results is None or self._results.scored is None:
            return ""
        name, value = next(iter(self._results.scored.metrics.items()))
        return words.in_short(name, value)

    def _list_runs(self) -> None:
        self.runs.clear()
        for number, folder in finished_runs(self.studio.project):
            self.runs.addItem(self.tr("Run {n}").format(n=number), str(folder))
        self.runs.setCurrentIndex(self.runs.findData(str(self.studio.run_folder)))
        self.runs.setVisible(self.runs.count() > 1)

    def _read(self) -> None:
        """Ask for the results of the chosen run; an answer that comes too late is dropped."""
        self._stale = False
        self._reading += 1
        project, folder = self.studio.project, self.studio.run_folder
        self.report_button.setEnabled(folder is not None)
        if project is None or folder is None:
            self._show_nothing()
            return
        if self._results is None:
            self.subtitle.setText("")
            self._say(self.tr("Reading the results…"), "", "")
        number = self._reading
        self.studio.ask(
            partial(read, project, folder),
            partial(self._on_read, number),
            partial(self._on_read_failed, number),
        )

    def _say(self, heading: str, sentence: str, action: str) -> None:
        self.empty.say(heading, sentence, action)
        self.pile.setCurrentIndex(0)

    def _show_nothing(self) -> None:
        self._results = None
        self.subtitle.setText("")
        self._say(
            self.tr("No run has finished yet"),
            self.tr(
                "Here you will see how often the model is right, what it gets wrong, and what its"
                " answers hang on. Train a model first."
            ),
            self.tr("Go to Train"),
        )
        self.refresh_next()

    def _on_read(self, number: int, results: Results) -> None:
        if number != self._reading:
            return
        other = self._results is None or self._results.folder != results.folder
        self._results = results
        self.subtitle.setText(results.subtitle)
        if results.scored is None:
            self._say(
                self.tr("This run has no answers to look at"),
                self.tr(
                    "It was stopped before its first validation, or its validation samples were excluded or"
                    " moved since. Take them back on the Data page, or let a run train for an epoch at least."
                ),
                self.tr("Go to Train"),
            )
            return
        self._show_cards(results)
        self.errors.show_results(results, other_run=other)
        self.pile.setCurrentIndex(1)
        self.refresh_next()
        self.state_changed.emit()

    def _on_read_failed(self, number: int, error: Any) -> None:
        if number == self._reading:
            self._say(error.message, error.hint, self.tr("Go to Train"))

    def _show_cards(self, results: Results) -> None:
        assert results.scored is not None
        names = words.shown_scores(results.scored)
        self.headline.set_title(words.metric_name(names[0]))
        task = results.task.name
        first = words.headline(results.scored)
        more = " ".join((first.sentence, *results.beside)).strip()
        self.headline.say(replace(first, sentence=more))
        self.second.set_title(
            words.metric_name(names[1]) if len(names) > 1 else self.tr("Validation samples")
        )
        self.second.say(words.second(results.scored, task))
        title, said = words.weak_spot(results.sorter, results.sorting, results.scored, task)
        # Where nothing is weakest, a third score is shown, and comes after the second.
        place = self.second if results.sorter == "closeness" else self.weakest
        if place is self.second:
            self.weakest.set_title(self.second.title.text())
            self.weakest.say(words.second(results.scored, task))
        place.set_title(self.tr(title))
        place.say(said)
        if EVALUATE not in self.studio.jobs:
            self.test.show_look(results.test, task)

    # --- the chosen sample ------------------------------------------------------------------------

    @Slot(int)
    def _on_sample_chosen(self, number: int) -> None:
        pair, results = self.errors.pair(number), self._results
        self.replies.drop()
        if pair is None or results is None:
            self.why.show_sample(None, None, ())
            self.heats.drop()
            return
        shown = items.shown(results.sorter, pair, results.preview(pair), results.sorting)
        if not results.explains:
            shown = replace(shown, offers=())
        one, _ = words.called(results.task.name)
        self.why.show_sample(shown, pair[1], results.classes, one)
        self._on_heat_wanted(shown.offers[0][1] if shown.offers else None)

    @Slot()
    def _on_replies_wanted(self) -> None:
        pair, results = self.errors.pair(self.errors.gallery.chosen_id()), self._results
        if pair is not None and results is not None:
            self.replies.wish(results.folder, pair[0], results.preview(pair))

    @Slot(object)
    def _on_heat_wanted(self, wanted: Any) -> None:
        pair = self.errors.pair(self.errors.gallery.chosen_id())
        if wanted is None:
            self.heats.drop()
            self.why.show_plain()
        elif pair is not None and self._results is not None and self.studio.project is not None:
            dataset = self.studio.project.dataset
            self.heats.wish(self._results.folder, pair[0], wanted, dataset)

    @Slot(str)
    def _on_relabel_wanted(self, name: str) -> None:
        self.corrections.relabel(self.errors.gallery.selected_ids(), name, self._task)

    @Slot()
    def _on_exclude_wanted(self) -> None:
        self.corrections.exclude(self.errors.gallery.selected_ids(), self._task)

    @Slot()
    def _on_review_wanted(self) -> None:
        self.corrections.review(self.errors.gallery.selected_ids(), self._task)

    @property
    def _task(self) -> str:
        return self._results.task.name if self._results else ""

    @Slot(str, bool)
    def _say_corrected(self, text: str, learn: bool) -> None:
        other = (TRAIN_AGAIN, self.tr("Train again…")) if learn else ("", "")
        self.notices.say(text, "ok", action="undo", action_text=self.tr("Undo"), other=other)

    @Slot(str)
    def _on_notice_acted(self, action: str) -> None:
        if action == "undo":
            self.studio.undo()
        elif action == TRAIN_AGAIN:
            self.page_wanted.emit(action)
        elif action == "report" and self.studio.project is not None:
            report = self.studio.project.folder / "report.html"
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(report)))

    # --- test split and report --------------------------------------------------------------------

    @Slot()
    def _on_open_test(self) -> None:
        project, folder = self.studio.project, self.studio.run_folder
        if project is None or folder is None:
            return
        job = partial(jobs.open_test, project, folder)
        self.studio.start(EVALUATE, job, on_event=self._on_test_stated, on_done=self._read)

    def _on_test_stated(self, event: Event) -> None:
        if isinstance(event, Progress):
            self.test.show_progress(event.done, event.total)

    @Slot()
    def _on_report_clicked(self) -> None:
        project, folder = self.studio.project, self.studio.run_folder
        if project is not None and folder is not None:
            self.report_button.setEnabled(False)
            job = partial(jobs.write_report, project, folder)
            self.studio.start(REPORT, job, on_done=self._on_report_written)

    def _on_report_written(self) -> None:
        self.report_button.setEnabled(True)
        if (project := self.studio.project) is not None:
            path = project.folder / "report.html"
            text = self.tr("The report is ready: {path}").format(path=path)
            self.notices.say(text, "ok", action="report", action_text=self.tr("Open it"))
            if not self.notices.isVisible():  # as where a run has no answers
                self.studio.noticed.emit(text, "ok")

    @Slot(str, object)
    def _on_job_failed(self, name: str, error: Any) -> None:  # noqa: ARG002  the main window shows it
        if name == REPORT:
            self.report_button.setEnabled(True)
        elif name == EVALUATE and self._results is not None:
            self.test.show_look(self._results.test, self._results.task.name)

    @Slot()
    def _on_run_chosen(self) -> None:
        self._results = None
        self.notices.hide()
        self._mark_stale()

    @Slot()
    def _mark_stale(self) -> None:
        self._stale = True
        self._reading += 1
        if self.isVisible():
            self.entered()

    @Slot()
    def _on_run_picked(self) -> None:
        self.studio.choose_run(Path(str(self.runs.currentData())))
