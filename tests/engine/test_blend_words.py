"""What a blend is advised by, and that it is scored by samples that did not pick it; numbers alone."""

from __future__ import annotations

import random

import pytest

from finetune_studio.core.measures import BlendMeasured
from finetune_studio.engine import blend_words

SHARES = [step / 10 for step in range(11)]


def blend(first: list[float], second: list[float]) -> BlendMeasured:
    points = [
        {"share": s, "score": (a + b) / 2, "original": 1 - s, "first": a, "second": b}
        for s, a, b in zip(SHARES, first, second, strict=True)
    ]
    return BlendMeasured("1", "accuracy", points, 20, 20, "agreement", "About.")


def test_each_half_picks_what_the_other_scores() -> None:
    first = [0.0, 0.9, 0.5, 0.5, 0.8, 1.0, *[0.5] * 4, 0.9]  # picks 0.1
    second = [0.0, 0.2, 0.3, 0.4, 0.9, 0.9, *[0.5] * 4, 0.9]  # picks 0.4
    found = blend(first, second)
    assert blend_words.advised(found) == 0.5  # the first that does as well on both together
    assert blend_words.crossfitted(found) == pytest.approx((0.2 + 0.8) / 2)
    said = " ".join(blend_words.sentences(found))
    assert "scored on the other, such a blend scores 0.500; all of it scores 0.900." in said


def test_luck_that_picks_a_share_is_not_told_as_its_score() -> None:
    """Scores are noise around the same number: picking by all of them is flattered, crossing is not."""
    rng = random.Random(0)
    told, flattered = [], []
    for _ in range(300):
        found = blend(
            [rng.gauss(0.7, 0.05) for _ in SHARES], [rng.gauss(0.7, 0.05) for _ in SHARES]
        )
        share = blend_words.advised(found)
        apart = blend_words.crossfitted(found)
        assert share is not None
        assert apart is not None
        told.append(apart)
        flattered.append(blend_words.at(found, share)["score"])
    assert sum(flattered) / 300 > 0.71
    assert sum(told) / 300 == pytest.approx(0.7, abs=0.008)


def test_with_too_few_samples_it_is_said_what_the_score_is() -> None:
    plain = BlendMeasured(
        "1", "accuracy", [{"share": s, "score": 0.5, "original": 1 - s / 2} for s in SHARES], 4, 4,
        "agreement", "About.",
    )  # fmt: skip
    assert blend_words.crossfitted(plain) is None
    assert blend_words.advised(plain) == 0.0
