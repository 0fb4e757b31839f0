"""How good the model is: figures, classes, confusions and the answers that were most wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from finetune_studio.core.events import Evaluated
from finetune_studio.core.shares import cautious
from finetune_studio.core.task import Pair
from finetune_studio.engine import charts, slicing, tally
from finetune_studio.engine.facts import Facts, figure, name_of, share_of_one
from finetune_studio.engine.report import examples
from finetune_studio.insights.confusion import confusion
from finetune_studio.insights.per_class import ClassScore
from finetune_studio.insights.worst import ordered

_SHOWN = 12
_MOST_CARDS = 5  # scores; those of single types stand in the table
_MOST_IN_MATRIX = 40
_SHOWN_OF_MANY = 30  # classes of a matrix that has more: those that are confused most
_FEW_IN_MATRIX = 14  # classes up to which cells are large
_MOST_CONFUSIONS = 5
_MOST_CONFUSIONS_OF_MANY = 15
_MEANING = {
    "macro_f1": "Every class counts the same, however small.",
    "entity_f1": "A place counts as found where its beginning, end and type are right.",
    "exact_match": "The share of answers that are word for word a true one.",
    "f1": "How well the words of answers fit those of the true ones.",
    "rouge_l": "How much of the wanted text is there in the same order.",
    "perplexity": "Among so many equally likely words it would be as unsure; less is better.",
    "token_accuracy": "The share of words, or pieces of them, that it would have written itself.",
}


def section(title: str, inside: str, lead: str = "") -> str:
    """Return a card of the page; ``lead`` is plain text, ``inside`` is HTML. Nothing inside: no card."""
    before = f"<p class='lead'>{escape(lead)}</p>" if lead else ""
    return f"<section><h2>{escape(title)}</h2>{before}{inside}</section>" if inside else ""


def table(head: str, rows: str, kind: str = "") -> str:
    """Return a table whose head is printed again on every page that it goes on to."""
    named = f" class='{kind}'" if kind else ""
    inside = f"<thead>{head}</thead><tbody>{rows}</tbody>"
    return f"<div class='wide'><table{named}>{inside}</table></div>"


def cards(known: Facts) -> str:
    """Return the headline figures."""
    made = []
    if (scored := known.scored) is not None:
        made += [_score(scored, name) for name in list(scored.metrics)[:_MOST_CARDS]]
    judged = [row for row in known.rows if row.samples]
    if judged and (weakest := min(judged, key=lambda row: row.recall)).recall < 1:
        made.append(_weakest(weakest))
    if (test := known.test) is not None:
        name, value = next(iter(test.metrics.items()))
        looks = f"{known.looks} times" if known.looks != 1 else "once"
        text = f"{name_of(name)} on {test.samples:,} untouched samples; looked at {looks}."
        bounds = test.intervals.get(name)
        made.append(_card("Test samples", figure(name, value), text, _range(value, bounds, None)))
    elif known.splits.get("test"):
        text = f"{known.splits['test']:,} samples are kept for one last, honest check."
        made.append(_card("Test samples", "locked", text))
    return f"<div class='cards'>{''.join(made)}</div>" if made else ""


def _card(title: str, figure: str, text: str, drawing: str = "", kind: str = "") -> str:
    shown = f"<b class='{kind}'>{escape(figure)}</b>" if kind else f"<b>{escape(figure)}</b>"
    return f"<div class='card'><h2>{escape(title)}</h2>{shown}{drawing}<p>{escape(text)}</p></div>"


def _score(scored: Evaluated, name: str) -> str:
    value, bounds = scored.metrics[name], scored.intervals.get(name)
    base = scored.baseline if scored.baseline.get("metric") == name else {}
    text = (
        f"95 % interval {figure(name, bounds[0])} to {figure(name, bounds[1])}." if bounds else ""
    )
    if base:
        said = str(base["text"])
        text += f" {said[:1].upper()}{said[1:]} would give {figure(name, base['value'])}."
    text += f" {_MEANING.get(name, '')}"
    title = name_of(name)
    drawing = _range(value, bounds, base.get("value")) if share_of_one(name) else ""
    return _card(title[:1].upper() + title[1:], figure(name, value), text.strip(), drawing)


def _weakest(row: ClassScore) -> str:
    text = f"is found least often: {cautious(row.recall)} of {row.samples:,}."
    if row.times:
        text += f" Most often taken for {row.taken_for}."
    return _card("Weakest class", row.name, text, kind="name")


def _range(value: float, bounds: Sequence[float] | None, base: float | None) -> str:
    """Draw a score from 0 to 1 with its interval as a band and the baseline as a tick."""
    return charts.range_bar(value, bounds or (value, value), base) if 0 <= value <= 1 else ""


def classes(known: Facts) -> str:
    """Return the table of the classes."""
    rows = "".join(_class_row(row) for row in known.rows)
    if not rows:
        return ""
    head = (
        "<tr><th>Class</th><th class='number'>In the data</th><th colspan='2'>Found (recall)</th>"
        "<th colspan='2'>Right when said (precision)</th><th class='number'>F1</th>"
        "<th>Most often taken for</th></tr>"
    )
    lead = (
        "Found: of the samples of a class, the share that the model names so. Right when said: of the"
        " times it says a class, the share that is that class. F1 takes both together."
    )
    return section("Class by class", table(head, rows), lead)


def _class_row(row: ClassScore) -> str:
    taken = (
        f"{escape(row.taken_for)}, {row.times:,} of {row.samples:,}"
        if row.times
        else "never another"
    )
    found = _share(row.recall) if row.samples else "<td colspan='2'>none to find</td>"
    return (
        f"<tr><td>{escape(row.name)}</td><td class='number'>{row.samples:,}</td>{found}"
        f"{_share(row.precision)}<td class='number'>{row.f1:.2f}</td>"
        f"<td>{taken if row.samples else ''}</td></tr>"
    )


def _share(value: float) -> str:
    return (
        f"<td><div class='bar'><i style='width:{100 * value:.1f}%'></i></div></td>"
        f"<td class='number'>{value:.2f}</td>"
    )


def matrix(known: Facts) -> str:
    """Return what is taken for what: sentences, and a matrix of as many classes as can be read."""
    if not tally.one_each(known.pairs):
        return ""
    names = tuple(row.name for row in known.rows)
    grid = confusion(known.pairs, names)
    rows, values = tuple(grid.rows), [[int(n) for n in row] for row in grid.values.tolist()]
    lead = "Each row is a true class, each column what the model said; the blue diagonal is right."
    places = list(range(len(rows)))
    many = len(rows) > _MOST_IN_MATRIX
    if many:
        places = _confused_most(values)
        lead += (
            f" Of {len(rows):,} classes, these {len(places):,} are confused most; what was said of or for"
            " the others is not counted here."
        )
    if not places:
        return section("What is taken for what", "<p>No two classes were confused.</p>")
    inside = _confusions(rows, values, _MOST_CONFUSIONS_OF_MANY if many else _MOST_CONFUSIONS)
    return section("What is taken for what", inside + _matrix(rows, values, places), lead)


def _confused_most(values: Sequence[Sequence[int]]) -> list[int]:
    """Return the places of the classes with most errors, of their own or for them, in their order."""
    wrong = {
        place: sum(row) + sum(other[place] for other in values) - 2 * row[place]
        for place, row in enumerate(values)
    }
    most = sorted((place for place in wrong if wrong[place]), key=lambda place: -wrong[place])
    return sorted(most[:_SHOWN_OF_MANY])


def _confusions(names: Sequence[str], values: Sequence[Sequence[int]], most: int) -> str:
    found = [
        (count, names[i], names[j], sum(row))
        for i, row in enumerate(values)
        for j, count in enumerate(row)
        if i != j and count > 1
    ]
    found.sort(key=lambda item: -item[0])
    points = "".join(
        f"<li>{escape(truth)} is taken for {escape(said)}: {count:,} of {total:,} times.</li>"
        for count, truth, said, total in found[:most]
    )
    return f"<ul>{points}</ul>" if points else ""


def _matrix(names: Sequence[str], values: Sequence[Sequence[int]], places: Sequence[int]) -> str:
    """Return the rows and columns at some places; shares are of all that a class has."""
    head = "".join(f"<th class='column'><span>{escape(names[j])}</span></th>" for j in places)
    rows = ""
    for i in places:
        total = max(1, sum(values[i]))
        cells = "".join(_cell(values[i][j], values[i][j] / total, right=i == j) for j in places)
        rows += f"<tr><th class='row'>{escape(names[i])}</th>{cells}</tr>"
    kind = "matrix many" if len(places) > _FEW_IN_MATRIX else "matrix"
    return table(f"<tr><th></th>{head}</tr>", rows, kind)


def _cell(count: int, share: float, *, right: bool) -> str:
    """Colour a cell by its share of the row; figures keep a contrast of at least 4.5 to 1."""
    if not count:
        return "<td></td>"
    if share > 0.5:
        colour = "0,95,150" if right else "166,72,0"
        style = f"background:rgba({colour},{0.85 + 0.15 * share:.2f})"
        return f"<td class='strong' style='{style}'>{count:,}</td>"
    colour = "0,114,178" if right else "213,94,0"
    return f"<td style='background:rgba({colour},{0.12 + 0.4 * share:.2f})'>{count:,}</td>"


def answers(known: Facts) -> str:
    """Return the answers that were most wrong, or where none is wrong the least sure ones."""
    pairs, task = known.pairs, known.task
    if not pairs:
        return ""
    if not tally.one_each(pairs):
        return _by_score(known)
    wrong = [pair for pair in ordered(pairs) if pair[0].label != pair[1].label]
    if wrong:
        title, shown = "Most wrong", wrong[:_SHOWN]
        lead = (
            f"{len(wrong):,} of {len(pairs):,} answers are wrong; of these the model was most"
            " certain. Some of the labels may be wrong rather than the answers."
        )
    else:
        title, shown = "Least sure", ordered(pairs, "least_sure")[:_SHOWN]
        lead = "No answer is wrong; of these right ones the model was least certain."
    return section(title, examples.gallery(task, shown), lead)


def _by_score(known: Facts) -> str:
    """Return the answers that score worst, each by itself."""
    task, name = known.task, known.task.headline
    scored: list[tuple[float, Pair]] = []
    # Where nothing was to be found and nothing was said, that is right, though the score is 0.
    _, own = slicing.own_scores(task, known.pairs)
    for pair in known.pairs:
        found = task.score([pair]).get(name)
        if own.get(pair[0].id) == 1 and not task.less_is_better:
            found = 1.0
        if found is not None and math.isfinite(found) and not _unanswered(pair):
            scored.append((found, pair))
    if not scored:
        return ""
    scored.sort(key=lambda item: item[0], reverse=task.less_is_better)
    right = sum(value >= 1 for value, _ in scored) if not task.less_is_better else 0
    shown = [pair for value, pair in scored if task.less_is_better or value < 1][:_SHOWN]
    word = name_of(name)
    lead = f"Each sample was scored by itself ({word}); these came out worst of {len(scored):,}."
    if right:
        lead = f"{right:,} of {len(scored):,} samples are answered fully right. {lead}"
    lead += " Some of what the data say may be wrong rather than the answers."
    if not shown:
        shown, lead = [pair for _, pair in scored[:_SHOWN]], "Every sample is answered fully right."
    return section("Weakest answers", examples.gallery(task, shown), lead)


def _unanswered(pair: Pair) -> bool:
    """Whether the answer was not asked for, because giving it takes long."""
    answer = pair[1]
    return answer.label is None and not answer.answer
