"""The few samples that a rehearsal works with: of every class some, as far as they go."""

from __future__ import annotations

import random
from dataclasses import dataclass

from finetune_studio.core.dataset import Row, Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.splits import in_turns
from finetune_studio.core.task import Task
from finetune_studio.engine import presets


@dataclass(frozen=True)
class Samples:
    """Samples to learn from and to judge with."""

    train: list[Sample]
    validation: list[Sample]

    def few(self, train: int, validation: int) -> Samples:
        """Return so many of each (or all there are); what judges has classes that were learnt."""
        learnt = self.train[:train]
        classes = {name for sample in learnt for name in sample.names}
        known = [sample for sample in self.validation if classes.issuperset(sample.names)]
        return Samples(learnt, known[:validation])

    def rows(self) -> list[Row]:
        """Return them as a reader would find them."""
        return [
            Row(s.path, s.label, split, None, dict(s.fields))
            for split, samples in (("train", self.train), ("validation", self.validation))
            for s in samples
        ]


def batch_size(recipe: Recipe, samples: Samples) -> int:
    """Return how many samples a step of the whole run looks at, unless it is solved."""
    wish = recipe.optimiser.batch_size or presets.suited_to(len(samples.train))
    return min(wish, len(samples.train))


def shuffled(project: Project, task: Task, seed: int) -> Samples:
    """Return the samples that a run would take, in a random order in which classes take turns.

    Raises:
        StudioError: If there is nothing to learn from, or nothing to judge with.
    """
    usable = [s for s in project.dataset.samples(usable=True) if task.teaches(s)]
    rng = random.Random(seed)
    found = Samples(
        *(
            in_turns(some, [sample.names for sample in some], rng)
            for some in ([s for s in usable if s.split == x] for x in ("train", "validation"))
        )
    )
    classes = len(task.class_counts(found.train))
    if classes < task.fewest_classes or not found.train or not found.validation:
        raise StudioError(
            "There are too few samples to estimate a run with.",
            "Samples to learn from and to judge with are needed, of two classes where there are any.",
        )
    return found
