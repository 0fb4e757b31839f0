"""What is known of a run's blends, and what their curves say in plain sentences; no network is loaded."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

from finetune_studio.core.measures import BlendMeasured
from finetune_studio.core.shares import whole
from finetune_studio.core.words import score_name
from finetune_studio.engine.run import Run

FILE = "blend.json"
HALVES = ("first", "second")  # of the validation samples, every other one


def kept(run_folder: Path, held_out: str | None = None) -> BlendMeasured | None:
    """Return what was measured before of the run's present network; of any held-out samples if None."""
    try:
        found = json.loads((Path(run_folder) / FILE).read_text(encoding="utf-8"))
        same = found["checkpoint"] == Run(Path(run_folder)).checkpoints.get("best", "")
        if not same or held_out not in (None, found["held_out"]):
            return None
        return BlendMeasured(**found["blend"])
    except (OSError, ValueError, KeyError, TypeError):  # not measured, or by another version
        return None


def sentences(blend: BlendMeasured) -> list[str]:
    """Return what both curves say, in plain sentences."""
    first, last = blend.points[0], blend.points[-1]
    if "original" not in last:
        return [blend.about]
    told = [blend.about, _lost(blend, first["original"], last["original"])]
    best = advised(blend)
    if best is not None and 0 < best < 1:
        point = at(blend, best)
        told.append(
            f"A blend with {whole(best)} of what was learnt comes to {value(blend, point['original'])}"
            f" there{_scores(blend, point)}; all of it scores {last['score']:.3f}."
        )
    return told


def _scores(blend: BlendMeasured, point: dict[str, float]) -> str:
    """Return what an advised blend scores: on samples that did not pick it, where there are enough."""
    apart = crossfitted(blend)
    if apart is None:
        return f" and scores {point['score']:.3f} on the samples that it was picked on"
    return (
        f". Picked on one half of your validation samples and scored on the other, such a blend scores"
        f" {apart:.3f}"
    )


def _lost(blend: BlendMeasured, before: float, after: float) -> str:
    if blend.measure == "agreement":
        return f"After fine-tuning it still says the same in {whole(after)}."
    if blend.measure == "likeness":
        return f"After fine-tuning it is {after:.2f}."
    if blend.measure == "accuracy":
        return f"It was right in {whole(before)}, and is in {whole(after)} after fine-tuning."
    lower = "; lower is better" if blend.falls else ""
    was, now = value(blend, before), value(blend, after)
    return f"Its {score_name(blend.measure)} was {was}, and is {now} after fine-tuning{lower}."


def value(blend: BlendMeasured, found: float) -> str:
    """Return a value of the original ability as people read it."""
    if blend.measure in ("agreement", "accuracy"):
        return whole(found)
    return f"{found:.1f}" if blend.falls else f"{found:.2f}"


def at(blend: BlendMeasured, share: float) -> dict[str, float]:
    """Return both values at a share, straight between the places that were tried."""
    points = blend.points
    for left, right in pairwise(points):
        if share <= right["share"]:
            part = (share - left["share"]) / (right["share"] - left["share"])
            return {
                key: left[key] + part * (right[key] - left[key]) for key in left if key in right
            }
    return points[-1]


def advised(blend: BlendMeasured) -> float | None:
    """Return the share that keeps most of the original among those that score as well as all of it.

    As well is within one part in a hundred of the score, which is less than most validation splits can tell.
    What it scores is told by :func:`crossfitted`: the samples that picked it would flatter it.
    """
    return _picked(blend, "score")


def crossfitted(blend: BlendMeasured) -> float | None:
    """Return the score of a blend picked so, on samples that did not pick it; None with too few of them.

    Each half of the samples picks a share that the other half scores; the mean of both.
    """
    if not all(half in point for point in blend.points for half in HALVES):
        return None
    found = []
    for mine, other in (HALVES, HALVES[::-1]):
        share = _picked(blend, mine)
        found += [point[other] for point in blend.points if point["share"] == share]
    return sum(found) / len(found) if found else None


def _picked(blend: BlendMeasured, key: str) -> float | None:
    last = blend.points[-1][key]
    room = 0.01 * abs(last)
    less = blend.less_is_better
    good = [
        point["share"]
        for point in blend.points
        if (point[key] <= last + room if less else point[key] >= last - room)
    ]
    return min(good, default=None)
