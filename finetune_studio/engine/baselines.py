"""What a run stands beside: the model before it was fine-tuned, and the run before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from finetune_studio.core import files
from finetune_studio.core.events import Prediction
from finetune_studio.core.project import Project
from finetune_studio.core.task import Pair
from finetune_studio.engine import evaluate
from finetune_studio.engine.comparing import mcnemar, runs
from finetune_studio.engine.features.table import Table
from finetune_studio.engine.run import Run
from finetune_studio.engine.run.checkpoints import read_json
from finetune_studio.engine.slicing import own_scores

_FILE = "before.json"


@dataclass(frozen=True, slots=True)
class LastRun:
    """The run before, asked about the same samples.

    Attributes:
        number: Of that run.
        value: Its score; ``now`` that of the run that is looked at.
        better: Samples that the later run does better; ``worse`` those that it does worse.
        chance: How often chance alone makes so large a difference; 1 where they do not differ.
    """

    number: int
    value: float
    now: float
    better: int
    worse: int
    chance: float

    @property
    def told_apart(self) -> bool:
        """Whether the two runs differ more than chance explains."""
        return self.chance < 0.05


@dataclass(frozen=True, slots=True)
class Beside:
    """What a score stands beside; None where it is not known.

    Attributes:
        metric: The score.
        before: What the model reaches before fine-tuning, as a nearest-class-mean classifier.
        last: The run before.
    """

    metric: str
    before: float | None
    last: LastRun | None


def keep_before(project: Project, run_folder: Path, table: Table) -> float | None:
    """Score the model before fine-tuning on the validation split, and keep that with the run.

    Each sample gets the class whose training samples' mean features are nearest (as in Mensink et al.
    2013, without a learnt metric); nothing is trained.

    Returns:
        The headline score, or None where a split has no samples.
    """
    run = Run(run_folder)
    task = evaluate.load_task(run.recipe.task)
    names = sorted({str(s.label) for s in table.samples if s.split == "train"})
    labels = np.array([str(s.label) for s in table.samples])
    train = np.array([s.split == "train" for s in table.samples], bool)
    judged = np.array([s.split == "validation" for s in table.samples], bool)
    if not names or not judged.any():
        return None
    means = np.stack([table.values[train & (labels == name)].mean(0) for name in names])
    ways = np.square(table.values[judged]).sum(1)[:, None] - 2 * table.values[judged] @ means.T
    said = (ways + np.square(means).sum(1)).argmin(1)
    samples = [s for s in table.samples if s.split == "validation"]
    pairs: list[Pair] = [
        (s, Prediction(names[n], sample=s.id)) for s, n in zip(samples, said, strict=True)
    ]
    scores = task.score(pairs)
    data = project.dataset.fingerprint()
    files.write_json(run.folder / _FILE, {"scores": scores, "samples": len(pairs), "data": data})
    return scores[next(iter(scores))]


def beside(project: Project, run_folder: Path, pairs: list[Pair]) -> Beside:
    """Return what a run's score stands beside; no network is loaded."""
    run = Run(run_folder)
    task = evaluate.load_task(run.recipe.task)
    metric = next(iter(task.score(pairs)), "") if pairs else ""
    kept = read_json(run.folder / _FILE) if (run.folder / _FILE).is_file() else {}
    same = kept.get("data") == project.dataset.fingerprint()  # or labels are others by now
    before = kept.get("scores", {}).get(metric) if same else None
    return Beside(metric, before, _last(project, run, pairs, metric))


def _last(project: Project, run: Run, pairs: list[Pair], metric: str) -> LastRun | None:
    task = evaluate.load_task(run.recipe.task)
    earlier = [f for f in project.runs() if f.name.isdigit() and int(f.name) < run.number]
    for folder in reversed(earlier):
        if not (folder / "recipe.toml").is_file():
            continue
        own = {s.id for s, _ in pairs}
        if own & runs.learnt_from(Run(folder)):  # the data were divided anew since
            continue
        known = [
            p for p in evaluate.answers(folder, project.dataset, "validation") if p[0].id in own
        ]
        if len(known) < len(pairs) or not known:  # another split: nothing to compare by
            continue
        then, now = own_scores(task, known)[1], own_scores(task, pairs)[1]
        better, worse, chance = compared(then, now)
        value, today = task.score(known).get(metric), task.score(pairs).get(metric)
        if value is not None and today is not None:
            return LastRun(int(folder.name), value, today, better, worse, chance)
    return None


def compared(then: Mapping[int, float], now: Mapping[int, float]) -> tuple[int, int, float]:
    """Return how many samples are better and worse now, and how often chance alone does that.

    The sign test on the samples that differ, which for right and wrong is McNemar's exact test (1947).
    """
    both = then.keys() & now.keys()
    better = sum(now[n] > then[n] for n in both)
    worse = sum(now[n] < then[n] for n in both)
    return better, worse, mcnemar(better, worse)


def sentences(found: Beside) -> list[str]:
    """Return what a run stands beside, in plain sentences."""
    told = []
    if found.before is not None:
        told.append(f"Before fine-tuning {found.before:.3f}.")
    if (last := found.last) is not None:
        verdict = (
            ("better now" if last.better > last.worse else "worse now")
            if last.told_apart
            else "too few samples to tell apart"
        )
        told.append(f"Run {last.number}: {last.value:.3f}, {verdict}.")
    return told
