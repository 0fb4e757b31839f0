"""What is read from a curve of losses: known curves have known answers."""

from __future__ import annotations

import math

import pytest

from finetune_studio.engine.studies.suggesting import smoothed, steepest, valley

RATES = [10 ** (-7 + 8 * k / 99) for k in range(100)]


def curve(falls_at: float, breaks_at: float) -> list[float]:
    """Return losses that fall from 2.3 to 0.5 around one power of ten and explode beyond another."""
    found = []
    for rate in RATES:
        power = math.log10(rate)
        fallen = 1.8 / (1 + math.exp(-4 * (power - falls_at)))
        found.append(2.3 - fallen + math.exp(3 * (power - breaks_at)))
    return found


def test_the_steepest_place_and_the_valley_lie_where_the_loss_falls() -> None:
    losses = curve(-3, 0)
    assert math.log10(steepest(RATES, losses)) == pytest.approx(-3, abs=0.1)
    lowest = RATES[losses.index(min(losses))]
    assert steepest(RATES, losses) < valley(RATES, losses) < lowest / 3
    flatter = [*([losses[0]] * 20), *losses[20:]]  # however long it was flat before
    assert valley(RATES, flatter) == valley(RATES, losses)
    later = curve(-2, 0.5)
    assert valley(RATES, later) > valley(RATES, losses)


def test_noise_hardly_moves_the_suggestion() -> None:
    plain = curve(-3, 0)
    noisy = [loss + 0.08 * math.sin(37.0 * k) for k, loss in enumerate(plain)]
    moved = math.log10(valley(RATES, smoothed(RATES, noisy)) / valley(RATES, plain))
    assert abs(moved) < 0.7
    assert math.log10(steepest(RATES, smoothed(RATES, noisy))) == pytest.approx(-3, abs=0.4)


def test_a_flat_or_rising_or_very_short_curve_suggests_nothing() -> None:
    assert valley(RATES, [2.3] * 100) is None
    assert valley(RATES, [2.3 + k for k in range(100)]) is None
    assert steepest(RATES, [2.3 + k for k in range(100)]) is None
    assert valley(RATES[:5], [5.0, 4.0, 3.0, 2.0, 1.0]) is None


def test_fewer_steps_suggest_about_the_same_and_an_explosion_does_not_reach_back() -> None:
    plain = curve(-3, 0)
    few = RATES[::3]
    sparse = valley(few, smoothed(few, plain[::3]))
    assert abs(math.log10(sparse / valley(RATES, smoothed(RATES, plain)))) < 0.4
    broken = [*plain[:80], *([1e9] * 20)]
    assert min(smoothed(RATES, broken)[:76]) == pytest.approx(min(plain[:76]), abs=0.1)
