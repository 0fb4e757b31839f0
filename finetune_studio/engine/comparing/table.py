"""What differs between runs: choices, circumstances and results, each with its title and its unit."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune_studio.core import own_run
from finetune_studio.core.recipe import fields
from finetune_studio.core.task import Pair
from finetune_studio.core.words import duration, score_name
from finetune_studio.engine.comparing.runs import Compared
from finetune_studio.tasks import CATALOGUE as TASKS

RECIPE, FACTS, RESULT = "recipe", "facts", "result"  # the parts of the table
_NOTHING = "–"
_LESS_IS_BETTER = ("loss", "perplexity", "seconds", "energy_wh", "latency_ms")
_FACTS = {
    "data": (
        "State of the data",
        "",
        "Another mark means that samples or labels were changed between.",
    ),
    "train": ("Training samples", "", "How many samples the run learnt from."),
    "validation": ("Validation samples", "", "How many samples judged it."),
    "trainable": ("Parameters that learn", "", "How many numbers of the network could change."),
    "batch": ("Batch size, as it was", "samples", "What was taken where the recipe left it open."),
    "device": ("Computed on", "", "Where the network ran."),
    "precision": ("Precision, as it was", "", "How exactly numbers were kept while learning."),
    "torch": ("PyTorch", "", "The version that computed it."),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One row: what differs, and what it is in each run.

    Attributes:
        part: ``recipe``, ``facts`` (no choice, but what the run met) or ``result``.
        name: The field's dotted name, or the score's.
        title: What it is called.
        unit: What its numbers count; empty where the values say so themselves.
        help: What it means.
        values: What it is in each run, in words, in the order of the runs.
        plain: The same as plain values.
        best: The places of the runs in which it is best; none for what is neither good nor bad.
    """

    part: str
    name: str
    title: str
    unit: str
    help: str
    values: tuple[str, ...]
    plain: tuple[Any, ...]
    best: tuple[int, ...] = ()


def differences(runs: Sequence[Compared], home: Path | None = None) -> list[Difference]:
    """Return only what differs between runs; the score that picked the best epoch always stands there.

    Args:
        runs: Two or more.
        home: The folder of the project that is looked at, for the names of runs as models.
    """
    return [*_choices(runs, home), *_facts(runs), *_results(runs)]


