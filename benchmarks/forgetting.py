"""What MobileNetV2's 1000-class head can do before and after fine-tuning on clothing10, and along the blend.

Whether the original head still says the same of clothing10's validation photos; its top-1 on held-out
photos, right where that one of its 1000 answers is of the photo's kind (any dog for a dog); and how often
the right one of the kinds gets most of its probability. Held-out are validation photos of the nine garments
that ImageNet has too (a jean for trousers), or CIFAR-10, hard for a network of 224 pixels since its photos
have 32. Beside them the score of the fine-tuned head on clothing10's validation photos. No test split of
clothing10 is read.

Usage: python benchmarks/forgetting.py [--photos 300] [--held garments] [--asked 150] [--seeds 3]
    [--amounts last_stage]
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
import zipfile
from pathlib import Path

import torch
from measure import CLOTHING, MOBILENET, SHARED
from PIL import Image

from finetune_studio.core.dataset import Row, Sample
from finetune_studio.core.events import RunFinished
from finetune_studio.core.job import Control
from finetune_studio.core.measures import BlendMeasured, CostMeasured
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine import before, drift, evaluate, interpolation, presets
from finetune_studio.engine.interpolation import ability, mixing
from finetune_studio.engine.loaders import batch_of
from finetune_studio.engine.run import load_bundle
from finetune_studio.engine.run.checkpoints import best_tensors
from finetune_studio.engine.train import train
from finetune_studio.models import original

# Which of ImageNet's classes are of each kind of garment; a shirt with buttons has none of its own.
GARMENTS = {
    "dress": (578, 601, 689),
    "hat": (433, 439, 452, 515, 808),
    "longsleeve": (474, 610, 841),
    "outwear": (474, 568, 617, 735, 869),
    "pants": (608,),
    "shoes": (502, 514, 630, 770, 774),
    "shorts": (842,),
    "skirt": (601, 655, 689),
    "t-shirt": (610,),
}
# Which of them are of each kind of CIFAR-10.
CIFAR10 = {
    "airplane": (404, 895),
    "automobile": (436, 468, 511, 609, 627, 656, 661, 751, 817),
    "bird": (*range(7, 25), *range(80, 101), *range(127, 147)),
    "cat": tuple(range(281, 286)),
    "deer": (351, 352, 353),
    "dog": tuple(range(151, 269)),
    "frog": (30, 31, 32),
    "horse": (339,),
    "ship": (403, 472, 484, 510, 554, 625, 628, 724, 780, 814, 833, 871, 914),
    "truck": (555, 569, 675, 717, 864, 867),
}


def clothing(photos: int) -> list[Row]:
    """Return so many training photos and half as many validation photos, spread over the classes."""
    rows = []
    for split, most in (("train", photos), ("validation", photos // 2)):
        files = sorted((CLOTHING / split).rglob("*.jpg"))
        for place in range(min(most, len(files))):
            file = files[place * len(files) // min(most, len(files))]
            rows.append(Row(str(file.relative_to(CLOTHING)), file.parent.name, split))
    return rows


def garments(_folder: Path, asked: int) -> list[Sample]:
    """Return so many validation photos of garments, spread over them."""
    files = [f for kind in GARMENTS for f in sorted((CLOTHING / "validation" / kind).glob("*.jpg"))]
    asked = min(asked, len(files))
    picked = [files[number * len(files) // asked] for number in range(asked)]
    return [Sample(n, str(f), f.parent.name, None, "test") for n, f in enumerate(picked)]


def cifar10(folder: Path, asked: int) -> list[Sample]:
    """Unpack test photos of CIFAR-10, enlarged so that the network sees them whole."""
    found = []
    with zipfile.ZipFile(next((SHARED / "data" / "cls-cifar10").glob("*.zip"))) as packed:
        names = [n for n in packed.namelist() if "test/" in n and n.endswith((".jpg", ".png"))]
        for number in range(asked):
            name = names[number * len(names) // asked]
            kind = next(kind for kind in CIFAR10 if kind in name)
            picture = Image.open(io.BytesIO(packed.read(name))).convert("RGB")
            place = folder / f"{number:05d}.png"
            picture.resize((256, 256), Image.Resampling.BICUBIC).save(place)
            found.append(Sample(number, str(place), kind, None, "test"))
    return found


HELD = {"garments": (GARMENTS, garments), "cifar10": (CIFAR10, cifar10)}


def measure(amount: str, seed: int, wanted: argparse.Namespace) -> dict[float, dict[str, float]]:
    """Train once; return what each place along the blend scores."""
    kinds, held_out = HELD[wanted.held]
    with tempfile.TemporaryDirectory() as home:
        place = Path(home)
        with Project(place / "project", "image_classification") as project:
            project.dataset.fill(clothing(wanted.photos), root=CLOTHING)
            recipe = presets.apply(
                Recipe(preset="balanced", seed=seed), wanted.photos
            ).with_settings(
                {
                    "model.source": str(MOBILENET),
                    "layers.amount": amount,
                    "forgetting.old_answers": wanted.old_answers,
                    **({"optimiser.epochs": wanted.epochs} if wanted.epochs else {}),
                }
            )
            folder = place
            for event in train(project, recipe, Control()):
                if isinstance(event, RunFinished):
                    folder = Path(event.run)
                elif isinstance(event, CostMeasured):
                    print(
                        f"{event.energy_wh:.2f} Wh, {event.latency_ms:.1f} ms a photo", flush=True
                    )
            print(drift.measure(folder).text, flush=True)
            told = list(interpolation.along(project, folder, Control()))[-1]
            assert isinstance(told, BlendMeasured)
            points = {p["share"]: dict(p) for p in told.points}
            for share, found in held(folder, recipe, held_out(place, wanted.asked), kinds).items():
                points[share] |= found
            return points


def held(
    folder: Path, recipe: Recipe, samples: list[Sample], kinds: dict[str, tuple[int, ...]]
) -> dict[float, dict[str, float]]:
    """Return the original head's shares of right answers at every second place along the blend."""
    task = evaluate.load_task(recipe.task)
    bundle = load_bundle(folder, merged=False)
    head = original.head_of(recipe.model, "image", task=recipe.task)
    assert head is not None
    after = best_tensors(folder)
    old = mixing.of_run(before.bundle_of(folder), bundle, after)
    names = {kind: [head.labels.names[n] for n in numbers] for kind, numbers in kinds.items()}
    right = {share: {"top_1": 0.0, "kind": 0.0} for share in interpolation.GRID[::2]}
    for start in range(0, len(samples), 25):
        some = samples[start : start + 25]
        batch = batch_of(task, bundle, some)
        for share, found in right.items():
            bundle.network.load_state_dict(mixing.mixed(old, after, share), strict=False)
            with torch.inference_mode(), ability.asked_with(bundle, head) as asked:
                said = task.predict(asked, batch)
            for sample, one in zip(some, said, strict=True):
                shares = {
                    k: sum(one.probabilities[n] for n in inside) for k, inside in names.items()
                }
                found["top_1"] += (one.label in names[str(sample.label)]) / len(samples)
                found["kind"] += (max(shares, key=shares.__getitem__) == sample.label) / len(
                    samples
                )
    return right


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=300)
    parser.add_argument("--held", choices=list(HELD), default="garments")
    parser.add_argument("--asked", type=int, default=150)
    parser.add_argument("--epochs", type=int, default=0, help="0: as the preset says")
    parser.add_argument(
        "--old-answers", type=float, default=0.0, help="forgetting.old_answers: how much they count"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[3])
    parser.add_argument("--amounts", nargs="+", default=["last_stage", "everything"])
    wanted = parser.parse_args()
    for amount in wanted.amounts:
        for seed in wanted.seeds:
            began = time.perf_counter()
            points = measure(amount, seed, wanted)
            print(f"\n{amount}, seed {seed}, {time.perf_counter() - began:.0f} s")
            print(
                "| fine-tuned | clothing10 | original head agrees"
                f" | its top-1 on {wanted.held} | right kind |"
            )
            print("|---|---|---|---|---|")
            for share, found in points.items():
                asked = [f"{found[k]:.2f}" if k in found else "" for k in ("top_1", "kind")]
                figures = f"{found['score']:.3f} | {found['original']:.3f} | {' | '.join(asked)}"
                print(f"| {share:.1f} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
