"""What the rehearsal says of a run on clothing10 against what the run then takes, in fresh processes.

Usage: python benchmarks/estimates.py [--presets quick balanced best] [--epochs N] [--views N]
       [--samples N] [--cpu]

Both sides begin with the libraries loaded, an empty cache and the same recipe; ``--epochs``, ``--views``
and ``--samples`` shorten both alike. Early stopping is off, as the estimate says how long a run takes at
most. ``--cpu`` lets both sides count CPU seconds, for a machine on which other work runs (then with
OMP_NUM_THREADS=1, as threads that wait for each other count too).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
DATA = SHARED / "data" / "cls-clothing10"
MOBILENET = SHARED / "models/mobilenet_v2-imagenet/mobilenet_v2_imagenet1k_torchvision.pth"
sys.path.insert(0, str(ROOT))


def one_side(side: str, preset: str, changes: dict[str, int], folder: Path) -> dict[str, float]:
    """Estimate a run, or carry it out, in this process; return what was said or measured."""
    import torchvision  # noqa: F401  so that neither side waits for it
    import transformers  # noqa: F401

    from finetune_studio.core.job import Control
    from finetune_studio.core.project import Project
    from finetune_studio.core.recipe import from_values
    from finetune_studio.engine import curate, presets

    values = {"data": {"path": str(DATA)}, "model": {"source": str(MOBILENET)}}
    recipe = from_values(values)
    with Project(folder / "project", "image_classification") as project:
        for _ in curate.import_data(project, recipe.data, 0, Control()):
            pass
        if samples := changes.pop("samples", 0):
            usable = project.dataset.samples()
            random.Random(0).shuffle(usable)
            project.dataset.exclude([sample.id for sample in usable[samples:]])
        recipe = presets.apply(recipe, project.dataset.split_counts()["train"], preset)
        recipe = recipe.with_settings({"stop.early": False, **changes})
        return (estimated if side == "estimate" else measured)(project, recipe)


def estimated(project, recipe) -> dict[str, float]:
    """Return what the rehearsal says."""
    from finetune_studio.core.job import Control
    from finetune_studio.engine.rehearsal import rehearse

    found = list(rehearse(project, recipe, Control()))[-1]
    return {
        "seconds": found.seconds,
        "memory_mb": found.memory_mb,
        "disk_mb": found.disk_mb,
        "took_s": found.took_s,
        "parts": found.parts,
    }


def measured(project, recipe) -> dict[str, float]:
    """Return what the run takes: wall time, the most memory held, what lies on the disk."""
    from finetune_studio.core import settings
    from finetune_studio.core.events import StepDone
    from finetune_studio.core.files import folder_size
    from finetune_studio.core.job import Control
    from finetune_studio.engine.rehearsal.watch import Watch
    from finetune_studio.engine.train import train

    stated = 0.0
    began, busy = time.perf_counter(), time.process_time()
    with Watch() as watch:
        for event in train(project, recipe, Control()):
            if isinstance(event, StepDone):
                stated = max(stated, event.memory_mb)
    written = folder_size(project.runs_folder) + folder_size(settings.load().cache_folder)
    return {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - busy,
        "memory_mb": watch.peak_mb,
        "stated_mb": stated,
        "disk_mb": written / 2**20,
    }


def in_fresh_process(
    side: str, preset: str, changes: dict[str, int], *, cpu: bool
) -> dict[str, float]:
    """Run one side by itself, with a home of its own."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, __file__, "--side", side, "--preset", preset, "--folder", folder,
             "--changes", json.dumps(changes), *(["--cpu"] if cpu else [])],
            stdout=subprocess.PIPE, text=True, check=True,
            env={**os.environ, "FINETUNE_STUDIO_HOME": folder},
        )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presets", nargs="+", default=["quick", "balanced", "best"])
    parser.add_argument("--epochs", type=int, help="fewer epochs, on both sides")
    parser.add_argument("--views", type=int, help="fewer varied views, on both sides")
    parser.add_argument("--samples", type=int, help="fewer samples, on both sides")
    parser.add_argument("--cpu", action="store_true", help="CPU seconds instead of wall time")
    for inner in ("--side", "--preset", "--folder", "--changes"):
        parser.add_argument(inner, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.side:
        if wanted.cpu:
            # Every clock of the program is this one, also that of the rehearsal's 20 seconds.
            time.perf_counter = time.monotonic = time.process_time
        changes, folder = json.loads(wanted.changes), Path(wanted.folder)
        print(json.dumps(one_side(wanted.side, wanted.preset, changes, folder)))
        return
    chosen = {
        "optimiser.epochs": wanted.epochs,
        "augment.views": wanted.views,
        "samples": wanted.samples,
    }
    changes = {name: value for name, value in chosen.items() if value}
    print("| preset | what | estimate | truth | ratio |\n|---|---|---|---|---|")
    for preset in wanted.presets:
        load = os.getloadavg()[0]
        said = in_fresh_process("estimate", preset, changes, cpu=wanted.cpu)
        true = in_fresh_process("truth", preset, changes, cpu=wanted.cpu)
        for name, unit in (("seconds", "s"), ("memory_mb", "MB"), ("disk_mb", "MB")):
            print(
                f"| {preset} | {name.partition('_')[0]} | {said[name]:.1f} {unit}"
                f" | {true[name]:.1f} {unit} | {said[name] / true[name]:.2f} |",
                flush=True,
            )
        print(
            f"  {preset}: the estimate took {said['took_s']:.0f} s; {said['parts']};"
            f" the run {true['cpu_seconds']:.0f} CPU seconds; load {load:.1f} before,"
            f" {os.getloadavg()[0]:.1f} after; StepDone said {true['stated_mb']:.0f} MB at most",
            file=sys.stderr,
        )


if __name__ == "__main__":
    main()
