"""A conversation with the trained language model, on wish with the model before fine-tuning beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLineEdit, QPushButton, QWidget

from finetune_studio.core.events import Event, Noted, PhaseStarted, ReplyWritten
from finetune_studio.gui.page import set_primary
from finetune_studio.gui.pages.try_out.entry import TextBox
from finetune_studio.gui.studio import Studio, work
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.chat_view import Bubble, ChatView
from finetune_studio.gui.widgets.empty_state import EmptyState
from finetune_studio.gui.widgets.message import Message

CHAT, BEFORE = "chat", "chat_before"  # names of jobs

Said = dict[str, str]


@dataclass
class Talk:
    """What one model has heard and said so far."""

    messages: list[Said] = field(default_factory=list)
    bubble: Bubble | None = None


class ChatPanel(Card):
    """Asks the model of a run, reply by reply.

    Signals:
        replied: A reply was written to its end, or as far as the user let it.
    """

    replied = Signal()

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(studio.tr("Conversation"), parent)
        self._studio = studio
        self._run: Path | None = None
        self._talks: dict[str, Talk] = {CHAT: Talk(), BEFORE: Talk()}
        self.turns = 0
        self.beside = QCheckBox(self.tr("Beside it: before fine-tuning"))
        self.beside.setObjectName("beside")
        self.beside.setToolTip(
            self.tr("The model that the run began from answers the same, for comparison.")
        )
        self.new_button = QPushButton(self.tr("New conversation"))
        self.new_button.setObjectName("new_chat")
        self.head.addWidget(self.beside)
        self.head.addWidget(self.new_button)
        self._make_parts()
        self.new_button.clicked.connect(self.clear)
        self.box.sent.connect(self.send)
        self.send_button.clicked.connect(self.send)
        self.stop_button.clicked.connect(self.stop)
        self.box.textChanged.connect(self._refresh)
        self.beside.toggled.connect(self._on_beside_toggled)
        studio.busy_changed.connect(self._refresh)
        studio.job_failed.connect(self._on_job_failed)
        self._refresh()

    def _make_parts(self) -> None:
        self.view = ChatView()
        self.view.setAccessibleName(self.tr("Conversation"))
        self._nothing = EmptyState(
            self.tr("Say something to the model"),
            self.tr("It replies as your examples taught it. Nothing is added to your data."),
        )
        self.message = Message()
        self.system = QLineEdit()
        self.system.setObjectName("system_message")
        self.system.setPlaceholderText(
            self.tr("What the model should know or be, such as in your examples (may stay empty)")
        )
        self.system.setAccessibleName(self.tr("System message"))
        self.box = TextBox()
        self.box.setObjectName("chat_text")
        self.box.setPlaceholderText(self.tr("Your message; Ctrl+Enter sends it."))
        self.box.setAccessibleName(self.tr("Your message"))
        self.box.setFixedHeight(3 * self.fontMetrics().lineSpacing() + 18)
        self.send_button = QPushButton(self.tr("Send"))
        self.send_button.setObjectName("send")
        self.stop_button = QPushButton(self.tr("Stop"))
        self.stop_button.setObjectName("stop_reply")
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.box, 1)
        row.addWidget(self.send_button)
        row.addWidget(self.stop_button)
        for part, share in ((self.system, 0), (self._nothing, 1), (self.view, 1)):
            self.body.addWidget(part, share)
        self.body.addWidget(self.message)
        self.body.addLayout(row)
        set_primary(self.send_button, primary=False)

    # --- what it is about -------------------------------------------------------------------------

    def set_run(self, folder: Path | None) -> None:
        """Talk with another run's model; the conversation begins anew."""
        if folder != self._run:
            self._run = folder
            self.clear()

    @property
    def talking(self) -> bool:
        """Whether a model is writing."""
        return any(name in self._studio.jobs for name in (CHAT, BEFORE))

    # --- talking ----------------------------------------------------------------------------------

    @Slot()
    def send(self) -> None:
        """Say what was typed, and let the model reply."""
        text = self.box.toPlainText().strip()
        if not text or self.talking or self._run is None:
            return
        self.message.say("")
        self.box.clear()
        self.turns += 1
        self.view.add_own(text)
        names = {CHAT: self.tr("After fine-tuning")}
        if self.beside.isChecked():
            names[BEFORE] = self.tr("Before fine-tuning")
        shown = list(names.values()) if len(names) > 1 else [""]
        bubbles = self.view.add_replies(shown)
        for (name, _), bubble in zip(names.items(), bubbles, strict=True):
            talk = self._talks[name]
            talk.bubble = bubble
            talk.messages.append({"role": "user", "content": text})
        for name in names:  # one after the other: two at once would be slower than both in turn
            if name == CHAT:
                self._ask(CHAT)
        self._refresh()

    def _ask(self, name: str) -> None:
        assert self._run is not None
        system = self.system.text().strip()
        first = [{"role": "system", "content": system}] if system else []
        job = partial(work.reply, self._run, [*first, *self._talks[name].messages], name == BEFORE)
        self._studio.start(
            name, job, on_event=partial(self._on_stated, name), on_done=partial(self._on_done, name)
        )

    def _on_stated(self, name: str, event: Event) -> None:
        bubble = self._talks[name].bubble
        if bubble is None:
            return
        if isinstance(event, ReplyWritten):
            bubble.say(event.text or "…", pace(event) if event.done else "")
            self.view.follow()
        elif isinstance(event, PhaseStarted):
            bubble.say("…", event.text)
        elif isinstance(event, Noted):
            self.message.say(event.text, event.level)

    def _on_done(self, name: str) -> None:
        talk = self._talks[name]
        if talk.bubble is not None:
            said = "" if talk.bubble.text == "…" else talk.bubble.text
            talk.messages.append({"role": "assistant", "content": said})  # what it hears of itself
            if not said:
                talk.bubble.say(self.tr("(nothing)"), talk.bubble.below)
        talk.bubble = None
        if name == CHAT and self._talks[BEFORE].bubble is not None:
            self._ask(BEFORE)
        else:
            self.replied.emit()
        self._refresh()

    @Slot()
    def stop(self) -> None:
        """Let the reply end where it is."""
        if CHAT in self._studio.jobs:
            self._pass_over(self.tr("(not asked, as the reply beside it was stopped)"))
        for name in (CHAT, BEFORE):
            self._studio.stop(name)

    def _pass_over(self, told: str) -> None:
        """Leave the model of before unasked, where its turn had not come yet."""
        waiting = self._talks[BEFORE]
        if waiting.bubble is not None:
            waiting.bubble.say(told)
            waiting.messages = waiting.messages[:-1]
            waiting.bubble = None

    @Slot()
    def clear(self) -> None:
        """Begin a new conversation."""
        for name in (CHAT, BEFORE):
            self._studio.stop(name)
        self._talks = {CHAT: Talk(), BEFORE: Talk()}
        self.turns = 0
        self.view.clear()
        self.message.say("")
        self._refresh()

    # --- what is seen -----------------------------------------------------------------------------

    @Slot()
    def _refresh(self) -> None:
        talking = self.talking
        self.send_button.setVisible(not talking)
        self.stop_button.setVisible(talking)
        self.send_button.setEnabled(bool(self.box.toPlainText().strip()) and self._run is not None)
        self.new_button.setEnabled(self.turns > 0)
        self.view.setVisible(self.turns > 0)
        self._nothing.setVisible(self.turns == 0)
        self.beside.setEnabled(not talking)

    @Slot(bool)
    def _on_beside_toggled(self, beside: bool) -> None:
        """Let the other model hear what was said before it was there."""
        if beside:
            self._talks[BEFORE].messages = list(self._talks[CHAT].messages)

    @Slot(str, object)
    def _on_job_failed(self, name: str, error: Any) -> None:
        if name in self._talks:
            talk = self._talks[name]
            if talk.bubble is not None:
                talk.bubble.say(self.tr("(no reply)"))
                talk.messages = talk.messages[:-1]
            talk.bubble = None
            if name == CHAT:
                self._pass_over(self.tr("(not asked, as the reply beside it failed)"))
            self.message.say(f"{error.message} {error.hint}".strip(), "bad")
            self._refresh()


def pace(event: ReplyWritten) -> str:
    """Return how quickly a reply was written; empty where that is not known."""
    if not event.tokens or event.seconds <= 0:
        return ""
    return f"{event.tokens:,} tokens in {event.seconds:.1f} s"
