"""Judges a run: the answers to the validation split, and their mean loss."""

from __future__ import annotations

from typing import Any

import torch

from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.task import Pair, Task
from finetune_studio.engine import evaluate, trouble
from finetune_studio.engine.allocator import give_back
from finetune_studio.engine.loaders import by_length, grouped
from finetune_studio.engine.session import Session

LOOK = "Check that the data are where they were, and look at Health on the Data page."


def validate(session: Session) -> tuple[list[Pair], float]:
    """Return the answers to the validation split and their mean loss; none where nothing judges.

    It is computed in fp32, as an export computes it, and in smaller batches where memory is short.

    Raises:
        StudioError: If no sample can be read.
    """
    if not session.validation:
        return [], 0.0
    while True:
        try:
            return _validated(session)
        except (RuntimeError, MemoryError) as error:
            if session.judged_at_once == 1 or not trouble.is_memory(error):
                raise
        session.judged_at_once = max(1, session.judged_at_once // 2)
        give_back()


def baseline(task: Task, train: list[Sample], validation: list[Sample]) -> dict[str, Any]:
    """Return the score that a run must beat; nothing where nothing judges it."""
    unanswered = [(sample, evaluate.NOTHING) for sample in validation]
    return task.baseline(train, unanswered) if unanswered else {}


def _validated(session: Session) -> tuple[list[Pair], float]:
    feed, task = session.validation_feed, session.task
    session.bundle.network.eval()
    places = {sample.id: place for place, sample in enumerate(feed.samples)}
    found: list[Pair] = []
    lost = counted = 0.0
    order = [places[sample.id] for sample in by_length(task, feed.samples)]
    mine = session.team.share(order)
    with torch.no_grad(), feed.active():
        for batch in feed.batches(grouped(mine, session.judged_at_once), None):
            if batch is None:
                continue
            feed.show(batch)
            answers, loss = task.judge(session.bundle, batch)
            weight = task.weight(session.bundle, batch)
            lost, counted = lost + float(loss) * weight, counted + weight
            found += [
                (feed.samples[places[n]], a) for n, a in zip(batch.samples, answers, strict=True)
            ]
    sums = session.team.sum(torch.tensor([lost, counted], dtype=torch.float64))
    pairs = session.team.gathered(found)
    if not pairs:
        raise StudioError("None of the validation samples can be read.", LOOK)
    pairs.sort(key=lambda pair: places[pair[0].id])
    return pairs, float(sums[0] / max(float(sums[1]), 1e-12))
