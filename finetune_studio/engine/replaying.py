"""Replay: samples that an earlier run learnt from are seen again while its network goes on with new ones.

Robins 1995, "Catastrophic Forgetting, Rehearsal and Pseudorehearsal"; Chaudhry et al. 2019, "On Tiny Episodic
Memories in Continual Learning": a small share of earlier samples, drawn at random and of every class alike,
keeps most of what was learnt.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from finetune_studio.core.dataset import Labels, Sample
from finetune_studio.core.dataset.words import natural
from finetune_studio.core.events import Event, Noted
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.splits import in_turns
from finetune_studio.core.task import Task
from finetune_studio.engine import earlier, run

_HINT = "The run goes on without them."


class Replay:
    """The earlier samples of a run, and which of them each epoch sees.

    Args:
        samples: Those that may be seen again, in the order in which they come.
        share: Their share of a step.
        seed: That of the run.
        words: What is said of it, as sentences.
    """

    def __init__(self, samples: Sequence[Sample], share: float, seed: int, words: str = "") -> None:
        self.samples, self.words = list(samples), words
        self._share, self._seed = share, seed
        self._numbers = {sample.id for sample in samples}
        self._of: list[Sample] = []
        self._parted: tuple[list[int], list[int]] = ([], [])

    def split(self, samples: list[Sample]) -> tuple[list[int], list[int]]:
        """Return the places of new samples, and of earlier ones in the order in which they come."""
        if samples is not self._of:
            place = {sample.id: number for number, sample in enumerate(samples)}
            new = [n for number, n in place.items() if number not in self._numbers]
            old = [place[s.id] for s in self.samples if s.id in place]
            self._of, self._parted = samples, (new, old)
        return self._parted

    def an_epoch(self, new: int) -> int:
        """Return how many earlier samples come to so many new ones."""
        return max(1, round(new * self._share / (1 - self._share)))

    def length(self, samples: list[Sample]) -> int:
        """Return how many samples an epoch sees: each new one once, and some earlier ones."""
        new, old = self.split(samples)
        return len(new) + (self.an_epoch(len(new)) if new and old else 0)

    def drawn(self, samples: list[Sample], epoch: int) -> list[int]:
        """Return the places of the earlier samples of an epoch.

        Each comes once before any comes again; the order of each round comes from the seed alone.
        """
        new, old = self.split(samples)
        if not new or not old:
            return []
        count = self.an_epoch(len(new))
        rounds: dict[int, list[int]] = {}
        found = []
        for number in range(epoch * count, (epoch + 1) * count):
            turn, place = divmod(number, len(old))
            if turn not in rounds:
                rounds[turn] = list(old)
                if turn:
                    random.Random(f"{self._seed}/replay/{turn}").shuffle(rounds[turn])
            found.append(rounds[turn][place])
        return found

    def seen(self, train: list[Sample]) -> list[Sample]:
        """Return samples as an epoch sees them, as far as counting goes."""
        new, _ = self.split(train)
        return [train[place] for place in (*new, *self.drawn(train, 0))]


def evenly(new: Sequence[int], old: Sequence[int]) -> list[int]:
    """Return both in one row in which the second are spread evenly between the first."""
    places = [((n + 0.5) / len(new), 0, one) for n, one in enumerate(new)]
    places += [((n + 0.5) / len(old), 1, one) for n, one in enumerate(old)]
    return [one for *_, one in sorted(places)]


def found(
    project: Project, this: run.Run, task: Task, train: list[Sample], judged: Sequence[Sample]
) -> tuple[list[Sample], Replay | None]:
    """Return what a run learns from, earlier samples included, and how these are shown again.

    A new run looks for them; one that goes on has kept them.

    Args:
        project: The run's own.
        this: The run.
        task: Knows what teaches.
        train: Its training samples.
        judged: Samples that must not be learnt from.
    """
    recipe = this.recipe
    share = recipe.forgetting.replay
    if not share:
        return train, None
    if (kept := earlier.kept(this.folder)) is not None:
        own = [s for s in train if s.id in kept.own]
        rest = [s for s in train if s.id not in kept.own]
        if not own and not kept.others:
            return train, None
        known = {s.id: s for s in (*own, *kept.others)}
        pool = [known[number] for number in kept.order if number in known]
        return rest + pool, Replay(pool, share, recipe.seed)
    if this.model:
        return train, None  # it began before there was a replay
    looked = earlier.look(project, Path(recipe.model.source), task, train, judged)
    if looked.why:
        return train, Replay([], share, recipe.seed, f"{looked.why} {_HINT}")
    return _chosen(recipe, train, looked)


def _chosen(
    recipe: Recipe, train: list[Sample], looked: earlier.Looked
) -> tuple[list[Sample], Replay | None]:
    """Return what is learnt from: of the earlier samples no more than all epochs together show."""
    share, rng = recipe.forgetting.replay, random.Random(f"{recipe.seed}/replay")
    own = {sample.id for sample in looked.samples}
    new = [sample for sample in train if sample.id not in own]
    earlier_ones = looked.samples
    if not new:  # the same data again: only what was handed on from further back is earlier
        new, earlier_ones = train, tuple(s for s in looked.samples if s.id < 0)
    if not earlier_ones:
        words = "All of your training samples are ones that the earlier run learnt from."
        return train, Replay([], share, recipe.seed, f"{words} {_HINT}")
    rounds = 1 if recipe.optimiser.method == "solve" else recipe.optimiser.epochs
    most = Replay([], share, recipe.seed).an_epoch(len(new)) * rounds
    pool = in_turns(earlier_ones, [sample.names for sample in earlier_ones], rng)[:most]
    made = Replay(pool, share, recipe.seed)
    each = made.an_epoch(len(new))
    words = (
        f"Replay: beside {_count(len(new), 'new')} an epoch shows {_count(each, 'earlier')}, of"
        f" {len(earlier_ones):,} that {looked.title} learnt from."
    )
    made.words = f"{words} {looked.lost}".rstrip()
    return new + pool, made


def _count(count: int, kind: str) -> str:
    return f"1 {kind} sample" if count == 1 else f"{count:,} {kind} samples"


def keep(folder: Path, replay: Replay | None) -> None:
    """Write down which earlier samples a new run shows again, so that it goes on the same way."""
    if replay is not None:
        earlier.keep(folder, replay.samples)


def told(replay: Replay | None) -> Iterator[Event]:
    """Say what the replay comes to."""
    if replay is not None and replay.words:
        yield Noted(replay.words, "warning" if not replay.samples else "info")


def labels_with(task: Task, labels: Labels, replay: Replay | None) -> Labels:
    """Return the classes with those that only earlier samples have; these have no number here."""
    if replay is None or not replay.samples or not labels.names:
        return labels
    new = sorted(set(task.class_counts(replay.samples)) - set(labels.names), key=natural)
    ids = tuple(-1 - number for number in range(len(new))) if labels.ids else ()
    return replace(labels, names=(*labels.names, *new), ids=(*labels.ids, *ids))
