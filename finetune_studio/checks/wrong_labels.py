"""Reports labels that are likely wrong, once the Inspect page has looked for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from finetune_studio.core import label_doubts
from finetune_studio.core.dataset import Dataset
from finetune_studio.core.events import Finding, Progress
from finetune_studio.core.job import Control

_NAMED = 3


def find(dataset: Dataset, control: Control) -> Iterator[Progress | Finding]:
    """Report the suspected labels that nobody has decided about yet."""
    del control  # what was found is only read
    known = label_doubts.open_ones(dataset)
    if known is None:
        yield Finding(
            "wrong_labels",
            0,
            "ok",
            "Labels that are likely wrong were not looked for yet: the Inspect page does it, with a model.",
        )
        return
    suspected = [doubt for doubt in known if doubt.suspected]
    samples = {s.id: s for s in dataset.samples(usable=True)}
    open_ = [doubt for doubt in suspected if not samples[doubt.sample].review]
    if not open_:
        waiting = f"; {len(suspected):,} are marked for review" if suspected else ""
        yield Finding("wrong_labels", 0, "ok", f"No label looks wrong and undecided{waiting}.")
        return
    common = Counter(f"{doubt.label} rather {doubt.suggested}" for doubt in open_)
    told = ", ".join(f"{name} ({count:,})" for name, count in common.most_common(_NAMED))
    ids = [doubt.sample for doubt in open_]
    one = len(ids) == 1
    yield Finding(
        "wrong_labels",
        len(ids),
        "warning",
        f"{len(ids):,} {'label is' if one else 'labels are'} likely wrong: {told}. A model that never saw"
        f" these {dataset.called[1]} is sure of another class.",
        "Mark them for review",
        [samples[number].place for number in ids[:1000]],
        ids,
        [{"action": "review", "ids": ids}],
    )
