"""How far the model can be relied on: its certainty, thresholds, weak parts of the data and shortcuts."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from finetune_studio.core import label_doubts, shares
from finetune_studio.core.project import Project
from finetune_studio.engine import calibrating, slicing, trust_words
from finetune_studio.engine.calibrating import Look
from finetune_studio.engine.facts import Facts
from finetune_studio.engine.report.results import section, table
from finetune_studio.insights.slices import Slice

_SHOWN = 12  # slices


def calibration(project: Project, known: Facts) -> str:
    """Return how certain the model is beside how often it is right; nothing where it has no certainty."""
    look = calibrating.look(known.run.folder, project.dataset)
    if not look.count:
        return ""
    rows = "".join(
        f"<tr><td>{shares.whole(one.low)} to {shares.whole(one.high)}</td>"
        f"{_share(one.certainty)}{_share(one.right)}<td class='number'>{one.count:,}</td></tr>"
        for one in look.bins_now
    )
    head = (
        "<tr><th>Certainty</th><th colspan='2'>Says on average</th><th colspan='2'>Is right</th>"
        "<th class='number'>Answers</th></tr>"
    )
    inside = f"{table(head, rows)}{_decided(project, known, look)}"
    return section("Is it as often right as it says?", inside, trust_words.calibration(look))


def _decided(project: Project, known: Facts, look: Look) -> str:
    """Return the thresholds that are set, and who is turned away."""
    kept, points = look.decision, []
    names = kept.by_name(project.dataset.current(known.run.labels))
    costs = {
        name: kept.costs.get(str(number))
        for number, name in project.dataset.classes().items()
        if name in names
    }
    for name, threshold in names.items():
        paid = costs.get(name)
        why = (
            f", because a miss costs {paid['miss'] / max(1e-9, paid['false_alarm']):g} times a false alarm"
            if paid
            else ""
        )
        told = ""
        if name in look.classes:
            trade = look.trade(name)
            missed, falsely = trade.ids_at(threshold)
            told = (
                f" On validation {len(missed):,} of {trade.positives:,} are missed so, with"
                f" {len(falsely):,} false alarms."
            )
            if (fair := look.fairly(name)) is not None:
                told += f" {trust_words.fairly(fair)}"
        points.append(
            f"{name} is named from a probability of {trust_words.level(threshold)} on{why}.{told}"
        )
    if kept.least_likeness > -1:
        points.append(
            "Inputs unlike any training sample are answered “none of these”; of the validation samples"
            f" {shares.fine(kept.turned_away)} would be turned away."
        )
    listed = "".join(f"<li>{escape(point)}</li>" for point in points)
    return f"<ul>{listed}</ul>" if listed else ""


def slices(project: Project, known: Facts) -> str:
    """Return how good the model is on parts of the data, and what can be told without looking."""
    if not known.pairs:
        return ""
    look = slicing.look(project, known.run.folder)
    judged = [one for one in look.slices if not one.small]
    rows = "".join(_slice_row(one) for one in judged[:_SHOWN])
    head = (
        "<tr><th>Part of the data</th><th colspan='2'>Score</th><th class='number'>95 % interval</th>"
        "<th class='number'>Elsewhere</th><th class='number'>Samples</th></tr>"
    )
    listed = table(head, rows) if rows else ""
    found = look.shortcut
    told = f"<p>{escape(found.sentence)}</p>" if found is not None and not found.reason else ""
    lead = trust_words.slices(look.slices, look.metric, look.tried)
    return section("Parts of the data", f"{listed}{told}", lead) if listed or told else ""


def _slice_row(one: Slice) -> str:
    name = escape(f"{one.column}: {one.value}")
    shown = f"<b>{name}</b>, worse than chance explains" if one.worse else name
    return (
        f"<tr><td>{shown}</td>{_share(one.score)}<td class='number'>{one.low:.2f} to {one.high:.2f}</td>"
        f"<td class='number'>{one.rest:.2f}</td><td class='number'>{one.count:,}</td></tr>"
    )


def _share(value: float) -> str:
    return (
        f"<td><div class='bar'><i style='width:{100 * value:.1f}%'></i></div></td>"
        f"<td class='number'>{value:.2f}</td>"
    )


def limits(project: Project, known: Facts) -> Sequence[str]:
    """Return what the figures do not say about certainty and labels, in plain sentences."""
    points = []
    look = calibrating.look(known.run.folder, project.dataset)
    if look.count >= trust_words.FEWEST_CERTAIN and look.error_now > 0.05:
        points.append(
            f"Its certainty is off by {shares.fine(look.error_now)} on average: probabilities are an"
            " order, not a promise."
        )
    if look.decision.least_likeness <= -1:
        points.append(
            "It answers every input, also one that shows none of its classes; nothing is turned away."
        )
    doubts = label_doubts.open_ones(project.dataset)
    count = sum(doubt.suspected for doubt in doubts or ())
    if count:
        points.append(
            f"{count:,} labels of these data are likely wrong and not yet decided about; scores against"
            " wrong labels are too low or too high."
        )
    return points
