"""Where a text is typed, pasted or dropped to be tried; a question stands above the text that answers it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, QSize, Qt, Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPlainTextEdit, QPushButton, QWidget
from typing_extensions import override

from finetune_studio.gui.pages.try_out import inputs
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.drop_area import paths_in


class TextBox(QPlainTextEdit):
    """Takes plain text; files that are dropped on it are handed on, and Ctrl+Enter sends.

    Signals:
        sent: Ctrl+Enter was pressed.
        dropped: The paths that were dropped (a list of Path).
    """

    sent = Signal()
    dropped = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTabChangesFocus(True)

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.sent.emit()
            return
        super().keyPressEvent(event)

    @override
    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        return bool(paths_in(source)) or super().canInsertFromMimeData(source)

    @override
    def insertFromMimeData(self, source: QMimeData) -> None:
        if paths := paths_in(source):
            self.dropped.emit(paths)
        elif source.hasText():
            self.insertPlainText(source.text())

    @override
    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self.canInsertFromMimeData(event.mimeData()):
            event.acceptProposedAction()

    @override
    def dropEvent(self, event: QDropEvent) -> None:
        if paths := paths_in(event.mimeData()):
            event.acceptProposedAction()
            self.dropped.emit(paths)
        else:
            super().dropEvent(event)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(160, 4 * self.fontMetrics().lineSpacing())

    @override
    def sizeHint(self) -> QSize:
        return QSize(256, 6 * self.fontMetrics().lineSpacing())


class TextEntry(Card):
    """The card in which the user writes what the model is asked about.

    Signals:
        asked: A text, or a question with its text, as the engine takes it.
        dropped: Files, folders or tables to try (a list of Path).
        browse_wanted: The user wants to choose a file.
    """

    asked = Signal(str)
    dropped = Signal(object)
    browse_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(" ", parent)
        self._questions = False
        self.question = QLineEdit()
        self.question.setObjectName("question")
        self.question.returnPressed.connect(self.send)
        self._context_title = QLabel(self.tr("The text that answers it"))
        self._context_title.setProperty("role", "heading")
        self.box = TextBox()
        self.box.setObjectName("text_to_try")
        self.ask_button = QPushButton(self.tr("Ask the model"))
        self.ask_button.setObjectName("ask")
        self.ask_button.setToolTip(self.tr("Ctrl+Enter does the same."))
        self.file_button = QPushButton(self.tr("Choose a file…"))
        self.file_button.setObjectName("choose_text")
        self._hint = QLabel()
        self._hint.setProperty("role", "small")
        self._hint.setWordWrap(True)
        self.body.addWidget(self.question)
        self.body.addWidget(self._context_title)
        self.body.addWidget(self.box, 1)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.ask_button)
        row.addWidget(self.file_button)
        row.addStretch(1)
        self.body.addLayout(row)
        self.body.addWidget(self._hint)
        self.box.sent.connect(self.send)
        self.box.dropped.connect(self.dropped)
        self.box.textChanged.connect(self._on_changed)
        self.question.textChanged.connect(self._on_changed)
        self.ask_button.clicked.connect(self.send)
        self.file_button.clicked.connect(self.browse_wanted)
        self.suit("")

    def suit(self, task: str) -> None:
        """Ask for what a task takes."""
        self._questions = inputs.asks_questions(task)
        for part in (self.question, self._context_title):
            part.setVisible(self._questions)
        self.set_title(self.tr("Your question") if self._questions else self.tr("Your text"))
        self.question.setAccessibleName(self.tr("Your question"))
        self.question.setPlaceholderText(self.tr("What do you want to know?"))
        name = self.tr("The text that answers it") if self._questions else self.tr("Your text")
        self.box.setAccessibleName(name)
        self.box.setPlaceholderText(
            self.tr("Paste or type the text that holds the answer, or drop a .txt file.")
            if self._questions
            else self.tr("Paste or type a text, or drop a .txt file.")
        )
        self._hint.setText(
            self.tr("A table with the columns question and context gives an answer a row.")
            if self._questions
            else self.tr(
                "A table (CSV, TSV, JSONL, Parquet) gives an answer a row, a dropped folder one a file."
            )
        )
        self._on_changed()

    def given(self) -> str:
        """Return what was written, as the engine takes it; empty where something is missing."""
        text = self.box.toPlainText()
        if not text.strip():
            return ""
        if not self._questions:
            return text
        asked = self.question.text().strip()
        return inputs.question(asked, text) if asked else ""

    def clear(self) -> None:
        """Empty the card."""
        self.question.clear()
        self.box.clear()

    @Slot()
    def send(self) -> None:
        """Ask about what was written; where something is missing, put the cursor there."""
        given = self.given()
        if given:
            self.asked.emit(given)
        elif self._questions and not self.question.text().strip():
            self.question.setFocus()
        else:
            self.box.setFocus()

    @Slot()
    def _on_changed(self) -> None:
        self.ask_button.setEnabled(bool(self.given()))

    def take(self, data: QMimeData) -> list[Path]:
        """Put a pasted text into the box; return files that were pasted instead."""
        if paths := paths_in(data):
            return paths
        if data.hasText():
            before = self.box.toPlainText()[: self.box.textCursor().selectionStart()]
            apart = "" if not before or before[-1].isspace() else "\n"
            self.box.insertPlainText(apart + data.text())
            self.box.setFocus()
        return []
