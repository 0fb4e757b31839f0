"""A question with its text, the answers marked in it; an answer is given by selecting its words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from finetune_studio.gui.widgets.flow import flowing
from finetune_studio.gui.widgets.letters import matched, snapped
from finetune_studio.gui.widgets.marked_text import Marked, MarkedText
from finetune_studio.gui.widgets.span_marks import quoted

_KEYS = ("A", "Shift+A", "N", "Del", "Backspace", "Return", "Enter")
_COLOUR = 2  # green in both appearances


class AnswerEditor(QWidget):
    """Shows a question, its context and its answers.

    Signals:
        rewritten: The fields that are other now, and what was done, in words.
    """

    rewritten = Signal(dict, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fields: Mapping[str, Any] = {}
        self._answers: list[dict[str, Any]] = []
        self._marked: list[int] = []  # which answer each mark is
        self.question = QLabel()
        self.question.setProperty("role", "heading")
        self.answer = QLabel()
        for label in (self.question, self.answer):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.view = MarkedText(_KEYS)
        self.view.setAccessibleName(self.tr("Text with the answer"))
        self.view.pressed.connect(self._on_key_pressed)
        self.view.selected.connect(self._say)
        self.view.picked.connect(self._say)
        self.set_button = QPushButton(self.tr("Set answer (A)"))
        self.set_button.setObjectName("set_answer")
        self.set_button.setToolTip(
            self.tr("The selected words are the answer; Shift+A keeps the others too")
        )
        self.set_button.clicked.connect(self.set_answer)
        self.none_button = QPushButton(self.tr("No answer (N)"))
        self.none_button.setObjectName("no_answer")
        self.none_button.setToolTip(self.tr("This text does not answer the question"))
        self.none_button.clicked.connect(self.set_none)
        self.told = QLabel()
        self.told.setProperty("role", "small")
        self.told.setTextFormat(Qt.TextFormat.PlainText)
        self.told.setWordWrap(True)
        row, flow = flowing(8)
        flow.addWidget(self.set_button)
        flow.addWidget(self.none_button)
        self.setFocusProxy(self.view)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        for widget in (self.question, self.answer, row, self.told):
            column.addWidget(widget)
        column.addWidget(self.view, 1)

    # --- what is shown ----------------------------------------------------------------------------

    def show_fields(self, fields: Mapping[str, Any], search: str = "") -> None:
        """Show a sample's question, text and answers."""
        other = fields.get("context") != self._fields.get("context")
        self._fields = fields
        context = str(fields.get("context", ""))
        self._answers = [dict(answer) for answer in fields.get("answers") or ()]
        self.question.setText(str(fields.get("question", "")) or self.tr("(no question)"))
        self.view.show_text(context)
        marks, self._marked = [], []
        for number, answer in enumerate(self._answers):
            start, text = int(answer.get("start", -1)), str(answer.get("text", ""))
            if text and start >= 0 and context[start : start + len(text)] == text:
                mark = Marked(start, start + len(text), _COLOUR, self.tr("Answer"))
                if mark not in marks:
                    marks.append(mark)
                    self._marked.append(number)
        self.view.set_marks(marks, matched(context, search))
        texts = list(dict.fromkeys(str(answer.get("text", "")) for answer in self._answers))
        told = self.tr("Answer: {text}").format(text=" / ".join(texts))
        self.answer.setText(told if texts else self.tr("No answer: the text does not tell."))
        if marks and other:
            self.view.show_place(marks[0].start)
        self._say()

    @Slot()
    def _say(self) -> None:
        start, end = self.view.selection()
        start, end = snapped(self.view.text, start, end) if start < end else (start, start)
        self.set_button.setEnabled(start < end)
        self.none_button.setEnabled(bool(self._answers))
        if start < end:
            words = quoted(self.view.text, start, end)
            self.told.setText(self.tr("A makes {words} the answer.").format(words=words))
        elif self._answers and not self._marked:
            self.told.setText(
                self.tr("The answer does not stand where the data say. Select it in the text.")
            )
        elif self.view.picked_mark >= 0:
            self.told.setText(self.tr("Delete takes this answer away."))
        else:
            self.told.setText(self.tr("Select the words that answer the question."))

    # --- what the user does -----------------------------------------------------------------------

    @Slot(str)
    def _on_key_pressed(self, key: str) -> None:
        match key:
            case "A":
                self.set_answer()
            case "Shift+A":
                self.set_answer(keep=True)
            case "N":
                self.set_none()
            case "Del" | "Backspace":
                self.remove()
            case _:
                self.view.pick_next()

    @Slot()
    def set_answer(self, *, keep: bool = False) -> None:
        """Make the selected words the answer, or one of several (``keep``)."""
        start, end = self.view.selection()
        start, end = snapped(self.view.text, start, end) if start < end else (start, start)
        if start == end:
            return
        text = self.view.text[start:end]
        made = {"text": text, "start": start}
        kept = [answer for answer in self._answers if answer != made] if keep else []
        self.view.select(start, start)
        self._tell([*kept, made], f"Answer → {quoted(text, 0, len(text))}")

    @Slot()
    def set_none(self) -> None:
        """Say that the text does not answer the question."""
        if self._answers:
            self._tell([], "Answer → no answer")

    def remove(self) -> None:
        """Take the answer at the caret away."""
        picked = self.view.picked_mark
        if picked >= 0:
            gone = self._answers[self._marked[picked]]
            left = [answer for answer in self._answers if answer != gone]
            text = str(gone["text"])
            self._tell(left, f"Answer {quoted(text, 0, len(text))} taken away")

    def _tell(self, answers: list[dict[str, Any]], told: str) -> None:
        self.show_fields({**self._fields, "answers": answers})
        self.view.setFocus(Qt.FocusReason.OtherFocusReason)
        self.rewritten.emit({"answers": answers}, told)
