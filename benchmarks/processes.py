"""The same recipe on one process and on two over gloo: both loss curves side by side, and the speed.

All sides run the real terminal on the embedded sample with the same global batch. One process with two
threads is the measure of both: it has as many cores as two processes with one thread each, and how far
its curve is from that of one thread shows what rounding alone does to so many steps.

    python benchmarks/processes.py [--epochs 4] [--size 96]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
WORKS = {
    "head alone, computed once": {"layers.amount": "head_only", "optimiser.method": "steps"},
    "head alone, solved": {"layers.amount": "head_only", "optimiser.method": "solve"},
    "last stage, computed once": {"layers.amount": "last_stage"},
    "last stage, nothing kept": {"layers.amount": "last_stage", "compute.cache": "off"},
    "everything": {"layers.amount": "everything", "compute.cache": "off"},
}


SIDES = ((1, 1), (1, 2), (2, 1))  # processes, threads of each


def run(
    processes: int, threads: int, choices: dict[str, str], folder: Path
) -> list[dict[str, Any]]:
    """Train through the terminal and return what it stated."""
    settings = [f"--set={name}={value}" for name, value in choices.items()]
    command = [sys.executable]
    if processes > 1:
        command += ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    command += [
        *("-m", "finetune_studio", "train", "--json", "--seed=1"),
        *("--data", str(ROOT / "resources" / "samples" / "leaves")),
        *("--out", str(folder / "project"), *settings),
    ]
    words = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(threads)}
    environment = {**os.environ, **words, "FINETUNE_STUDIO_HOME": str(folder / "home")}
    done = subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def curve(said: list[dict[str, Any]]) -> tuple[list[float], float]:
    """Return the validation loss after each epoch, and the median of samples a second."""
    epochs = [e["loss"] for e in said if e["event"] == "validated"]
    speeds = [e["samples_per_second"] for e in said if e["event"] == "step_done"]
    return epochs, statistics.median(speeds[1:] or speeds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--size", type=int, default=96, help="picture size in pixels")
    parser.add_argument("--batch", type=int, default=16, help="samples a step, over all processes")
    given = parser.parse_args()
    every = {
        "optimiser.epochs": str(given.epochs), "optimiser.batch_size": str(given.batch),
        "model.image_size": str(given.size), "stop.early": "false", "augment.strength": "none",
    }  # fmt: skip
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    for title, choices in WORKS.items():
        found = []
        for processes, threads in SIDES:
            with tempfile.TemporaryDirectory() as folder:
                found.append(curve(run(processes, threads, every | choices, Path(folder))))
        (one, _), (rounded, slow), (two, fast) = found
        print(f"\n{title}\n  epoch  one process  two threads  two processes")
        for epoch, row in enumerate(zip(one, rounded, two, strict=True), 1):
            print(f"  {epoch:5}  {row[0]:11.7f}  {row[1]:11.7f}  {row[2]:13.7f}")
        print(f"  largest difference: two threads {apart(one, rounded):.1e},", end=" ")
        print(f"two processes {apart(one, two):.1e}")
        print(f"  samples a second: two threads {slow:.0f}, two processes {fast:.0f},", end=" ")
        print(f"ratio {fast / slow:.2f}")


def apart(ours: list[float], theirs: list[float]) -> float:
    """Return the largest difference of two curves."""
    return max(abs(a - b) for a, b in zip(ours, theirs, strict=True))


if __name__ == "__main__":
    main()
