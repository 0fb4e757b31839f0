"""One text whole, with what is known and marked in it, and what the user can decide about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QLabel, QStackedWidget, QVBoxLayout, QWidget
from typing_extensions import override

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.answer_editor import AnswerEditor
from finetune_studio.gui.widgets.chat_editor import ChatEditor
from finetune_studio.gui.widgets.deciding import Deciding, EditHistory
from finetune_studio.gui.widgets.elided_label import ElidedLabel
from finetune_studio.gui.widgets.label_chips import LabelChips
from finetune_studio.gui.widgets.letters import matched
from finetune_studio.gui.widgets.marked_text import MarkedText
from finetune_studio.gui.widgets.sample_detail import Detail
from finetune_studio.gui.widgets.span_editor import SpanEditor
from finetune_studio.gui.widgets.summary_editor import SummaryEditor

_MOST_EDITS = 3
_LOW = 480  # pixels


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as it is read and edited.

    Attributes:
        number: The sample's number.
        editor: text, spans, question, summary or chat.
        fields: What the sample holds.
        search: The word that was searched, to be found again in the text.
        labelled: Whether it has one label of its own, which can be changed.
    """

    number: int = -1
    editor: str = "text"
    fields: Mapping[str, Any] = field(default_factory=dict)
    search: str = ""
    labelled: bool = True


