"""The words in an export: README for whoever gets it, model card for whoever must judge it."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

from finetune_studio.core import files
from finetune_studio.core.events import ExportVerified
from finetune_studio.core.exporter import Exporter
from finetune_studio.core.project import Project
from finetune_studio.core.task import Bundle, Task
from finetune_studio.engine import evaluate
from finetune_studio.engine.run import Run
from finetune_studio.insights.per_class import per_class
from finetune_studio.models import zoo

_SHARED_FILES = {
    "preprocess.py": "makes a picture ready exactly as in training (numpy and pillow alone)",
    "preprocessing.json": "the numbers it does that with",
    "labels.json": "the labels, in the order of the outputs",
    "recipe.toml": "every choice of the training run",
    "export.json": "what this export was proven with",
    "MODEL_CARD.md": "data, scores and limits of the model",
}


def fingerprint(text: str) -> str:
    """Return a short hash of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write(
    project: Project,
    run: Run,
    task: Task,
    bundle: Bundle,
    exporter: Exporter,
    folder: Path,
    verified: ExportVerified,
) -> None:
    """Write README.md and MODEL_CARD.md into an export."""
    files.write_text(folder / "README.md", _readme(project, bundle, exporter, folder, verified))
    files.write_text(folder / "MODEL_CARD.md", _card(project, run, task, bundle, verified))


def _readme(
    project: Project, bundle: Bundle, exporter: Exporter, folder: Path, verified: ExportVerified
) -> str:
    known = exporter.files | _SHARED_FILES
    listed = [f"- `{name}`: {known[name]}" for name in known if (folder / name).exists()]
    names = ", ".join(dict.fromkeys(bundle.labels.names))
    return "\n".join(
        [
            f"# {_plain(project.name)}",
            "",
            f"A model that tells these apart: {_plain(names)}.",
            "",
            "```sh",
            "python predict.py photo.jpg more/*.jpg",
            "```",
            "",
            "prints a line a file: path, tab, label, tab, probability from 0 to 1. Nothing but the files in",
            "this folder is needed, and nothing is sent anywhere.",
            "",
            *listed,
            "",
            f"Proven on {verified.samples:,} files: {verified.agreement:.1%} of its answers are those of the",
            f"trained model, the largest difference of a probability is {verified.max_abs_diff:.1e}.",
            "",
        ]
    )


def _card(project: Project, run: Run, task: Task, bundle: Bundle, verified: ExportVerified) -> str:
    dataset = project.dataset
    pairs = evaluate.answers(run.folder, dataset, "validation")
    scored = evaluate.scored(project, run, task, "validation", pairs) if pairs else None
    splits = dataset.split_counts()
    origin, licence = _origin(run, bundle)
    front = {
        "license": "other",
        "license_name": licence,
        "base_model": origin,
        "pipeline_tag": task.name.replace("_", "-"),
        "tags": ["finetune-studio", task.name.replace("_", "-")],
        "library_name": bundle.architecture["library"],
    }
    lines = ["---", *(f"{key}: {json.dumps(value)}" for key, value in front.items()), "---", ""]
    lines += [f"# {_plain(project.name)}", ""]
    lines += [f"Made {time.strftime('%Y-%m-%d')} with Finetune Studio, run {run.number}.", ""]
    lines += ["## Data", ""]
    lines += [f"- {split}: {count:,} samples" for split, count in splits.items() if count]
    lines += [f"- class {_plain(name)}: {count:,}" for name, count in dataset.counts().items()]
    lines += [f"- fingerprint of the data: `{run.environment.get('data_fingerprint', '')}`", ""]
    lines += ["## Model", "", f"- begun from: {origin} (licence: {licence})"]
    lines += [f"- retrained: {run.recipe.layers.amount.replace('_', ' ')}", ""]
    lines += ["## Scores on the validation split", ""]
    lines += _scores(scored) if scored else ["There are none.", ""]
    lines += _class_table(pairs)
    lines += [
        "## Limits",
        "",
        "The scores hold for files like those it was judged with: the same cameras, places and habits. It",
        "always answers with one of its labels, also for a picture that shows none of them. The labels and",
        "the licence of the data are its owner's responsibility.",
        "",
        "## The export",
        "",
        f"{verified.format}: {verified.agreement:.2%} agreement with the trained model on",
        f"{verified.samples:,} files; {verified.metric} {verified.metric_before:.4f} before and",
        f"{verified.metric_after:.4f} after; {verified.latency_ms:.1f} ms a file (median, one at a time)",
        f"on the computer that made it; {verified.size_mb:.1f} MB.",
        "",
    ]
    return "\n".join(lines)


def _origin(run: Run, bundle: Bundle) -> tuple[str, str]:
    """Return what the network was begun from and that model's licence, without naming a folder."""
    source = run.recipe.model.source
    if source in zoo.CATALOGUE:
        row = zoo.CATALOGUE[source]
        return row.title, str(row.facts.get("licence", "unknown"))
    return Path(bundle.origin or source).name, "not known: see where the weights came from"


def _scores(scored: Any) -> list[str]:
    lines = ["| score | value | 95 % interval |", "|---|---|---|"]
    for name, value in scored.metrics.items():
        low, high = scored.intervals.get(name, (value, value))
        lines.append(f"| {name} | {value:.3f} | {low:.3f} to {high:.3f} |")
    base = scored.baseline
    if base:
        text = f"The simplest answer, {_plain(base['text'])}, reaches {base['value']:.3f}"
        lines += ["", f"{text} {base['metric']}."]
    return [*lines, ""]


def _class_table(pairs: list[Any]) -> list[str]:
    if not pairs:
        return []
    lines = ["| class | samples | precision | recall | F1 |", "|---|---|---|---|---|"]
    lines += [
        f"| {_plain(row.name)} | {row.samples} | {row.precision:.3f} | {row.recall:.3f} | {row.f1:.3f} |"
        for row in per_class(pairs)
    ]
    return [*lines, ""]


def _plain(text: str) -> str:
    """Return text from data so that Markdown shows it as it is."""
    flat = " ".join(text.split())
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|!" else c for c in flat)
