"""Whether the gauge of domain shift tells how deep to retrain: its value beside what depth really gained.

On labelled sets of pictures, small cuts of them, the same MobileNetV2 is trained three times on the same few
photos a class: the head alone, the last stage, the later half, by small steps for as many epochs. What
deeper gains over the head on validation photos is held against the gauge, set by set. With --forgetting it
is also told how far the pretrained weights moved and on what share of the validation photos the original
1000-class head still says the same: what the light of forgetting is judged by.

Usage: python benchmarks/yardstick.py [--each 10] [--epochs 12] [--seeds 0 1 2] [--sets NAME ...]
       [--forgetting]
"""

from __future__ import annotations

import argparse
import io
import random
import tempfile
import wave
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import mean
from xml.etree import ElementTree as ET

import numpy as np
import torch
from measure import CLOTHING, LEAVES, MOBILENET, SHARED, SIGNS, now, pictures
from PIL import Image, ImageFilter, ImageOps
from scipy import signal, stats

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

AMOUNTS = ("head_only", "last_stage", "later_half")
SIDE, JUDGED = 160, 120  # pixels; validation photos of a set at most
Labelled = Iterator[tuple[Image.Image, str]]


@dataclass(frozen=True)
class Went:
    """How a run went: accuracy, how far the pretrained weights moved, and answers that are as before."""

    accuracy: float
    moved: float = 0.0
    same: float = 1.0


@dataclass(frozen=True)
class Point:
    """A set with one seed: the gauge, and how each depth went."""

    name: str
    gauge: ShiftMeasured
    went: list[Went]

    def gain(self, place: int) -> float:
        """Return what a depth gained over the head alone."""
        return self.went[place].accuracy - self.went[0].accuracy


# --- sets with classes ----------------------------------------------------------------------------


def photos(folder: Path, how: str = "") -> Callable[[random.Random], Labelled]:
    """Return the pictures of a folder of classes in random order, as they are or made stranger."""

    def found(rng: random.Random) -> Labelled:
        files = pictures(folder)
        rng.shuffle(files)
        for file in files:
            with Image.open(file) as picture:
                yield (
                    changed(ImageOps.fit(picture.convert("RGB"), (SIDE, SIDE)), how),
                    file.parent.name,
                )

    return found


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
        tiles = [(x, y) for y in range(0, SIDE, side) for x in range(0, SIDE, side)]
        made = Image.new("RGB", (SIDE, SIDE))
        order = random.Random(0).sample(tiles, len(tiles))
        for (x, y), to in zip(tiles, order, strict=True):
            made.paste(picture.crop((x, y, x + side, y + side)), to)
        return made
    return picture


def cifar(rng: random.Random) -> Labelled:
    with zipfile.ZipFile(next((SHARED / "data" / "cls-cifar10").glob("*.zip"))) as packed:
        names = [n for n in packed.namelist() if n.startswith("train/") and not n.endswith("/")]
        for name in rng.sample(sorted(names), 2000):
            picture = Image.open(io.BytesIO(packed.read(name))).convert("RGB")
            yield picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC), name.split("/")[1]


def cells(rng: random.Random) -> Labelled:
    """Yield single blood cells, cut out of smears."""
    folder = SHARED / "data" / "det-bccd-voc"
    boxes = []
    for file in sorted((folder / "Annotations").glob("*.xml")):
        for thing in ET.parse(file).iter("object"):
            corners = [int(thing.findtext(f"bndbox/{c}")) for c in ("xmin", "ymin", "xmax", "ymax")]
            if min(b - a for a, b in zip(corners[:2], corners[2:], strict=True)) >= 24:
                boxes.append((f"{file.stem}.jpg", corners, thing.findtext("name")))
    rng.shuffle(boxes)
    for name, corners, label in boxes:
        with Image.open(folder / "JPEGImages" / name) as picture:
            yield picture.convert("RGB").crop(corners).resize((SIDE, SIDE)), label


