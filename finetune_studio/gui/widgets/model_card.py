"""What there is to know of one model, and the way to get it onto this computer."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QWidget,
)

from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.model_table import ModelRow, megabytes


class ModelCard(Card):
    """Shows a model.

    Signals:
        download_wanted: The user wants the weights.
        cancel_wanted: The user wants the download to end.
        settings_wanted: The user wants to switch offline off.
    """

    download_wanted = Signal()
    cancel_wanted = Signal()
    settings_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("–", parent)
        self.title.setProperty("role", "project")
        self._summary = _text()
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnStretch(1, 1)
        self._values: dict[str, QLabel] = {}
        for row, (name, title) in enumerate(
            (
                ("where", self.tr("Where")),
                ("size", self.tr("Size")),
                ("parameters", self.tr("Parameters")),
                ("sees", self.tr("Sees")),
                ("reads", self.tr("Reads")),
                ("knows", self.tr("Pretrained on")),
                ("licence", self.tr("Licence")),
                ("needs", self.tr("Memory at least")),
                ("memory", self.tr("Memory to train")),
                ("time", self.tr("Time an epoch")),
            )
        ):
            label, value = QLabel(title), _text()
            label.setProperty("role", "muted")
            self._grid.addWidget(label, row, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(value, row, 1)
            self._values[name] = value
        self._note = _text("small")
        self._make_download()
        self.body.addWidget(self._summary)
        self.body.addSpacing(4)
        self.body.addLayout(self._grid)
        self.body.addWidget(self._note)
        self.body.addWidget(self._download_box)
        self.body.addStretch(1)

    def _make_download(self) -> None:
        self._download_box = QWidget()
        self._download_box.setProperty("clear", True)
        self.download = QPushButton(self.tr("Download"))
        self.download.setObjectName("download")
        self.download.clicked.connect(self.download_wanted)
        self.cancel = QPushButton(self.tr("Cancel"))
        self.cancel.setObjectName("cancel_download")
        self.cancel.clicked.connect(self.cancel_wanted)
        self.settings = QPushButton(self.tr("Open Settings"))
        self.settings.setProperty("link", True)
        self.settings.clicked.connect(self.settings_wanted)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 1000)
        self._told = _text("small")
        grid = QGridLayout(self._download_box)
        grid.setContentsMargins(0, 4, 0, 0)
        grid.setSpacing(8)
        buttons = QHBoxLayout()
        buttons.addWidget(self.download)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.settings)
        buttons.addStretch(1)
        grid.addLayout(buttons, 0, 0)
        grid.addWidget(self._bar, 1, 0)
        grid.addWidget(self._told, 2, 0)

    def show_model(self, row: ModelRow | None) -> None:
        """Show another model; what is measured of it comes later."""
        self.setVisible(row is not None)
        if row is None:
            return
        self.set_title(row.title)
        self._summary.setText(row.summary)
        self._summary.setVisible(bool(row.summary))
        self._set("where", row.where.capitalize())
        self._set("size", megabytes(row.size_mb) if row.size_mb else "")
        self._set("parameters", f"{row.parameters:,}" if row.parameters else "")
        size = self.tr("squares of {n} × {n} pixels").format(n=row.image_size)
        self._set("sees", size if row.image_size else "")
        self._set("reads", self._reads(row))
        self._set("knows", row.pretrained_on)
        asked = self.tr("{licence}; you must agree to it on the model's page before the download")
        self._set("licence", asked.format(licence=row.licence) if row.gated else row.licence)
        needs = self.tr("{full} to retrain all of it, {adapters} with adapters (LoRA)")
        told = needs.format(full=megabytes(row.full_mb), adapters=megabytes(row.adapters_mb))
        self._set("needs", told if row.full_mb else "")
        self.show_measured("", "", "")

    def _reads(self, row: ModelRow) -> str:
        """Say which languages a text model reads, and how much at once."""
        if not row.tokens:
            return ""
        most = self.tr("up to {n} tokens (pieces of words) at once").format(n=f"{row.tokens:,}")
        return f"{row.languages}; {most}" if row.languages else most

    def show_measured(self, memory: str, time: str, note: str) -> None:
        """Show what was found out on this computer; empty leaves the row out."""
        self._set("memory", memory)
        self._set("time", time)
        self._note.setText(note)
        self._note.setVisible(bool(note))

    def show_download(
        self, *, needed: bool, offline: bool, share: float | None = None, text: str = ""
    ) -> None:
        """Show the way to the weights.

        Args:
            needed: Whether they are not on this computer.
            offline: Whether the program must open no connection.
            share: How much has come, while they come.
            text: What stands below.
        """
        coming = share is not None
        self._download_box.setVisible(needed or coming)
        self.download.setVisible(not coming)
        self.download.setEnabled(not offline)
        self.cancel.setVisible(coming)
        self.settings.setVisible(offline and not coming)
        self._bar.setVisible(coming)
        self._bar.setValue(round(1000 * (share or 0.0)))
        reason = self.tr("Finetune Studio is set to stay offline, so nothing can be downloaded.")
        told = reason if offline and not coming else text
        self.download.setToolTip(told)
        self._told.setText(told)
        self._told.setVisible(bool(told))

    def facts(self) -> dict[str, str]:
        """Return the rows as they stand there."""
        return {n: label.text() for n, label in self._values.items() if not label.isHidden()}

    @property
    def told(self) -> str:
        """Return what stands below the download."""
        return self._told.text()

    def _set(self, name: str, text: str) -> None:
        label = self._values[name]
        label.setText(text)
        label.setVisible(bool(text))
        row = list(self._values).index(name)
        item = self._grid.itemAtPosition(row, 0)
        title = item.widget() if item is not None else None
        if title is not None:
            title.setVisible(bool(text))


def _text(role: str = "") -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if role:
        label.setProperty("role", role)
    return label
