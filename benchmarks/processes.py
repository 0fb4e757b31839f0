"""The same recipe on one process and on two over gloo: both loss curves side by side, and the speed.

Both sides run the real terminal on the embedded sample with the same global batch, each with the same
number of threads a process; two processes so have twice as many. Where the machine has few cores, or
other work runs beside it, the ratio says more about the machine than about the program.

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
    "last stage, computed once": {"layers.amount": "last_stage"},
    "last stage, nothing kept": {"layers.amount": "last_stage", "compute.cache": "off"},
    "everything": {"layers.amount": "everything", "compute.cache": "off"},
}


def run(processes: int, choices: dict[str, str], folder: Path) -> list[dict[str, Any]]:
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
    words = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
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
        for processes in (1, 2):
            with tempfile.TemporaryDirectory() as folder:
                found.append(curve(run(processes, every | choices, Path(folder))))
        (one, slow), (two, fast) = found
        print(f"\n{title}\n  epoch  one process  two processes  difference")
        for epoch, (a, b) in enumerate(zip(one, two, strict=True), 1):
            print(f"  {epoch:5}  {a:11.7f}  {b:13.7f}  {abs(a - b):10.1e}")
        largest = max(abs(a - b) for a, b in zip(one, two, strict=True))
        print(
            f"  largest difference {largest:.1e}; samples a second {slow:.0f} and {fast:.0f}, ",
            end="",
        )
        print(f"ratio {fast / slow:.2f}")


if __name__ == "__main__":
    main()
