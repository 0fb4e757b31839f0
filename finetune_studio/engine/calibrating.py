"""Decides, from the validation answers, how a run's probabilities become answers; nothing is retrained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from finetune_studio.core.dataset import Dataset
from finetune_studio.core.errors import StudioError
from finetune_studio.core.task import Pair
from finetune_studio.engine import decision, evaluate, unlike
from finetune_studio.engine.decision import Decision
from finetune_studio.engine.run import Run
from finetune_studio.insights import calibration, thresholds
from finetune_studio.insights.calibration import Bin, Scaling
from finetune_studio.insights.thresholds import Fair, Trade
from finetune_studio.insights.unlike import TurnedAway, turned_away
from finetune_studio.modality.claims import claims


@dataclass(frozen=True)
class Look:
    """How certain a run's validation answers are, and what was decided about that.

    Attributes:
        pairs: The answers at the temperature in use, without thresholds.
        bins: Answers of about the same certainty, as the network gives them; ``bins_now`` at the
            temperature in use.
        error: Calibration error as the network gives the answers, with its 95 % interval; ``error_now``
            at the temperature in use.
        scaling: The temperature that would fit best, and what it does.
        decision: What was decided so far.
        outdated: Whether something was decided for weights that are no longer the run's best.
        count: How many claims there are; 0 where answers have no certainty.
        classes: The classes that a threshold can be set for.
        likeness: How like the training samples each validation sample is; empty if it was not learnt.
        costs: What a ``miss`` and a ``false_alarm`` cost where that set a threshold, by today's name.
    """

    pairs: Sequence[Pair]
    bins: Sequence[Bin]
    bins_now: Sequence[Bin]
    error: float
    interval: Sequence[float]
    error_now: float
    scaling: Scaling
    decision: Decision
    outdated: bool
    count: int
    classes: Sequence[str]
    likeness: Mapping[int, float]
    costs: Mapping[str, Mapping[str, float]]

    def trade(self, name: str) -> Trade:
        """Return what each threshold of a class would give."""
        return thresholds.trade(self.pairs, name)

    def fairly(self, name: str) -> Fair | None:
        """Return what the costs given for a class come to on samples its threshold was not chosen by.

        None where the threshold did not come from costs, or there are too few samples to try it on.
        """
        paid = self.costs.get(name)
        if not paid or name not in self.classes:
            return None
        return thresholds.fairly(self.trade(name), paid["miss"], paid["false_alarm"])

    def turned_away(self, share: float) -> TurnedAway:
        """Return what turning away so many of the user's own samples means."""
        return turned_away(self.likeness, share)


def look(run_folder: Path, dataset: Dataset) -> Look:
    """Return how certain the validation answers are; no network is loaded."""
    raw = evaluate.answers(run_folder, dataset, "validation", raw=True)
    kept = decision.read(run_folder)
    now = _at_temperature(raw, kept.temperature, run_folder, dataset)
    said, said_now = claims(raw), claims(now)
    known, names = unlike.read(run_folder), _names(run_folder, dataset)
    return Look(
        now,
        calibration.bins(said),
        calibration.bins(said_now),
        calibration.error(said),
        calibration.interval(said),
        calibration.error(said_now),
        calibration.scaling(raw),
        kept,
        decision.outdated(run_folder),
        len(said),
        thresholds.classes(now),
        known.validation if known is not None else {},
        {names[number]: cost for number, cost in kept.costs.items() if number in names},
    )


def calibrate(run_folder: Path, dataset: Dataset) -> Decision:
    """Find the temperature, keep it with the run, and find thresholds anew that costs were given for.

    Raises:
        StudioError: If no temperature would help, saying why.
    """
    raw = evaluate.answers(run_folder, dataset, "validation", raw=True)
    found = calibration.scaling(raw)
    if found.reason:
        raise StudioError(found.reason, "Nothing was changed.")
    about = {
        "samples": float(found.samples),
        "error_before": found.before,
        "error_after": found.after,
    }
    changed = replace(decision.read(run_folder), temperature=found.temperature, calibration=about)
    return _kept_anew(run_folder, dataset, changed)


