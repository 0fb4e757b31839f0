"""A finished run whose validation answers are far too certain, made by hand: no network is needed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from finetune_studio.core.dataset import Row
from finetune_studio.core.events import Prediction
from finetune_studio.core.project import Project
from tests import tiny
from tests.gui import answered

NAMES = answered.NAMES
LOUD = 8.0  # about three times as much as the scores deserve
PER_CLASS = 20


def fill(project: Project, photos: Path) -> None:
    """Give a project pictures of three classes: four each to train on, twenty to validate with."""
    rows = []
    for number, name in enumerate(NAMES):
        for index in range(PER_CLASS + 4):
            camera = "phone" if index % 4 == 0 else "studio"
            place = photos / camera / name / f"{index}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            tiny.picture(number, index, 24).save(place)
            split = "train" if index < 4 else "validation"
            fields = {"camera": camera}
            rows.append(Row(f"{camera}/{name}/{index}.png", name, split, fields=fields))
    project.dataset.fill(rows, root=photos)


def add_run(project: Project) -> Path:
    """Lay down a finished run whose answers are right less often than they say."""
    folder = answered.add_run(project)
    rng = np.random.default_rng(2)
    lines = []
    for sample in project.dataset.samples(split="validation"):
        scores = rng.normal(0, 0.7, 3)
        # Labels are what they are, so the scores are drawn to fit them as often as they say.
        scores[NAMES.index(str(sample.label))] += 1.2
        loud = np.exp(LOUD * scores)
        shares = dict(zip(NAMES, (loud / loud.sum()).tolist(), strict=True))
        shares = dict(sorted(shares.items(), key=lambda item: -item[1]))
        lines.append(Prediction(next(iter(shares)), shares, sample=sample.id).as_json())
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "predictions" / "validation.jsonl").write_text(text, encoding="utf-8")
    return folder
