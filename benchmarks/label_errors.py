"""Plants wrong labels and measures how many of them stand at the head of the list that is made.

    python benchmarks/label_errors.py --data cls-sign-digits [--model FILE] [--share 0.05] [--seeds 0 1 2]

Features are computed once; each seed plants other wrong labels and lets five heads answer what they have
not learnt from, as the Labels tab of the Inspect page does.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("FINETUNE_STUDIO_HOME", str(Path(folder) / "home"))
        measure(arguments, Path(folder))


def measure(arguments: argparse.Namespace, folder: Path) -> None:
    from finetune_studio.core import label_doubts
    from finetune_studio.core.job import Control
    from finetune_studio.core.project import Project
    from finetune_studio.core.recipe import Recipe
    from finetune_studio.engine import curate, label_errors

    recipe = Recipe(task="image_classification").with_settings(
        {"model.source": arguments.model, "data.path": str(arguments.data)}
    )
    with Project(folder / "project", "image_classification") as project:
        for _ in curate.import_data(project, recipe.data, 0, Control()):
            pass
        samples = [s for s in project.dataset.samples(usable=True) if s.label is not None]
        began = time.perf_counter()
        for _ in label_errors.find(project, Control(), recipe):
            pass
        took = time.perf_counter() - began
        clean = sum(d.suspected for d in label_doubts.open_ones(project.dataset) or ())
        print(
            f"{len(samples)} samples, {arguments.model}: first look {took:.1f} s, {clean} suspected"
        )
        shares, precisions, seconds = [], [], []
        for seed in arguments.seeds:
            wrong = planted(project, samples, arguments.share, seed)
            began = time.perf_counter()
            for _ in label_errors.find(project, Control(), recipe):
                pass
            seconds.append(time.perf_counter() - began)
            found = label_doubts.open_ones(project.dataset) or []
            head = {d.sample for d in found[: len(found) // 10]}
            flagged = {d.sample for d in found if d.suspected}
            shares.append(len(wrong & head) / len(wrong))
            precisions.append(len(wrong & flagged) / max(1, len(flagged)))
            print(
                f"seed {seed}: {len(wrong)} planted, {shares[-1]:.0%} in the first tenth;"
                f" {len(flagged)} suspected, {precisions[-1]:.0%} of these planted; {seconds[-1]:.1f} s"
            )
            project.dataset.undo()
    spread = statistics.stdev(shares) if len(shares) > 1 else 0.0
    look = statistics.mean(seconds)
    print(f"in the first tenth: {statistics.mean(shares):.1%} ± {spread:.1%}; look {look:.1f} s")


def planted(project, samples, share: float, seed: int) -> set[int]:
    """Give a share of the samples another label each, as one edit; return their numbers."""
    import random

    rng = random.Random(seed)
    names = sorted({str(s.label) for s in samples})
    chosen = rng.sample(samples, round(share * len(samples)))
    with project.dataset.one_edit("planted"):
        for sample in chosen:
            other = rng.choice([name for name in names if name != sample.label])
            project.dataset.relabel([sample.id], other)
    return {sample.id for sample in chosen}


if __name__ == "__main__":
    main()