def uncalibrate(run_folder: Path, dataset: Dataset) -> Decision:
    """Take the temperature back."""
    changed = replace(decision.read(run_folder), temperature=1.0, calibration={})
    return _kept_anew(run_folder, dataset, changed)


def set_threshold(
    run_folder: Path,
    dataset: Dataset,
    name: str,
    threshold: float | None,
    costs: tuple[float, float] | None = None,
) -> Decision:
    """Name a class from another probability on; None names it again where it is likeliest.

    Args:
        run_folder: ``PROJECT/runs/<n>``.
        dataset: Where today's class names are.
        name: The class.
        threshold: From 0 to 1.
        costs: Of a miss and of a false alarm, if the threshold comes from these.

    Raises:
        StudioError: If the run has no such class, or the threshold is out of bounds.
    """
    if threshold is not None and not 0 <= threshold <= 1:
        raise StudioError(
            f"A threshold is a probability from 0 to 1, not {threshold:g}.", "Give another."
        )
    kept = decision.read(run_folder)
    levels, paid = dict(kept.thresholds), dict(kept.costs)
    for number in _numbers(run_folder, dataset, name):
        levels.pop(number, None)
        paid.pop(number, None)
        if threshold is not None:
            levels[number] = threshold
            if costs is not None:
                paid[number] = {"miss": costs[0], "false_alarm": costs[1]}
    changed = replace(kept, thresholds=levels, costs=paid)
    decision.keep(run_folder, changed)
    return changed


def cheapest(
    run_folder: Path, dataset: Dataset, name: str, miss: float, false_alarm: float
) -> Decision:
    """Name a class from the probability on at which mistakes on validation cost least.

    Raises:
        StudioError: If a cost is below 0, both are 0, or there is nothing to choose between.
    """
    if not (miss >= 0 and false_alarm >= 0 and 0 < miss + false_alarm < math.inf):
        raise StudioError("Costs are numbers from 0 on, and not both 0.", "Give other costs.")
    here = look(run_folder, dataset)
    if name not in here.classes:
        raise StudioError(
            f"There is nothing to choose a threshold of {name!r} by: the validation samples hold none of"
            " it, or nothing else.",
            "Divide the data anew on the Data page, or choose another class.",
        )
    best = thresholds.cheapest(here.trade(name), miss, false_alarm)
    return set_threshold(run_folder, dataset, name, best.threshold, (miss, false_alarm))


def _kept_anew(run_folder: Path, dataset: Dataset, changed: Decision) -> Decision:
    """Keep another temperature; probabilities are others then, so what hangs on them is found anew."""
    before = changed.costs
    decision.keep(run_folder, replace(changed, thresholds={}, costs={}))
    names = _names(run_folder, dataset)
    here = look(run_folder, dataset)
    for number, cost in before.items():
        name = names.get(number, "")
        if name in here.classes:
            cheapest(run_folder, dataset, name, cost["miss"], cost["false_alarm"])
    return decision.read(run_folder)


def _at_temperature(
    raw: Sequence[Pair], temperature: float, run_folder: Path, dataset: Dataset
) -> list[Pair]:
    labels = dataset.current(Run(run_folder).labels)
    found = Decision(temperature).decided([answer for _, answer in raw], labels)
    return [(sample, answer) for (sample, _), answer in zip(raw, found, strict=True)]


def _names(run_folder: Path, dataset: Dataset) -> Mapping[str, str]:
    labels = dataset.current(Run(run_folder).labels)
    return {str(n): name for n, name in zip(labels.ids, labels.names, strict=False)}


def _numbers(run_folder: Path, dataset: Dataset, name: str) -> list[str]:
    found = [number for number, known in _names(run_folder, dataset).items() if known == name]
    if not found:
        raise StudioError(f"This run has no class {name!r}.", "Reload the project.")
    return found
