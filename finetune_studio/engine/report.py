"""One page about a run that can be sent to anybody: no scripts, no links to elsewhere, pictures inside."""

from __future__ import annotations

import base64
import io
import math
import time
from collections.abc import Sequence
from html import escape
from pathlib import Path

from finetune_studio.core import files, recipe, settings
from finetune_studio.core.events import Evaluated, RunFinished, RunStarted, StepDone, Validated
from finetune_studio.core.project import Project
from finetune_studio.core.task import Pair
from finetune_studio.core.words import NAMES, duration
from finetune_studio.engine import charts, evaluate
from finetune_studio.engine.run import Run
from finetune_studio.insights.confusion import confusion
from finetune_studio.insights.per_class import per_class
from finetune_studio.insights.worst import ordered, wrong_by

_SHOWN = 12
_SIDE = 220  # pixels of a picture in the page
_WIDE_INTERVAL = 0.15  # beyond this a score says little


def write_report(project: Project, run_folder: Path) -> Path:
    """Write ``report.html`` into the project about one run and return its path.

    Raises:
        StudioError: If the run has no answers on the validation split, or the disk is full.
    """
    run = Run(run_folder)
    task = evaluate.load_task(run.recipe.task)
    pairs = evaluate.answers(run.folder, project.dataset, "validation")
    scored = evaluate.scored(project, run, task, "validation", pairs)
    tested = evaluate.answers(run.folder, project.dataset, "test")
    test = evaluate.scored(project, run, task, "test", tested) if tested else None
    css = (settings.resources() / "report" / "report.css").read_text(encoding="utf-8")
    sections = [
        _headline(scored, test, project),
        _data(project),
        _model(run),
        _curves(run, scored),
        _classes(pairs),
        _matrix(pairs),
        _photos(pairs),
        _limits(scored, test),
        _recipe(run),
    ]
    when = time.strftime("%d %B %Y")
    page = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(project.name)}</title><style>{css}</style></head><body><main>"
        f"<h1>{escape(project.name)}</h1>"
        f'<p class="muted">Run {run.number} of a Finetune Studio project · {when}</p>'
        f"{''.join(sections)}</main></body></html>\n"
    )
    target = project.folder / "report.html"
    files.write_text(target, page)
    return target


def _section(title: str, inside: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{inside}</section>" if inside else ""


def _headline(scored: Evaluated, test: Evaluated | None, project: Project) -> str:
    cards = [
        _score_card(name, value, scored.intervals.get(name))
        for name, value in scored.metrics.items()
    ]
    if test is not None:
        name, value = next(iter(test.metrics.items()))
        looks = len(project.logged("test_opened"))
        cards.append(
            f'<div class="figure">Test split<b>{value:.3f}</b><span class="muted">'
            f"{NAMES.get(name, name)} on {test.samples:,} samples; looked at {looks} time"
            f"{'s' if looks != 1 else ''}</span></div>"
        )
    return _section(
        "In short", f"<p>{escape(summary(scored))}</p><div class='figures'>{''.join(cards)}</div>"
    )


def _score_card(name: str, value: float, bounds: list[float] | None) -> str:
    between = f"95 % interval {bounds[0]:.3f} to {bounds[1]:.3f}" if bounds else ""
    title = NAMES.get(name, name)
    return (
        f'<div class="figure">{escape(title[:1].upper() + title[1:])}<b>{value:.3f}</b>'
        f'<span class="muted">{between}</span></div>'
    )


def summary(scored: Evaluated) -> str:
    """Return the result in plain words: the score, how sure it is, and what it must beat."""
    if not scored.metrics or not scored.samples:
        return "There are no validation samples left to judge this run by."
    name, value = next(iter(scored.metrics.items()))
    low, high = scored.intervals.get(name, [value, value])
    parts = [
        f"Of {scored.samples:,} validation samples the model never learnt from, it answers"
        f" {value:.1%} rightly"
        if name == "accuracy"
        else f"On {scored.samples:,} validation samples its {NAMES.get(name, name)} is {value:.3f}"
    ]
    parts[0] += f"; on other samples like them expect between {low:.1%} and {high:.1%}."
    if base := scored.baseline:
        verdict = "better than" if low > base["value"] else "not clearly better than"
        parts.append(
            f"That is {verdict} the simplest answer, {base['text']}, which reaches {base['value']:.1%}."
        )
    if high - low > _WIDE_INTERVAL:
        parts.append("The interval is wide: with more validation samples the score would say more.")
    return " ".join(parts)


def _data(project: Project) -> str:
    counts = project.dataset.counts()
    top = max(counts.values(), default=1) or 1
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td><div class='bar'><i style='width:{100 * n / top:.0f}%'></i>"
        f"</div></td><td class='number'>{n:,}</td></tr>"
        for name, n in counts.items()
    )
    splits = " · ".join(f"{name} {n:,}" for name, n in project.dataset.split_counts().items() if n)
    unused = len(project.dataset) - sum(counts.values())
    left = f" {unused:,} samples are excluded, unreadable or without a label." if unused else ""
    return _section(
        "Data", f"<p>{sum(counts.values()):,} samples: {splits}.{left}</p><table>{rows}</table>"
    )


