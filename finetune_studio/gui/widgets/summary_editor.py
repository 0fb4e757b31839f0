"""A text beside its summaries, which can be rewritten."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget
from typing_extensions import override

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.choice_bar import ChoiceBar
from finetune_studio.gui.widgets.letters import matched
from finetune_studio.gui.widgets.marked_text import MarkedText
from finetune_studio.gui.widgets.span_marks import quoted
from finetune_studio.gui.widgets.writing_field import WritingField

_BESIDE = 460  # pixels above which text and summaries stand side by side
_MOST = 5  # summaries of one text that are shown


class SummaryEditor(QWidget):
    """Text at the left, summaries at the right; below each other where it is narrow.

    Signals:
        rewritten: The fields that are other now, and what was done, in words.
    """

    rewritten = Signal(dict, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._summaries: list[str] = []
        self.view = MarkedText()
        self.view.setAccessibleName(self.tr("Text"))
        self._title = _small(self.tr("Text"))
        self._fields = QVBoxLayout()
        self._fields.setSpacing(4)
        self.boxes: list[WritingField] = []
        self._count = 0
        self._beside = True
        self.which = ChoiceBar([])
        self.which.chosen.connect(self._arrange)
        self._captions: list[QLabel] = []
        self.add_button = QPushButton(self.tr("Add another summary"))
        self.add_button.setObjectName("add_summary")
        self.add_button.setProperty("link", True)
        self.add_button.setToolTip(
            self.tr("The first one is trained on; all of them are compared with at the end.")
        )
        self.add_button.clicked.connect(self._on_add_clicked)
        self.setFocusProxy(self.view)
        left, right = QVBoxLayout(), QVBoxLayout()
        left.setSpacing(4)
        left.addWidget(self._title)
        left.addWidget(self.view, 1)
        right.setSpacing(4)
        right.addWidget(self.which, 0, Qt.AlignmentFlag.AlignLeft)
        right.addLayout(self._fields, 1)
        right.addWidget(self.add_button, 0, Qt.AlignmentFlag.AlignLeft)
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(12)
        self._row.addLayout(left, 3)
        self._row.addLayout(right, 2)

    def show_fields(self, fields: Mapping[str, Any], search: str = "") -> None:
        """Show a sample's text and its summaries."""
        text = str(fields.get("text", ""))
        self._summaries = [str(summary) for summary in fields.get("summaries") or ()]
        self.view.show_text(text)
        self.view.set_marks((), matched(text, search))
        self._fill(max(1, min(_MOST, len(self._summaries))))

    def _fill(self, count: int) -> None:
        while len(self.boxes) < count:
            self._add_box()
        for number, box in enumerate(self.boxes):
            box.show_text(self._summaries[number] if number < len(self._summaries) else "")
        one = count == 1
        self._captions[0].setText(self.tr("Summary") if one else self.tr("Summary to train on"))
        full = count < _MOST and len(self._summaries) == count
        self.add_button.setVisible(full)
        if count != self._count:
            self._count = count
            self.which.set_options(
                [(str(n), self.tr("Summary") if not n else str(n + 1)) for n in range(count)]
            )
        self._arrange()

    @Slot(str)
    def _arrange(self, _chosen: str = "") -> None:
        """Show all summaries side by side with the text, or one of them where there is little room."""
        one = not self._beside and self._count > 1
        self.which.setVisible(one)
        chosen = int(self.which.value() or 0)
        for number, (caption, box) in enumerate(zip(self._captions, self.boxes, strict=True)):
            shown = number < self._count and (not one or number == chosen)
            caption.setVisible(shown and not one)
            box.setVisible(shown)

    def _add_box(self) -> None:
        number = len(self.boxes)
        caption = _small(self.tr("Reference {n}").format(n=number + 1))
        box = WritingField()
        box.setObjectName("summary")
        box.setAccessibleName(self.tr("Summary {n}").format(n=number + 1))
        box.setPlaceholderText(self.tr("Write what the text says, in a sentence or two."))
        box.setToolTip(self.tr("Ctrl+Enter or a click elsewhere keeps it, Escape does not."))
        box.written.connect(partial(self._on_written, number))
        box.left.connect(partial(self._on_left, box))
        self._fields.addWidget(caption)
        self._fields.addWidget(box, 1)
        self.boxes.append(box)
        self._captions.append(caption)

    @Slot()
    def _on_add_clicked(self) -> None:
        self._fill(len(self._summaries) + 1)
        self.which.set_value(str(len(self._summaries)))
        self._arrange()
        self.boxes[len(self._summaries)].setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_left(self, box: WritingField) -> None:
        if box.hasFocus():  # by a key: the text beside it is the next place to look at
            self.view.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_written(self, number: int, text: str) -> None:
        wanted = [*self._summaries[:number], text, *self._summaries[number + 1 :]]
        kept = [summary for summary in wanted if summary.strip()]
        if kept == self._summaries:
            return
        self._summaries = kept
        told = f"Summary → {quoted(text, 0, len(text))}" if text else "Summary taken away"
        self.rewritten.emit({"summaries": kept}, told)

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        beside = self.width() >= theme.px(_BESIDE)
        if beside != self._beside:
            self._beside = beside
            way = QBoxLayout.Direction
            self._row.setDirection(way.LeftToRight if beside else way.TopToBottom)
            self._arrange()
        super().resizeEvent(event)


def _small(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", "small")
    return label
