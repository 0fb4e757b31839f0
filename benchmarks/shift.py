"""How far sets of pictures lie from what MobileNetV2 and the embedded starter know, as the gauge says it.

Whether it tells how deep to retrain is held against runs by yardstick.py.

Usage: python benchmarks/shift.py [--photos 60] [--models mobilenet starter]
"""

from __future__ import annotations

import argparse
import io
import random
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from measure import CLOTHING, LEAVES, MOBILENET, SHARED, SIGNS
from PIL import Image, ImageDraw

from finetune_studio.core.dataset import Row
from finetune_studio.core.job import Control
from finetune_studio.core.measures import ShiftMeasured
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine import shift

PICTURES = {".jpg", ".jpeg", ".png"}


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=60)
    parser.add_argument("--models", nargs="+", default=["mobilenet", "starter"])
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sets = made(Path(folder), wanted.photos)
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
