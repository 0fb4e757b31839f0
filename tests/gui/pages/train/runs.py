"""Event lists as the engine states them, for what shows runs."""

from __future__ import annotations

from finetune_studio.core.events import (
    CheckpointSaved,
    Event,
    Noted,
    PhaseStarted,
    Progress,
    RunFinished,
    RunStarted,
    StepDone,
    Validated,
)

T0 = 1_790_000_000.0
BASELINE = {"text": "always saying t-shirt", "metric": "accuracy", "value": 0.246}


def preparing(total: int = 3068) -> list[Event]:
    return [
        PhaseStarted("load", "Loading the model"),
        PhaseStarted("features", "Looking at each sample once (train)", total),
        Progress("features", 1204, total),
        Noted("Cached and uncached outputs agree exactly.", "ok", T0 - 1),
    ]


def begin(epochs: int = 12, *, resumed: bool = False, time: float = T0) -> RunStarted:
    return RunStarted(
        run="projects/clothing/runs/1",
        project="projects/clothing",
        task="image_classification",
        model="mobilenet_v2",
        epochs=epochs,
        steps=epochs * 10,
        samples={"train": 3068, "validation": 341},
        device="the processor",
        parameters=3_504_872,
        trainable=1_205_000,
        headline="accuracy",
        resumed=resumed,
        time=time,
        baseline=BASELINE,
    )


def epoch(
    number: int,
    loss: float,
    score: float,
    *,
    best: bool,
    trained: float,
    without: int = 0,
    steps: int = 10,
) -> list[Event]:
    rates = {"head": 2e-3 / number, "body": 2e-4 / number}
    found: list[Event] = []
    for step in range(1, steps + 1):
        at = (number - 1) * steps + step
        wiggle = 0.04 * (-1) ** step
        seconds = 2.0 * at / steps
        found.append(
            StepDone(at, number - 1 + step / steps, trained + wiggle, rates, 1460.0, 1945, seconds)
        )
        found.append(Progress("train", at, 120, 2.0 * (120 - at) / steps))
    found.append(
        Validated(float(number), number * steps, loss, {"accuracy": score}, best, without, 4, 0.3)
    )
    return found


def improving(epochs: int = 7) -> list[Event]:
    found: list[Event] = [*preparing(), begin(), PhaseStarted("train", "Training", 120)]
    for number in range(1, epochs + 1):
        found += epoch(
            number,
            2.4 / number,
            round(0.895 - 0.5 / number + 0.5 / 7, 3),
            best=True,
            trained=2.5 / number,
        )
        found.append(CheckpointSaved(number * 10, float(number), "checkpoints", T0 + 2 * number))
    return found


def end(*, stopped: bool = False, score: float = 0.895) -> RunFinished:
    return RunFinished(
        "projects/clothing/runs/1",
        "projects/clothing",
        "image_classification",
        {"accuracy": score, "macro_f1": score - 0.01},
        7.0,
        24.0,
        stopped=stopped,
    )
