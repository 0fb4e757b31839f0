"""The order in which an epoch sees samples: shuffled from the seed, balanced, by length, with replay."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from finetune_studio.core.dataset import Sample
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.splits import rarest
from finetune_studio.core.task import Task
from finetune_studio.engine.replaying import Replay, evenly

_BUCKET = 50  # steps whose samples are sorted by length together


def count(samples: list[Sample], replay: Replay | None) -> int:
    """Return how many samples an epoch sees."""
    return replay.length(samples) if replay else len(samples)


def order(
    task: Task, recipe: Recipe, samples: list[Sample], epoch: int, size: int, replay: Replay | None
) -> list[int]:
    """Return the places of the samples in the order of an epoch; ``size`` of them make a step.

    Earlier samples that are shown again are spread evenly between the others, so that each step has its
    share of them; where lengths differ, steps of similar length have it only on average.
    """
    rng = random.Random(f"{recipe.seed}/{epoch}")
    places = replay.split(samples)[0] if replay else range(len(samples))
    balanced = recipe.optimiser.balance == "sampler"
    chosen = _drawn(task, samples, list(places), rng, balanced=balanced)
    if replay and (old := replay.drawn(samples, epoch)):
        chosen = evenly(chosen, old)
    return _of_similar_length(task, samples, chosen, size, rng) if task.ragged else chosen


def _drawn(
    task: Task, samples: list[Sample], places: list[int], rng: random.Random, *, balanced: bool
) -> list[int]:
    """Return places in a random order, or as many of them drawn so that all classes come alike."""
    kinds = _kinds(task, [samples[place] for place in places]) if balanced else []
    if len(set(kinds)) > 1:
        counts = Counter(kinds)
        return rng.choices(places, [1 / counts[kind] for kind in kinds], k=len(places))
    rng.shuffle(places)
    return places


def _kinds(task: Task, samples: Sequence[Sample]) -> list[str]:
    """Return the class of each sample; of several the rarest, and none where it has none."""
    each = [task.class_counts([sample]) for sample in samples]
    return rarest([tuple(counts) for counts in each])


def _of_similar_length(
    task: Task, samples: list[Sample], places: list[int], size: int, rng: random.Random
) -> list[int]:
    """Return shuffled places so that each step sees samples of similar length.

    Within every few dozen steps, samples are sorted by length and dealt to steps, and the steps
    shuffled; the last, smaller step stays last. A batch is padded to its longest sample, so that
    this saves up to half of the time.
    """

    def length(place: int) -> int:
        return task.length(samples[place])

    full = len(places) - len(places) % size
    steps: list[list[int]] = []
    for start in range(0, full, size * _BUCKET):
        some = sorted(places[start : min(full, start + size * _BUCKET)], key=length)
        steps += [some[at : at + size] for at in range(0, len(some), size)]
    rng.shuffle(steps)
    return [place for step in steps for place in step] + places[full:]
