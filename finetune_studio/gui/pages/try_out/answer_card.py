"""One answer shown large: the picture, what the model says, how surely, how quickly, and why."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from finetune_studio.core.preview import Picture, Preview
from finetune_studio.gui import theme
from finetune_studio.gui.pages.try_out.tried import Tried, answer_in_words, percent, warning
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets.bar_list import BarList, BarRow
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.elided_label import ElidedLabel
from finetune_studio.gui.widgets.message import Message
from finetune_studio.gui.widgets.preview_view import PreviewView

_MOST_BARS = 5


class AnswerCard(Card):
    """Shows one tried picture: what the model says, how surely, how quickly, and why.

    Signals:
        why_wanted: Whether the user wants to see where the model looked.
        add_wanted: The user wants the picture among the data.
    """

    why_wanted = Signal(bool)
    add_wanted = Signal()

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.view = PreviewView(thumbnails, least=160)
        self.file = ElidedLabel(mode=Qt.TextElideMode.ElideMiddle)
        self.file.setProperty("role", "muted")
        self.answer = ElidedLabel()
        self.answer.setProperty("role", "figure")
        self.share = QLabel()
        self.share.setProperty("role", "figure")
        self.sentence = QLabel()
        self.sentence.setProperty("role", "small")
        self.sentence.setWordWrap(True)
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.trouble = Message()
        self.bars = BarList(pickable=False)
        self.bars.fit_height(_MOST_BARS + 1)
        self.bars.setMaximumWidth(theme.px(460))  # a name and its bar are read as one line
        self.bars.setAccessibleName(self.tr("Probabilities"))
        self.why = QCheckBox(self.tr("Show where the model looked"))
        self.why.setObjectName("why")
        self.why.setToolTip(self.tr("Bright places spoke most for the answer (Grad-CAM)."))
        self.why.toggled.connect(self.why_wanted)
        self.add_button = QPushButton(self.tr("Add to the data"))
        self.add_button.setObjectName("add_to_data")
        self.add_button.clicked.connect(self.add_wanted)
        self._waiting = QProgressBar()
        self._waiting.setRange(0, 0)
        self._waiting.setTextVisible(False)
        kept = self._waiting.sizePolicy()
        kept.setRetainSizeWhenHidden(True)
        self._waiting.setSizePolicy(kept)
        self._lay_out()
        self.show_tried(None)

    def _lay_out(self) -> None:
        said = QHBoxLayout()
        said.setSpacing(8)
        said.addWidget(self.answer)
        said.addWidget(self.share)
        said.addStretch(1)
        right = QVBoxLayout()
        right.setSpacing(8)
        right.addWidget(self.file)
        right.addLayout(said)
        right.addWidget(self.sentence)
        right.addWidget(self.trouble)
        right.addWidget(self.bars)
        right.addWidget(self.why)
        right.addWidget(self._waiting)
        right.addWidget(self.add_button, 0, Qt.AlignmentFlag.AlignLeft)
        right.addStretch(1)
        row = QHBoxLayout()
        row.setSpacing(20)
        row.addWidget(self.view, 5)
        row.addLayout(right, 6)
        self.body.addLayout(row)

    def show_tried(self, tried: Tried | None) -> None:
        """Show one answer, or why there is none; None while the model is asked for the first."""
        answered = tried is not None and not tried.trouble
        for part in self._parts_of_answer():
            part.setVisible(answered)
        self.trouble.say(tried.trouble if tried is not None else "", "bad")
        if answered:
            self.trouble.say(warning(tried), "warning")
        self._waiting.hide()
        if tried is None:
            self.view.show_preview(None, self.tr("Loading the trained model…"))
            self.file.setText("")
            return
        self.file.setText(tried.name)
        if tried.trouble:
            self.view.show_preview(None, self.tr("This file cannot be shown."))
            return
        self.show_picture(tried)
        said = self.tr("None of these") if tried.unlike else str(tried.prediction.label)
        self.answer.setText(said)
        self.share.setText("" if tried.unlike else percent(tried.certainty))
        self.sentence.setText(answer_in_words(tried))
        shares = sorted(tried.prediction.probabilities.items(), key=lambda item: -item[1])
        rows = [BarRow(name, share, percent(share)) for name, share in shares[:_MOST_BARS]]
        rest = sum(share for _, share in shares[_MOST_BARS:])
        if len(shares) > _MOST_BARS:
            others = self.tr("{n} others").format(n=len(shares) - _MOST_BARS)
            rows.append(BarRow(others, rest, percent(rest)))
        self.bars.set_rows(rows, most=1.0)

    def _parts_of_answer(self) -> tuple[QWidget, ...]:
        return self.answer, self.share, self.sentence, self.bars, self.why, self.add_button

    def show_picture(self, tried: Tried) -> None:
        """Show the picture without heat."""
        said = str(tried.prediction.label)
        self.view.show_preview(Preview((Picture(tried.path),), "", said, tried.certainty))

    @Slot()
    def show_waiting(self) -> None:
        """Show that the heat is being computed."""
        self._waiting.show()

    @Slot(object)
    def show_heat(self, preview: Preview) -> None:
        """Show the picture with heat."""
        self._waiting.hide()
        self.view.show_preview(preview)

    @Slot(str)
    def show_trouble(self, text: str) -> None:
        """Say in place why there is no heat."""
        self._waiting.hide()
        self.trouble.say(text, "warning")

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.view.setMaximumHeight(max(200, self.view.width()))