def _model(run: Run) -> str:
    started = run.started
    if started is None:
        return ""
    amount = run.recipe.layers.amount.replace("_", " ")
    return _section(
        "Model",
        f"<p>Begun from <b>{escape(Path(started.model).name)}</b>; retrained: {amount}, which is"
        f" {started.trainable:,} of {started.parameters:,} parameters. It ran on"
        f" {escape(started.device)}</p>",
    )


def _curves(run: Run, scored: Evaluated) -> str:
    steps: list[tuple[float, float]] = []
    judged: list[Validated] = []
    finished: RunFinished | None = None
    for event in run.events():
        if isinstance(event, RunStarted) and not event.resumed:
            steps, judged = [], []
        elif isinstance(event, StepDone):
            steps.append((event.epoch, event.loss))
        elif isinstance(event, Validated):
            judged.append(event)
        elif isinstance(event, RunFinished):
            finished = event
    if not judged:
        return ""
    best = finished.best_epoch if finished else None
    loss = charts.chart(
        "loss",
        {
            "training": (steps, "blue"),
            "validation": ([(e.epoch, e.loss) for e in judged], "orange"),
        },
        best,
    )
    name = next(iter(judged[0].metrics), "")
    base = scored.baseline.get("value") if scored.baseline.get("metric") == name else None
    score = charts.chart(
        f"validation {NAMES.get(name, name)}",
        {NAMES.get(name, name): ([(e.epoch, e.metrics[name]) for e in judged], "green")},
        best,
        level=(base, str(scored.baseline.get("text"))) if base is not None else None,
        bounds=(0.0, 1.0),
    )
    took = f"<p class='muted'>Trained in {duration(finished.seconds)}.</p>" if finished else ""
    return _section(
        "Training", f'<div class="curves"><div>{loss}</div><div>{score}</div></div>{took}'
    )


def _classes(pairs: Sequence[Pair]) -> str:
    if not pairs:
        return ""
    rows = "".join(
        f"<tr><td>{escape(r.name)}</td><td class='number'>{r.samples:,}</td>"
        f"<td class='number'>{r.recall:.2f}</td><td class='number'>{r.precision:.2f}</td>"
        f"<td class='number'>{r.f1:.2f}</td>"
        f"<td>{f'{escape(r.taken_for)}, {r.times} times' if r.times else ''}</td></tr>"
        for r in per_class(pairs)
    )
    return _section(
        "Class by class",
        "<table><tr><th>class</th><th class='number'>samples</th><th class='number'>found (recall)</th>"
        "<th class='number'>right when said (precision)</th><th class='number'>F1</th>"
        f"<th>most often taken for</th></tr>{rows}</table>",
    )


def _matrix(pairs: Sequence[Pair]) -> str:
    grid = confusion(pairs)
    if not grid.rows or len(grid.rows) > 40:
        return ""
    head = "".join(f"<th>{escape(name)}</th>" for name in grid.columns)
    rows = ""
    for i, name in enumerate(grid.rows):
        total = max(1, int(grid.values[i].sum()))
        cells = "".join(
            _cell(int(n), n / total, right=i == j) for j, n in enumerate(grid.values[i])
        )
        rows += f"<tr><th class='row'>{escape(name)}</th>{cells}</tr>"
    return _section(
        "True class (rows) and what the model said (columns)",
        f"<table class='matrix'><tr><th></th>{head}</tr>{rows}</table>",
    )


