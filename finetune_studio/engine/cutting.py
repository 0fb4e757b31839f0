"""Says before a run what is special about its model, and how many texts and summaries are cut."""

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
    if content := bundle.files.get("tokenizer.json"):
        yield from _inputs_cut(task, bundle, samples, content)
        yield from _answers_cut(task, bundle, samples, content)


def _inputs_cut(
    task: Task, bundle: Bundle, samples: Sequence[Sample], content: bytes
) -> Iterator[Noted]:
    """Say how many samples are longer than what the network is given, and what of them is lost."""
    long, lost = task.shortened(samples)
    limit, some = int(bundle.processor.get("max_length", 0)), spread(long, _MEASURED)
    if not (limit and some):
        return
    counted = lengths.of(some, content, bundle.files)
    own = int(bundle.processor.get("limit", 0))
    more = (
        "the model allows no more"
        if own and own <= limit
        else f"the choice {_title(task, 'max_length')!r} (options.max_length) sets how many are read"
        + (f", up to {own:,} with this model" if own else "")
    )
    yield from _told(counted, limit, len(long), "training samples", f"{lost}; {more}.")


def _answers_cut(
    task: Task, bundle: Bundle, samples: Sequence[Sample], content: bytes
) -> Iterator[Noted]:
    """Say how many texts that are learnt to be written are longer than the option allows."""
    answers, option, what = task.shortened_answers(samples)
    if not (answers and bundle.recipe):
        return
    some = spread(answers, _MEASURED)
    limit = int(getattr(task.own_options(bundle.recipe), option))
    yield from _told(
        lengths.of_texts(some, content),
        limit,
        len(answers),
        f"training {what}",
        "what stands behind these is not learnt, and the model will write none that is longer; the"
        f" choice {_title(task, option)!r} (options.{option}) sets how many are learnt.",
    )


def _told(
    counted: Sequence[int], limit: int, of_all: int, what: str, ending: str
) -> Iterator[Noted]:
    """Say how many of some lengths are over a limit; of a part of them, their share."""
    cut = sum(tokens > limit for tokens in counted)
    if not cut:
        return
    share = (
        f"{cut:,} of {len(counted):,} {what} have"
        if len(counted) == of_all
        else f"About {shares.whole(cut / len(counted))} of the {what} have"
    )
    longest = f"the longest has {max(counted):,}"
    yield Noted(f"{share} more than {limit:,} tokens ({longest}); {ending}", "warning")


def _title(task: Task, option: str) -> str:
    """Return what the window calls a choice of the task's own."""
    field = task.Options.model_fields.get(option)
    return field.title or "" if field else ""
