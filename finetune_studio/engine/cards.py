"""The words in an export: README for whoever gets it, model card for whoever must judge it."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import json
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune_studio.core import files
from finetune_studio.core.events import Evaluated, ExportVerified
from finetune_studio.core.exporter import Exporter, Use, programs, use_of
from finetune_studio.core.task import Bundle
from finetune_studio.core.words import duration
from finetune_studio.engine import decision_words
from finetune_studio.engine import facts as known
from finetune_studio.engine.card_parts import plain, repository
from finetune_studio.engine.facts import Facts
from finetune_studio.exporters import CATALOGUE
from finetune_studio.modality import foreign

SHARED_FILES = {
    "README.md": "this page",
    "predict.py": "answers files: python predict.py FILE...",
    "preprocessing.json": "the numbers that inputs are made ready with",
    "tokenizer.json": "cuts texts into tokens (for the package tokenizers, and many others)",
    foreign.FILE: "what the last layer was told of training samples, to turn unlike inputs away",
    "labels.json": "the names of the classes, in the order of the outputs",
    "recipe.toml": "every choice of the training run; give it your data's place to train again",
    "export.json": "where the export comes from and what it was proven with",
    "MODEL_CARD.md": "data, scores and limits of the model",
}
# Licences that the Hub knows by a word of its own; others are named in plain text.
_HUB_LICENCES = {"apache-2.0", "mit", "bsd-3-clause", "bsd-2-clause", "cc0-1.0", "cc-by-4.0"}
_SHARED_VERSIONS = ("torch", "torchvision", "transformers", "tokenizers", "peft")
# What the Hub calls tasks that it does not call as we do.
_SPLITS = {"train": "training"}  # as people call a split, where that is not its name
_PIPELINES = {"causal_lm": "text-generation"}


def fingerprint(text: str) -> str:
    """Return a short hash of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def versions(environment: dict[str, Any]) -> dict[str, str]:
    """Return the versions that a run was trained with, and those that its export was proven with."""
    trained = {name: str(environment[name]) for name in _SHARED_VERSIONS if name in environment}
    proven = {
        name: importlib.metadata.version(name)
        for name in ("onnx", "onnxruntime", "numpy", "pillow", "safetensors", "tokenizers")
        if _installed(name)
    }
    return {"python": platform.python_version(), **trained, **proven}


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


@dataclass(frozen=True)
class Told:
    """What README and card tell of: a run, its export, and what that was proven with.

    Attributes:
        facts: The run.
        bundle: The network as it was exported, with the labels of today.
        exporter: The format, which says what its own files are.
        folder: The export.
        verified: What it was proven with, and ``split`` whose samples these were.
        parts: What is known of parts of the data, as Markdown.
    """

    facts: Facts
    bundle: Bundle
    exporter: Exporter
    folder: Path
    verified: ExportVerified
    split: str
    parts: tuple[str, ...] = ()

    @property
    def use(self) -> type[Use]:
        """Return how the model is asked."""
        return use_of(self.facts.task.outside)

    @property
    def does(self) -> str:
        """Return what the model does, as the rest of a sentence, with its labels."""
        names = list(self.facts.classes) or list(dict.fromkeys(self.bundle.labels.names))
        lists = names and "these" in self.use.does
        return f"{self.use.does}: {_list(names)}." if lists else f"{self.use.does}."


def write(told: Told) -> None:
    """Write README.md and MODEL_CARD.md into an export."""
    files.write_text(told.folder / "MODEL_CARD.md", _card(told))
    files.write_text(told.folder / "README.md", _readme(told))


def contents(folder: Path) -> list[tuple[str, str]]:
    """Return the files of an export, the program to begin with first, each with what it is."""
    about = json.loads((folder / "export.json").read_text(encoding="utf-8"))
    words = {
        **CATALOGUE.load(about["format"]).files,
        **_code(str(about.get("asked", "ask_pictures:Pictures"))),
        **SHARED_FILES,
    }
    order = ["predict.py", *words]
    names = [file.name for file in folder.iterdir() if file.name[0] not in "._"]
    names.sort(key=lambda name: (order.index(name) if name in order else len(order), name))
    return [(name, words.get(name, "")) for name in names]


