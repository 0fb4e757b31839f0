"""What of a run is compared with others, read from its folder without loading its network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import RunFinished, RunStarted, StepDone, Validated
from finetune_studio.core.recipe import Recipe, dotted
from finetune_studio.engine.run import Run

FEWEST, MOST = 2, 6  # there are six colours that colour-blind readers tell apart

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """One run as it is compared with others: plain values alone.

    Attributes:
        folder: Where it lies.
        number: Its number in its project.
        task: What it was taught.
        state: ``finished``, ``stopped`` or ``interrupted``.
        headline: The score that picked its best epoch.
        recipe: Every choice by its dotted name.
        facts: What it met that is no choice: samples, device, parameters that learn.
        scores: Of its best epoch on the validation samples, headline first.
        best_epoch: After how many epochs it was best.
        epochs: After how many epochs it was last judged.
        seconds: How long it learnt.
        energy_wh: What that took, where it was estimated.
        latency_ms: How long its network takes for an answer, where it was measured.
        curves: Points (epoch, value) by name: ``training``, ``validation`` (both losses) and ``score``.
        classes: Its classes by their numbers in the project, under their names of then.
        trained_on: The numbers of the samples that it learnt from.
        answered: Whether its answers to the validation samples are kept.
        has_network: Whether there is a trained network that could answer them.
    """

    folder: Path
    number: int
    task: str
    state: str
    headline: str
    recipe: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    best_epoch: float | None = None
    epochs: float | None = None
    seconds: float | None = None
    energy_wh: float | None = None
    latency_ms: float | None = None
    curves: Mapping[str, Points] = field(default_factory=dict)
    classes: Mapping[int, str] = field(default_factory=dict)
    trained_on: frozenset[int] = frozenset()
    answered: bool = False
    has_network: bool = False

    @property
    def title(self) -> str:
        """Return what the run is called."""
        return f"Run {self.number}"


def read(folder: Path) -> Compared:
    """Return what of a run is compared.

    Raises:
        StudioError: If there is no run in the folder, or a damaged one.
    """
    run = Run(folder)
    steps: list[tuple[float, float]] = []
    judged: list[Validated] = []
    started: RunStarted | None = None
    ended: RunFinished | None = None
    for event in run.events():
        match event:
            case RunStarted():
                started, ended = event, None
            case StepDone():
                _go_on(steps, event.epoch, event.loss)
            case Validated():
                judged = [one for one in judged if one.epoch < event.epoch] + [event]
            case RunFinished():
                ended = event
    labels = run.labels
    best = next((one for one in reversed(judged) if one.best), None)
    headline = started.headline if started else ""
    return Compared(
        folder=run.folder,
        number=run.number,
        task=run.recipe.task,
        state=run.state,
        headline=headline,
        recipe=every_choice(run.recipe),
        facts=_facts(run, started),
        scores=dict(ended.metrics if ended else best.metrics if best else {}),
        best_epoch=ended.best_epoch if ended else best.epoch if best else None,
        epochs=judged[-1].epoch if judged else None,
        seconds=ended.seconds if ended else None,
        energy_wh=_measured(run, "energy_wh"),
        latency_ms=_measured(run, "latency_ms"),
        curves={
            "training": tuple(steps),
            "validation": tuple((one.epoch, one.loss) for one in judged),
            "score": tuple(
                (one.epoch, one.metrics[headline]) for one in judged if headline in one.metrics
            ),
        },
        classes=dict(zip(labels.ids, labels.names, strict=False)),
        trained_on=learnt_from(run),
        answered=(run.folder / "predictions" / "validation.jsonl").is_file(),
        has_network=run.usable,
    )


def refuse_unlike(runs: Sequence[Compared]) -> None:
    """Refuse runs that cannot stand beside each other.

    Raises:
        StudioError: If there are too few or too many, or they were taught different tasks.
    """
    if not FEWEST <= len(runs) <= MOST:
        raise StudioError(
            f"{len(runs)} runs cannot be compared.", f"Choose {FEWEST} to {MOST} of them."
        )
    other = next((run for run in runs if run.task != runs[0].task), None)
    if other is not None:
        first, second = (run.task.replace("_", " ") for run in (runs[0], other))
        raise StudioError(
            f"{runs[0].title} was taught {first}, {other.title} {second}: their scores and answers"
            " say nothing about each other.",
            "Choose runs of the same task.",
        )


def every_choice(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe's values by dotted names, those of ``options`` one by one."""
    found = dict(dotted(recipe))
    options = found.pop("options")
    return found | {f"options.{name}": value for name, value in options.items()}


def learnt_from(run: Run) -> frozenset[int]:
    """Return the numbers of the samples that a run learnt from, so that its answers to them prove nothing.

    None where its kept answers are those of a cross-validation, by networks that had not seen them.
    """
    samples = run.samples
    of_folds = samples.get("validation") == [] and (run.folder / "study.json").is_file()
    return frozenset() if of_folds else frozenset(samples.get("train", ()))


def _go_on(points: list[tuple[float, float]], x: float, y: float) -> None:
    """Add a point; a run that went back draws again what it did again."""
    while points and points[-1][0] >= x:
        points.pop()
    points.append((x, y))


def _facts(run: Run, started: RunStarted | None) -> dict[str, Any]:
    about = run.environment
    chosen = about.get("chosen") or {}
    found = {
        "data": str(about.get("data_fingerprint", ""))[:8],
        "batch": chosen.get("batch_size"),
        "precision": about.get("precision"),
        "torch": about.get("torch"),
    }
    if started is not None:
        found |= {
            "train": started.samples.get("train"),
            "validation": started.samples.get("validation"),
            "trainable": started.trainable,
            "device": started.device,
        }
    return {name: value for name, value in found.items() if value not in (None, "")}


def _measured(run: Run, name: str) -> float | None:
    """Return a figure of what a run cost, where it was measured."""
    value = getattr(getattr(run, "cost", None), name, None)
    return float(value) if isinstance(value, int | float) and value > 0 else None