class TextDetail(QWidget):
    """The panel beside the list of texts.

    Signals:
        labelled: The label that the user gives.
        exclusion_wanted: Whether to exclude (True) or take back in.
        split_wanted: The split that the user chose.
        undo_wanted: The last edit is to be taken back.
        rewritten: A sample's number, its fields that are other now, and what was done, in words.
    """

    labelled = Signal(str)
    exclusion_wanted = Signal(bool)
    split_wanted = Signal(str)
    undo_wanted = Signal()
    rewritten = Signal(int, dict, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._detail = Detail()
        self._reading = Reading()
        self._counts: dict[str, int] = {}
        self.editors: dict[str, Any] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        self._add_words(column)
        self.stack = QStackedWidget()
        self._nothing = QLabel(self.tr("Select a text to read it."))
        self._nothing.setProperty("role", "muted")
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.stack.addWidget(self._nothing)
        column.addWidget(self.stack, 1)
        self.deciding = Deciding(beside=True)
        self.deciding.labelled.connect(self.labelled)
        self.deciding.exclusion_wanted.connect(self.exclusion_wanted)
        self.deciding.split_wanted.connect(self.split_wanted)
        self.exclude_button, self.split = self.deciding.exclude_button, self.deciding.split
        self.field = self.deciding.field
        column.addWidget(self.deciding)
        self.history = EditHistory(_MOST_EDITS, quiet=True)
        self.history.undo_wanted.connect(self.undo_wanted)
        column.addWidget(self.history)
        self.show_detail(None)

    def _add_words(self, column: QVBoxLayout) -> None:
        self.heading = ElidedLabel()
        self.heading.setProperty("role", "heading")
        self.facts = QLabel()
        self.facts.setWordWrap(True)
        self.place = ElidedLabel(mode=Qt.TextElideMode.ElideMiddle)
        for label in (self.facts, self.place):
            label.setProperty("role", "small")
            label.setTextFormat(Qt.TextFormat.PlainText)
        self.problem = QLabel()
        self.problem.setTextFormat(Qt.TextFormat.PlainText)
        self.problem.setWordWrap(True)
        self.problem.setProperty("level", "bad")
        for widget in (self.heading, self.facts, self.place, self.problem):
            column.addWidget(widget)

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        # Where the window is low, the text needs the room more than what was done before.
        self.history.set_most(1 if self.height() < theme.px(_LOW) else _MOST_EDITS)
        super().resizeEvent(event)

    # --- what is shown ----------------------------------------------------------------------------

    def set_names(self, names: Sequence[str]) -> None:
        """Offer these labels when one is changed."""
        self.deciding.set_names(names)

    def set_counts(self, counts: Mapping[str, int]) -> None:
        """Know the classes or types of the data, and how many there are of each."""
        self._counts = dict(counts)
        self.set_names(list(counts))
        if isinstance(spans := self.editors.get("spans"), SpanEditor):
            spans.set_counts(counts)
        if isinstance(plain := self.editors.get("text"), PlainEditor):
            plain.chips.set_names(list(counts))

    def show_detail(self, detail: Detail | None, reading: Reading | None = None) -> None:
        """Show a sample, or what is known of several; None if nothing is selected."""
        self._detail = shown = detail or Detail()
        for label, text in (
            (self.heading, shown.heading),
            (self.facts, shown.facts),
            (self.place, " · ".join(part for part in (shown.place, shown.group) if part)),
            (self.problem, shown.problem),
        ):
            label.setText(text)
            label.setVisible(bool(text))
        self.deciding.setVisible(detail is not None)
        self.deciding.show_state(shown.split, excluded=shown.excluded)
        self.history.show_edits(shown.edits)
        self.history.setVisible(bool(shown.edits))
        self._nothing.setText("" if detail else self.tr("Select a text to read it."))
        self._show_reading(reading)

    def _show_reading(self, reading: Reading | None) -> None:
        before, self._reading = self._reading, reading or Reading()
        self.deciding.offer_labels(offered=reading is None or reading.labelled)
        if reading is None:
            self.stack.setCurrentWidget(self._nothing)
            return
        editor = self.editor(reading.editor)
        self.stack.setCurrentWidget(editor)
        if reading != before:
            editor.show_fields(reading.fields, reading.search)

    def editor(self, name: str) -> Any:
        """Return the editor of a kind of text, made when it is first needed."""
        if name not in self.editors:
            made: Any = _EDITORS[name]()
            made.rewritten.connect(self._on_rewritten)
            self.editors[name] = made
            self.stack.addWidget(made)
            self.set_counts(self._counts)
        return self.editors[name]

    # --- what the user does -----------------------------------------------------------------------

    @Slot(dict, str)
    def _on_rewritten(self, fields: dict[str, Any], told: str) -> None:
        # What the editor shows already; an undo that comes before the page's answer differs from it.
        before = self._reading
        self._reading = replace(before, fields={**before.fields, **fields})
        self.rewritten.emit(self._reading.number, fields, told)

    @Slot()
    def ask_label(self) -> None:
        """Let the user type a label, or choose one that exists."""
        if self._reading.labelled:
            self.deciding.ask_label()
        elif isinstance(plain := self.editors.get("text"), PlainEditor) and plain.isVisible():
            plain.chips.ask()

    @Slot()
    def begin(self) -> None:
        """Give the keyboard to the text that is shown."""
        shown = self.stack.currentWidget()
        if shown is not None and shown is not self._nothing:
            shown.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def copy_path(self) -> None:
        """Put on the clipboard where the text lies."""
        QGuiApplication.clipboard().setText(self._detail.path or self._detail.place)


class PlainEditor(QWidget):
    """A text to read, with its classes where it may have several.

    Signals:
        rewritten: The fields that are other now, and what was done, in words.
    """

    rewritten = Signal(dict, str)

    def __init__(self) -> None:
        super().__init__()
        self.view = MarkedText()
        self.view.setAccessibleName(self.tr("Text"))
        self.chips = LabelChips()
        self.chips.rewritten.connect(self.rewritten)
        self.setFocusProxy(self.view)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.chips)
        column.addWidget(self.view, 1)

    def show_fields(self, fields: Mapping[str, Any], search: str = "") -> None:
        """Show a sample's text."""
        text = str(fields.get("text", ""))
        self.view.show_text(text)
        found = matched(text, search)
        self.view.set_marks((), found)
        if found:
            self.view.show_place(found[0][0])
        self.chips.setVisible("labels" in fields)
        self.chips.show_fields(fields)


class _ChatOrText(QStackedWidget):
    """A chat, or the plain text that stands for one.

    Signals:
        rewritten: The fields that are other now, and what was done, in words.
    """

    rewritten = Signal(dict, str)

    def __init__(self) -> None:
        super().__init__()
        self.chat, self.plain = ChatEditor(), PlainEditor()
        for editor in (self.chat, self.plain):
            editor.rewritten.connect(self.rewritten)
            self.addWidget(editor)

    def show_fields(self, fields: Mapping[str, Any], search: str = "") -> None:
        """Show a sample's turns, or its text."""
        editor = self.chat if "messages" in fields else self.plain
        self.setCurrentWidget(editor)
        editor.show_fields(fields, search)
        first = next((bubble.box for bubble in self.chat.bubbles), self.plain.view)
        self.setFocusProxy(first if editor is self.chat else self.plain.view)


_EDITORS: dict[str, type[QWidget]] = {
    "text": PlainEditor,
    "spans": SpanEditor,
    "question": AnswerEditor,
    "summary": SummaryEditor,
    "chat": _ChatOrText,
}