def as_csv(
    runs: Sequence[Compared],
    rows: Sequence[Difference],
    answers: Mapping[int, Sequence[Pair]] | None = None,
) -> str:
    """Return the table as CSV, and below it the samples to which the runs give different answers.

    Args:
        runs: One column each.
        rows: What differs.
        answers: By a run's number its answers, for those runs whose answers are known.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["part", "name", "title", "unit", *(run.title.lower() for run in runs)])
    for row in rows:
        plain = [_cell(value) for value in row.plain]
        writer.writerow([row.part, row.name, row.title, row.unit, *plain])
    said: dict[int, dict[int, str]] = {}
    about: dict[int, tuple[str, str]] = {}
    for number, pairs in (answers or {}).items():
        for sample, answer in pairs:
            about[sample.id] = (sample.place, str(sample.label or ""))
            said.setdefault(sample.id, {})[number] = str(answer.label or "")
    for sample_id, own in said.items():
        if len(set(own.values())) > 1:
            place, label = about[sample_id]
            writer.writerow(
                ["answer", place, label, "", *(own.get(run.number, "") for run in runs)]
            )
    return text.getvalue()


# --- rows -----------------------------------------------------------------------------------------


def _choices(runs: Sequence[Compared], home: Path | None) -> list[Difference]:
    known = fields() | _own_fields(runs[0].task)
    found = []
    names = dict.fromkeys(name for run in runs for name in run.recipe)
    for name in names:
        about = known.get(name, {})
        plain = tuple(run.recipe.get(name, about.get("default")) for run in runs)
        if not _same(plain):
            found.append(
                Difference(
                    RECIPE,
                    name,
                    str(about.get("title", name)),
                    str(about.get("unit", "")),
                    str(about.get("description", "")),
                    tuple(_words(name, value, about, home) for value in plain),
                    plain,
                )
            )
    return found


def _facts(runs: Sequence[Compared]) -> list[Difference]:
    found = []
    for name, (title, unit, help_text) in _FACTS.items():
        plain = tuple(run.facts.get(name) for run in runs)
        known = {value for value in plain if value is not None}
        if len(known) > 1:
            shown = tuple(_number(value) for value in plain)
            found.append(Difference(FACTS, name, title, unit, help_text, shown, plain))
    return found


def _results(runs: Sequence[Compared]) -> list[Difference]:
    headline = runs[0].headline
    names = dict.fromkeys([headline, *(name for run in runs for name in run.scores)])
    found = []
    for name in names:
        plain = tuple(run.scores.get(name) for run in runs)
        if any(value is not None for value in plain) and (name == headline or not _same(plain)):
            shown = tuple(_NOTHING if v is None else _score(v) for v in plain)
            title = score_name(name)
            help_text = "Of the best epoch, on the validation samples."
            best = _best(name, plain)
            found.append(
                Difference(
                    RESULT, name, title[:1].upper() + title[1:], "", help_text, shown, plain, best
                )
            )
    for name, title, unit, help_text, write in _MEASURED:
        plain = tuple(getattr(run, name) for run in runs)
        if any(value is not None for value in plain) and not _same(plain):
            shown = tuple(_NOTHING if v is None else write(v) for v in plain)
            best = _best(name, plain)
            found.append(Difference(RESULT, name, title, unit, help_text, shown, plain, best))
    return found


_MEASURED: tuple[tuple[str, str, str, str, Any], ...] = (
    ("best_epoch", "Best epoch", "", "After so many epochs the model was best.", "{:g}".format),
    ("epochs", "Epochs done", "", "After so many epochs the run ended.", "{:g}".format),
    ("seconds", "Time", "", "How long the run took.", duration),
    ("energy_wh", "Energy", "Wh", "What the run took, an estimate.", "{:.2g}".format),
    (
        "latency_ms",
        "Time of an answer",
        "ms",
        "Of the network alone, one at a time.",
        "{:.1f}".format,
    ),
    ("state", "State", "", "Whether the run came to its end.", str),
)


def _best(name: str, plain: Sequence[Any]) -> tuple[int, ...]:
    """Return the places of the best values; none where all are alike or nothing is better."""
    if name in ("best_epoch", "epochs", "state"):
        return ()
    known = [value for value in plain if value is not None]
    if len(set(known)) < 2:
        return ()
    top = min(known) if name in _LESS_IS_BETTER else max(known)
    return tuple(place for place, value in enumerate(plain) if value == top)


# --- words ----------------------------------------------------------------------------------------


def _own_fields(task: str) -> dict[str, dict[str, Any]]:
    """Return the settings that only this task has, as the recipe describes its own."""
    if task not in TASKS:
        return {}
    schema = TASKS.load(task).Options.model_json_schema().get("properties", {})
    return {f"options.{name}": about for name, about in schema.items()}


def _same(plain: Sequence[Any]) -> bool:
    return all(value == plain[0] for value in plain)


def _words(name: str, value: Any, about: Mapping[str, Any], home: Path | None) -> str:
    """Return a choice as people read it."""
    if name == "model.source":
        return _model(str(value), home)
    if about.get("lowest") and value == about.get("minimum"):
        return str(about["lowest"])
    if isinstance(value, str) and "enum" in about:
        return value.replace("_", " ")
    return _number(value)


def _model(source: str, home: Path | None) -> str:
    from finetune_studio.models.zoo import CATALOGUE as MODELS

    if source in MODELS:
        return MODELS[source].title
    return own_run.title(source, home) or Path(source).name


def _number(value: Any) -> str:
    match value:
        case None | "":
            return _NOTHING
        case bool():
            found = "yes" if value else "no"
        case int():
            found = f"{value:,}"
        case float():
            found = f"{value:g}"
        case dict():
            found = ", ".join(f"{key}: {_number(item)}" for key, item in value.items()) or _NOTHING
        case list() | tuple():
            found = ", ".join(_number(item) for item in value) or _NOTHING
        case _:
            found = str(value)
    return found


def _score(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def _cell(value: Any) -> Any:
    """Return a value as a cell of CSV: numbers exactly, nothing as an empty cell."""
    if value is None:
        return ""
    return _number(value) if isinstance(value, bool | list | tuple | dict) else value
