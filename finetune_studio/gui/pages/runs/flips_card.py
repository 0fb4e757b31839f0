"""The card of flipped samples: which of two runs is right where, as counts, a sentence and a gallery."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from finetune_studio.gui import theme
from finetune_studio.gui.pages.runs.compared import Flipped
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.choice_bar import ChoiceBar
from finetune_studio.gui.widgets.gallery import Gallery
from finetune_studio.gui.widgets.message import Message
from finetune_studio.gui.widgets.preview_view import PreviewView
from finetune_studio.gui.widgets.sentence_bar import SentenceBar

_KINDS = ("won", "lost", "apart", "alike")


class FlipsCard(Card):
    """Shows what became of samples between two runs; knows values only.

    Signals:
        pair_wanted: The numbers of the two runs to compare, the earlier one first.
        answers_wanted: The user wants the missing answers computed.
        run_wanted: The number of a run to be inspected, and of the sample to begin with.
    """

    pair_wanted = Signal(int, int)
    answers_wanted = Signal()
    run_wanted = Signal(int, int)

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.set_title(self.tr("Samples whose answer changes"))
        self._shown: Flipped | None = None
        self._make_head()
        self._trouble = Message()
        self.compute = QPushButton(self.tr("Compute the missing answers"))
        self.compute.setObjectName("compute_answers")
        self.compute.clicked.connect(self.answers_wanted)
        told = QHBoxLayout()
        told.addWidget(self._trouble, 1)
        told.addWidget(self.compute, 0, Qt.AlignmentFlag.AlignVCenter)
        self.verdict = SentenceBar()
        self._left_out = QLabel()
        self._left_out.setProperty("role", "small")
        self._left_out.setTextFormat(Qt.TextFormat.PlainText)
        self._left_out.setWordWrap(True)
        self.kinds = ChoiceBar([])
        self.kinds.setObjectName("flip_kinds")
        self.kinds.chosen.connect(self._on_kind_chosen)
        self.body.addLayout(told)
        for part in (self.verdict, self._left_out, self.kinds):
            self.body.addWidget(part)
        self.body.addWidget(self._make_samples(thumbnails))
        self.show_nothing("", can_compute=False)

    def _make_head(self) -> None:
        self.first, self.second = QComboBox(), QComboBox()
        self.first.setObjectName("first_run")
        self.second.setObjectName("second_run")
        self.first.setAccessibleName(self.tr("The run that is compared with"))
        self.second.setAccessibleName(self.tr("The run that is compared"))
        for box in (self.second, self.first):
            box.activated.connect(self._on_pair_chosen)
        self._against = QLabel(self.tr("against"))
        self._against.setProperty("role", "muted")
        for part in (self.second, self._against, self.first):
            self.head.addWidget(part)

    def _make_samples(self, thumbnails: Thumbnails) -> QWidget:
        self.gallery = Gallery(thumbnails)
        self.gallery.setObjectName("flipped_samples")
        self.gallery.setMinimumHeight(theme.px(240))
        self.gallery.chosen.connect(self._on_sample_chosen)
        self.view = PreviewView(thumbnails, least=120)
        self._said = QLabel()
        self._said.setTextFormat(Qt.TextFormat.PlainText)
        self._said.setWordWrap(True)
        self.inspect = QPushButton()
        self.inspect.setObjectName("inspect_run")
        self.inspect.clicked.connect(self._on_inspect_clicked)
        beside = QVBoxLayout()
        beside.setSpacing(8)
        beside.addWidget(self.view, 1)
        beside.addWidget(self._said)
        beside.addWidget(self.inspect)
        self._samples = QWidget()
        self._samples.setProperty("clear", True)
        row = QHBoxLayout(self._samples)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self.gallery, 3)
        row.addLayout(beside, 2)
        return self._samples

    # --- what is shown ----------------------------------------------------------------------------

    def offer_runs(self, numbers: Sequence[int]) -> tuple[int, int] | None:
        """Offer runs to compare two of; return those that are chosen, the first one and the last."""
        for box in (self.first, self.second):
            box.clear()
            for number in numbers:
                box.addItem(self.tr("Run {n}").format(n=number), number)
        self.second.setCurrentIndex(len(numbers) - 1)
        self.first.setCurrentIndex(max(0, len(numbers) - 2))
        for part in (self.first, self._against, self.second):
            part.setVisible(len(numbers) > 2)
        return self.pair if len(numbers) > 1 else None

    @property
    def pair(self) -> tuple[int, int]:
        """Return the numbers of the two runs that are chosen."""
        return int(self.first.currentData()), int(self.second.currentData())

    def show_nothing(self, text: str, level: str = "info", *, can_compute: bool) -> None:
        """Say why there is nothing to show."""
        self._shown = None
        self.say_missing(text, level, can_compute=can_compute)
        for part in (self.verdict, self._left_out, self.kinds, self._samples):
            part.hide()

    def say_missing(self, text: str, level: str = "info", *, can_compute: bool) -> None:
        """Say what is missing, and offer to compute it."""
        self._trouble.say(text, level)
        self.compute.setVisible(can_compute)

    def show_flips(self, shown: Flipped) -> None:
        """Show what became of the samples of two runs."""
        self._shown = shown
        flips = shown.flips
        one, many = shown.called
        self.verdict.show_sentence("ok" if shown.proven else "info", "", shown.sentence)
        left = "; ".join(
            f"{count:,} {one if count == 1 else many} {why}" for why, count in flips.left_out
        )
        self._left_out.setText(self.tr("Not compared: {what}.").format(what=left))
        self._left_out.setVisible(bool(left))
        titles = {
            "won": self.tr("Only run {n} right").format(n=flips.second),
            "lost": self.tr("Only run {n} right").format(n=flips.first),
            "apart": self.tr("Both wrong, not alike"),
            "alike": self.tr("Both wrong alike"),
        }
        kept = self.kinds.value()
        counts = {kind: len(flips.of.get(kind, ())) for kind in _KINDS}
        self.kinds.set_options([(kind, f"{titles[kind]}: {counts[kind]:,}") for kind in _KINDS])
        first = next((kind for kind in _KINDS if counts[kind]), "won")
        self.kinds.set_value(kept if counts.get(kept) else first)
        for part in (self.verdict, self.kinds, self._samples):
            part.show()
        self._on_kind_chosen(self.kinds.value())

    # --- what the user does -----------------------------------------------------------------------

    @Slot(str)
    def _on_kind_chosen(self, kind: str) -> None:
        if self._shown is None:
            return
        ids = self._shown.flips.of.get(kind, ())
        self.gallery.show_items([self._shown.item(number, kind) for number in ids])
        if not ids:
            self.view.show_preview(None, self.tr("There is no such sample."))

    @Slot(int)
    def _on_sample_chosen(self, number: int) -> None:
        shown = self._shown
        known = shown is not None and number in shown.now
        self._said.setVisible(known)
        self.inspect.setVisible(shown is not None)
        if shown is None:
            return
        self.inspect.setText(self.tr("Inspect run {n}").format(n=shown.flips.second))
        if known:
            self.view.show_preview(shown.preview(number))
            self._said.setText(shown.said(number))

    @Slot()
    def _on_pair_chosen(self) -> None:
        self.pair_wanted.emit(*self.pair)

    @Slot()
    def _on_inspect_clicked(self) -> None:
        if self._shown is not None:
            self.run_wanted.emit(self._shown.flips.second, self.gallery.chosen_id())
