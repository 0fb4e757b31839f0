"""Measures which sign of an unlike input is best: certainty, scores, or the distance to training samples.

    python benchmarks/unlike.py --own cls-clothing10 --foreign cls-sign-digits --model FILE [--train 50]

A head learns the user's own classes on frozen features. Foreign samples should be turned away where 2 % (and
5 %) of the validation samples are. It also prints what temperature scaling does to the calibration error.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--own", type=Path, required=True)
    parser.add_argument("--foreign", type=Path, required=True)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--train", type=int, default=50, help="training samples a class")
    parser.add_argument(
        "--judged", type=int, default=20, help="validation and test samples a class"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("FINETUNE_STUDIO_HOME", folder)
        report(*features(arguments))


def features(arguments):
    """Return features, splits (``foreign`` among them) and labels."""
    from finetune_studio.core.dataset import Labels, Sample
    from finetune_studio.core.job import Control
    from finetune_studio.core.recipe import Recipe
    from finetune_studio.engine import evaluate
    from finetune_studio.engine.features.table import tabulate

    rng = np.random.default_rng(0)
    names = sorted(place.name for place in (arguments.own / "train").iterdir() if place.is_dir())
    samples = []

    def take(folder, most, label, split):
        files = sorted(folder.iterdir())
        chosen = rng.permutation(len(files))[:most]
        for number in sorted(chosen.tolist()):
            samples.append(Sample(len(samples) + 1, str(files[number]), names[label], label, split))

    most = {"train": arguments.train, "validation": arguments.judged, "test": arguments.judged}
    for split, count in most.items():
        for label, name in enumerate(names):
            take(arguments.own / split / name, count, label, split)
    for place in sorted(p for p in arguments.foreign.iterdir() if p.is_dir()):
        take(place, arguments.judged, 0, "foreign")
    recipe = Recipe(task="image_classification").with_settings({"model.source": arguments.model})
    task = evaluate.load_task(recipe.task)
    bundle = task.load_model(recipe, Labels(tuple(names), tuple(range(len(names)))))
    made = []
    for _ in tabulate(task, bundle, samples, Control(), made):
        pass
    table = made[0]
    splits = np.array([s.split for s in table.samples])
    return table.values, splits, np.array([s.label_id for s in table.samples]), names


def report(values, splits, labels, names) -> None:
    from finetune_studio.core.dataset import Sample
    from finetune_studio.core.events import Prediction
    from finetune_studio.engine import quick_head
    from finetune_studio.insights import calibration
    from finetune_studio.modality.foreign import likeness, normalised

    short = quick_head.reduced(values)
    train = splits == "train"
    weights = quick_head.fitted(short[train], labels[train], len(names))
    shares = quick_head.answered(short, weights)
    scores = np.concatenate([short, np.ones((len(short), 1))], 1) @ weights
    references = normalised(values[train])
    means = np.stack([values[train & (labels == n)].mean(0) for n in range(len(names))])
    signs = {
        "certainty": shares.max(1),
        "energy of the scores": np.logaddexp.reduce(scores, axis=1),
        "cosine to the nearest class mean": likeness(values, normalised(means)),
        "cosine to the nearest training sample": likeness(values, references),
    }
    for name, sign in signs.items():
        own, foreign = sign[splits == "test"], sign[splits == "foreign"]
        order = np.concatenate([own, foreign]).argsort().argsort()[: len(own)] + 1
        area = (order.sum() - len(own) * (len(own) + 1) / 2) / (len(own) * len(foreign))
        told = []
        for share in (0.02, 0.05):
            bound = np.quantile(sign[splits == "validation"], share)
            told.append(
                f"{(foreign < bound).mean():.0%} at {share:.0%} ({(own < bound).mean():.1%})"
            )
        print(f"{name}: area {area:.3f}; foreign turned away (own of test): {', '.join(told)}")
    pairs = []
    for place in np.nonzero(splits == "validation")[0].tolist():
        row = dict(zip(names, shares[place].tolist(), strict=True))
        sample = Sample(place, "", names[labels[place]], int(labels[place]), "validation")
        pairs.append((sample, Prediction(max(row, key=row.__getitem__), row, sample=place)))
    found = calibration.scaling(pairs)
    print(
        f"temperature {found.temperature:.2f} from {found.samples} answers: error {found.before:.3f} to"
        f" {found.after:.3f}, log-loss {found.loss_before:.3f} to {found.loss_after:.3f} {found.reason}"
    )


if __name__ == "__main__":
    main()