def _cell(count: int, share: float, *, right: bool) -> str:
    if not count:
        return "<td style='background:var(--raised)'></td>"
    colour = "0,114,178" if right else "213,94,0"
    ink = "#fff" if share > 0.45 else "inherit"
    return (
        f"<td style='background:rgba({colour},{0.15 + 0.85 * share:.2f});color:{ink}'>{count}</td>"
    )


def _photos(pairs: Sequence[Pair]) -> str:
    wrong = [
        pair for pair in ordered(pairs) if wrong_by(pair) >= 0 and pair[0].label != pair[1].label
    ]
    shown = "".join(_photo(pair) for pair in wrong[:_SHOWN])
    if not shown:
        return ""
    return _section(
        "Most wrong",
        f"<p class='muted'>{len(wrong):,} of {len(pairs):,} answers are wrong; those of which the model"
        f" was most certain. Some of these labels may be wrong rather than the answers.</p>"
        f'<div class="photos">{shown}</div>',
    )


def _photo(pair: Pair) -> str:
    sample, answer = pair
    share = answer.probabilities.get(str(answer.label), 0.0)
    picture = _thumbnail(sample.path)
    image = f'<img alt="" src="{picture}">' if picture else ""
    return (
        f"<figure>{image}<b>said {escape(str(answer.label))}</b> {share:.0%}<br>"
        f"<span class='muted'>labelled {escape(str(sample.label))}</span></figure>"
    )


def _thumbnail(path: str) -> str:
    """Return a small JPEG as a data link; empty where the file cannot be read any more."""
    from PIL import Image

    from finetune_studio.modality import preprocess

    try:
        picture = preprocess.open_picture(path, _SIDE)
    except Exception:  # noqa: BLE001  a file that moved since must not spoil the report
        return ""
    factor = _SIDE / min(picture.size)
    small = picture.resize(
        (math.ceil(picture.width * factor), math.ceil(picture.height * factor)),
        Image.Resampling.BILINEAR,
    )
    left, top = (small.width - _SIDE) // 2, (small.height - _SIDE) // 2
    out = io.BytesIO()
    small.crop((left, top, left + _SIDE, top + _SIDE)).save(out, "JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()


def _limits(scored: Evaluated, test: Evaluated | None) -> str:
    points = [
        "The scores hold for samples like those it was judged with: the same cameras, places and habits.",
        "It always answers with one of its classes, also where none of them is right.",
        "The best epoch was chosen on the validation split, so its score there is a little too good.",
    ]
    if test is None:
        points.append("The test split has not been looked at, or there is none.")
    if scored.samples < 100:
        points.append(
            f"{scored.samples:,} validation samples are few: small differences mean nothing."
        )
    return _section("Limits", "<ul>" + "".join(f"<li>{escape(p)}</li>" for p in points) + "</ul>")


def _recipe(run: Run) -> str:
    chosen = run.recipe
    rows = ""
    for name, about in recipe.fields().items():
        value = chosen
        for part in name.split("."):
            value = getattr(value, part)
        if value != about["default"] and name not in ("data.path", "model.source"):
            unit = about.get("unit", "")
            rows += f"<tr><td>{escape(about['title'])}</td><td>{escape(str(value))} {escape(unit)}</td></tr>"
    env = run.environment
    facts = ", ".join(
        f"{k} {env[k]}" for k in ("python", "torch", "torchvision", "platform") if k in env
    )
    return _section(
        "How to make it again",
        f"<p>What differs from the defaults:</p><table>{rows}</table>"
        f"<details><summary>The whole recipe</summary><pre>{escape(chosen.toml())}</pre></details>"
        f"<p class='muted'>{escape(facts)}. Fingerprint of the data:"
        f" {escape(str(env.get('data_fingerprint', '')))}</p>",
    )
