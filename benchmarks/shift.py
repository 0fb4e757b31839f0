"""How far sets of pictures lie from what MobileNetV2 and the embedded starter know, as the gauge says it.

With --yardstick it is held against what it shall advise about: on labelled sets, how much retraining the
later half, or everything, gains over the head alone, all with small steps for as many epochs, on the same
photos. Beside each score stand the drift of the pretrained weights and on what share of the validation
photos the original 1000-class head still says the same: what the light of forgetting is judged by.

Usage: python benchmarks/shift.py [--photos 60] [--models mobilenet starter]
       python benchmarks/shift.py --yardstick [--photos 100] [--epochs 6] [--seeds 1]
"""

from __future__ import annotations

import argparse
import io
import random
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from measure import CLOTHING, LEAVES, MOBILENET, SHARED, SIGNS, now
from PIL import Image, ImageDraw, ImageFilter, ImageOps
from scipy import stats

from finetune_studio.core.dataset import Row
from finetune_studio.core.events import RunFinished
from finetune_studio.core.job import Control
from finetune_studio.core.measures import ShiftMeasured
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine import before, drift, evaluate, shift
from finetune_studio.engine.interpolation import ability
from finetune_studio.engine.loaders import batch_of
from finetune_studio.engine.run import load_bundle
from finetune_studio.engine.train import train
from finetune_studio.models import original

AMOUNTS = ("head_only", "later_half", "everything")
PICTURES = {".jpg", ".jpeg", ".png"}


@dataclass(frozen=True)
class Went:
    """How a run went: accuracy, how far the pretrained weights moved, and answers that are as before."""

    accuracy: float
    moved: float
    same: float

    def __str__(self) -> str:
        if not self.moved:
            return f"{self.accuracy:.3f}"
        return f"{self.accuracy:.3f} (moved {self.moved:.2%}, {self.same:.0%} as before)"


