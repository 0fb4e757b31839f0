"""The Export page itself: choose a format, export and check, see what was proven."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from PySide6.QtCore import Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from finetune_studio.core.events import Event, ExportVerified, Noted, PhaseStarted, Progress
from finetune_studio.gui.page import DONE, NOT_STARTED, Page
from finetune_studio.gui.pages.export import shelf
from finetune_studio.gui.pages.export.contents import ContentsCard
from finetune_studio.gui.pages.export.formats import FormatTable
from finetune_studio.gui.pages.export.parts import WorkBar
from finetune_studio.gui.pages.export.shelf import Shelf
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.elided_label import ElidedLabel
from finetune_studio.gui.widgets.empty_state import EmptyState
from finetune_studio.gui.widgets.export_table import ExportTable, agreement
from finetune_studio.gui.widgets.message import Message

EXPORT = "export"
_ELSEWHERE = "export_folders"  # folders outside the project that hold its exports, one a line


class ExportPage(Page):
    """Writes the chosen run in a format and shows how it compares with the trained model."""

    name: ClassVar[str] = "export"
    title: ClassVar[str] = "Export"

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self._shelf = Shelf((), ())
        self._format = ""
        self._chosen_folder: Path | None = None
        self._newest = ""
        self._looking = 0
        self._make_parts()
        self._listen()
        self._on_busy_changed()

    # --- parts ------------------------------------------------------------------------------------

    def _make_parts(self) -> None:
        self.empty = EmptyState("", "", "")
        self.message = Message()
        self.table = ExportTable()
        self.inside = ContentsCard(self.studio)
        self._earlier = Card(self.tr("Exports of this project"))
        self._earlier.body.addWidget(self.table)
        content = QWidget()
        content.setProperty("clear", True)
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(self._make_choice())
        column.addWidget(self.message)
        column.addWidget(self._earlier)
        column.addWidget(self.inside)
        column.addStretch(1)
        self.pile = QStackedWidget()
        self.pile.addWidget(self.empty)
        self.pile.addWidget(content)
        self.body.addWidget(self.pile)
        self._earlier.hide()
        self.inside.hide()

    def _make_choice(self) -> Card:
        card = Card(self.tr("Format"))
        self.formats = FormatTable()
        self.about = QLabel()
        self.about.setProperty("role", "muted")
        self.about.setWordWrap(True)
        self.about.setTextFormat(Qt.TextFormat.PlainText)
        self.place = ElidedLabel(mode=Qt.TextElideMode.ElideMiddle)
        self.change_button = QPushButton(self.tr("Change…"))
        self.change_button.setObjectName("change_folder")
        self.change_button.setAccessibleName(self.tr("Choose another folder for the export"))
        self.export_button = QPushButton(self.tr("Export and check"))
        self.export_button.setObjectName("export_and_check")
        self.export_button.setProperty("primary", True)
        self.export_button.setToolTip(
            self.tr(
                "Writes the files, loads them again without this program, and compares the answers."
            )
        )
        into = QLabel(self.tr("Into the folder"))
        into.setProperty("role", "muted")
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(into)
        row.addWidget(self.place, 1)
        row.addWidget(self.change_button)
        row.addWidget(self.export_button)
        self.work = WorkBar()
        self.work.hide()
        card.body.setSpacing(12)
        card.body.addWidget(self.formats)
        card.body.addWidget(self.about)
        card.body.addLayout(row)
        card.body.addWidget(self.work)
        return card

    def _listen(self) -> None:
        self.empty.acted.connect(partial(self.page_wanted.emit, "train"))
        self.formats.chosen.connect(self._on_format_chosen)
        self.change_button.clicked.connect(self._on_change_clicked)
        self.export_button.clicked.connect(self._on_export_clicked)
        self.work.stop_wanted.connect(partial(self.studio.stop, EXPORT))
        self.table.chosen.connect(self._on_export_chosen)
        self.table.opened.connect(self._on_export_opened)
        self.inside.open_wanted.connect(self._on_open_clicked)
        self.studio.project_changed.connect(self._on_other_run)
        self.studio.run_chosen.connect(self._on_other_run)
        self.studio.busy_changed.connect(self._on_busy_changed)
        self.studio.job_failed.connect(self._on_job_failed)

    # --- what the page is about -------------------------------------------------------------------

    @override
    def entered(self) -> None:
        project, run = self.studio.project, self.studio.run_folder
        if project is None or run is None:
            self.subtitle.setText("")
            self._show_nothing()
            return
        self.subtitle.setText(
            self.tr("Run {n}: the best epoch, with everything to use it elsewhere").format(
                n=run.name
            )
        )
        self.pile.setCurrentIndex(1)
        self._show_place()
        self._look()

    @override
    def state(self) -> str:
        return DONE if self._shelf.exports else NOT_STARTED

    @override
    def rail_note(self) -> str:
        return self._shelf.exports[0].title if self._shelf.exports else ""

    def _show_nothing(self) -> None:
        self.empty.say(
            self.tr("There is nothing to export yet"),
            self.tr(
                "Here you take the trained model with you: as files that run without this program,"
                " checked against it. Train a model first."
            ),
            self.tr("Go to Train"),
        )
        self.pile.setCurrentIndex(0)

    def _look(self) -> None:
        project = self.studio.project
        if project is None:
            return
        self._looking += 1
        others = tuple(filter(None, project.dataset.get(_ELSEWHERE).split("\n")))
        self.studio.ask(
            partial(shelf.look, project, self.studio.run_folder, others),
            partial(self._on_looked, self._looking),
        )

    def _on_looked(self, number: int, found: Shelf) -> None:
        if number != self._looking:
            return
        self._shelf = found
        self.formats.show_rows(found.formats, found.metric)
        self._say_format()
        self._earlier.setVisible(bool(found.exports))
        self.inside.setVisible(bool(found.exports))
        self.table.show_rows(found.exports, self._newest or self.table.chosen_folder())
        self._on_busy_changed()
        self.state_changed.emit()

    def _say_format(self) -> None:
        """Say what the chosen format is for and what it runs with, or why it is not offered."""
        row = self.formats.chosen_row()
        if row is None:
            self.about.setText("")
        elif row.missing:
            self.about.setText(f"{row.summary} {row.missing}")
        else:
            runs = self.tr("Runs with {names}.").format(names=", ".join(row.needs))
            known = (
                self.tr("The figures were measured on this computer when it was exported.")
                if row.measured
                else self.tr("The figures are what to expect; exporting measures them.")
            )
            self.about.setText(f"{row.summary} {runs} {known}")

    def _can_be_written(self) -> bool:
        row = self.formats.chosen_row()
        return row is not None and not row.missing

    def _folder(self) -> Path | None:
        """Return where the export will go."""
        project, run = self.studio.project, self.studio.run_folder
        if self._chosen_folder is not None:
            return self._chosen_folder
        if project is None or run is None or not self._format:
            return None
        return shelf.default_folder(project, run, self._format)

    def _show_place(self) -> None:
        folder = self._folder()
        self.place.setText(str(folder) if folder else "")

    # --- what the user does -----------------------------------------------------------------------

    @Slot(str)
    def _on_format_chosen(self, name: str) -> None:
        if name != self._format:
            self._format = name
            self._chosen_folder = None
        self._say_format()
        self._show_place()
        self._on_busy_changed()

    @Slot()
    def _on_change_clicked(self) -> None:
        project, run = self.studio.project, self.studio.run_folder
        if project is None or run is None:
            return
        found = QFileDialog.getExistingDirectory(self, self.tr("Folder for the export"))
        if found:
            own = shelf.default_folder(project, run, self._format).name
            self._chosen_folder = shelf.own_folder(Path(found), own)
            self._show_place()

    @Slot()
    def _on_export_clicked(self) -> None:
        project, run, folder = self.studio.project, self.studio.run_folder, self._folder()
        if project is None or run is None or folder is None or EXPORT in self.studio.jobs:
            return
        self.message.say("", "ok")
        self._newest = ""
        self.work.begin(self.tr("Beginning…"))
        self.studio.start(
            EXPORT,
            partial(shelf.write, project, run, self._format, folder),
            on_event=self._on_stated,
            on_done=self._on_done,
        )

    def _on_stated(self, event: Event) -> None:
        match event:
            case PhaseStarted():
                self.work.begin(f"{event.text}…", event.total)
            case Progress():
                self.work.progress(event.done, event.total)
            case Noted():
                self.message.say(event.text, event.level)
            case ExportVerified():
                self._newest = event.path
                self._remember(Path(event.path))
                if not self.message.text:  # what smaller numbers cost stays
                    self._say_written(event)
            case _:
                pass

    def _say_written(self, event: ExportVerified) -> None:
        told = self.tr(
            "Written and checked: {share} of {n} answers are the trained model's. The files lie in {path}."
        )
        share, count = agreement(event.agreement), f"{event.samples:,}"
        self.message.say(told.format(share=share, n=count, path=event.path), "ok")

    def _remember(self, folder: Path) -> None:
        """Keep in mind an export that lies outside the project's own folder."""
        project = self.studio.project
        if project is not None and folder.parent != project.exports_folder:
            known = [line for line in project.dataset.get(_ELSEWHERE).split("\n") if line]
            if str(folder) not in known:
                project.dataset.put(_ELSEWHERE, "\n".join([*known, str(folder)]))

    def _on_done(self) -> None:
        if not self._newest:
            self.message.say(self.tr("The export was stopped; nothing was written."), "info")
        self._look()

    @Slot(str, object)
    def _on_job_failed(self, name: str, error: Any) -> None:
        if name == EXPORT:
            self.message.say(f"{error.message} {error.hint}".strip(), "bad")

    @Slot()
    def _on_busy_changed(self) -> None:
        working = EXPORT in self.studio.jobs
        self.work.setVisible(working)
        ready = not working and bool(self._format) and self._can_be_written()
        self.export_button.setEnabled(ready)
        self.change_button.setEnabled(ready)
        self.formats.setEnabled(not working)

    @Slot()
    def _on_other_run(self) -> None:
        self._newest = ""
        self._chosen_folder = None
        self._looking += 1
        self.message.say("", "ok")
        if self.studio.project is None:
            self._shelf = replace(self._shelf, exports=())
        if self.isVisible():
            self.entered()

    @Slot(str)
    def _on_export_chosen(self, folder: str) -> None:
        row = next((row for row in self.table.rows if row.folder == folder), None)
        if row is None:
            return
        self.studio.ask(
            partial(shelf.contents, Path(folder)),
            partial(self.inside.show_export, shelf.proof(row, self._shelf.thing), folder),
        )

    @Slot(str)
    def _on_export_opened(self, folder: str) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(folder))

    @Slot()
    def _on_open_clicked(self) -> None:
        folder = self.table.chosen_folder()
        if folder:
            self._on_export_opened(folder)
