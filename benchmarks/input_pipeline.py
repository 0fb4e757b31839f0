"""Making training pictures ready, from the second epoch on: ours against the usual PIL pipeline.

Both read the same JPEG files, photos of clothing10 enlarged to 500 pixels because the copy here is
smaller, and give a normalised batch of 224 pixel crops, with a
random crop of half to all of the area, mirroring and a tenth of change in brightness, contrast and
saturation. One thread, both sides in turn in one process; CPU seconds, medians of the rounds.

Usage: python benchmarks/input_pipeline.py [--pictures 96] [--rounds 7]
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

SHARED = Path(__file__).resolve().parents[2] / "shared"
DATA = SHARED / "data" / "cls-clothing10" / "train"
PROCESSOR = {
    "resize": 256,
    "crop": 224,
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
    "interpolation": "bilinear",
}
BATCH = 32


def cpu_ms(work: Callable[[], object], pictures: int) -> float:
    """Return the CPU milliseconds that a piece of work takes for each picture."""
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000 / pictures


def enlarged(paths: list[Path], count: int, folder: str) -> list[Path]:
    """Write photos whose longer side has 500 pixels, as common data sets have them."""
    from PIL import Image

    made = []
    for number, path in enumerate(paths[:count]):
        picture = Image.open(path).convert("RGB")
        factor = 500 / max(picture.size)
        size = round(picture.width * factor), round(picture.height * factor)
        made.append(Path(folder) / f"{number}.jpg")
        picture.resize(size, Image.Resampling.LANCZOS).save(made[-1], quality=90)
    return made


def usual(paths: list[Path], *, colour: bool) -> Callable[[], object]:
    """Return the pipeline of torchvision's own training examples, on PIL pictures."""
    import torch
    from PIL import Image
    from torchvision.transforms import v2

    steps = [
        v2.RandomResizedCrop(224, scale=(0.5, 1.0)),
        v2.RandomHorizontalFlip(),
        *([v2.ColorJitter(0.1, 0.1, 0.1)] if colour else []),
        v2.PILToTensor(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(PROCESSOR["mean"], PROCESSOR["std"]),
    ]
    transform = v2.Compose(steps)

    def work() -> None:
        for start in range(0, len(paths), BATCH):
            made = [transform(Image.open(p).convert("RGB")) for p in paths[start : start + BATCH]]
            torch.stack(made).contiguous(memory_format=torch.channels_last)

    return work


def ours(paths: list[Path], home: str, *, kept: bool) -> Callable[[], object]:
    """Return our own way to a batch, in one thread, from decoded samples or from the files."""
    from torch import nn

    from finetune_studio.core.dataset import Labels, Sample
    from finetune_studio.core.recipe import Recipe
    from finetune_studio.core.task import Bundle, View
    from finetune_studio.engine import decoded, loaders, making
    from finetune_studio.tasks.image_classification import ImageClassification

    os.environ["FINETUNE_STUDIO_HOME"] = home
    task = ImageClassification()
    recipe = Recipe().with_settings({"augment.strength": "light"})
    bundle = Bundle(nn.Linear(1, 1), Labels(("a",), (1,)), PROCESSOR, {}, "", recipe=recipe)
    samples = [Sample(n, str(path), "a", 1, "train") for n, path in enumerate(paths)]
    store = decoded.open_store(task, bundle, 2**32)
    if kept:
        for sample in samples:
            store.put(sample, task.decoded(sample, bundle, varied=True), varied=True)
        store.save()
    epoch = iter(range(10_000))

    def work() -> None:
        view = View(0, next(epoch))
        for start in range(0, len(samples), BATCH):
            group = samples[start : start + BATCH]
            wanted = [(s, store.place(s, varied=True) if kept else None) for s in group]
            made = making.made(task, bundle, wanted, view, keep=False)
            loaders.ready(task, bundle, task.collate([m.example for m in made]))

    return work


def measured(sides: dict[str, Callable[[], object]], pictures: int, rounds: int) -> dict[str, list]:
    """Run all sides in turn; the first round only warms up."""
    found: dict[str, list] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, work in sides.items():
            spent = cpu_ms(work, pictures)
            if number:
                found[name].append(spent)
    return found


def large_jpeg(folder: Path, rounds: int) -> None:
    """Print what decoding a photo of 3000 pixels at reduced size wins."""
    from PIL import Image

    from finetune_studio.modality import preprocess

    source = Image.open(max(DATA.rglob("*.jpg"), key=lambda p: p.stat().st_size)).convert("RGB")
    path = folder / "large.jpg"
    source.resize((3000, 2250), Image.Resampling.LANCZOS).save(path, quality=90)
    sides = {
        "full size": lambda: preprocess.open_picture(path),
        "reduced": lambda: preprocess.open_picture(path, 291),
    }
    found = {n: statistics.median(v) for n, v in measured(sides, 1, rounds).items()}
    ratio = found["full size"] / found["reduced"]
    print(
        f"decoding 3000 x 2250 JPEG: {found['full size']:.1f} ms at full size, "
        f"{found['reduced']:.1f} ms reduced, {ratio:.1f} times"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=7)
    wanted = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    every = sorted(DATA.rglob("*.jpg"))
    with tempfile.TemporaryDirectory() as home:
        paths = enlarged(every[:: max(1, len(every) // wanted.pictures)], wanted.pictures, home)
        sides = {
            "PIL": usual(paths, colour=True),
            "PIL without change of colours": usual(paths, colour=False),
            "ours, decoded before": ours(paths, home, kept=True),
            "ours, from the files": ours(paths, home, kept=False),
        }
        found = measured(sides, len(paths), wanted.rounds)
        base = found["PIL"]
        print(f"{len(paths)} pictures, {wanted.rounds} rounds, load {os.getloadavg()[0]:.1f}")
        for name, times in found.items():
            ratios = [b / t for b, t in zip(base, times, strict=True)]
            print(
                f"{name}: {statistics.median(times):.2f} CPU ms a picture, "
                f"{statistics.median(ratios):.2f} times as fast as PIL "
                f"({min(ratios):.2f} to {max(ratios):.2f})"
            )
        large_jpeg(Path(home), wanted.rounds)


if __name__ == "__main__":
    main()
