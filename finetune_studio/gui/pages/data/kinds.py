"""What kind of samples a task has, what one of them is called, and how it is shown; no Qt here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from finetune_studio.core.dataset import Sample
from finetune_studio.tasks import CATALOGUE, fewest_classes, nouns

PICTURE, TEXT, SPANS, QUESTION, SUMMARY, CHAT = (
    "picture",
    "text",
    "spans",
    "question",
    "summary",
    "chat",
)
# What the labels of a text task are; tasks that are not named here are shown as plain texts.
_SHOWN = {
    "token_classification": SPANS,
    "question_answering": QUESTION,
    "summarization": SUMMARY,
    "causal_lm": CHAT,
}


@dataclass(frozen=True, slots=True)
class Kind:
    """How the samples of a task are shown and called.

    Attributes:
        shown: picture, text, spans, question, summary or chat.
        one: What one sample is called, and ``many`` several.
        fewest_classes: How many classes are needed to train; 0 where there are none.
    """

    shown: str = PICTURE
    one: str = "sample"
    many: str = "samples"
    fewest_classes: int = 2

    @property
    def is_text(self) -> bool:
        """Whether the samples are texts."""
        return self.shown != PICTURE

    @property
    def has_classes(self) -> bool:
        """Whether samples carry names that can be counted: classes, or types of spans."""
        return self.shown in (PICTURE, TEXT, SPANS)

    def counted(self, number: int) -> str:
        """Return ``1 photo`` or ``3,781 texts``."""
        return f"1 {self.one}" if number == 1 else f"{number:,} {self.many}"


@lru_cache
def kind_of(task: str) -> Kind:
    """Return the kind of a task's samples; an unknown task has pictures called samples."""
    is_text = task in CATALOGUE and CATALOGUE[task].facts["inputs"] == "texts"
    shown = _SHOWN.get(task, TEXT) if is_text else PICTURE
    return Kind(shown, *nouns(task), fewest_classes(task))


def labels_of(sample: Sample) -> Sequence[str]:
    """Return the names that a sample carries: its class, its classes, or its spans' types."""
    return sample.names
