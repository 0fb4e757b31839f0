"""Two replies to the conversation looked at: of the trained model, and of the one before fine-tuning."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from finetune_studio.core.dataset import Sample
from finetune_studio.core.events import Event, ReplyWritten
from finetune_studio.core.preview import Mark, Preview, Words
from finetune_studio.gui.studio import Studio, work

REPLIES = "replies"  # name of the job


class Replies(QObject):
    """Asks one model after the other; a new wish ends the one before.

    Signals:
        written: The preview with both replies, as far as they are written.
        failed: Why there is none, in words.
    """

    written = Signal(object)
    failed = Signal(str)

    def __init__(self, studio: Studio, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._studio = studio
        self._texts = {False: "", True: ""}  # by whether it is the model before fine-tuning
        self._marks: tuple[Mark, ...] = ()
        self._asked: list[dict[str, str]] = []
        self._wish = 0
        studio.job_failed.connect(self._on_job_failed)

    def wish(self, run: Path, sample: Sample, preview: Preview) -> None:
        """Let both models reply to a conversation, without its last reply."""
        self._wish += 1
        self._asked = asked(sample)
        kept = [m for m in preview.marks if not (isinstance(m, Words) and m.title == "Reply")]
        self._marks = tuple(kept)
        self._texts = {False: "…", True: ""}
        self._ask(run, before=False)

    def drop(self) -> None:
        """Wish for nothing."""
        self._wish += 1
        self._studio.stop(REPLIES)

    def _ask(self, run: Path, *, before: bool) -> None:
        self._texts[before] = "…"
        self._say()
        wish = self._wish
        self._studio.start(
            REPLIES,
            partial(work.reply, run, self._asked, before),
            on_event=partial(self._on_stated, wish, before),
            on_done=partial(self._on_done, wish, before, run),
        )

    def _on_stated(self, wish: int, before: bool, event: Event) -> None:
        if wish == self._wish and isinstance(event, ReplyWritten):
            self._texts[before] = event.text or "…"
            self._say()

    def _on_done(self, wish: int, before: bool, run: Path) -> None:
        if wish == self._wish and not before:
            self._ask(run, before=True)

    def _say(self) -> None:
        after = Words(self._texts[False], self.tr("After fine-tuning"))
        before = Words(self._texts[True], self.tr("Before fine-tuning"))
        self.written.emit(Preview((*self._marks, after, before)))

    @Slot(str, object)
    def _on_job_failed(self, name: str, error: Any) -> None:
        if name == REPLIES:
            self.failed.emit(f"{error.message} {error.hint}".strip())


def asked(sample: Sample) -> list[dict[str, str]]:
    """Return a conversation up to the user's last turn, to be replied to."""
    messages = [dict(message) for message in sample.fields.get("messages") or []]
    while messages and messages[-1].get("role") == "assistant":
        messages.pop()
    return messages
