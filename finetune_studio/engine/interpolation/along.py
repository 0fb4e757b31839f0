"""Tries a blend out at every tenth of the way from the original network to the fine-tuned one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from finetune_studio.core import files
from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, PhaseStarted, Progress
from finetune_studio.core.job import Control
from finetune_studio.core.measures import BlendMeasured
from finetune_studio.core.portion import spread
from finetune_studio.core.project import Project
from finetune_studio.core.task import Bundle, Pair, Task
from finetune_studio.engine import before, evaluate, judging
from finetune_studio.engine.blend_words import FILE, HALVES, kept
from finetune_studio.engine.interpolation import asking, mixing
from finetune_studio.engine.interpolation.ability import Ability, Seeing
from finetune_studio.engine.interpolation.asking import Question
from finetune_studio.engine.loaders import Loaded, Loader, by_length, grouped
from finetune_studio.engine.run import Run, load_bundle
from finetune_studio.engine.run.checkpoints import best_tensors

if TYPE_CHECKING:
    from torch import Tensor

GRID = tuple(step / 10 for step in range(11))
_BATCH = 16
_HALVED = 10  # samples at least, of which each half scores what the other picks


def along(
    project: Project, run_folder: Path, control: Control, held_out: str = ""
) -> Iterator[Event]:
    """Yield progress, then one BlendMeasured: two scores at each place along the blend.

    ``held_out`` is a folder or table of samples that the original knows; without one, its answers to the
    validation samples are compared. Each batch is read once and answered at every place. Stopping leaves
    nothing behind.

    Raises:
        StudioError: If what the run was begun from is gone, or its adapters cannot be blended.
    """
    run = Run(run_folder)
    mixing.refuse_unjudged(run)
    held_out = held_out or run.recipe.forgetting.held_out
    if (known := kept(run.folder, held_out)) is not None:
        yield known
        return
    began = time.perf_counter()
    task = evaluate.load_task(run.recipe.task)
    yield PhaseStarted("load", "Loading the network and the one it was begun from")
    bundle = load_bundle(run.folder, project.dataset, merged=False)
    after = best_tensors(run.folder)
    old = mixing.of_run(before.bundle_of(run.folder), bundle, after)
    validation = _validation(project, run, task)
    bundle.asked = task.asked(validation, run.recipe)
    with ExitStack() as stack:
        way = _Way(task, bundle, old, {name: after[name] for name in old if name in after})
        asked = asking.question(run, task, bundle.network, validation, held_out, stack)
        total = (len(validation) + (0 if asked.own else len(asked.samples))) * len(GRID)
        yield PhaseStarted("blend", "Trying blends with the original network", total)
        yield from way.walk(validation, asked, control, total)
        if control.stop.is_set():
            return
        found = way.measured(run, asked, round(time.perf_counter() - began, 2))
    values = {name: value for name, value in found.as_json().items() if name != "event"}
    stamp = {"checkpoint": run.checkpoints.get("best", ""), "held_out": held_out}
    files.write_json(run.folder / FILE, {**stamp, "blend": values})
    yield found


def _validation(project: Project, run: Run, task: Task) -> list[Sample]:
    """Return the samples that the run was judged with, as they are today, at most some hundreds.

    Raises:
        StudioError: If none is left.
    """
    numbers = set(run.samples.get("validation", ()))
    usable = project.dataset.samples(usable=True)
    found = [s for s in usable if s.id in numbers and task.teaches(s)]
    if not found:
        raise StudioError(
            "No validation sample of this run is left to score a blend with.",
            "Train again with the data of today.",
        )
    return spread(found, asking.MOST)


class _Way:
    """The network on its way from one end to the other, and what it answered at each place."""

    def __init__(
        self, task: Task, bundle: Bundle, old: dict[str, Tensor], new: dict[str, Tensor]
    ) -> None:
        self._task, self._bundle = task, bundle
        self._old, self._new = old, new
        self._pairs: dict[float, list[Pair]] = {share: [] for share in GRID}
        self._asked = 0

    def walk(
        self, validation: Sequence[Sample], asked: Question, control: Control, total: int
    ) -> Iterator[Event]:
        """Answer all samples at every place; one batch at a time, so that it is read only once."""
        done = 0
        parts = [(validation, True, asked.own), (() if asked.own else asked.samples, False, True)]
        for samples, scored, original in parts:
            for loaded in self._loaded(samples):
                for share in GRID:
                    if control.stop.is_set():
                        return
                    self._look(share, loaded, asked.ability if original else None, scored=scored)
                    done += len(loaded.kept)
                    yield Progress("blend", done, total)
                self._asked += len(loaded.kept) * original

    def _loaded(self, samples: Sequence[Sample]) -> Iterator[Loaded]:
        with Loader(self._task, self._bundle) as loader:
            for loaded in loader.run(grouped(by_length(self._task, samples), _BATCH), None):
                if loaded.batch is not None:
                    yield loaded

    def _look(
        self, share: float, loaded: Loaded, original: Ability | None, *, scored: bool
    ) -> None:
        assert loaded.batch is not None
        blend = mixing.mixed(self._old, self._new, share)
        self._bundle.network.load_state_dict(blend, strict=False)
        seeing = original if isinstance(original, Seeing) and scored else None
        with torch.inference_mode():
            if scored:
                with seeing.watching(share, self._bundle) if seeing else nullcontext():
                    answers, _ = self._task.judge(self._bundle, loaded.batch)
                self._pairs[share] += zip(loaded.kept, answers, strict=True)
            if original is not None and seeing is None:
                original.look(share, self._bundle, loaded.batch, loaded.kept)

    def _score(self, pairs: Sequence[Pair]) -> float:
        return round(self._task.score(pairs)[self._task.headline], 6)

    def measured(self, run: Run, asked: Question, seconds: float) -> BlendMeasured:
        """Return both curves.

        Raises:
            StudioError: If no validation sample could be read.
        """
        if not self._pairs[1.0]:
            raise StudioError("None of the validation samples can be read.", judging.LOOK)
        original = asked.ability.results() if asked.ability is not None else {}
        points = []
        for share in GRID:
            pairs = self._pairs[share]
            known = {"original": round(original[share], 6)} if share in original else {}
            points.append({"share": share, "score": self._score(pairs), **known})
            if len(pairs) >= _HALVED:
                points[-1] |= {n: self._score(pairs[k::2]) for k, n in enumerate(HALVES)}
        ability = asked.ability
        return BlendMeasured(
            str(run.folder),
            self._task.headline,
            points,
            len(self._pairs[1.0]),
            self._asked if original else 0,
            ability.measure if ability else "",
            ability.about if ability else asked.why,
            falls=ability.falls if ability else False,
            less_is_better=self._task.less_is_better,
            seconds=seconds,
        )
