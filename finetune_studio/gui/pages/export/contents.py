"""What is in one export, and what can be done with it: opened, packed into a zip, served to programs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QGridLayout, QLabel, QPushButton, QWidget

from finetune_studio.core.events import Event, ServiceEnded, ServiceStarted, Zipped
from finetune_studio.gui.pages.export import shelf
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.message import Message

SERVE, ZIP = "serve", "zip"  # names of jobs


class ContentsCard(Card):
    """The files of one export, each in words.

    Signals:
        open_wanted: The user wants to see the folder.
    """

    open_wanted = Signal()

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(studio.tr("What is inside"), parent)
        self._studio = studio
        self._folder = ""
        self._served = ""
        self._address = ""
        self.serve_button = self._button(self.tr("Serve on this computer"), "serve")
        self.serve_button.setToolTip(
            self.tr("Other programs on this computer can then ask the model, without Python.")
        )
        self.browse_button = self._button(self.tr("Open its page"), "open_service")
        self.browse_button.hide()
        self.zip_button = self._button(self.tr("Save as zip…"), "save_zip")
        self.open_button = self._button(self.tr("Open folder"), "open_folder")
        self.message = Message()
        self._proof = self._line("")
        self._place = self._line("small")
        self._place.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._list = QGridLayout()
        self._list.setHorizontalSpacing(16)
        self._list.setVerticalSpacing(6)
        self._list.setColumnStretch(1, 1)
        for part in (self._proof, self.message, self._place):
            self.body.addWidget(part)
        self.body.addLayout(self._list)
        self.body.addStretch(1)
        self.open_button.clicked.connect(self.open_wanted)
        self.zip_button.clicked.connect(self._on_zip_clicked)
        self.serve_button.clicked.connect(self._on_serve_clicked)
        self.browse_button.clicked.connect(self._on_browse_clicked)
        studio.busy_changed.connect(self._refresh)
        studio.job_failed.connect(self._on_job_failed)
        studio.project_changed.connect(self.stop)

    def _button(self, text: str, name: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        self.head.addWidget(button)
        return button

    def _line(self, role: str) -> QLabel:
        label = QLabel()
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        if role:
            label.setProperty("role", role)
        return label

    def show_export(self, proof: str, place: str, contents: list[tuple[str, str]]) -> None:
        """Show one export: what was proven, where it lies, and its files."""
        self._folder = place
        self._proof.setText(proof)
        # Long paths may break after each folder.
        self._place.setText(place.replace("/", "/\u200b").replace("\\", "\\\u200b"))
        while (item := self._list.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        for line, (name, meaning) in enumerate(contents):
            shown = QLabel(name)
            said = QLabel(meaning)
            said.setProperty("role", "muted")
            said.setWordWrap(True)
            for column, label in enumerate((shown, said)):
                label.setTextFormat(Qt.TextFormat.PlainText)
                self._list.addWidget(label, line, column, Qt.AlignmentFlag.AlignTop)
        self._refresh()

    # --- zip --------------------------------------------------------------------------------------

    @Slot()
    def _on_zip_clicked(self) -> None:
        if not self._folder or ZIP in self._studio.jobs:
            return
        folder = Path(self._folder)
        found, _ = QFileDialog.getSaveFileName(
            self,
            self.tr("Save the export as one file"),
            str(folder.with_name(f"{folder.name}.zip")),
            self.tr("Zip files (*.zip)"),
        )
        if found:
            job = partial(shelf.pack, folder, Path(found))
            self._studio.start(ZIP, job, on_event=self._on_packed)

    def _on_packed(self, event: Event) -> None:
        if isinstance(event, Zipped):
            text = self.tr("Saved: {path} ({size} MB)")
            self.message.say(text.format(path=event.path, size=f"{event.size_mb:.1f}"), "ok")

    # --- service ----------------------------------------------------------------------------------

    @property
    def serving(self) -> bool:
        """Whether an export answers programs at the moment."""
        return SERVE in self._studio.jobs

    @Slot()
    def _on_serve_clicked(self) -> None:
        if self.serving:
            self.stop()
        elif self._folder:
            self._served = self._folder
            self._studio.start(
                SERVE, partial(shelf.serve, Path(self._folder)), on_event=self._on_served
            )

    @Slot()
    def stop(self) -> None:
        """End the service, if there is one."""
        if self.serving:
            self._studio.stop(SERVE)

    def _on_served(self, event: Event) -> None:
        if isinstance(event, ServiceStarted):
            self._address = event.address
            name = Path(self._served).name
            text = self.tr(
                "{name} answers at {address}, for programs on this computer only. Its page says how it"
                " is asked."
            )
            self.message.say(text.format(name=name, address=event.address), "ok")
        elif isinstance(event, ServiceEnded):
            self._address = ""
            text = self.tr("The service ended: {a} requests answered, {r} refused.")
            self.message.say(text.format(a=f"{event.answered:,}", r=f"{event.refused:,}"), "info")
        self._refresh()

    @Slot()
    def _on_browse_clicked(self) -> None:
        QDesktopServices.openUrl(QUrl(self._address))

    @property
    def address(self) -> str:
        """Return where the model answers; empty while it does not."""
        return self._address

    # --- what the studio says ---------------------------------------------------------------------

    @Slot()
    def _refresh(self) -> None:
        self.serve_button.setText(
            self.tr("Stop serving") if self.serving else self.tr("Serve on this computer")
        )
        self.browse_button.setVisible(self.serving and bool(self._address))
        self.zip_button.setEnabled(bool(self._folder) and ZIP not in self._studio.jobs)
        self.serve_button.setEnabled(bool(self._folder) or self.serving)

    @Slot(str, object)
    def _on_job_failed(self, name: str, error: Any) -> None:
        if name in (SERVE, ZIP):
            self._address = "" if name == SERVE else self._address
            self.message.say(f"{error.message} {error.hint}".strip(), "bad")