def spectrograms(rng: random.Random) -> Labelled:
    """Yield spoken digits as pictures of their sound, grey."""
    files = sorted((SHARED / "data" / "aud-free-spoken-digits" / "recordings").glob("*.wav"))
    rng.shuffle(files)
    for file in files:
        with wave.open(str(file)) as sound:
            heard = np.frombuffer(sound.readframes(sound.getnframes()), np.int16) / 32768
            _, _, power = signal.stft(heard, sound.getframerate(), nperseg=256, noverlap=192)
        level = np.log10(np.abs(power)[::-1] + 1e-5)
        level = 255 * (level - level.min()) / (level.max() - level.min())
        grey = Image.fromarray(level.astype(np.uint8)).resize((SIDE, SIDE))
        yield grey.convert("RGB"), file.name[0]


SETS: dict[str, Callable[[random.Random], Labelled]] = {
    "clothing10": photos(CLOTHING / "train"),
    "clothing10, grey": photos(CLOTHING / "train", "grey"),
    "clothing10, inverted": photos(CLOTHING / "train", "inverted"),
    "clothing10, edges": photos(CLOTHING / "train", "edges"),
    "clothing10, shuffled tiles": photos(CLOTHING / "train", "shuffled tiles"),
    "leaves (drawn)": photos(LEAVES),
    "sign-digits": photos(SIGNS),
    "CIFAR-10, enlarged": cifar,
    "blood cells": cells,
    "spoken digits, as pictures": spectrograms,
}


def cut(name: str, each: int, seed: int, home: Path) -> list[Row]:
    """Return so many training photos of each class of a set, and validation photos, spread over classes."""
    rng = random.Random(
        f"{name.partition(',')[0]} {seed}"
    )  # the same photos, however they are changed
    count = {"leaves (drawn)": 4, "blood cells": 3}.get(name, 10)
    judged = JUDGED // count
    taken: dict[str, int] = {}
    rows = []
    for picture, label in SETS[name](rng):
        place = taken.get(label, 0)
        if place >= each + judged:
            if len(taken) == count and min(taken.values()) >= each + judged:
                break
            continue
        taken[label] = place + 1
        file = home / f"{name}-{seed}-{len(rows)}.png"
        picture.save(file)
        rows.append(Row(str(file), label, "train" if place < each else "validation"))
    assert len(taken) == count, f"{name}: {taken}"
    return rows


# --- runs -----------------------------------------------------------------------------------------


def tried(
    name: str, rows: list[Row], home: Path, epochs: int, seed: int, *, forgotten: bool
) -> Point:
    """Return the gauge, and how retraining to each depth went."""
    with Project(Path(tempfile.mkdtemp(dir=home)), "image_classification") as project:
        project.dataset.fill(rows, root=Path("/"))
        recipe = Recipe(seed=seed).with_settings(
            {
                "model.source": str(MOBILENET), "model.image_size": 128, "optimiser.method": "steps",
                "optimiser.epochs": epochs, "optimiser.learning_rate": 5e-4, "augment.strength": "none",
                "optimiser.head_learning_rate": 5e-3, "optimiser.batch_size": 16, "stop.early": False,
                "layers.keep_statistics": True, "compute.threads": 1,
            }
        )  # fmt: skip
        *_, gauge = shift.measure(project, recipe, Control())
        assert isinstance(gauge, ShiftMeasured)
        went = []
        for amount in AMOUNTS:
            chosen = recipe.with_settings({"layers.amount": amount})
            *_, ended = train(project, chosen, Control())
            assert isinstance(ended, RunFinished)
            accuracy, folder = ended.metrics["accuracy"], Path(ended.run)
            if forgotten and amount != "head_only":
                moved = drift.measure(folder).whole
                went.append(Went(accuracy, moved, agreement(project, folder, chosen)))
            else:
                went.append(Went(accuracy))
    return Point(name, gauge, went)


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


