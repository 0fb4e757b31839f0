"""Facts that are measured around a run: how far its data lie, what it cost, and what it forgot."""

from __future__ import annotations

from dataclasses import dataclass, field

from finetune_studio.core.events import Event

NEAR, FAR = (
    0.3,
    0.6,
)  # where on the scale from 0 to 1 data are no longer near, and where they are far


@dataclass(frozen=True, slots=True)
class ShiftMeasured(Event):
    """How far the user's data lie from what a pretrained network knows.

    Attributes:
        model: The network, as the recipe calls it.
        method: ``norms``, ``tokens``, or ``stand_in`` where another network had to answer; empty where
            nothing can be measured.
        distance: 0 is as what it learnt from, 1 is as far as data that it can make nothing of.
        level: ``near``, ``some`` or ``far``; empty where nothing can be measured.
        text: What that is, in a sentence; ``advice`` what follows for how much to retrain.
        samples: How many training samples were looked at.
        figures: What was measured, by name.
    """

    model: str
    method: str
    distance: float
    level: str
    text: str
    advice: str
    samples: int
    figures: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class CostMeasured(Event):
    """What a run took, and how fast its result answers.

    Attributes:
        run: The run's folder.
        energy_wh: Estimated energy in watt-hours; ``how`` says what the estimate rests on.
        study_wh: How much of that the other runs of its study took, where it came out of one.
        processor_s: Seconds of processor time, of all cores together.
        latency_ms: Milliseconds a sample, one at a time, the network alone: the middle of several.
        answered: How many samples that was measured on; 0 where it was not.
        device: Where the network ran.
    """

    run: str
    energy_wh: float
    how: str
    processor_s: float
    latency_ms: float = 0.0
    answered: int = 0
    device: str = ""
    time: float = 0.0
    study_wh: float = 0.0


@dataclass(frozen=True, slots=True)
class BlendMeasured(Event):
    """A run's network blended with the original one, all along the way.

    Attributes:
        run: The run's folder.
        headline: What the score on the validation samples is called.
        points: From the original network to the fine-tuned one: ``share`` of the fine-tuned one, ``score``,
            and ``original``, how much of what the original could do is still there; ``first`` and ``second``
            are the scores on every other sample.
        samples: How many validation samples gave the scores; ``held_out`` how many the original ability.
        measure: What that is: ``agreement``, ``likeness``, or the name of a score on held-out samples.
        about: That in a sentence.
        falls: Whether a lower number of it is better, as of perplexity.
    """

    run: str
    headline: str
    points: list[dict[str, float]]
    samples: int
    held_out: int = 0
    measure: str = ""
    about: str = ""
    falls: bool = False
    less_is_better: bool = False
    seconds: float = 0.0
