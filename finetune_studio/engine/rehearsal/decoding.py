"""How much room the decoded samples take that a whole run will keep."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from finetune_studio.core import settings
from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Bundle, Task
from finetune_studio.engine import decoded, run
from finetune_studio.engine.features.store import room_for, sample_key
from finetune_studio.engine.rehearsal.few import Samples

_LOOKED_AT = 9  # samples whose size is looked at


@dataclass(frozen=True)
class Kept:
    """Bytes of one decoded sample to learn from and to judge with, and the folder they lie in."""

    learn_bytes: float
    judge_bytes: float
    folder: str
    varied: bool

    def missing_bytes(self, samples: Samples, limit_mb: int) -> float:
        """Return what a run with these samples will add to what is kept from earlier runs."""
        known = decoded.kept_in(settings.computed_folder() / "decoded" / self.folder)
        ends = "v" if self.varied else ""
        learn = sum(f"{sample_key(s)}{ends}" not in known for s in samples.train)
        judge = sum(sample_key(s) not in known for s in samples.validation)
        room = min(limit_mb * 2**20, room_for("decoded"))
        return min(learn * self.learn_bytes + judge * self.judge_bytes, room)


def kept_by(
    task: Task, folder: Path, samples: Samples, whole: Recipe, *, cached: bool
) -> Kept | None:
    """Return what the whole run will keep decoded, tried as it will try it; None if nothing.

    Args:
        task: What is learnt.
        folder: A run with the same model, for how its inputs are made ready.
        samples: Some of the run's samples.
        whole: The recipe of the whole run.
        cached: Whether it computes frozen layers once, so that samples are read once a view.
    """
    varied = whole.augment.strength != "none"
    reads = (whole.augment.views if varied else 0) if cached else whole.optimiser.epochs
    if whole.compute.decoded == "off" or reads < 2:
        return None
    bundle = run.without_network(folder)
    limit = whole.compute.cache_limit_mb * 2**20
    store, _ = decoded.choose(task, bundle, samples.train, reads, varied=varied, limit=limit)
    if store is None:
        return None
    store.close()
    learn = _bytes_each(task, bundle, samples.train, varied=varied)
    judge = _bytes_each(task, bundle, samples.validation, varied=False)
    return Kept(learn, judge, store.folder.name, varied)


def _bytes_each(task: Task, bundle: Bundle, samples: Sequence[Sample], *, varied: bool) -> float:
    sizes = []
    for sample in samples[:_LOOKED_AT]:
        with suppress(StudioError):
            pixels = task.decoded(sample, bundle, varied=varied)
            sizes.append(0 if pixels is None else pixels.nbytes)
    return statistics.fmean(sizes) if sizes else 0.0
