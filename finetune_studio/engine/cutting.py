"""Says before a run what is special about its model, and how many texts are cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from finetune_studio.core import shares
from finetune_studio.core.dataset import Sample
from finetune_studio.core.events import Noted
from finetune_studio.core.portion import spread
from finetune_studio.core.task import Bundle, Task
from finetune_studio.engine import lengths

_MEASURED = 1000  # texts, which takes a second at most; of more the share is an estimate


def told(task: Task, bundle: Bundle, samples: Sequence[Sample]) -> Iterator[Noted]:
    """Say what there is to say of the model, which share of the training samples is cut, and what is lost.

    Args:
        task: Says which samples are cut, and what is lost.
        bundle: Holds the tokenizer and how many tokens are read.
        samples: Those that are learnt.
    """
    if bundle.note:
        yield Noted(bundle.note)
    long, lost = task.shortened(samples)
    limit, content = int(bundle.processor.get("max_length", 0)), bundle.files.get("tokenizer.json")
    some = spread(long, _MEASURED)
    if not (limit and content and some):
        return
    counted = lengths.of(some, content, bundle.files)
    cut = sum(tokens > limit for tokens in counted)
    if not cut:
        return
    share = (
        f"{cut:,} of {len(some):,} training samples have"
        if len(some) == len(long)
        else f"About {shares.whole(cut / len(some))} of the training samples have"
    )
    own = int(bundle.processor.get("limit", 0))
    more = (
        "the model allows no more"
        if own and own <= limit
        else f"the choice {_title(task)!r} (options.max_length) sets how many are read"
        + (f", up to {own:,} with this model" if own else "")
    )
    yield Noted(
        f"{share} more than {limit:,} tokens (the longest has {max(counted):,}); {lost}; {more}.",
        "warning",
    )


def _title(task: Task) -> str:
    """Return what the window calls the choice of how many tokens are read."""
    field = task.Options.model_fields.get("max_length")
    return field.title or "" if field else ""
