"""Frozen linear probes: the embedded starter against a random and an ImageNet MobileNetV2.

Every network stays as it is; a logistic regression is fitted on its pooled features, its strength
chosen on the validation part, and the accuracy is read on the test part. The starter has seen no
picture of these sets. A probe on the mean colour alone shows how much colour gives away.

    python benchmarks/starter.py
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from safetensors.torch import load_file
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torchvision.models import mobilenet_v2
from torchvision.models.resnet import BasicBlock, ResNet

ROOT = Path(__file__).resolve().parents[1]
STARTER = ROOT / "resources" / "starters"
TEACHER = "mobilenet_v2-imagenet/mobilenet_v2_imagenet1k_torchvision.pth"
SUFFIXES = {".jpg", ".jpeg", ".png"}
STRENGTHS = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 1.0)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
Splits = Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]


@dataclass
class Photos:
    """A data set: files, their classes, and rows of train, validation and test, maybe repeated."""

    files: list[Path]
    classes: np.ndarray
    splits: list[tuple[np.ndarray, np.ndarray, np.ndarray]]


@dataclass
class Backbone:
    """Something that turns pixels into features, with its own preprocessing."""

    features: Callable[[torch.Tensor], torch.Tensor]
    resize: int
    crop: int


def listed(folder: Path) -> list[Path]:
    """The pictures of a folder, in one order everywhere."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def with_own_split(folder: Path) -> Photos:
    """A data set that comes with train, validation and test folders."""
    files = listed(folder)
    part = np.array([path.relative_to(folder).parts[0] for path in files])
    rows = tuple(np.nonzero(part == name)[0] for name in ("train", "validation", "test"))
    return Photos(files, np.array([path.parent.name for path in files]), [rows])


def with_fixed_splits(folder: Path, repeats: int = 5) -> Photos:
    """A data set without a split: five fixed stratified 60/20/20 splits, whose mean is reported."""
    files = listed(folder)
    classes = np.array([path.parent.name for path in files])
    rows, splits = np.arange(len(files)), []
    for seed in range(repeats):
        train, rest = train_test_split(rows, train_size=0.6, stratify=classes, random_state=seed)
        both = train_test_split(rest, train_size=0.5, stratify=classes[rest], random_state=seed)
        splits.append((train, both[0], both[1]))
    return Photos(files, classes, splits)


def opened(path: Path, resize: int, crop: int) -> np.ndarray:
    """Upright RGB pixels, short side `resize`, centre crop `crop`."""
    with Image.open(path) as file:
        photo = ImageOps.exif_transpose(file).convert("RGB")
    scale = resize / min(photo.size)
    size = tuple(max(resize, round(side * scale)) for side in photo.size)
    photo = photo.resize(size, Image.Resampling.BILINEAR)
    left, top = ((side - crop) // 2 for side in photo.size)
    return np.asarray(photo.crop((left, top, left + crop, top + crop)))


def extract(backbone: Backbone, files: list[Path]) -> np.ndarray:
    """The features of every file."""
    mean, std = torch.tensor(MEAN).view(1, 3, 1, 1), torch.tensor(STD).view(1, 3, 1, 1)
    found = []
    for first in range(0, len(files), 32):
        batch = files[first : first + 32]
        pixels = np.stack([opened(path, backbone.resize, backbone.crop) for path in batch])
        flow = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
        flow = ((flow - mean) / std).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            found.append(backbone.features(flow).numpy())
    return np.concatenate(found)


def remembered(backbone: Backbone, files: list[Path], path: Path | None) -> np.ndarray:
    """The features of every file, from an earlier run where there is a folder for them."""
    if path is None:
        return extract(backbone, files)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, extract(backbone, files))
    return np.load(path)


def mobilenet(weights: Path | None) -> Backbone:
    """MobileNetV2 without its head, pretrained or as torchvision initialises it."""
    torch.manual_seed(0)
    network = mobilenet_v2()
    if weights is not None:
        network.load_state_dict(torch.load(weights, weights_only=True))
    network.classifier = torch.nn.Identity()
    return Backbone(network.eval().to(memory_format=torch.channels_last), 256, 224)


def starter(folder: Path, resize: int | None = None, crop: int | None = None) -> Backbone:
    """The embedded starter, rebuilt from its description."""
    card = json.loads((folder / "image_starter.json").read_text(encoding="utf-8"))
    network = ResNet(BasicBlock, card["kwargs"]["layers"])
    network.fc = torch.nn.Identity()
    network.load_state_dict(load_file(folder / card["weights"]))
    network = network.float().eval().to(memory_format=torch.channels_last)
    prepared = card["preprocessing"]
    return Backbone(network, resize or prepared["resize"], crop or prepared["crop"])


