"""Text networks: what a model choice means for a text task, and the network for the user's labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finetune_studio.core.task import Bundle
from finetune_studio.models.text.finding import find
from finetune_studio.models.text.networks import ANSWER, CLASSIFY, REWRITE, TAG, WRITE

if TYPE_CHECKING:
    from finetune_studio.core.dataset import Labels
    from finetune_studio.core.recipe import ModelChoices

__all__ = ["ANSWER", "CLASSIFY", "REWRITE", "TAG", "WRITE", "find", "load"]


def load(
    choices: ModelChoices, family: str, auto: str, labels: Labels, seed: int, *, task: str = ""
) -> Bundle:
    """Return a pretrained text network, its tokenizer's files, and how texts are made ready.

    A classifying network has a new last layer for the labels; the network of an earlier run keeps the
    rows of the classes that are still there. One that finds answers keeps its last layer if it was
    trained to; a writing one always does.

    Args:
        choices: A catalogue name, a folder, or a run's folder.
        family: What the task needs: ``text``, ``seq2seq`` or ``causal``.
        auto: The class of transformers, for example ``AutoModelForTokenClassification``.
        labels: The classes, one an output; for tags one output outside and two of each class, for where
            one begins and where it goes on. Empty where the network tells none apart.
        seed: Where the new layers' first weights come from.
        task: The task's name, which a run must have been taught too; empty for any.

    Raises:
        StudioError: If the model is not on this computer, damaged or of another kind.
    """
    found = find(choices, family, auto, task=task)
    assert found.make is not None
    network = found.make(len(labels), seed)
    made = Bundle(network, labels, found.processor, found.architecture, found.head, found.origin)
    made.files = dict(found.files)
    made.line = found.line
    if found.known is not None and auto in (CLASSIFY, TAG):
        from finetune_studio.models import continued

        continued.keep_rows(network, found, labels, seed)
        made.note = found.known.note(labels)
    return made
