"""Accuracy and time of the presets on clothing10 through the terminal, the test split read once each.

Usage: python benchmarks/clothing.py [--presets quick balanced] [--seeds 0] [--model mobilenet|starter]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SHARED = Path(__file__).resolve().parents[2] / "shared"
DATA = SHARED / "data" / "cls-clothing10"
MOBILENET = SHARED / "models/mobilenet_v2-imagenet/mobilenet_v2_imagenet1k_torchvision.pth"


def terminal(*arguments: str, home: Path) -> tuple[list[dict], float]:
    """Run one command; return its events and its wall time in seconds."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "finetune_studio", *arguments, "--json"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "FINETUNE_STUDIO_HOME": str(home)},
    )
    return [json.loads(line) for line in done.stdout.splitlines()], time.perf_counter() - began


def measure(preset: str, seed: int, model: str) -> dict[str, float]:
    """Train with one preset and seed in a fresh home, with no feature computed before."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        events, seconds = terminal(
            "train", "--task", "image_classification", "--data", str(DATA), "--model", model,
            "--preset", preset, "--seed", str(seed), "--out", str(home / "project"), home=home,
        )  # fmt: skip
        finished = events[-1]
        scored, _ = terminal("evaluate", finished["run"], "--split", "test", home=home)
        return {
            "validation": finished["metrics"]["accuracy"],
            "test": scored[-1]["metrics"]["accuracy"],
            "macro_f1": scored[-1]["metrics"]["macro_f1"],
            "seconds": seconds,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presets", nargs="+", default=["quick", "balanced"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--model", default="mobilenet", choices=["mobilenet", "starter"])
    wanted = parser.parse_args()
    model = str(MOBILENET) if wanted.model == "mobilenet" else "starter"
    print("| preset | seeds | validation accuracy | test accuracy | test macro-F1 | wall time |")
    print("|---|---|---|---|---|---|")
    for preset in wanted.presets:
        rows = [measure(preset, seed, model) for seed in wanted.seeds]
        means = {name: statistics.mean(row[name] for row in rows) for name in rows[0]}
        print(
            f"| {preset} | {len(rows)} | {means['validation']:.3f} | {means['test']:.3f} "
            f"| {means['macro_f1']:.3f} | {means['seconds']:.0f} s |",
            flush=True,
        )


if __name__ == "__main__":
    main()
