"""What is said where validation samples are too few to say anything."""

from __future__ import annotations

from finetune_studio.engine import trust_words
from finetune_studio.engine.calibrating import Look
from finetune_studio.engine.decision import Decision
from finetune_studio.insights.calibration import Bin, Scaling
from finetune_studio.insights.slices import slices


def look(count: int) -> Look:
    bins = [Bin(0.9, 1.0, 0.99, 1.0, count, tuple(range(count)))]
    scaling = Scaling(1.0, 0.006, 0.006, count, "")
    return Look(
        [], bins, bins, 0.006, (0.006, 0.006), 0.006, scaling, Decision(), False, count, (), {}, {}
    )


def test_one_answer_does_not_tell_how_far_certainty_is_off() -> None:
    """Resampling one answer always gives the same, so that an interval would look narrow."""
    told = trust_words.calibration(look(1))
    assert told.startswith("Only 1 answer has a certainty: too few to say")
    assert "interval" not in told
    assert "off by 0.6 %" in trust_words.calibration(look(20))


def test_parts_that_are_all_too_small_are_not_called_as_good_as_the_rest() -> None:
    found = slices(dict.fromkeys(range(6), 1.0), {"camera": {n: "ab"[n % 2] for n in range(6)}})
    tried = sum(not one.small for one in found)
    assert tried == 0
    assert trust_words.slices(found, "accuracy", tried).startswith(
        "Every part of these samples is too"
    )
