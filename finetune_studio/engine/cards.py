"""The words in an export: README for whoever gets it, model card for whoever must judge it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import time
from pathlib import Path
from typing import Any

from finetune_studio.core import files
from finetune_studio.core.events import Evaluated, ExportVerified
from finetune_studio.core.exporter import Exporter
from finetune_studio.core.words import NAMES
from finetune_studio.engine import facts as known
from finetune_studio.engine.facts import Facts

SHARED_FILES = {
    "README.md": "this page",
    "preprocess.py": "makes a picture ready exactly as in training (numpy and pillow alone)",
    "preprocessing.json": "the numbers it does that with",
    "labels.json": "the labels, in the order of the outputs",
    "recipe.toml": "every choice of the training run; give it your data's place to train again",
    "export.json": "where the export comes from and what it was proven with",
    "MODEL_CARD.md": "data, scores and limits of the model",
}
# Licences that the Hub knows by a word of its own; others are named in plain text.
_HUB_LICENCES = {"apache-2.0", "mit", "bsd-3-clause", "bsd-2-clause", "cc0-1.0", "cc-by-4.0"}
_SHARED_VERSIONS = ("torch", "torchvision", "transformers")


def fingerprint(text: str) -> str:
    """Return a short hash of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def versions(environment: dict[str, Any]) -> dict[str, str]:
    """Return the versions that a run was trained with, and those that its export was proven with."""
    trained = {name: str(environment[name]) for name in _SHARED_VERSIONS if name in environment}
    proven = {
        name: importlib.metadata.version(name)
        for name in ("onnx", "onnxruntime", "numpy", "pillow", "safetensors")
        if _installed(name)
    }
    return {"python": platform.python_version(), **trained, **proven}


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def write(
    facts: Facts,
    labels: list[str],
    exporter: Exporter,
    folder: Path,
    verified: ExportVerified,
    split: str,
) -> None:
    """Write README.md and MODEL_CARD.md into an export.

    Args:
        facts: The run.
        labels: The labels as they stand in the export.
        exporter: The format, which says what its own files are.
        folder: The export.
        verified: What it was proven with.
        split: Whose samples it was proven with.
    """
    readme = _readme(facts, labels, exporter, folder, verified, split)
    files.write_text(folder / "README.md", readme)
    files.write_text(folder / "MODEL_CARD.md", _card(facts, labels, exporter, verified, split))


def _readme(
    facts: Facts,
    labels: list[str],
    exporter: Exporter,
    folder: Path,
    verified: ExportVerified,
    split: str,
) -> str:
    words = exporter.files | SHARED_FILES
    architecture = facts.run.model.get("architecture", {})
    listed = [
        f"- `{name}`: {words[name]}"
        for name in words
        if name == "MODEL_CARD.md" or (folder / name).exists()
    ]
    return "\n".join(
        [
            f"# {plain(facts.title)}",
            "",
            f"A model that looks at a picture and says which of these it shows: {_list(labels)}.",
            "",
            "## How to ask it",
            "",
            "With Python 3.10 or newer:",
            "",
            "```sh",
            f"pip install {' '.join(exporter.packages(architecture))}",
            "python predict.py photo.jpg another.png",
            "```",
            "",
            "It prints a line a file: the path, a tab, the label, a tab, and how likely the model takes it",
            "to be, from 0 to 1. A file that cannot be read is named on the error output, the others are",
            "still answered, and the exit code is then 1. Nothing but the files in this folder and these",
            "packages is needed, and nothing is sent anywhere.",
            "",
            "## What is in this folder",
            "",
            *listed,
            "",
            "## How far to trust it",
            "",
            *[plain(sentence) for sentence in known.summary(facts)],
            "MODEL_CARD.md says where it errs and what it was not made for.",
            "",
            _proof(verified, split),
            "",
        ]
    )


def _proof(verified: ExportVerified, split: str) -> str:
    return (
        "These files were loaded again without the program that wrote them and asked"
        f" {verified.samples:,} {split} samples: {_percent(verified.agreement)} of the answers are those of"
        f" the trained model, the largest difference of a probability is {verified.max_abs_diff:.1e}."
    )


def _card(
    facts: Facts, labels: list[str], exporter: Exporter, verified: ExportVerified, split: str
) -> str:
    lines = ["---", *_front(facts, exporter), "---", "", f"# {plain(facts.title)}", ""]
    lines += [
        f"Says which of {len(labels)} classes a picture shows: {_list(labels)}.",
        f"Made on {time.strftime('%Y-%m-%d')} with Finetune Studio, run {facts.run.number}.",
        "",
        *[plain(sentence) for sentence in known.summary(facts)],
        "",
        *_data(facts),
        *_model(facts),
        "## Scores on the validation samples",
        "",
        *(_scores(facts.scored) if facts.scored else ["There are none.", ""]),
        *_class_table(facts),
    ]
    if facts.test is not None:
        lines += ["## Scores on the test samples", "", *_scores(facts.test)]
    lines += ["## Limits", "", *[f"- {plain(text)}" for text in known.limits(facts)]]
    lines += ["- The licence of the pictures it learnt from is their owner's to state.", ""]
    lines += ["## This export", "", f"Format: {verified.format}. {_proof(verified, split)}"]
    name = NAMES.get(verified.metric, verified.metric)
    figures = (
        f"The {name} on these samples is {verified.metric_before:.4f} for the trained model and"
        f" {verified.metric_after:.4f} for the export. The network takes {verified.latency_ms:.1f} ms"
        " for one picture (median, on the computer that made it); the files take"
        f" {verified.size_mb:.1f} MB."
    )
    used = ", ".join(f"{k} {v}" for k, v in versions(facts.run.environment).items())
    return "\n".join([*lines, figures, "", f"Versions: {used}.", ""])


