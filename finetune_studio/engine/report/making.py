"""How the model was made: its data, what it began from, how training went, and every choice."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

from finetune_studio.core import recipe as recipes
from finetune_studio.core.dataset import Sample
from finetune_studio.core.events import RunFinished, RunStarted, StepDone, Validated
from finetune_studio.core.project import Project
from finetune_studio.core.shares import cautious
from finetune_studio.core.splits import SPLITS
from finetune_studio.core.words import duration
from finetune_studio.engine import charts, facts
from finetune_studio.engine.facts import Facts
from finetune_studio.engine.report import examples
from finetune_studio.engine.report.pictures import square
from finetune_studio.engine.report.results import section

_EXAMPLES = 4
_TEXTS = 3
_MOST_PICTURES = 60
_SIDE = 96  # pixels of an example, shown at half of it
_SPLITS = {"train": "training", "validation": "validation", "test": "test"}


def data(project: Project, known: Facts) -> str:
    """Return what there is of each class in each split, with examples."""
    if not known.splits:
        return ""
    some = _training(project, known)
    examples_shown = _examples(known, some) if examples.is_pictures(known.task, some) else {}
    texts = "" if examples_shown else _texts(known, some)
    return section("The data", f"{_table(known, examples_shown)}{texts}", _lead(known))


def _table(known: Facts, pictures: dict[str, list[str]]) -> str:
    top = max((sum(row.values()) for row in known.classes.values()), default=0)
    rows = "".join(
        f"<tr><td>{escape(name)}</td>{_strip(name, pictures)}<td style='width:30%'>{_bar(row, top)}</td>"
        + "".join(f"<td class='number'>{row[split]:,}</td>" for split in SPLITS)
        + "</tr>"
        for name, row in known.classes.items()
    )
    sums = "".join(f"<td class='number'>{known.splits.get(split, 0):,}</td>" for split in SPLITS)
    keys = "".join(f"<i class='key {split}'></i>{word} " for split, word in _SPLITS.items())
    head = f"<tr><th>{'Class' if rows else ''}</th>{'<th></th>' if pictures else ''}"
    head += f"<th class='keys'>{keys}</th>" + "".join(
        f"<th class='number'>{word.capitalize()}</th>" for word in _SPLITS.values()
    )
    whole = {split: known.splits.get(split, 0) for split in SPLITS}
    bar = "" if rows else _bar(whole, sum(whole.values()))
    total = f"<tr class='total'><td>Samples</td>{'<td></td>' if pictures else ''}<td>{bar}</td>{sums}</tr>"
    inside = f"<thead>{head}</tr></thead><tbody>{rows}{total}</tbody>"
    return f"<div class='wide'><table>{inside}</table></div>"


def _lead(known: Facts) -> str:
    count = sum(known.splits.values())
    several = "class" if len(known.classes) == 1 else "classes"
    classes = f" in {len(known.classes):,} {several}" if known.classes else ""
    lead = (
        f"{count:,} samples{classes}. The model learnt from the training samples, its best epoch was"
        " chosen by the validation samples, and the test samples are for the last check."
    )
    if known.unused:
        lead += f" {known.unused:,} more are excluded, unreadable or without a label."
    return f"{lead} {facts.lengths(known)}".strip()


def _training(project: Project, known: Facts) -> list[Sample]:
    samples = project.dataset.samples(split="train", usable=True)
    return [sample for sample in samples if known.task.teaches(sample)]


def _texts(known: Facts, samples: Sequence[Sample]) -> str:
    """Return a few training samples, spread over the data."""
    step = max(1, len(samples) // _TEXTS)
    shown = examples.plain(known.task, samples[::step][:_TEXTS])
    return f"<h3>Some of the training samples</h3>{shown}" if shown else ""


def _examples(known: Facts, samples: Sequence[Sample]) -> dict[str, list[str]]:
    """Return a few training pictures of each class, spread over the data; none for very many classes."""
    each = min(_EXAMPLES, _MOST_PICTURES // max(1, len(known.classes)))
    if not each:
        return {}
    found: dict[str, list[Sample]] = {}
    for sample in samples:
        if sample.label is not None:
            found.setdefault(sample.label, []).append(sample)
    chosen: dict[str, list[str]] = {}
    for name, of_class in found.items():
        step = max(1, len(of_class) // each)
        links = (square(sample.path, _SIDE) for sample in of_class[::step][:each])
        chosen[name] = [link for link in links if link]
    return chosen if any(chosen.values()) else {}


def _strip(name: str, examples: dict[str, list[str]]) -> str:
    if not examples:
        return ""
    images = "".join(f"<img alt='' src='{link}'>" for link in examples.get(name, ()))
    return f"<td><div class='strip'>{images}</div></td>"


def _bar(row: dict[str, int], top: int) -> str:
    parts = "".join(
        f"<i class='{split}' style='width:{100 * row[split] / top:.1f}%'></i>" for split in SPLITS
    )
    return f"<div class='bar'>{parts}</div>"


def model(known: Facts) -> str:
    """Return what the network was begun from and how much of it was retrained."""
    rows = {"Begun from": known.origin}
    if known.pretrained_on:
        rows["It had learnt from"] = known.pretrained_on
    rows["Its licence"] = known.licence or "not known; see where the weights came from"
    if (started := known.started) is not None:
        share = started.trainable / max(1, started.parameters)
        rows["Retrained"] = (
            f"{known.retrained}: {started.trainable:,} of {started.parameters:,} parameters"
            f" ({cautious(share)}); the rest keeps what it knew"
            if started.trainable < started.parameters
            else f"{known.retrained}: all {started.parameters:,} parameters"
        )
        rows["Ran on"] = started.device
    if longest := known.run.model.get("processor", {}).get("max_length"):
        rows["Reads at once"] = f"{longest:,} tokens (pieces of words) at most"
    rows["Forgotten"] = " ".join(facts.forgotten(known))
    rows["Cost"] = facts.took(known)
    return section("The model", _list(rows))


def _list(rows: dict[str, str]) -> str:
    inside = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in rows.items() if v)
    return f"<dl>{inside}</dl>"


def training(known: Facts) -> str:
    """Return the curves and what they say."""
    steps: list[tuple[float, float]] = []
    judged: list[Validated] = []
    for event in known.run.events():
        if isinstance(event, RunStarted) and not event.resumed:
            steps, judged = [], []
        elif isinstance(event, StepDone):
            steps.append((event.epoch, event.loss))
        elif isinstance(event, Validated):
            judged.append(event)
    if not judged:
        return ""
    best = next((e.epoch for e in reversed(judged) if e.best), None)
    loss = charts.chart(
        "Loss (lower is better)",
        {
            "training": (steps, "blue"),
            "validation": ([(e.epoch, e.loss) for e in judged], "orange"),
        },
        best,
    )
    name = next(iter(judged[0].metrics), "")
    direction = "lower" if known.task.less_is_better else "higher"
    values = [(e.epoch, e.metrics[name]) for e in judged if name in e.metrics]
    base = known.scored.baseline if known.scored is not None else {}
    level = (float(base["value"]), str(base["text"])) if base.get("metric") == name else None
    word = facts.name_of(name)
    score = charts.chart(
        f"Validation {word} ({direction} is better)",
        {word: (values, "green")},
        best,
        level=level,
        bounds=(0.0, 1.0) if facts.share_of_one(name) else None,
    )
    lead = (
        "The blue line is the error on samples that the model learns from, the orange one on samples that"
        " it does not. Where orange rises while blue falls, it begins to learn its samples by heart."
    )
    curves = f"<div class='curves'><div>{loss}</div><div>{score}</div></div>"
    return section("Training", curves + _course(known.finished, best, judged), lead)


def _course(finished: RunFinished | None, best: float | None, judged: list[Validated]) -> str:
    parts = []
    if best is not None:
        parts.append(f"Epoch {best:g} of {judged[-1].epoch:g} was the best and is what was kept.")
    if finished is not None:
        parts.append(f"Training took {duration(finished.seconds)}.")
        if finished.reason:
            parts.append(finished.reason.rstrip(".") + ".")
    return f"<p class='muted'>{escape(' '.join(parts))}</p>" if parts else ""


def recipe(known: Facts) -> str:
    """Return every choice that is not the default, the whole recipe, and what it ran with."""
    chosen = facts.without_places(known.run.recipe)
    rows: dict[str, str] = {}
    for name, about in recipes.fields().items():
        value = chosen
        for part in name.split("."):
            value = getattr(value, part)
        if value not in (about["default"], "", [], {}) and name != "task":
            rows[str(about["title"])] = f"{_said(value)} {_unit(about.get('unit'))}".strip()
    environment = known.run.environment
    versions = ("python", "torch", "torchvision", "transformers", "tokenizers", "peft", "platform")
    used = {name: str(environment.get(name, "")) for name in versions}
    used["Fingerprint of the data"] = facts.fingerprint_of(known)
    return section(
        "How to make it again",
        f"{_list(rows)}<h3>It ran with</h3>{_list(used)}"
        f"<details><summary>The whole recipe</summary><pre>{escape(_bare(chosen.toml()))}</pre></details>",
        "Whatever is not listed was left as it is by default. The same recipe, data and versions give the"
        " same model.",
    )


def _bare(toml: str) -> str:
    """Return a recipe without its explanations: the same choices on half a page."""
    kept = [line for line in toml.splitlines() if not line.startswith("#")]
    return re.sub(r"\n{2,}", "\n\n", "\n".join(kept)).strip()


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    text = str(value)
    return Path(text).name if "/" in text else text.replace("_", " ")


def _unit(unit: object) -> str:
    return str(unit) if unit else ""
