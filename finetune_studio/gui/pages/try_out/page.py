"""The Try page itself: drop, paste or choose pictures, and see what the model says."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from PySide6.QtCore import QMimeData, Qt, QTemporaryDir, QTimer, Slot
from PySide6.QtGui import (
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QImage,
    QImageReader,
    QKeySequence,
    QShortcut,
)
from PySide6.QtWidgets import (
    QFileDialog,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from finetune_studio.core import files
from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, Noted, Prediction, Progress
from finetune_studio.gui.page import DONE, NOT_STARTED, Page
from finetune_studio.gui.pages.try_out.answer_card import AnswerCard
from finetune_studio.gui.pages.try_out.history import HistoryCard
from finetune_studio.gui.pages.try_out.tried import Tried, as_csv, ask_model
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.drop_area import DropArea, paths_in
from finetune_studio.gui.widgets.empty_state import EmptyState
from finetune_studio.gui.widgets.heats import Heats
from finetune_studio.gui.widgets.message import Message
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
        self._waiting: list[Path] = []
        self._shown: Tried | None = None
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
        self.drop.add_button(self.folder_button)
        self.message = Message()
        self.answer = AnswerCard(thumbnails)
        self.history = HistoryCard(thumbnails)
        content = QWidget()
        content.setProperty("clear", True)
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(self.drop)
        column.addWidget(self.message)
        column.addWidget(self.answer, 3)
        column.addWidget(self.history, 2)
        self.pile = QStackedWidget()
        self.pile.addWidget(self.empty)
        self.pile.addWidget(content)
        self.body.addWidget(self.pile)
        self._show_parts()

    def _show_parts(self) -> None:
        """Give the drop area all the room until there is something else to show."""
        something = bool(self.tried) or TRY in self.studio.jobs
        self.answer.setVisible(something)
        self.history.setVisible(something)
        high = QSizePolicy.Policy.Maximum if something else QSizePolicy.Policy.Expanding
        self.drop.setSizePolicy(QSizePolicy.Policy.Preferred, high)
        self.drop.set_compact(compact=something)

    def _listen(self) -> None:
        self.empty.acted.connect(partial(self.page_wanted.emit, "train"))
        self.drop.dropped.connect(self.ask)
        self.drop.browse_wanted.connect(self._on_browse_wanted)
        self.folder_button.clicked.connect(self._on_folder_clicked)
        self.history.chosen.connect(self._on_chosen)
        self.history.save_wanted.connect(self._on_save_wanted)
        self.history.clear_wanted.connect(self._forget)
        self.history.stop_wanted.connect(self._on_stop_wanted)
        self.answer.why_wanted.connect(self._on_why_wanted)
        self.heats.waiting.connect(self.answer.show_waiting)
        self.heats.ready.connect(self.answer.show_heat)
        self.heats.failed.connect(self.answer.show_trouble)
        paste = QShortcut(QKeySequence(QKeySequence.StandardKey.Paste), self)
        paste.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        paste.activated.connect(self._on_paste)
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
            self.empty.say(
                self.tr("There is no model to try yet"),
                self.tr(
                    "Here you show the model pictures it has never seen, and see what it says and"
                    " why. Train a model first."
                ),
                self.tr("Go to Train"),
            )
            self.pile.setCurrentIndex(0)
            return
        self.subtitle.setText(self.tr("Ask the model of run {n}").format(n=run.name))
        self.pile.setCurrentIndex(1)

    @override
    def blocked(self) -> str:
        return "" if self.studio.run_folder else self.tr("Train a model first.")

    @override
    def state(self) -> str:
        return DONE if self.tried else NOT_STARTED

    @override
    def rail_note(self) -> str:
        return self.tr("{n} tried").format(n=f"{len(self.tried):,}") if self.tried else ""

    # --- asking -----------------------------------------------------------------------------------

    @Slot(object)
    def ask(self, paths: list[Path]) -> None:
        """Ask the model about files and folders; what is asked meanwhile waits its turn."""
        if self.studio.run_folder is None:
            return
        self.message.say("", "info")
        self._waiting += paths
        if TRY not in self.studio.jobs:
            self._ask_waiting()

    def _ask_waiting(self) -> None:
        run = self.studio.run_folder
        if not self._waiting or run is None:
            return
        paths, self._waiting = self._waiting, []
        many = len(paths) > 1 or any(path.is_dir() for path in paths)
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
        self.answer.show_tried(tried)
        self._on_why_wanted(self.answer.why.isChecked())

    @Slot(int)
    def _on_chosen(self, number: int) -> None:
        found = next((tried for tried in self.tried if tried.id == number), None)
        if found is not None:
            self._show(found)

    @Slot(bool)
    def _on_why_wanted(self, wanted: bool) -> None:
        tried, run = self._shown, self.studio.run_folder
        if tried is None or tried.trouble or run is None:
            self.heats.drop()
            return
        if not wanted:
            self.heats.drop()
            self.answer.show_picture(tried)
            return
        project = self.studio.project
        sample = Sample(0, tried.path, None, None, "")
        label = str(tried.prediction.label)
        self.heats.wish(run, sample, label, project.dataset if project else None)

    # --- ways in ----------------------------------------------------------------------------------

    @Slot()
    def _on_browse_wanted(self) -> None:
        kinds = " ".join(
            f"*.{bytes(f.data()).decode()}" for f in QImageReader.supportedImageFormats()
        )
        found, _ = QFileDialog.getOpenFileNames(
            self,
            self.tr("Pictures to try"),
            "",
            self.tr("Pictures ({kinds})").format(kinds=kinds) + ";;" + self.tr("All files (*)"),
        )
        if found:
            self.ask([Path(name) for name in found])

    @Slot()
    def _on_folder_clicked(self) -> None:
        found = QFileDialog.getExistingDirectory(self, self.tr("Folder with pictures to try"))
        if found:
            self.ask([Path(found)])

    @Slot()
    def _on_paste(self) -> None:
        self.take(QGuiApplication.clipboard().mimeData())

    def take(self, data: QMimeData) -> None:
        """Try what was pasted or dropped: files, or a picture itself."""
        paths = paths_in(data)
        if not paths and data.hasImage():
            image = QImage(data.imageData())
            path = Path(self._pasted.filePath(f"pasted picture {self._count + 1}.png"))
            if not image.isNull() and image.save(str(path)):
                paths = [path]
        if not paths and data.hasText() and Path(data.text().strip()).is_file():
            paths = [Path(data.text().strip())]
        if paths:
            self.ask(paths)
        else:
            self.message.say(
                self.tr("There is no picture on the clipboard. Copy a picture or a file first."),
                "warning",
            )

    @override
    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if paths_in(event.mimeData()) or event.mimeData().hasImage():
            event.acceptProposedAction()

    @override
    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.take(event.mimeData())

    # --- history ----------------------------------------------------------------------------------

    @Slot()
    def _on_save_wanted(self) -> None:
        found, _ = QFileDialog.getSaveFileName(
            self, self.tr("Save the answers"), "answers.csv", self.tr("Tables (*.csv)")
        )
        if found:
            self.save(Path(found))

    def save(self, path: Path) -> None:
        """Write all answers as a table; a refusal is said in place."""
        try:
            files.write_text(path, as_csv(self.tried))
        except (StudioError, OSError) as error:
            self.message.say(str(explained(error)), "bad")
        else:
            self.message.say(self.tr("Saved: {path}").format(path=path), "ok")

    @Slot()
    def _on_stop_wanted(self) -> None:
        self._waiting = []
        self.studio.stop(TRY)

    @Slot()
    def _forget(self) -> None:
        self.tried, self._new, self._shown = [], [], None
        self.heats.drop()
        self.history.clear()
        self.answer.show_tried(None)
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
