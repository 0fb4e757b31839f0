"""A balanced run on clothing10 with real MobileNetV2 against the Trainer with everything trained.

    python benchmarks/balanced.py [--trainer-epochs 2]

Ours: ``train --preset balanced`` through the terminal, then ``evaluate --split test``. The other side:
transformers' Trainer in a fresh process, all layers, the same number of epochs, its usual augmentation
(RandomResizedCrop and a flip), its default learning rate 5e-5 with AdamW and a linear schedule, judged
after each epoch. Each side reads the test split once, after its training; that is not timed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

import measure
from measure import CLOTHING, MOBILENET, Row, Took, told


def ours(data: Path, seed: int, settings: list[str]) -> tuple[float, float, Took, int]:
    """Train through the terminal; return test and validation accuracy, the time, and the epochs asked for."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        events, took = measure.terminal(
            "train", "--task", "image_classification", "--data", str(data), "--model",
            str(MOBILENET), "--preset", "balanced", "--seed", str(seed),
            "--out", str(home / "project"), *settings, home=home,
        )  # fmt: skip
        began = next(e for e in events if e["event"] == "run_started")
        last = events[-1]
        scored, _ = measure.terminal("evaluate", last["run"], "--split", "test", home=home)
        said = scored[-1]["metrics"]["accuracy"], last["metrics"]["accuracy"]
        return (*said, took, began["epochs"])


def theirs(data: Path, epochs: int, planned: int) -> tuple[float, Took, Took]:
    """Let the Trainer train in a fresh process; return test accuracy, the whole time, and an epoch's."""
    with tempfile.TemporaryDirectory() as folder:
        said, _ = measure.child(
            __file__, "--trainer", folder, "--pictures", str(data), "--epochs", str(epochs),
            "--trainer-epochs", str(planned),
        )  # fmt: skip
        about = json.loads(said.splitlines()[-1])
        return about["test"], Took(*about["whole"]), Took(*about["epoch"])


def train_theirs(folder: Path, data: Path, epochs: int, planned: int) -> None:
    """Train ``planned`` of ``epochs`` epochs in this process; print accuracy and times."""
    began = measure.now()  # the interpreter's own start, some 0.05 s, is given to it
    import rival

    classes = len([*(data / "train").iterdir()])
    network = rival.network(classes, "everything")
    made, _ = rival.trainer(network, data, folder, epochs=epochs, rate=5e-5, change=rival.USUAL)
    turns = rival.Judgements(planned)
    made.add_callback(turns)
    before = measure.now() - began
    made.train()
    whole = measure.now() - began
    each = [later - earlier for earlier, later in zip(turns.at, turns.at[1:], strict=False)]
    mean = Took(statistics.mean(t.wall for t in each), statistics.mean(t.cpu for t in each))
    if planned < epochs:
        whole = before + Took(mean.wall * epochs, mean.cpu * epochs)
    test = rival.accuracy(network, data / "test")
    print(
        json.dumps(
            {
                "test": test,
                "whole": [whole.wall, whole.cpu],
                "epoch": [mean.wall, mean.cpu],
            }
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=0, help="0 takes the preset's, on both sides")
    parser.add_argument(
        "--trainer-epochs", type=int, default=0,
        help="end the Trainer after so many epochs, and extrapolate its time from their mean",
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="a few pictures, to see that it works")
    parser.add_argument("--trainer", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--pictures", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.trainer:
        train_theirs(args.trainer, args.pictures, args.epochs, args.trainer_epochs)
        return
    with tempfile.TemporaryDirectory() as folder:
        data = CLOTHING
        if args.quick:
            args.epochs = args.epochs or 2
            counts = {"train": 64, "validation": 20, "test": 20}
            data = measure.subset(CLOTHING, Path(folder) / "data", **counts)
        with measure.measured():
            settings = ["--set", f"optimiser.epochs={args.epochs}"] if args.epochs else []
            test, validation, took, epochs = ours(data, args.seed, settings)
            print(f"ours: test {test:.3f}, validation {validation:.3f}, {told(took)}", flush=True)
            planned = args.trainer_epochs or epochs
            their_test, their_took, epoch = theirs(data, epochs, planned)
            guessed = planned < epochs
            words = (
                f"extrapolated from {planned} of {epochs} epochs" * guessed or f"{epochs} epochs"
            )
            print(f"Trainer: test {their_test:.3f}, {told(their_took)}, {words}, "
                  f"{told(epoch)} an epoch")  # fmt: skip
            if guessed:
                print("Its time is extrapolated, and its accuracy is that of a run cut short.")
            share = their_took.wall / took.wall
            cpu = their_took.cpu / took.cpu
            time = f"time for {epochs} epochs (ours may end earlier)"
            print()
            measure.table(
                [
                    Row(
                        "test accuracy", f"{test:.3f}", f"{their_test:.3f}", test, None, 0.91, 0.925
                    ),
                    Row(time, told(took), told(their_took), share, cpu, 4, 6),
                ]
            )


if __name__ == "__main__":
    main()
