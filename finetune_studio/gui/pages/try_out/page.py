"""The Try page itself: show the model pictures, texts or questions, and see what it says."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from PySide6.QtCore import QMimeData, Qt, QTemporaryDir, QTimer, Slot
from PySide6.QtGui import (
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QKeySequence,
    QShortcut,
)
from PySide6.QtWidgets import (
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from finetune_studio.core import files
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, Noted, Prediction, Progress
from finetune_studio.gui.page import DONE, NOT_STARTED, Page
from finetune_studio.gui.pages.try_out import inputs, ways_in
from finetune_studio.gui.pages.try_out.adding import Adding
from finetune_studio.gui.pages.try_out.answer_card import AnswerCard
from finetune_studio.gui.pages.try_out.beside import Beside
from finetune_studio.gui.pages.try_out.camera import Camera
from finetune_studio.gui.pages.try_out.chat_panel import ChatPanel
from finetune_studio.gui.pages.try_out.entry import TextEntry
from finetune_studio.gui.pages.try_out.history import HistoryCard
from finetune_studio.gui.pages.try_out.inputs import Given
from finetune_studio.gui.pages.try_out.text_answer import Drawing, TextAnswer
from finetune_studio.gui.pages.try_out.tried import Tried, as_csv, ask_model, called
from finetune_studio.gui.pages.try_out.warming import Warming
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.drop_area import DropArea
from finetune_studio.gui.widgets.empty_state import EmptyState
from finetune_studio.gui.widgets.heats import Heats
from finetune_studio.gui.widgets.message import Message
from finetune_studio.gui.widgets.one_of import OneOf
from finetune_studio.gui.worker import explained

TRY = "try"


class TryOutPage(Page):
    """Asks the chosen run about files of the user's choice."""

    name: ClassVar[str] = "try_out"
    title: ClassVar[str] = "Try"
    next_text: ClassVar[str] = "Next: export"

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self.tried: list[Tried] = []
        self._count = 0
        self._new: list[Tried] = []
        self._waiting: list[Given] = []
        self._shown: Tried | None = None
        self.task = ""
        self._drawing = Drawing("")
        self._pasted = QTemporaryDir()
        self.heats = Heats(studio.ask, self)
        self.setAcceptDrops(True)
        self._make_parts()
        self._listen()
        # A folder may answer hundreds of times a second: what came is shown together.
        self._gather = QTimer(self)
        self._gather.setSingleShot(True)
        self._gather.setInterval(80)
        self._gather.timeout.connect(self._show_new)

    # --- parts ------------------------------------------------------------------------------------

    def _make_parts(self) -> None:
        thumbnails = self.studio.thumbnails
        self.empty = EmptyState("", "", "")
        self.drop = DropArea(
            self.tr("Drop pictures or a folder here"),
            self.tr("or paste a copied picture with Ctrl+V. Nothing is added to your data."),
            self.tr("Choose pictures…"),
        )
        self.folder_button = QPushButton(self.tr("Choose a folder…"))
        self.folder_button.setObjectName("choose_folder")
        self.camera = Camera(Path(self._pasted.path()), self)
        for button in (self.folder_button, self.camera.button):
            self.drop.add_button(button)
        self.message = Message()
        self.warming = Warming(self.studio, self.message, self)
        self.entry = TextEntry()
        self.answer = AnswerCard(thumbnails)
        self.text_answer = TextAnswer(thumbnails)
        self.history = HistoryCard(thumbnails)
        self.chat = ChatPanel(self.studio)
        self.beside = Beside(self.studio, ask_model)
        self.adding = Adding(self.studio, Path(self._pasted.path()), self)
        content = QWidget()
        content.setProperty("clear", True)
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(self.drop)
        column.addWidget(self.message)
        column.addWidget(self.beside)
        column.addWidget(self.answer, 3)
        self._texts = ways_in.side_by_side((self.entry, 4), (self.text_answer, 5))
        column.addWidget(self._texts, 3)
        column.addWidget(self.history, 2)
        self.pile = OneOf()
        for shown in (self.empty, content, self.chat):
            self.pile.addWidget(shown)
        self.body.addWidget(self.pile)
        self._show_parts()

    def _show_parts(self) -> None:
        """Give the drop area all the room until there is something else to show."""
        something = bool(self.tried) or TRY in self.studio.jobs
        texts = inputs.is_text_task(self.task)
        self.drop.setVisible(not texts)
        self.answer.setVisible(something and not texts)
        self._texts.setVisible(texts)
        self.text_answer.setVisible(something and texts)
        many = len(self.tried) > 1 or self.history.view_bar.value() == "table"
        self.history.setVisible(something and (many or not texts))
        high = QSizePolicy.Policy.Maximum if something else QSizePolicy.Policy.Expanding
        self.drop.setSizePolicy(QSizePolicy.Policy.Preferred, high)
        self.drop.set_compact(compact=something)

    def _listen(self) -> None:
        self.empty.acted.connect(partial(self.page_wanted.emit, "train"))
        self.drop.dropped.connect(self.ask)
        self.drop.browse_wanted.connect(self._on_browse_wanted)
        self.folder_button.clicked.connect(self._on_folder_clicked)
        self.camera.taken.connect(lambda path: self.ask([path]))
        self.camera.refused.connect(partial(self.message.say, level="warning"))
        self.history.chosen.connect(self._on_chosen)
        self.history.save_wanted.connect(self._on_save_wanted)
        self.history.clear_wanted.connect(self._forget)
        self.history.stop_wanted.connect(self._on_stop_wanted)
        self.entry.asked.connect(self._on_text_given)
        self.entry.dropped.connect(self.ask)
        self.entry.browse_wanted.connect(self._on_browse_wanted)
        self.answer.why_wanted.connect(self._explain)
        self.text_answer.why_wanted.connect(self._explain)
        for card in (self.answer, self.text_answer):
            card.add_wanted.connect(self._on_add_wanted)
            self.heats.waiting.connect(card.show_waiting)
            self.heats.ready.connect(card.show_heat)
            self.heats.checked.connect(card.show_checked)
            self.heats.failed.connect(card.show_trouble)
        self.adding.added.connect(partial(self.message.say, level="ok"))
        self.adding.refused.connect(partial(self.message.say, level="warning"))
        self.chat.replied.connect(self.state_changed)
        self.beside.changed.connect(self._on_beside_changed)
        paste = QShortcut(QKeySequence(QKeySequence.StandardKey.Paste), self)
        paste.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        paste.activated.connect(lambda: self.take(QGuiApplication.clipboard().mimeData()))
        self.studio.project_changed.connect(self._on_other_run)
        self.studio.run_chosen.connect(self._on_other_run)
        self.studio.job_failed.connect(self._on_job_failed)
        self.studio.busy_changed.connect(self._on_busy_changed)

    # --- what the page is about -------------------------------------------------------------------

    @override
    def entered(self) -> None:
        run = self.studio.run_folder
        if run is None:
            self.subtitle.setText("")
            task = self.studio.project.task if self.studio.project is not None else ""
            self.empty.say(*ways_in.nothing_yet(called(task)[1]))
            self.pile.setCurrentIndex(0)
            return
        self._suit(self.studio.project.task if self.studio.project is not None else "")
        self.subtitle.setText(self.tr("Ask the model of run {n}").format(n=run.name))
        self.warming.begin(run)
        self.chat.set_run(run)
        self.beside.offer(self.studio.project, run)
        self.pile.setCurrentIndex(2 if self.task == "causal_lm" else 1)

    def _suit(self, task: str) -> None:
        """Ask for pictures, texts or questions, as the task does."""
        if task != self.task:
            self.task, self._drawing = task, Drawing(task)
            self.entry.suit(task)
            self.history.suit(task)
            self._show_parts()

    @override
    def blocked(self) -> str:
        return "" if self.studio.run_folder else self.tr("Train a model first.")

    @override
    def state(self) -> str:
        return DONE if self.tried or self.chat.turns else NOT_STARTED

    @override
    def rail_note(self) -> str:
        count = len(self.tried) or self.chat.turns
        return self.tr("{n} tried").format(n=f"{count:,}") if count else ""

    # --- asking -----------------------------------------------------------------------------------

    @Slot(object)
    def ask(self, paths: Sequence[Given]) -> None:
        """Ask the model about files, folders and texts; what is asked meanwhile waits its turn."""
        if self.studio.run_folder is None:
            return
        self.message.say(self.warming.text, "info")
        self._waiting += paths
        if TRY not in self.studio.jobs:
            self._ask_waiting()

    def _ask_waiting(self) -> None:
        run = self.studio.run_folder
        if not self._waiting or run is None:
            return
        paths, self._waiting = self._waiting, []
        many = len(paths) > 1 or any(inputs.is_several(given, self.task) for given in paths)
        self.history.show_progress(0, 0)
        if many:
            self.history.set_view("table")
        job = partial(ask_model, run, paths)
        self.studio.start(TRY, job, on_event=self._on_stated, on_done=self._on_done)

    def _on_stated(self, event: Event) -> None:
        if isinstance(event, Prediction):
            self._count += 1
            self._new.append(Tried(self._count, event))
            if not self._gather.isActive():
                self._gather.start()
        elif isinstance(event, Progress):
            self.history.show_progress(event.done, event.total)
        elif isinstance(event, Noted):
            self.message.say(event.text, event.level)

    def _on_done(self) -> None:
        self._show_new()
        self._ask_waiting()

    @Slot()
    def _show_new(self) -> None:
        if not self._new:
            return
        first = not self.tried
        self.tried += self._new
        new, self._new = self._new, []
        self.history.add(new)
        self._show(new[-1])
        self._show_parts()
        if first:
            self.state_changed.emit()

    def _show(self, tried: Tried) -> None:
        if self._shown == tried:
            return
        self._shown = tried
        self.beside.follow(self.tried, tried)
        if inputs.is_text_task(self.task):
            self.heats.drop()
            self.text_answer.show_tried(tried, self._drawing.said(tried))
            return
        self.answer.show_tried(tried)
        self._explain(self.answer.wanted)

    @Slot(int)
    def _on_chosen(self, number: int) -> None:
        found = next((tried for tried in self.tried if tried.id == number), None)
        if found is not None:
            self._show(found)

    @Slot(object)
    def _explain(self, wanted: Any) -> None:
        """Show what spoke for a class or a place in a text; for None, what was tried as it is."""
        tried, run, project = self._shown, self.studio.run_folder, self.studio.project
        self.heats.drop()
        if tried is None or tried.trouble or run is None:
            return
        if wanted is not None:
            sample = inputs.sample_of(tried.path, self.task)
            self.heats.wish(run, sample, wanted, project.dataset if project else None)
        elif inputs.is_text_task(self.task):
            self.text_answer.show_plain()
        else:
            self.answer.show_picture(tried)

    @Slot()
    def _on_add_wanted(self) -> None:
        if self._shown is not None:
            texts = inputs.is_text_task(self.task)
            button = self.text_answer.add_button if texts else self.answer.add_button
            self.adding.offer(self._shown, self.task, button)

    # --- ways in ----------------------------------------------------------------------------------

    @Slot(str)
    def _on_text_given(self, text: str) -> None:
        self.ask([text])

    @Slot()
    def _on_browse_wanted(self) -> None:
        if found := ways_in.choose_files(self, self.task):
            self.ask(found)

    @Slot()
    def _on_folder_clicked(self) -> None:
        if found := ways_in.choose_folder(self):
            self.ask(found)

    def take(self, data: QMimeData) -> None:
        """Try what was pasted or dropped: files, a picture itself, or a text."""
        if inputs.is_text_task(self.task):
            if given := self.entry.take(data):
                self.ask(given)
            return
        place = Path(self._pasted.filePath(f"pasted picture {self._count + 1}.png"))
        if paths := ways_in.pictures_in(data, place):
            self.ask(paths)
        else:
            self.message.say(
                self.tr("There is no picture on the clipboard. Copy a picture or a file first."),
                "warning",
            )

    @override
    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if ways_in.welcome(event.mimeData(), self.task):
            event.acceptProposedAction()

    @override
    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.take(event.mimeData())

    # --- history ----------------------------------------------------------------------------------

    @Slot()
    def _on_save_wanted(self) -> None:
        if found := ways_in.choose_table(self):
            self.save(found)

    def save(self, path: Path) -> None:
        """Write all answers as a table; a refusal is said in place."""
        try:
            other = self.beside.title, self.beside.answers
            files.write_text(path, as_csv(self.tried, self.task, *other))
        except (StudioError, OSError) as error:
            self.message.say(str(explained(error)), "bad")
        else:
            self.message.say(self.tr("Saved: {path}").format(path=path), "ok")

    @Slot()
    def _on_beside_changed(self) -> None:
        self.history.table.items.set_beside(self.beside.title, self.beside.answers)

    @Slot()
    def _on_stop_wanted(self) -> None:
        self._waiting = []
        self.studio.stop(TRY)

    @Slot()
    def _forget(self) -> None:
        self.tried, self._new, self._shown = [], [], None
        self.heats.drop()
        self.beside.follow([], None)
        self.history.clear()
        self.answer.show_tried(None)
        self.text_answer.show_tried(None, None)
        self._show_parts()
        self.message.say("", "info")
        self.state_changed.emit()

    # --- what the studio says ---------------------------------------------------------------------

    @Slot()
    def _on_busy_changed(self) -> None:
        self.history.set_working(working=TRY in self.studio.jobs)
        self._show_parts()

    @Slot(str, object)
    def _on_job_failed(self, name: str, error: Any) -> None:
        if name == TRY:
            self.message.say(f"{error.message} {error.hint}".strip(), "bad")
            self._ask_waiting()

    @Slot()
    def _on_other_run(self) -> None:
        """Answers belong to the run that gave them: another one begins anew."""
        self._on_stop_wanted()
        self._forget()
        if self.isVisible():
            self.entered()
