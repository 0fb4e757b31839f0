"""From what a small run took to what the whole run will take."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch
from torch.nn import functional

from finetune_studio.core import settings
from finetune_studio.core.dataset import Sample
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine.features import store
from finetune_studio.engine.rehearsal.few import Samples, batch_size
from finetune_studio.engine.rehearsal.trial import Features, Trial

_SAVE_EVERY_S = 30.0  # as the loop saves
_LOOKS = 30  # how often solving looks at all samples, an epoch
_MOST_ROWS = 20_000
_STATED_A_SECOND = 20  # at most, with two lines each
_LINE_BYTES, _ANSWER_BYTES = 250, 600  # in the log, and in what Inspect reads
_GROWTH = 0.07  # what allocators hold more of after many batches than after a few, as seen
_OF_THE_BATCH = (
    0.45  # of what is held grows with the batch, as seen; used without time for a whole one
)
_MB = 2**20


@dataclass(frozen=True)
class Reckoned:
    """What a whole run will take: seconds by part, MB of memory and disk."""

    parts: dict[str, float]
    first_epoch_s: float
    epoch_s: float
    memory_mb: float
    disk_mb: float
    features_mb: float


def reckon(
    trial: Trial, samples: Samples, recipe: Recipe, *, solved: bool, held_mb: float
) -> Reckoned:
    """Scale a complete trial up to all samples and epochs; ``held_mb`` was held before it."""
    epochs = recipe.optimiser.epochs
    seen = len(samples.train) / (1 - recipe.forgetting.replay)  # with earlier samples beside them
    share = seen / trial.train
    judged = len(samples.validation) / trial.validation
    todo = _todo(trial, samples, recipe)
    features = _features_s(trial, todo)
    if solved:
        first = later = trial.later_epoch_s() + _more_for_all(trial, samples)
    else:
        first, later = _epochs_s(trial, share)
    judging = trial.judging_s() * judged
    learning = first + later * (epochs - 1)
    steps = epochs * (1 if solved else seen / batch_size(recipe, samples))
    saves = 1 + math.floor((learning + judging * epochs) / _SAVE_EVERY_S)
    parts = {
        "load": trial.load_s(),
        "features": features,
        "steps": learning,
        "judging": judging * epochs,
        "checkpoints": trial.saving_s() * saves,
        "ending": trial.ending_s() * judged,
    }
    features_mb = sum(todo) * row_bytes(trial, samples, recipe) / _MB
    kept, limit_mb = trial.decoded, recipe.compute.cache_limit_mb
    decoded_mb = kept.missing_bytes(samples, limit_mb) / _MB if kept else 0.0
    return Reckoned(
        {name: round(seconds, 3) for name, seconds in parts.items()},
        features + first + judging,
        later + judging,
        _memory_mb(trial, samples, recipe, solved=solved, held_mb=held_mb),
        _run_mb(trial, learning, steps, judged) + features_mb + decoded_mb,
        features_mb,
    )


# --- time -----------------------------------------------------------------------------------------


def _epochs_s(trial: Trial, share: float) -> tuple[float, float]:
    """Return the seconds of the first and of each later epoch's steps."""
    first, later = trial.epochs_s()[0], trial.later_epoch_s()
    if trial.cached:  # what the first takes longer is spent once, however many samples there are
        return later * share + max(0.0, first - later), later * share
    return max(first, later) * share, later * share


def _features_s(trial: Trial, todo: tuple[int, int]) -> float:
    phases = trial.features()
    if not phases:
        return 0.0
    learn, judge = phases[0], phases[-1]
    if judge.samples < learn.samples / 4:  # too few to go by
        judge = Features(judge.samples, judge.samples * learn.each_s)
    return todo[0] * learn.each_s + todo[1] * judge.each_s


