"""The parts of the Export page: a format to choose, the work in hand, and what is in an export."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from finetune_studio.core.catalogue import Entry
from finetune_studio.gui.widgets.card import Card


class FormatCard(QFrame):
    """One format: its name as a radio button, and a sentence that says what it is for.

    Signals:
        chosen: The catalogue name of the format.
    """

    chosen = Signal(str)

    def __init__(self, row: Entry, group: QButtonGroup, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("card", True)
        self.name = row.name
        self.button = QRadioButton(row.title)
        self.button.setObjectName(f"format_{row.name}")
        font = self.button.font()
        font.setBold(True)
        self.button.setFont(font)
        self.button.setAccessibleDescription(row.summary)
        group.addButton(self.button)
        sentence = QLabel(row.summary)
        sentence.setProperty("role", "muted")
        sentence.setWordWrap(True)
        sentence.setTextFormat(Qt.TextFormat.PlainText)
        needs = QLabel(self._needs(row))
        needs.setProperty("role", "small")
        needs.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(4)
        column.addWidget(self.button)
        for label in (sentence, needs):
            label.setContentsMargins(23, 0, 0, 0)
            column.addWidget(label)
        column.addStretch(1)
        needs.setVisible(bool(needs.text()))
        self.button.toggled.connect(self._on_toggled)

    def _needs(self, row: Entry) -> str:
        packages = row.facts.get("needs") or []
        return self.tr("Runs with {names}.").format(names=", ".join(packages)) if packages else ""

    @override
    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.isEnabled():
            self.button.setChecked(True)
            self.button.setFocus()

    @override
    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.EnabledChange:
            self.setCursor(
                Qt.CursorShape.PointingHandCursor
                if self.isEnabled()
                else Qt.CursorShape.ArrowCursor
            )

    @Slot(bool)
    def _on_toggled(self, on: bool) -> None:
        if on:
            self.chosen.emit(self.name)


class WorkBar(QWidget):
    """What the export does at the moment, how far it is, and a button to stop it.

    Signals:
        stop_wanted: The user wants the export to end.
    """

    stop_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("clear", True)
        self._text = QLabel()
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self.stop_button = QPushButton(self.tr("Stop"))
        self.stop_button.setObjectName("stop_export")
        self.stop_button.clicked.connect(self.stop_wanted)
        column = QVBoxLayout()
        column.setSpacing(6)
        column.addWidget(self._text)
        column.addWidget(self._bar)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addLayout(column, 1)
        row.addWidget(self.stop_button)

    @property
    def text(self) -> str:
        """Return what is going on, in words."""
        return self._text.text()

    def begin(self, text: str, total: int = 0) -> None:
        """Show that a part of the work begins; 0 means that nobody knows how long it is."""
        self._text.setText(text)
        self._bar.setRange(0, total)
        self._bar.setValue(0)

    def progress(self, done: int, total: int) -> None:
        """Show how far the part is."""
        self._bar.setRange(0, total)
        self._bar.setValue(done)


class ContentsCard(Card):
    """The files of one export, each in words.

    Signals:
        open_wanted: The user wants to see the folder.
    """

    open_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("What is inside"), parent)
        self.open_button = QPushButton(self.tr("Open folder"))
        self.open_button.setObjectName("open_folder")
        self.open_button.clicked.connect(self.open_wanted)
        self.head.addWidget(self.open_button)
        self._proof = QLabel()
        self._proof.setWordWrap(True)
        self._proof.setTextFormat(Qt.TextFormat.PlainText)
        self._place = QLabel()
        self._place.setProperty("role", "small")
        self._place.setWordWrap(True)
        self._place.setTextFormat(Qt.TextFormat.PlainText)
        self._place.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._list = QGridLayout()
        self._list.setHorizontalSpacing(16)
        self._list.setVerticalSpacing(6)
        self._list.setColumnStretch(1, 1)
        self.body.addWidget(self._proof)
        self.body.addWidget(self._place)
        self.body.addLayout(self._list)
        self.body.addStretch(1)

    def show_export(self, proof: str, place: str, contents: list[tuple[str, str]]) -> None:
        """Show one export: what was proven, where it lies, and its files."""
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