def _front(facts: Facts, exporter: Exporter) -> list[str]:
    """Return the card's front matter; JSON's spelling of texts and lists is valid YAML."""
    task = facts.task.name.replace("_", "-")
    licence = facts.licence.lower()
    front: dict[str, Any] = (
        {"license": licence}
        if licence in _HUB_LICENCES
        else {"license": "other", "license_name": licence or "unknown"}
    )
    front |= {
        "library_name": exporter.library(facts.run.model.get("architecture", {})),
        "pipeline_tag": task,
        "tags": ["finetune-studio", task],
    }
    if facts.scored:
        metrics = [
            {"type": k, "name": NAMES.get(k, k), "value": round(v, 4)}
            for k, v in facts.scored.metrics.items()
        ]
        result = {
            "task": {"type": task},
            "dataset": {"name": facts.title, "type": "private", "split": "validation"},
            "metrics": metrics,
        }
        front["model-index"] = [{"name": facts.title, "results": [result]}]
    return [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in front.items()]


def _data(facts: Facts) -> list[str]:
    lines = ["## Data", "", "| class | training | validation | test |", "|---|--:|--:|--:|"]
    for name, row in facts.classes.items():
        lines.append(
            f"| {plain(name)} | {row['train']:,} | {row['validation']:,} | {row['test']:,} |"
        )
    sums = {split: facts.splits.get(split, 0) for split in ("train", "validation", "test")}
    lines.append(f"| all | {sums['train']:,} | {sums['validation']:,} | {sums['test']:,} |")
    lines += [
        "",
        "The training samples teach, the validation samples chose the best epoch, the test samples",
    ]
    lines += [
        "are for the last check.",
        f"Fingerprint of the data: `{known.fingerprint_of(facts)}`.",
        "",
    ]
    return lines


def _model(facts: Facts) -> list[str]:
    licence = facts.licence or "not known; see where the weights came from"
    learnt = f", which had learnt from: {plain(facts.pretrained_on)}" if facts.pretrained_on else ""
    lines = ["## Model", "", f"- Begun from: {plain(facts.origin)}{learnt}."]
    lines += [f"- Its licence: {licence}."]
    if (started := facts.started) is not None:
        lines.append(
            f"- Retrained: {facts.retrained}, {started.trainable:,} of {started.parameters:,} parameters."
        )
    return [*lines, ""]


def _scores(scored: Evaluated) -> list[str]:
    lines = ["| score | value | 95 % interval |", "|---|--:|--:|"]
    for name, value in scored.metrics.items():
        low, high = scored.intervals.get(name, (value, value))
        lines.append(f"| {NAMES.get(name, name)} | {value:.3f} | {low:.3f} to {high:.3f} |")
    if base := scored.baseline:
        name = NAMES.get(base["metric"], base["metric"])
        lines.append(f"| {name} of {plain(str(base['text']))} | {base['value']:.3f} | |")
    return [*lines, "", f"{scored.samples:,} samples.", ""]


def _class_table(facts: Facts) -> list[str]:
    if not facts.pairs:
        return []
    lines = [
        "Recall is the share of a class's samples that the model finds; precision the share of its answers",
        "of that class that are right; F1 takes both together.",
        "",
        "| class | samples | recall | precision | F1 | most often taken for |",
        "|---|--:|--:|--:|--:|---|",
    ]
    for row in facts.rows:
        taken = f"{plain(row.taken_for)} ({row.times:,})" if row.times else ""
        scores = f"{row.recall:.3f} | {row.precision:.3f} | {row.f1:.3f}"
        lines.append(f"| {plain(row.name)} | {row.samples:,} | {scores} | {taken} |")
    return [*lines, ""]


def _percent(share: float) -> str:
    """Return a share as percent; only a full one reads 100 %."""
    return "100 %" if share == 1 else f"{min(share, 0.9999) * 100:.2f} %"


def _list(names: list[str]) -> str:
    shown = [plain(name) for name in names[:40]]
    return ", ".join(shown) + (f" and {len(names) - 40} more" if len(names) > 40 else "")


def plain(text: str) -> str:
    """Return text from data so that Markdown shows it as it is."""
    flat = " ".join(text.split())
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|!~$" else c for c in flat)
