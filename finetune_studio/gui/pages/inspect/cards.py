"""The headline cards of the Inspect page, and the one that guards the test split."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget
from typing_extensions import override

from finetune_studio.gui.pages.inspect.words import Headline, TestLook, called, test_card
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.elided_label import ElidedLabel


class HeadlineCard(Card):
    """One figure with a name before it, a range behind it and a sentence below; narrow if need be."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(title, parent)
        self._said = Headline("–", "")
        self._name = ElidedLabel()
        self._name.setProperty("role", "figure")
        self._figure = QLabel("–")
        self._figure.setProperty("role", "figure")
        self._figure.setTextFormat(Qt.TextFormat.PlainText)
        self._aside = ElidedLabel()
        self._aside.setProperty("role", "muted")
        self._sentence = QLabel()
        self._sentence.setProperty("role", "small")
        self._sentence.setTextFormat(Qt.TextFormat.PlainText)
        self._sentence.setWordWrap(True)
        row = QHBoxLayout()
        row.setSpacing(8)
        bottom = Qt.AlignmentFlag.AlignBottom
        row.addWidget(self._name, 0, bottom)
        row.addWidget(self._figure, 0, bottom)
        row.addWidget(self._aside, 0, bottom)
        row.addStretch(1)
        self._aside.setContentsMargins(0, 0, 0, 4)
        self.body.setSpacing(4)
        self.body.addLayout(row)
        self.body.addWidget(self._sentence)
        self.body.addStretch(1)
        self.setMinimumWidth(140)

    def say(self, headline: Headline) -> None:
        """Show a headline."""
        self._said = headline
        self._name.setText(headline.name)
        self._name.setVisible(bool(headline.name))
        self._figure.setText(headline.figure)
        self._aside.setText(headline.aside)
        self._fit_aside()
        self.setToolTip(headline.tip)
        words = (self.title.text(), headline.name, headline.figure, headline.aside)
        self.setAccessibleName(" ".join(word for word in words if word))
        self.setAccessibleDescription(headline.sentence)

    def _fit_aside(self) -> None:
        """Show what stands beside the figure, before the sentence where the card is too narrow."""
        self._fit_name()
        aside = self._said.aside
        wide = self._figure.sizeHint().width() + self._aside.sizeHint().width() + 8
        fits = wide <= self.contentsRect().width() - 28
        self._aside.setVisible(bool(aside) and fits)
        sentence = self._said.sentence
        self._sentence.setText(sentence if fits or not aside else f"{aside}. {sentence}")

    def _fit_name(self) -> None:
        """Write a name and its figure smaller where they have no room beside each other."""
        room = self.contentsRect().width() - 28
        for role in ("figure", "title"):
            for label in (self._name, self._figure):
                if label.property("role") != role:
                    label.setProperty("role", role)
                    label.style().unpolish(label)
                    label.style().polish(label)
            if not self._said.name or self._needed() <= room:
                return

    def _needed(self) -> int:
        return self._name.sizeHint().width() + self._figure.sizeHint().width() + 8

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_aside()

    @property
    def text(self) -> str:
        """Return all that the card says."""
        return self.accessibleName() + ". " + self._sentence.text()


class TestCard(HeadlineCard):
    """The test split: locked until the user, asked once on the card itself, opens it.

    Signals:
        open_wanted: The user wants the test split scored now.
        stop_wanted: The user wants the scoring to end.
    """

    __test__ = False  # pytest takes names that begin with Test for tests

    open_wanted = Signal()
    stop_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Test set"), parent)
        self._look, self._task = TestLook(0), ""
        self.open_button = self._button(self.tr("Open…"), "open_test")
        self.open_button.setProperty("link", True)
        self.yes_button = self._button(self.tr("Open it"), "open_test_yes")
        self.no_button = self._button(self.tr("Not yet"), "open_test_no")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self.stop_button = self._button(self.tr("Stop"), "open_test_stop")
        self.stop_button.setProperty("link", True)
        row = QHBoxLayout()
        row.setSpacing(8)
        for part in (self.open_button, self.yes_button, self.no_button):
            row.addWidget(part)
        row.addWidget(self._bar, 1, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self.stop_button)
        row.addStretch(1)
        self.body.insertLayout(2, row)
        self.open_button.clicked.connect(self._on_open_clicked)
        self.yes_button.clicked.connect(self._on_yes_clicked)
        self.no_button.clicked.connect(self._on_no_clicked)
        self.stop_button.clicked.connect(self.stop_wanted)
        self.show_look(self._look, self._task)

    def _button(self, text: str, name: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        return button

    def show_look(self, look: TestLook, task: str = "") -> None:
        """Show what is known of the test split."""
        self._look, self._task = look, task
        self.say(test_card(look, task))
        can_open = bool(look.samples) and look.scored is None
        self._show_only(*([self.open_button] if can_open else []))

    def show_progress(self, done: int, total: int) -> None:
        """Show how far the scoring is."""
        self._ask(self.tr("Answering the test {samples}…").format(samples=called(self._task)[1]))
        self._bar.setRange(0, total)
        self._bar.setValue(done)
        self._show_only(self._bar, self.stop_button)

    def _ask(self, sentence: str) -> None:
        self.say(replace(test_card(self._look, self._task), sentence=sentence))

    def _show_only(self, *parts: QWidget) -> None:
        for part in (
            self.open_button,
            self.yes_button,
            self.no_button,
            self._bar,
            self.stop_button,
        ):
            part.setVisible(part in parts)

    @Slot()
    def _on_open_clicked(self) -> None:
        self._ask(
            self.tr("Choose by it and it proves nothing any more. The look is noted. Open it?")
        )
        self._show_only(self.yes_button, self.no_button)
        self.no_button.setFocus()

    @Slot()
    def _on_yes_clicked(self) -> None:
        self.show_progress(0, 0)
        self.open_wanted.emit()

    @Slot()
    def _on_no_clicked(self) -> None:
        self.show_look(self._look, self._task)
        self.open_button.setFocus()