# --- what came out --------------------------------------------------------------------------------


def told(name: str, points: list[Point]) -> str:
    """Return a row: the gauge, the head's accuracy and the gains, with their spread over seeds."""
    gauge = mean(point.gauge.distance for point in points)
    raw = mean(point.gauge.figures["standard_deviations"] for point in points)
    head = mean(point.went[0].accuracy for point in points)
    cells = [
        f"{raw:.2f}",
        f"{gauge:.2f}",
        "/".join(sorted({p.gauge.level for p in points})),
        f"{head:.3f}",
    ]
    for place in range(1, len(AMOUNTS)):
        gains = [point.gain(place) for point in points]
        cells.append(f"{mean(gains):+.3f} ({', '.join(f'{gain:+.2f}' for gain in gains)})")
        if any(point.went[place].moved for point in points):
            moved, same = (
                mean(getattr(p.went[place], n) for p in points) for n in ("moved", "same")
            )
            cells[-1] += f", moved {moved:.2%}, {same:.0%} as before"
    return f"| {name} | {' | '.join(cells)} |"


def verdict(found: dict[str, list[Point]]) -> Iterator[str]:
    """Yield how well the gauge orders sets by what depth gained, and how well the head's accuracy does."""
    gauges = [mean(p.gauge.distance for p in points) for points in found.values()]
    heads = [mean(p.went[0].accuracy for p in points) for points in found.values()]
    for place, amount in enumerate(AMOUNTS[1:], start=1):
        gains = [mean(p.gain(place) for p in points) for points in found.values()]
        for title, other in (("the gauge", gauges), ("the head's accuracy", heads)):
            ranks = stats.spearmanr(other, gains)
            yield (
                f"{amount}: rank correlation of its gain with {title} {ranks.statistic:+.2f}"
                f" (p {ranks.pvalue:.2f}, {len(gains)} sets)"
            )
        for level in ("near", "some", "far"):
            of = [
                p.gain(place) for points in found.values() for p in points if p.gauge.level == level
            ]
            if of:
                better = sum(gain > 0 for gain in of)
                yield f"{amount}, {level}: gains {mean(of):+.3f}, better in {better} of {len(of)} runs"
    for one, other in pairwise(range(len(AMOUNTS))):
        every = [p for points in found.values() for p in points]
        more = mean(p.gain(other) - p.gain(one) for p in every)
        yield f"{AMOUNTS[other]} over {AMOUNTS[one]}, all sets: {more:+.3f}"


def yardstick(
    names: list[str], each: int, epochs: int, seeds: list[int], *, forgotten: bool
) -> None:
    """Print each set with its gauge and gains, then how well the one orders the sets by the other."""
    began = now()
    found: dict[str, list[Point]] = {name: [] for name in names}
    for seed in seeds:
        for name in names:
            with tempfile.TemporaryDirectory() as folder:
                home = Path(folder)
                rows = cut(name, each, seed, home)
                point = tried(name, rows, home, epochs, seed, forgotten=forgotten)
            found[name].append(point)
            scores = ", ".join(f"{went.accuracy:.3f}" for went in point.went)
            print(f"  {name}, seed {seed}: gauge {point.gauge.distance:.2f}; {scores}", flush=True)
    print("\n| pictures | standard deviations | gauge | | head alone | last stage | later half |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for name, points in found.items():
        print(told(name, points), flush=True)
    print()
    for line in verdict(found) if len(found) > 2 else ():
        print(line)
    took = now() - began
    print(f"{took.wall:.0f} s, {took.cpu:.0f} s of processor time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--each", type=int, default=10, help="training photos a class")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--forgetting", action="store_true")
    wanted = parser.parse_args()
    yardstick(wanted.sets, wanted.each, wanted.epochs, wanted.seeds, forgotten=wanted.forgetting)


if __name__ == "__main__":
    main()
