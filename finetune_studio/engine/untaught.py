"""Classes without a training sample: a network has no answer for them, and what is judged by them says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from finetune_studio.core.dataset import Labels, Sample
from finetune_studio.core.dataset.words import natural
from finetune_studio.core.events import Noted
from finetune_studio.core.task import Task

_NAMED = 6  # classes that are told by name
_MOVE = "Move some of these samples into the training split, or exclude them."


def taught(task: Task, labels: Labels, train: Iterable[Sample]) -> Labels:
    """Return the classes that training has, in their order."""
    counts = task.class_counts(train)
    places = [place for place, name in enumerate(labels.names) if counts[name]]
    ids = tuple(labels.ids[place] for place in places) if labels.ids else ()
    return Labels(tuple(labels.names[place] for place in places), ids)


def told(
    task: Task, names: Sequence[str], split: str, samples: Sequence[Sample], remedy: str = _MOVE
) -> Iterator[Noted]:
    """Say which classes of a split are none of those that are taught, and what that does to its scores.

    Their samples stay where they are judged: whoever uses the model will meet such, and it will be wrong.

    Args:
        task: Counts classes.
        names: The classes that are taught, under today's names.
        split: What the samples are of.
        samples: All that are judged.
        remedy: What can be done about it.
    """
    known = set(names)
    counts = task.class_counts(samples)
    absent = sorted(set(counts) - known, key=natural)
    if not absent:
        return
    hit = sum(not known.issuperset(task.class_counts([sample])) for sample in samples)
    listed = ", ".join(absent[:_NAMED]) + (", …" if len(absent) > _NAMED else "")
    one, it = len(absent) == 1, "it" if len(absent) == 1 else "one of them"
    has = f"1 {split} sample has" if hit == 1 else f"{hit:,} {split} samples have"
    yield Noted(
        f"No training sample has the {'class' if one else 'classes'} {listed}, so the model cannot name"
        f" {'it' if one else 'them'}. {has} {it}: there it cannot be right, and the scores count that as"
        f" wrong. {remedy}",
        "bad",
    )


def unseen(
    task: Task, names: Sequence[str], split: str, samples: Sequence[Sample]
) -> Iterator[Noted]:
    """Say which classes that are taught no sample of a split has: its scores say nothing of them."""
    counts = task.class_counts(samples)
    absent = sorted({name for name in names if not counts[name]}, key=natural)
    if not absent or not counts:
        return
    listed = ", ".join(absent[:_NAMED]) + (", …" if len(absent) > _NAMED else "")
    these = "it is" if len(absent) == 1 else "they are"
    yield Noted(
        f"No {split} sample has the {'class' if len(absent) == 1 else 'classes'} {listed}: how well {these}"
        " told apart, these scores do not say.",
        "warning",
    )


def found(task: Task, names: Sequence[str], samples: Sequence[Sample]) -> Iterator[Noted]:
    """Say which samples of training and validation, and which parts of them, are not learnt.

    Args:
        task: Knows what teaches.
        names: The classes that are taught.
        samples: All usable ones, those that hold nothing to learn among them.
    """
    used = [s for s in samples if s.split in ("train", "validation")]
    silent = [s for s in used if not task.teaches(s)]
    used = [s for s in used if task.teaches(s)]
    yield from told(task, names, "validation", [s for s in used if s.split == "validation"])
    if silent:
        places = ", ".join(s.place for s in silent[:_NAMED]) + (
            ", …" if len(silent) > _NAMED else ""
        )
        hold = "sample holds" if len(silent) == 1 else "samples hold"
        yield Noted(
            f"{len(silent):,} {hold} nothing to learn, and neither train nor judge: {places}.",
            "warning",
        )
    for words in task.left_out(used):
        yield Noted(words, "warning")


def limits(classes: Mapping[str, Mapping[str, int]], judging: str = "validation") -> list[str]:
    """Return, as sentences, which classes a model cannot name, and which it was never judged by.

    Args:
        classes: Counts of samples by class and split.
        judging: The split whose samples judge the run.
    """
    points = []
    if absent := [name for name, counts in classes.items() if not counts.get("train")]:
        points.append(
            f"The model cannot name {listed(absent)}: no training sample had it, and it is wrong"
            " wherever it occurs."
        )
    unseen = [name for name, counts in classes.items() if not counts.get(judging)]
    if unseen and len(classes) > 1:
        points.append(
            f"No {judging} sample is of {listed(unseen, 'or')}: how well the model tells"
            f" {'this class' if len(unseen) == 1 else 'these classes'} is not known."
        )
    return points


def listed(names: Sequence[str], word: str = "and") -> str:
    """Return names as people list them, at most six of them."""
    if len(names) > _NAMED:
        return f"{', '.join(names[:_NAMED])} {word} {len(names) - _NAMED:,} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"
