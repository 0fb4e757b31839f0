"""Is the solved head as accurate as the stepwise one, and how long does solving take?

    python benchmarks/head.py [--seeds 0 1 2 3 4] [--split validation]

Runs of the product on frozen features that are computed once for each data set: clothing10 and
sign-digits with real MobileNetV2, the embedded leaves with the embedded starter. Both methods get the
same features and the same splits; a seed draws the split where the data bring none, the new head's
first weights and the order of the steps. Solved: the quick preset. Stepwise: the same with AdamW, 30
epochs, the best epoch kept. Each with and without class weights. Validation picks the strength of one and
the epoch of the other, and picking among 30 flatters more than picking among 10: so the two are compared
on the test split, which each run reads once, as it ends.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import measure
from measure import CLOTHING, LEAVES, MOBILENET, SIGNS, THREADS

from finetune_studio.core.events import Evaluated, RunFinished, StepDone, Validated
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe

SETS = {
    "clothing10": (CLOTHING, str(MOBILENET)),
    "sign-digits": (SIGNS, str(MOBILENET)),
    "leaves": (LEAVES, "starter"),
}


@dataclass
class Found:
    """What one method reached: a figure for each seed."""

    accuracy: list[float] = field(default_factory=list)
    macro_f1: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def one_run(project: Project, recipe: Recipe, found: Found, split: str) -> None:
    """Train a head; note its scores, and the seconds of its steps without the judging."""
    from finetune_studio.engine.evaluate import evaluate
    from finetune_studio.engine.train import train

    judging, run = 0.0, ""
    steps: list[StepDone] = []
    for event in train(project, recipe, Control()):
        if isinstance(event, Validated):
            judging += event.seconds
        elif isinstance(event, StepDone):
            steps.append(event)
        elif isinstance(event, RunFinished):
            found.seconds.append(event.seconds - judging)
            run = event.run
    if not steps:
        raise SystemExit("A run took no step.")
    stated = list(evaluate(project, Path(run), split, Control()))
    (scored,) = [event for event in stated if isinstance(event, Evaluated)]
    found.accuracy.append(scored.metrics["accuracy"])
    found.macro_f1.append(scored.metrics["macro_f1"])


def both(
    name: str, seeds: list[int], balance: str, room: Path, epochs: int, split: str
) -> dict[str, Found]:
    """Train solved and stepwise heads on one data set, once for each seed."""
    from finetune_studio.engine import curate, presets

    found = {"solved": Found(), "stepwise": Found()}
    data, model = measure_set(name, room)
    for seed in seeds:
        with Project(room / f"{name}-{seed}-{balance}", "image_classification") as project:
            base = {
                "data.path": str(data), "model.source": model, "seed": seed,
                "optimiser.balance": balance, "compute.threads": THREADS, "stop.early": False,
            }  # fmt: skip
            choices = Recipe().with_settings(base)
            list(curate.import_data(project, choices.data, seed, Control()))
            count = project.dataset.split_counts()["train"]
            solved = presets.apply(choices, count, "quick").with_settings(base)
            if solved.optimiser.method != "solve":
                raise SystemExit("The quick preset does not solve the head.")
            one_run(project, solved, found["solved"], split)
            steps = {"optimiser.method": "steps", "optimiser.epochs": epochs}
            one_run(project, solved.with_settings(steps), found["stepwise"], split)
    return found


def measure_set(name: str, room: Path) -> tuple[Path, str]:
    """Return the data and the model of a set; a part of it where only the script is tried."""
    data, model = SETS[name]
    smaller = room / f"data-{name}"
    return (smaller if smaller.exists() else data), model


def spread(values: list[float]) -> str:
    """Return the mean with its standard error."""
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.3f} ± {error:.3f}"


def verdict(gain: list[float]) -> str:
    """Say whether the solved head is at least as accurate, by the differences' mean and its error."""
    if statistics.mean(gain) >= 0:
        return "yes"
    error = statistics.stdev(gain) / math.sqrt(len(gain)) if len(gain) > 1 else 0.0
    return "not told apart" if statistics.mean(gain) >= -error else "NO"


def line(name: str, balance: str, found: dict[str, Found]) -> str:
    """Return one row of the table."""
    solved, stepwise = found["solved"], found["stepwise"]
    gain = [a - b for a, b in zip(solved.accuracy, stepwise.accuracy, strict=True)]
    cells = [
        name, balance, spread(solved.accuracy), spread(stepwise.accuracy), spread(gain),
        spread(solved.macro_f1), spread(stepwise.macro_f1),
        f"{statistics.median(solved.seconds):.2f} s", f"{max(solved.seconds):.2f} s",
        f"{statistics.median(stepwise.seconds):.2f} s",
        verdict(gain),
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--split", default="test", choices=["validation", "test"])
    parser.add_argument("--epochs", type=int, default=30, help="of the stepwise head")
    parser.add_argument("--quick", action="store_true", help="to see that it works")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        os.environ["FINETUNE_STUDIO_HOME"] = str(room / "home")
        if args.quick:
            args.seeds, args.epochs = [0, 1], 3
            args.sets = ["clothing10", "leaves"]
            measure.subset(CLOTHING, room / "data-clothing10", train=64, validation=20, test=20)
        import torch

        torch.set_num_threads(THREADS)
        with measure.measured():
            print(f"{args.split.title()} split, mean ± standard error over seeds {args.seeds}; on clothing10 "
                  "the split is given, so the solved head hardly depends on the seed.\n")  # fmt: skip
            print("| data | class weights | solved | stepwise | difference | macro-F1 solved | stepwise "
                  "| solving, median | worst | steps, median | at least as good |")  # fmt: skip
            print("|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
            for name in args.sets:
                for balance in ("none", "weights"):
                    found = both(name, args.seeds, balance, room, args.epochs, args.split)
                    print(line(name, balance, found), flush=True)


if __name__ == "__main__":
    main()