def spread(root: Path, most: int, inside: str = "") -> list[Path]:
    """Return so many pictures, spread over all that lie there."""
    found = [
        f for f in sorted(root.rglob("*")) if f.suffix.lower() in PICTURES and inside in str(f)
    ]
    return [found[n * len(found) // min(most, len(found))] for n in range(min(most, len(found)))]


def made(home: Path, most: int) -> dict[str, list[Path]]:
    """Return the photo sets, and pictures that are none."""
    rng = np.random.default_rng(0)
    sets = {
        "clothing10": spread(CLOTHING, most),
        "sign-digits": spread(SIGNS, most),
        "leaves (drawn)": spread(LEAVES, most),
        "blood smears": spread(SHARED / "data" / "det-bccd-voc", most),
        "nuclei": [
            f
            for f in spread(SHARED / "data" / "seg-dsb2018-nuclei", 10 * most)
            if "mask" not in str(f)
        ][:most],
    }
    for name in ("CIFAR-10, enlarged", "grey photos", "drawn lines", "one colour", "noise"):
        (home / name).mkdir()
        sets[name] = []
    with zipfile.ZipFile(next((SHARED / "data" / "cls-cifar10").glob("*.zip"))) as packed:
        names = [n for n in packed.namelist() if "test/" in n and n.endswith((".jpg", ".png"))]
        for number in range(most):
            content = packed.read(names[number * len(names) // most])
            keep(Image.open(io.BytesIO(content)), home, "CIFAR-10, enlarged", sets)
    for file in sets["clothing10"]:
        keep(Image.open(file).convert("L").convert("RGB"), home, "grey photos", sets)
    drawn = random.Random(0)
    for _ in range(most):
        keep(lines(drawn), home, "drawn lines", sets)
        plain = np.full((96, 96, 3), rng.integers(0, 256), np.uint8)
        keep(Image.fromarray(plain), home, "one colour", sets)
        noise = rng.integers(0, 256, (224, 224, 3), dtype=np.uint8)
        keep(Image.fromarray(noise), home, "noise", sets)
    return sets


def keep(picture: Image.Image, home: Path, name: str, sets: dict[str, list[Path]]) -> None:
    place = home / name / f"{len(sets[name]):04d}.png"
    picture.convert("RGB").save(place)
    sets[name].append(place)


def lines(rng: random.Random) -> Image.Image:
    picture = Image.new("RGB", (224, 224), "white")
    pen = ImageDraw.Draw(picture)
    for _ in range(4):
        points = [(rng.randrange(224), rng.randrange(224)) for _ in range(3)]
        pen.line(points, fill="black", width=3)
    return picture


def measured(files: list[Path], model: str, home: Path) -> ShiftMeasured:
    folder = Path(tempfile.mkdtemp(dir=home))
    with Project(folder, "image_classification") as project:
        rows = [Row(str(f), "ab"[n % 2], "train") for n, f in enumerate(files)]
        project.dataset.fill(rows, root=Path("/"))
        recipe = Recipe().with_settings({"model.source": model})
        *_, last = shift.measure(project, recipe, Control())
    assert isinstance(last, ShiftMeasured)
    return last


def changed(picture: Image.Image, how: str) -> Image.Image:
    """Return a photo as it is, or made stranger."""
    if how == "grey":
        return picture.convert("L").convert("RGB")
    if how == "inverted":
        return ImageOps.invert(picture)
    if how == "edges":
        return picture.convert("L").filter(ImageFilter.FIND_EDGES).convert("RGB")
    if how == "shuffled tiles":
        side = 32
        tiles = [(x, y) for y in range(0, 160, side) for x in range(0, 160, side)]
        small, made = picture.resize((160, 160)), Image.new("RGB", (160, 160))
        order = random.Random(0).sample(tiles, len(tiles))
        for (x, y), to in zip(tiles, order, strict=True):
            made.paste(small.crop((x, y, x + side, y + side)), to)
        return made
    return picture


def labelled(home: Path, most: int) -> dict[str, list[Row]]:
    """Return sets with classes: clothing as it is and made stranger, hands and drawn leaves."""
    found = {}
    sources = {"clothing10": CLOTHING / "train", "sign-digits": SIGNS, "leaves (drawn)": LEAVES}
    wanted = [("clothing10", how) for how in ("", "grey", "inverted", "edges", "shuffled tiles")]
    for name, how in [*wanted, ("sign-digits", ""), ("leaves (drawn)", "")]:
        title = f"{name}, {how}" if how else name
        rows = []
        for number, file in enumerate(spread(sources[name], most * 8 // 5)):
            place = home / f"{title}-{number}.png"
            with Image.open(file) as picture:
                small = ImageOps.fit(picture.convert("RGB"), (160, 160))
            changed(small, how).save(place)
            split = "validation" if number % 8 in (1, 4, 6) else "train"
            rows.append(Row(str(place), file.parent.name, split))
        found[title] = rows
    return found


def gained(rows: list[Row], home: Path, epochs: int, seed: int) -> tuple[ShiftMeasured, list[Went]]:
    """Return the gauge, and how retraining the head alone, the later half and everything went."""
    with Project(Path(tempfile.mkdtemp(dir=home)), "image_classification") as project:
        project.dataset.fill(rows, root=Path("/"))
        recipe = Recipe(seed=seed).with_settings(
            {
                "model.source": str(MOBILENET), "model.image_size": 128, "optimiser.method": "steps",
                "optimiser.epochs": epochs, "optimiser.learning_rate": 5e-4, "augment.strength": "none",
                "optimiser.head_learning_rate": 5e-3, "optimiser.batch_size": 16, "stop.early": False,
            }
        )  # fmt: skip
        *_, gauge = shift.measure(project, recipe, Control())
        assert isinstance(gauge, ShiftMeasured)
        went = []
        for amount in AMOUNTS:
            chosen = recipe.with_settings({"layers.amount": amount})
            *_, ended = train(project, chosen, Control())
            assert isinstance(ended, RunFinished)
            folder = Path(ended.run)
            moved = drift.measure(folder).whole
            same = agreement(project, folder, chosen) if amount != "head_only" else 1.0
            went.append(Went(ended.metrics["accuracy"], moved, same))
    return gauge, went


def agreement(project: Project, folder: Path, recipe: Recipe) -> float:
    """Return on what share of the validation photos the original head says the same as before."""
    task, head = evaluate.load_task(recipe.task), original.head_of(recipe.model, "image")
    assert head is not None
    samples = project.dataset.samples(split="validation", usable=True)
    said = []
    for bundle in (before.bundle_of(folder), load_bundle(folder)):
        bundle.network.eval()
        answers: list[str | None] = []
        for start in range(0, len(samples), 32):
            batch = batch_of(task, bundle, samples[start : start + 32])
            with torch.inference_mode(), ability.asked_with(bundle, head) as asked:
                answers += [one.label for one in task.predict(asked, batch)]
        said.append(answers)
    return sum(a == b for a, b in zip(*said, strict=True)) / max(1, len(samples))


def yardstick(photos: int, epochs: int, seeds: int) -> None:
    """Print each set with its gauge and gains, then how well the one orders the sets by the other."""
    began = now()
    print("| pictures | seed | standard deviations | gauge | | " + " | ".join(AMOUNTS) + " |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    points: list[tuple[float, list[Went]]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, rows in labelled(Path(folder), photos).items():
            for seed in range(seeds):
                gauge, went = gained(rows, Path(folder), epochs, seed)
                points.append((gauge.figures["standard_deviations"], went))
                told = f"{points[-1][0]:.2f} | {gauge.distance:.2f} | {gauge.level}"
                print(f"| {name} | {seed} | {told} | {' | '.join(map(str, went))} |", flush=True)
    for place, amount in enumerate(AMOUNTS[1:], start=1):
        gains = [went[place].accuracy - went[0].accuracy for _, went in points]
        ranks = stats.spearmanr([raw for raw, _ in points], gains)
        print(
            f"{amount}: gain over the head alone {min(gains):+.3f} to {max(gains):+.3f}; rank correlation"
            f" with the distance {ranks.statistic:+.2f} (p {ranks.pvalue:.2f}, {len(gains)} points)"
        )
        moved = [(went[place].moved, went[place].same) for _, went in points]
        ranks = stats.spearmanr(*zip(*moved, strict=True))
        print(f"{amount}: rank correlation of drift with kept answers {ranks.statistic:+.2f}")
    took = now() - began
    print(f"{took.wall:.0f} s, {took.cpu:.0f} s of processor time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=0, help="60, or 100 of each set")
    parser.add_argument("--models", nargs="+", default=["mobilenet", "starter"])
    parser.add_argument("--yardstick", action="store_true")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=1)
    wanted = parser.parse_args()
    if wanted.yardstick:
        yardstick(wanted.photos or 100, wanted.epochs, wanted.seeds)
        return
    with tempfile.TemporaryDirectory() as folder:
        sets = made(Path(folder), wanted.photos or 60)
        print("| model | pictures | standard deviations | gauge | |")
        print("|---|---|---|---|---|")
        for model in wanted.models:
            source = str(MOBILENET) if model == "mobilenet" else model
            for name, files in sets.items():
                found = measured(files, source, Path(folder))
                raw = found.figures["standard_deviations"]
                row = f"| {model} | {name} | {raw:.2f} | {found.distance:.2f} | {found.level} |"
                print(row, flush=True)


if __name__ == "__main__":
    main()
