"""A run with answers but without a network: what Inspect, Try and Export read, made by hand."""

from __future__ import annotations

import json
from pathlib import Path

from finetune_studio.core.dataset import Row
from finetune_studio.core.events import Prediction, RunFinished
from finetune_studio.core.project import Project
from tests import tiny

NAMES = ("hat", "shirt", "shoe")
# What the model said about each class's four validation samples, and how surely.
SAID = {
    "hat": [("hat", 0.9), ("hat", 0.8), ("hat", 0.7), ("hat", 0.5)],
    "shirt": [("shirt", 0.9), ("hat", 0.95), ("hat", 0.6), ("shoe", 0.5)],
    "shoe": [("shoe", 0.9), ("shoe", 0.8), ("shoe", 0.6), ("shirt", 0.4)],
}


def fill(project: Project, photos: Path, *, test: bool = True) -> None:
    """Give a project six pictures a class: one to train on, four to validate with, one to test with."""
    rows = []
    for number, name in enumerate(NAMES):
        (photos / name).mkdir(parents=True)
        for index in range(6):
            path = f"{name}/{index}.png"
            tiny.picture(number, index, 32).save(photos / path)
            split = "train" if index == 0 or not (test or index < 5) else "validation"
            rows.append(Row(path, name, "test" if test and index == 5 else split))
    project.dataset.fill(rows, root=photos)


def add_run(project: Project) -> Path:
    """Lay down a finished run that has answered the validation split."""
    folder = project.new_run()
    project.recipe().save(folder / "recipe.toml")
    ids = {name: number for number, name in project.dataset.classes().items()}
    labels = {"names": NAMES, "ids": [ids[name] for name in NAMES]}
    (folder / "model.json").write_text(json.dumps({"labels": labels}), encoding="utf-8")
    (folder / "checkpoints").mkdir()
    index = json.dumps({"last": "00000001", "best": "00000001"})
    (folder / "checkpoints" / "index.json").write_text(index, encoding="utf-8")
    end = RunFinished(
        str(folder), str(project.folder), project.task, {"accuracy": 0.6667}, 3, 9.0, stopped=False
    )
    (folder / "events.jsonl").write_text(json.dumps(end.as_json()) + "\n", encoding="utf-8")
    answer(project, folder, "validation")
    return folder


def answer(project: Project, folder: Path, split: str) -> None:
    """Write a split's answers into a run."""
    lines = []
    for name in NAMES:
        samples = [s for s in project.dataset.samples(split=split) if s.label == name]
        for sample, (said, share) in zip(samples, SAID[name], strict=False):
            lines.append(prediction(said, share, sample.id).as_json())
    (folder / "predictions").mkdir(exist_ok=True)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "predictions" / f"{split}.jsonl").write_text(text, encoding="utf-8")


def prediction(said: str, share: float, sample: int | None = None, path: str = "") -> Prediction:
    """Return an answer that leaves the rest of the certainty to the other classes."""
    rest = [name for name in NAMES if name != said]
    shares = {said: share, rest[0]: (1 - share) * 0.75, rest[1]: (1 - share) * 0.25}
    return Prediction(said, shares, path, 0.012, sample)
