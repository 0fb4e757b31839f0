"""What the model says of one text: its answer, how surely, how quickly, the text itself, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget

from finetune_studio.core.preview import Both, Preview, Span, Spans, Words
from finetune_studio.gui.pages.try_out.inputs import sample_of
from finetune_studio.gui.pages.try_out.tried import Tried, answer_in_words, percent, warning
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets.bar_list import BarList, BarRow
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.elided_label import ElidedLabel
from finetune_studio.gui.widgets.heat_pair import HeatPair
from finetune_studio.gui.widgets.message import Message
from finetune_studio.insights import explainer

if TYPE_CHECKING:  # tasks bring pydantic, which the page needs only once it is used
    from finetune_studio.core.task import Task

_MOST_BARS = 3
_MOST_OFFERED = 30
Wanted = str | Span | Both


@dataclass(frozen=True)
class Said:
    """One answer as the card shows it: the heading, the marks, and what can be explained."""

    heading: str
    preview: Preview
    offers: tuple[tuple[str, Wanted], ...] = ()


class Drawing:
    """Lets a task draw what was tried; the task is loaded with the first answer."""

    def __init__(self, task: str) -> None:
        self._name = task
        self._task: Task | None = None

    def said(self, tried: Tried) -> Said | None:
        """Return an answer about a text as the card shows it; None where there is none."""
        if tried.trouble:
            return None
        if self._task is None:
            from finetune_studio.engine import evaluate  # loaded already by the answer itself

            self._task = evaluate.load_task(self._name)
        preview = self._task.preview(sample_of(tried.path, self._name), tried.prediction)
        return said_of(tried, preview, explains=explainer(self._name) is not None)


def said_of(tried: Tried, preview: Preview, *, explains: bool) -> Said:
    """Return an answer as the card shows it.

    Args:
        tried: What was tried, with its answer.
        preview: The text with the answer, as the task draws it.
        explains: Whether it can be shown why the model says so.
    """
    prediction = tried.prediction
    about = prediction.answer
    label = str(prediction.label or "")
    if "spans" in about:
        count = len(about["spans"])
        heading = f"{count} found" if count else "Nothing found"
        return Said(heading, preview, _span_offers(preview) if explains else ())
    if "start" in about:
        shown = Said(label or "No answer in this text", preview)
        span = Span(int(about["start"]), int(about["end"]), "answer") if label else None
        offers = ((label, span),) if span is not None and explains else ()
        return Said(shown.heading, preview, offers)
    if "summary" in about:
        written = str(about["summary"])
        return Said(_how_many(written), Preview((Words(written, "Summary"),)))
    names = list(prediction.probabilities)[:8] if explains else []
    wishes: list[tuple[str, Wanted]] = [(name, name) for name in names]
    if len(names) > 1 and "labels" not in about:
        wishes.insert(1, (f"{names[0]} beside {names[1]}", Both(names[0], names[1])))
    return Said(label or "None of the classes", preview, tuple(wishes))


def _how_many(written: str) -> str:
    count = len(written.split())
    if not count:
        return "Nothing was written"
    return "1 word" if count == 1 else f"{count:,} words"


def _span_offers(preview: Preview) -> tuple[tuple[str, Wanted], ...]:
    text = next((mark.text for mark in preview.marks if isinstance(mark, Words)), "")
    spans = [
        s for mark in preview.marks if isinstance(mark, Spans) and mark.said for s in mark.spans
    ]
    return tuple(
        (f"{text[s.start : s.end]}: {s.name}", Span(s.start, s.end, s.name))
        for s in spans[:_MOST_OFFERED]
    )


class TextAnswer(Card):
    """Shows one tried text with its answer.

    Signals:
        why_wanted: What the user wants to have explained (a class, a place in the text); None for
            nothing.
        add_wanted: The user wants the text among the data.
    """

    why_wanted = Signal(object)
    add_wanted = Signal()

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self._said: Said | None = None
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
        self.bars.setAccessibleName(self.tr("Probabilities"))
        self.pair = HeatPair(thumbnails, least=80)
        self.view = self.pair.view
        self._lines = QLabel()
        self._lines.setProperty("role", "small")
        self._lines.setWordWrap(True)
        self._lines.setTextFormat(Qt.TextFormat.PlainText)
        self.why = QComboBox()
        self.why.setObjectName("why")
        self.why.setAccessibleName(self.tr("Why"))
        self.why.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.why.setMinimumContentsLength(12)
        self.why.setToolTip(self.tr("Tint the words that spoke for it (integrated gradients)."))
        self.add_button = QPushButton(self.tr("Add to the data"))
        self.add_button.setObjectName("add_to_data")
        self._waiting = QProgressBar()
        self._waiting.setRange(0, 0)
        self._waiting.setTextVisible(False)
        kept = self._waiting.sizePolicy()
        kept.setRetainSizeWhenHidden(True)  # nothing jumps when it comes and goes
        self._waiting.setSizePolicy(kept)
        self._lay_out()
        self.why.activated.connect(self._on_why_chosen)
        self.add_button.clicked.connect(self.add_wanted)
        self.show_tried(None, None)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.answer)
        head.addWidget(self.share)
        head.addStretch(1)
        foot = QHBoxLayout()
        foot.setSpacing(8)
        foot.addWidget(self.why, 1)
        foot.addWidget(self.add_button)
        self.body.addLayout(head)
        for part in (self.sentence, self.trouble, self.bars):
            self.body.addWidget(part)
        self.body.addWidget(self.pair, 1)
        self.body.addWidget(self._waiting)
        self.body.addWidget(self._lines)
        self.body.addLayout(foot)
        self.body.setSpacing(6)

    def show_tried(self, tried: Tried | None, said: Said | None) -> None:
        """Show one answer, or why there is none; None while the model is asked for the first."""
        self._said = said
        answered = tried is not None and said is not None
        for part in (self.answer, self.sentence, self.add_button):
            part.setVisible(answered)
        self.trouble.say(tried.trouble if tried is not None else "", "bad")
        if answered:
            self.trouble.say(warning(tried, "text_classification"), "warning")
        self._waiting.hide()
        self._say_lines(())
        shares = _shares(tried) if tried is not None and answered else []
        self.bars.setVisible(bool(shares))
        self.share.setVisible(answered and tried is not None and tried.certainty > 0)
        self.why.setVisible(said is not None and bool(said.offers))
        if tried is None or said is None:
            nothing = self.tr("Loading the trained model…") if tried is None else ""
            self.pair.setVisible(tried is None)
            self.pair.show_preview(None, nothing)
            return
        self.pair.show()
        self.answer.setText(self.tr("None of these") if tried.unlike else said.heading)
        self.share.setText("" if tried.unlike else percent(tried.certainty))
        self.sentence.setText(answer_in_words(tried))
        self.bars.set_rows(shares, most=1.0)
        self.why.clear()
        self.why.addItem(self.tr("Show why…"), None)
        for text, wanted in said.offers:
            self.why.addItem(self.tr("Why {what}?").format(what=text), wanted)
        self.pair.show_preview(said.preview)

    def show_plain(self) -> None:
        """Show the text without heat."""
        self._waiting.hide()
        self._say_lines(())
        if self._said is not None:
            self.pair.show_preview(self._said.preview)

    def _say_lines(self, lines: Sequence[str]) -> None:
        self._lines.setText("\n".join(lines))
        self._lines.setVisible(bool(lines))
        wide = self.contentsRect().width() - 28  # a wrapped label would let itself be squeezed
        self._lines.setMinimumHeight(max(0, self._lines.heightForWidth(wide)))

    @property
    def lines(self) -> str:
        """Return the sentences below the text, such as the check of its heat."""
        return self._lines.text()

    @Slot()
    def show_waiting(self) -> None:
        """Show that the heat is being computed."""
        self._waiting.show()

    @Slot(object)
    def show_heat(self, preview: Preview) -> None:
        """Show the text with heat, and whether it accounts for the answer."""
        self._waiting.hide()
        self._say_lines(preview.lines[1:])
        self.pair.show_preview(preview)

    @Slot(str)
    def show_checked(self, text: str) -> None:
        """Add what the check of the heat found, which comes after it."""
        self._say_lines([line for line in (self.lines, text) if line])

    @Slot(str)
    def show_trouble(self, text: str) -> None:
        """Say in place why there is no heat."""
        self._waiting.hide()
        self.trouble.say(text, "warning")

    @Slot()
    def _on_why_chosen(self) -> None:
        self.why_wanted.emit(self.why.currentData())


def _shares(tried: Tried) -> list[BarRow]:
    """Return the likeliest classes as bars, the rest together as the last."""
    known = sorted(tried.prediction.probabilities.items(), key=lambda item: -item[1])
    rows = [BarRow(name, share, percent(share)) for name, share in known[:_MOST_BARS]]
    rest = known[_MOST_BARS:]
    if rest and "labels" not in tried.prediction.answer:
        left = sum(share for _, share in rest)
        name = rest[0][0] if len(rest) == 1 else f"{len(rest)} others"
        rows.append(BarRow(name, left, percent(left)))
    return rows