def mean_colour() -> Backbone:
    """Mean and spread of each colour channel, the least a probe could use."""
    return Backbone(lambda x: torch.cat([x.mean((2, 3)), x.std((2, 3))], 1), 72, 64)


def probe(features: np.ndarray, photos: Photos) -> tuple[list[float], list[float]]:
    """Validation and test accuracy of a logistic regression, for every split."""
    validation, test = [], []
    for rows in photos.splits:
        scaler = StandardScaler().fit(features[rows[0]])
        train, held, last = (scaler.transform(features[part]) for part in rows)
        best = (-1.0, 0.0)
        for strength in STRENGTHS:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model = LogisticRegression(C=strength, max_iter=200)
                model.fit(train, photos.classes[rows[0]])
            right = model.score(held, photos.classes[rows[1]])
            if right > best[0]:
                best = (right, model.score(last, photos.classes[rows[2]]))
        validation.append(best[0])
        test.append(best[1])
    return validation, test


def data_sets(shared: Path, wanted: list[str]) -> dict[str, Photos]:
    """The sets to measure on; what is not on this computer is left out and said."""
    known: dict[str, tuple[Callable[[Path], Photos], Path]] = {
        "clothing10": (with_own_split, shared / "data" / "cls-clothing10"),
        "sign-digits": (with_fixed_splits, shared / "data" / "cls-sign-digits"),
        "leaves": (with_fixed_splits, ROOT / "resources" / "samples" / "leaves"),
    }
    chosen = {name: known[name] for name in wanted}
    for name, (_, folder) in chosen.items():
        if not folder.is_dir():
            print(f"{name} is not on this computer: {folder}")
    return {name: read(folder) for name, (read, folder) in chosen.items() if folder.is_dir()}


def told(values: list[float]) -> str:
    """A mean with the spread between splits, where there are several."""
    spread = f" ± {100 * np.std(values):.1f}" if len(values) > 1 else ""
    return f"{100 * np.mean(values):.1f}{spread}"


def table(results: dict[str, dict[str, list[float]]]) -> None:
    """Prints accuracies in per cent and, in brackets, the share of ImageNet MobileNetV2's."""
    sets = list(next(iter(results.values())))
    print("| frozen features | " + " | ".join(sets) + " |")
    print("|---|" + "---:|" * len(sets))
    reference = results.get("MobileNetV2, ImageNet")
    for name, found in results.items():
        cells = []
        for one in sets:
            share = np.mean(found[one]) / np.mean(reference[one]) if reference else float("nan")
            cells.append(f"{told(found[one])} ({share:.2f})" if reference else told(found[one]))
        print(f"| {name} | " + " | ".join(cells) + " |")


def write_card(folder: Path, results: dict[str, dict[str, list[float]]]) -> None:
    """Puts the test accuracies into the starter's description."""
    path = folder / "image_starter.json"
    card = json.loads(path.read_text(encoding="utf-8"))
    card["measured"] = {
        one: {name: round(float(np.mean(found[one])), 3) for name, found in results.items()}
        for one in next(iter(results.values()))
    }
    path.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Measures and prints a markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--starter", type=Path, default=STARTER, help="folder of the starter")
    parser.add_argument("--resize", type=int, help="another size for the starter's pictures")
    parser.add_argument("--crop", type=int, help="another input size for the starter")
    parser.add_argument("--sets", nargs="+", default=["clothing10", "sign-digits", "leaves"])
    parser.add_argument("--cache", type=Path, help="folder to keep the references' features in")
    parser.add_argument("--starter-only", action="store_true", help="leave the references out")
    parser.add_argument(
        "--validation", action="store_true", help="print validation accuracy, for decisions"
    )
    parser.add_argument("--write-card", action="store_true", help="note the result in the card")
    args = parser.parse_args()
    backbones = {"starter": lambda: starter(args.starter, args.resize, args.crop)}
    if not args.starter_only:
        weights = args.shared / "models" / TEACHER
        backbones |= {
            "mean colour": mean_colour,
            "MobileNetV2, random": lambda: mobilenet(None),
            "MobileNetV2, ImageNet": lambda: mobilenet(weights),
        }
    sets = data_sets(args.shared, args.sets)
    results: dict[str, dict[str, list[float]]] = {}
    for name, build in backbones.items():
        backbone = build()
        results[name] = {}
        for one, photos in sets.items():
            kept = args.cache / f"{name}-{one}.npy" if args.cache and name != "starter" else None
            validation, test = probe(remembered(backbone, photos.files, kept), photos)
            results[name][one] = validation if args.validation else test
    table(results)
    if args.write_card and not args.validation:
        write_card(args.starter, results)


if __name__ == "__main__":
    main()