def _code(asked: str) -> dict[str, str]:
    """Return what the copied files do: the sentence that each opens with."""
    found = {}
    for name, text in programs(asked).items():
        first = (ast.get_docstring(ast.parse(text)) or "").splitlines()[:1]
        said = "".join(first).partition(";")[0].rstrip(".")
        found[f"{name}.py"] = said[:1].lower() + said[1:]
    return found


def _readme(told: Told) -> str:
    facts = told.facts
    listed = [f"- `{name}`: {words}" for name, words in contents(told.folder) if words]
    return "\n".join(
        [
            f"# {plain(facts.title)}",
            "",
            f"A model that {told.does}",
            "",
            "## How to ask it",
            "",
            "With Python 3.10 or newer:",
            "",
            "```sh",
            f"pip install {' '.join(told.exporter.needs(told.bundle.architecture, facts.task.outside))}",
            f"python predict.py {told.use.example}",
            "```",
            "",
            told.use.given,
            "It prints a line for each: what was given, a tab, the answer, a tab, and how sure the model is",
            "of it, from 0 to 1. What cannot be read is named on the error output, the others are still",
            "answered, and the exit code is then 1. Nothing but the files in this folder and these packages",
            "is needed, and nothing is sent anywhere.",
            "",
            "Programs that cannot run Python ask it over HTTP: `finetune-studio serve FOLDER`, on a computer",
            "with Finetune Studio, answers at an address of that computer, whose page says how.",
            "",
            *decision_words.unlike(told.folder),
            *told.exporter.notes(told.bundle),
            "## What is in this folder",
            "",
            *listed,
            "",
            "## How far to trust it",
            "",
            *[plain(sentence) for sentence in known.summary(facts)],
            "MODEL_CARD.md says where it errs and what it was not made for.",
            "",
            _proof(told),
            "",
        ]
    )


def _proof(told: Told) -> str:
    verified = told.verified
    split = _SPLITS.get(told.split, told.split)
    return (
        "These files were loaded again without the program that wrote them and asked"
        f" {verified.samples:,} {split} samples: {_percent(verified.agreement)} of the answers are those"
        f" of the trained model, the largest difference of a number in them is {verified.max_abs_diff:.1e}."
    )


def _card(told: Told) -> str:
    facts, verified = told.facts, told.verified
    lines = ["---", *_front(facts, told), "---", "", f"# {plain(facts.title)}", ""]
    lines += [
        f"A model that {told.does}",
        f"Made on {time.strftime('%Y-%m-%d')} with Finetune Studio, run {facts.run.number}.",
        "",
        *[plain(sentence) for sentence in known.summary(facts)],
        "",
        *_meant_for(told),
        *_data(told),
        *_model(facts),
        "## Scores on the validation samples",
        "",
        *(_scores(facts.scored) if facts.scored else ["There are none.", ""]),
        *_class_table(facts),
        *told.parts,
    ]
    if facts.test is not None:
        lines += ["## Scores on the test samples", "", *_scores(facts.test)]
    lines += ["## Limits", "", *[f"- {plain(text)}" for text in known.limits(facts)]]
    lines += [
        f"- The licence of the {told.use.thing}s it learnt from is their owner's to state.",
        "",
    ]
    lines += ["## This export", "", f"Format: {verified.format}. {_proof(told)}"]
    name = known.name_of(verified.metric)
    figures = (
        f"The {name} on these samples is {verified.metric_before:.4f} for the trained model and"
        f" {verified.metric_after:.4f} for the export. It takes {verified.latency_ms:.1f} ms for one"
        f" {told.use.thing} (median; 19 of 20 take less than {verified.latency_p95_ms:.1f} ms)"
        + (
            f" and {verified.batch_ms:.0f} ms for 32 at once (19 of 20: {verified.batch_p95_ms:.0f} ms)"
            if verified.batch_ms
            else ""
        )
        + f", on the computer that made it; the files take {verified.size_mb:.1f} MB."
    )
    used = ", ".join(f"{k} {v}" for k, v in versions(facts.run.environment).items())
    return "\n".join([*lines, figures, "", f"Versions: {used}.", ""])


