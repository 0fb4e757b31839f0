"""Out-of-fold answers: what a model that had not seen a sample says of it, for every sample.

``PROJECT/studies/<n>/oof.jsonl`` has a JSON line a sample of the training and validation splits: the
fields of :class:`finetune_studio.core.events.Prediction` (``label``, ``probabilities``, ``answer``), with
``sample``, its number, and ``fold``, counted from 1. It is what confident learning (Northcutt, Jiang and
Chuang 2021) asks for. No torch is loaded here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from finetune_studio.core import files
from finetune_studio.core.dataset import Dataset
from finetune_studio.core.project import Project
from finetune_studio.core.task import Pair

FILE = "oof.jsonl"


def gather(study: Path, folds: Sequence[Path]) -> Path:
    """Put the answers of the folds' runs together, ordered by the samples' numbers; return the file."""
    lines = [
        (record["sample"], json.dumps(record | {"fold": number}))
        for number, run in enumerate(folds, 1)
        for record in _records(run / "predictions" / "validation.jsonl")
    ]
    text = "".join(f"{line}\n" for _, line in sorted(lines))
    files.write_text(study / FILE, text)
    return study / FILE


def give_to(study: Path, run: Path) -> None:
    """Let a study's final model show these answers as its own: it has seen every sample itself."""
    text = (study / FILE).read_text(encoding="utf-8")
    files.write_text(run / "predictions" / "validation.jsonl", text)


def newest(project: Project) -> Path | None:
    """Return the folder of the newest study that has such answers; None where none has."""
    found = [folder for folder in project.studies() if (folder / FILE).is_file()]
    return found[-1] if found else None


def answers(study: Path, dataset: Dataset) -> list[Pair]:
    """Return every sample with its answer, as they are called today; excluded ones are left out."""
    from finetune_studio.engine import evaluate

    runs = sorted(Path(study).glob("runs/*/model.json"))  # all folds have the same classes
    return evaluate.read_answers(Path(study) / FILE, runs[0].parent, dataset) if runs else []


def folds(study: Path) -> dict[int, int]:
    """Return of each sample, by number, the fold in which it was judged."""
    return {record["sample"]: record["fold"] for record in _records(Path(study) / FILE)}


def _records(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