def _todo(trial: Trial, samples: Samples, recipe: Recipe) -> tuple[int, int]:
    """Return how many rows are to be computed for learning and for judging; kept ones count nothing.

    What is kept of the first view is taken for what is kept of the others.
    """
    if not trial.cached:
        return 0, 0
    half = "h" if _halved(trial, samples, recipe) else ""
    learn, judge = trial.known
    missing = _missing(f"{learn}{half}", samples.train)
    return missing * _views(recipe), _missing(judge, samples.validation)


def _missing(name: str, samples: list[Sample]) -> int:
    folder = settings.computed_folder() / "features" / name
    if not folder.is_dir():
        return len(samples)
    kept, _ = store.keys_in(folder)
    return sum(store.sample_key(sample) not in kept for sample in samples)


def _more_for_all(trial: Trial, samples: Samples) -> float:
    """Return what an epoch of solving takes longer with all samples than with those of the trial."""
    width = max(1, trial.row_bytes // 4)
    classes = len({sample.label for sample in samples.train})
    few, most = trial.train, len(samples.train)
    seen = min(most, _MOST_ROWS)
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # as solving does
    try:
        long, short = (_look_s(rows, width, classes) for rows in (seen, few))
    finally:
        torch.set_num_threads(before)
    return _LOOKS * max(0.0, long * most / seen - short)


def _look_s(rows: int, width: int, classes: int) -> float:
    """Return the seconds of one look at so many rows by a head of so many classes."""
    features, targets = torch.randn(rows, width), torch.randint(classes, (rows,))
    head = torch.nn.Linear(width, classes)
    took = []
    for _ in range(4):
        began = time.perf_counter()
        with torch.enable_grad():
            functional.cross_entropy(head(features), targets).backward()
        took.append(time.perf_counter() - began)
    return sorted(took)[1]


# --- room -----------------------------------------------------------------------------------------


def too_large(trial: Trial, samples: Samples, recipe: Recipe) -> bool:
    """Whether what is computed once does not even fit as fp16, so that the run does without."""
    return _whole_mb(trial, samples, recipe) / 2 > recipe.compute.cache_limit_mb


def row_bytes(trial: Trial, samples: Samples, recipe: Recipe) -> int:
    """Return what the whole run keeps of one sample that is computed once."""
    return trial.row_bytes // (2 if _halved(trial, samples, recipe) else 1)


def _halved(trial: Trial, samples: Samples, recipe: Recipe) -> bool:
    return _whole_mb(trial, samples, recipe) > recipe.compute.cache_limit_mb


def _whole_mb(trial: Trial, samples: Samples, recipe: Recipe) -> float:
    return trial.row_bytes * len(samples.train) * _views(recipe) / _MB


def _views(recipe: Recipe) -> int:
    return recipe.augment.views if recipe.augment.strength != "none" else 1


def _memory_mb(
    trial: Trial, samples: Samples, recipe: Recipe, *, solved: bool, held_mb: float
) -> float:
    """Return the most memory that the whole run will hold."""
    more = max(0.0, trial.peak_mb - held_mb)
    bigger = max(0.0, batch_size(recipe, samples) / trial.train - 1)  # than a batch of the trial
    peak = trial.peak_mb + more * bigger * _OF_THE_BATCH
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return peak
    # Stored activations count as soon as they are read, although the system may take them back.
    peak += _GROWTH * (peak - held_mb)
    each = row_bytes(trial, samples, recipe) / _MB
    seen = min(_views(recipe), recipe.optimiser.epochs) * len(samples.train)
    kept = (seen + len(samples.validation) - trial.train - trial.validation) * each
    if solved:  # all at a time, and once more for the way back
        return peak + kept + 2 * (len(samples.train) - trial.train) * each
    return peak + kept


def _run_mb(trial: Trial, learning_s: float, steps: float, judged: float) -> float:
    """Return the size of the run's folder: what grows with the data, with the time, and what does not."""
    answers = trial.validation * judged * _ANSWER_BYTES
    lines = 2 * min(steps, learning_s * _STATED_A_SECOND)
    return trial.run_mb + (answers + lines * _LINE_BYTES) / _MB