def _front(facts: Facts, told: Told) -> list[str]:
    """Return the card's front matter; JSON's spelling of texts and lists is valid YAML."""
    task = _PIPELINES.get(facts.task.name, facts.task.name).replace("_", "-")
    licence = facts.licence.lower()
    front: dict[str, Any] = (
        {"license": licence}
        if licence in _HUB_LICENCES
        else {"license": "other", "license_name": licence or "unknown"}
    )
    if base := repository(facts.run):
        front["base_model"] = base
    front |= {
        "library_name": told.exporter.library(told.bundle.architecture),
        "pipeline_tag": task,
        "tags": ["finetune-studio", task],
    }
    if facts.scored:
        metrics = [
            {"type": k, "name": known.name_of(k), "value": round(v, 4)}
            for k, v in facts.scored.metrics.items()
        ]
        result = {
            "task": {"type": task},
            "dataset": {"name": facts.title, "type": "private", "split": "validation"},
            "metrics": metrics,
        }
        front["model-index"] = [{"name": facts.title, "results": [result]}]
    return [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in front.items()]


def _meant_for(told: Told) -> list[str]:
    """Return what the model may be used for, and what changes its answers after the network."""
    lines = [
        "## What it is meant for",
        "",
        f"For a {told.use.thing} of the same kind as the data below, asked by somebody who can check the",
        "answer. It was not made for anything else, nor for decisions that nobody looks at.",
    ]
    decided = decision_words.decided(told.facts.run.folder, told.folder)
    return [*lines, *(["", *decided] if decided else []), ""]


def _data(told: Told) -> list[str]:
    facts = told.facts
    lines = ["## Data", "", "| class | training | validation | test |", "|---|--:|--:|--:|"]
    if not facts.classes:
        lines[2] = "| | training | validation | test |"
    for name, row in facts.classes.items():
        lines.append(
            f"| {plain(name)} | {row['train']:,} | {row['validation']:,} | {row['test']:,} |"
        )
    sums = {split: facts.splits.get(split, 0) for split in ("train", "validation", "test")}
    lines.append(f"| samples | {sums['train']:,} | {sums['validation']:,} | {sums['test']:,} |")
    lines += [
        "",
        "The training samples teach, the validation samples chose the best epoch, the test samples",
        "are for the last check.",
    ]
    if facts.words is not None:
        lines.append(known.lengths(facts))
    return [*lines, f"Fingerprint of the data: `{known.fingerprint_of(facts)}`.", ""]


def _model(facts: Facts) -> list[str]:
    licence = facts.licence or "not known; see where the weights came from"
    learnt = f", which had learnt from: {plain(facts.pretrained_on)}" if facts.pretrained_on else ""
    lines = ["## Model", "", f"- Begun from: {plain(facts.origin)}{learnt}."]
    lines += [f"- Its licence: {licence}."]
    if (started := facts.started) is not None:
        lines.append(
            f"- Retrained: {facts.retrained}, {started.trainable:,} of {started.parameters:,} parameters."
        )
    lines += [f"- {plain(text)}" for text in (*known.forgotten(facts), known.took(facts)) if text]
    return [*lines, *_training(facts), ""]


def _training(facts: Facts) -> list[str]:
    """Return how long training took, and on what."""
    if facts.finished is None or facts.started is None:
        return []
    took = duration(facts.finished.seconds)
    return [f"- Training took {took}. {plain(facts.started.device).rstrip('.')}."]


def _scores(scored: Evaluated) -> list[str]:
    lines = ["| score | value | 95 % interval |", "|---|--:|--:|"]
    for name, value in scored.metrics.items():
        low, high = scored.intervals.get(name, (value, value))
        text = f"{known.figure(name, low)} to {known.figure(name, high)}"
        lines.append(f"| {known.name_of(name)} | {known.figure(name, value)} | {text} |")
    if base := scored.baseline:
        name = known.name_of(base["metric"])
        lines.append(
            f"| {name} of {plain(str(base['text']))} | {known.figure(base['metric'], base['value'])} | |"
        )
    return [*lines, "", f"{scored.samples:,} samples.", ""]


def _class_table(facts: Facts) -> list[str]:
    if not facts.rows:
        return []
    lines = [
        "Recall is the share of what belongs to a class that the model finds; precision the share of what it",
        "gives that class that is right; F1 takes both together.",
        "",
        "| class | in the data | recall | precision | F1 | most often taken for |",
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
