"""What was decided after a run about its answers: temperature, thresholds, and who is turned away."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from finetune_studio.core import files
from finetune_studio.core.dataset import Labels
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Prediction
from finetune_studio.engine.run import checkpoints
from finetune_studio.modality import decide, foreign

FILE = "decision.json"
UNLIKE, LIKENESS = foreign.UNLIKE, foreign.LIKENESS  # the marks in ``Prediction.answer``
CHOSEN_HERE = (
    "The thresholds were chosen by these validation samples, so scores with them are a little too good"
    " there."
)
_VERSION = 1


@dataclass(frozen=True)
class Decision:
    """Plain numbers that turn a network's probabilities into answers; the default changes nothing.

    Attributes:
        temperature: By which scores are divided, 1 for none.
        calibration: How it was found: ``samples``, ``error_before`` and ``error_after``.
        thresholds: From which probability on a class is named, by the class's number.
        costs: What the user said that a ``miss`` and a ``false_alarm`` cost, by the class's number.
        least_likeness: Inputs that are less like the nearest training sample are turned away; -1 for
            none (see ``unlike.py``).
        turned_away: The share of the validation samples that this turns away.
    """

    temperature: float = 1.0
    calibration: Mapping[str, float] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    costs: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    least_likeness: float = -1.0
    turned_away: float = 0.0

    @property
    def nothing(self) -> bool:
        """Whether probabilities and names stay as the network gives them."""
        return self.temperature == 1.0 and not self.thresholds

    def by_name(self, labels: Labels) -> dict[str, float]:
        """Return the thresholds under the names that classes have in ``labels``."""
        numbers = {str(n): name for n, name in zip(labels.ids, labels.names, strict=False)}
        return {numbers[n]: value for n, value in self.thresholds.items() if n in numbers}

    def for_exports(self, labels: Labels) -> dict[str, Any]:
        """Return what an export must know, as plain values under today's names."""
        return {
            "temperature": self.temperature,
            "thresholds": self.by_name(labels),
            "least_likeness": self.least_likeness,
        }

    def decided(self, answers: Sequence[Prediction], labels: Labels) -> list[Prediction]:
        """Return a network's answers as decided; those without probabilities stay as they are."""
        if self.nothing:
            return list(answers)
        thresholds = self.by_name(labels)
        return [self._decided(answer, thresholds) for answer in answers]

    def _decided(self, answer: Prediction, thresholds: Mapping[str, float]) -> Prediction:
        if not answer.probabilities:
            return answer
        several = "labels" in answer.answer
        shares = decide.scaled(answer.probabilities, self.temperature, several=several)
        found = answer.answer
        label = answer.label
        if thresholds:
            names = decide.named(shares, thresholds, several=several)
            label = ", ".join(names)
            found = {**found, "labels": names} if several else found
        return replace(answer, label=label, probabilities=shares, answer=found)


def turned_away(answer: Prediction, likeness: float, least: float) -> Prediction:
    """Return an answer with how like the training samples its input is, marked where that is too little."""
    return replace(answer, answer={**answer.answer, **foreign.marks(likeness, least)})


def read(run_folder: Path) -> Decision:
    """Return what was decided for a run; nothing where nothing was, or it was of an earlier network.

    Raises:
        StudioError: If the file is damaged.
    """
    place = Path(run_folder) / FILE
    try:
        saved = json.loads(place.read_text(encoding="utf-8"))
        return _checked(saved) if _is_of_today(run_folder, saved) else Decision()
    except FileNotFoundError:
        return Decision()
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StudioError(
            f"What was decided about run {Path(run_folder).name} cannot be read: {place} is damaged.",
            "Delete that file and set calibration and thresholds again on the Inspect page.",
        ) from error


def _checked(saved: Mapping[str, Any]) -> Decision:
    temperature = float(saved.get("temperature", 1.0))
    if not 0 < temperature < 1000:
        raise ValueError("the temperature is out of bounds")
    return Decision(
        temperature,
        {str(k): float(v) for k, v in dict(saved.get("calibration", {})).items()},
        {
            str(k): min(1.0, max(0.0, float(v)))
            for k, v in dict(saved.get("thresholds", {})).items()
        },
        {str(k): dict(v) for k, v in dict(saved.get("costs", {})).items()},
        float(saved.get("least_likeness", -1.0)),
        float(saved.get("turned_away", 0.0)),
    )


def outdated(run_folder: Path) -> bool:
    """Whether something was decided, and the run has gone on to another network since."""
    place = Path(run_folder) / FILE
    try:
        return not _is_of_today(run_folder, json.loads(place.read_text(encoding="utf-8")))
    except (OSError, ValueError, AttributeError):
        return False


def _is_of_today(run_folder: Path, saved: Mapping[str, Any]) -> bool:
    """Whether numbers were found for the weights that the run holds as its best."""
    return str(saved.get("checkpoint", "")) == _checkpoint(run_folder)


def _checkpoint(run_folder: Path) -> str:
    return checkpoints.index_of(Path(run_folder)).get("best", "")


def keep(run_folder: Path, decision: Decision) -> None:
    """Save what was decided with the run; exports and answers follow it from now on."""
    about = {"version": _VERSION, "checkpoint": _checkpoint(run_folder), **asdict(decision)}
    files.write_json(Path(run_folder) / FILE, about)
