"""Each monitor speaks about the numbers it is for, and about no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from finetune_studio.core.monitor import Course, Epoch, Verdict
from finetune_studio.core.recipe import Recipe, dotted
from finetune_studio.monitors import CATALOGUE

LEARNING = (2.0, 1.2, 0.8, 0.6, 0.5, 0.45)


def course(
    judged: Sequence[float],
    trained: Sequence[float] | None = None,
    scores: Sequence[float] | None = None,
    *,
    settings: dict[str, Any] | None = None,
    **changes: Any,
) -> Course:
    """Return a run of these validation losses, by default of 400 samples in four classes."""
    trained = trained or [0.9 * loss for loss in judged]
    scores = scores or [1 - loss / 4 for loss in judged]
    made = Course(dict(dotted(Recipe())) | (settings or {}))
    made.planned, made.samples = 12, {"train": 1600, "validation": 400}
    made.classes, made.headline, made.baseline, made.patience = 4, "accuracy", 0.25, 4
    best, without = -1.0, 0
    for number, (loss, train, score) in enumerate(zip(judged, trained, scores, strict=True), 1):
        gained = score > best
        best, without = max(best, score), 0 if gained else without + 1
        made.epochs.append(Epoch(float(number), loss, score, gained, train, without))
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def heard(made: Course) -> dict[str, Verdict]:
    found = {row.name: row.load()().look(made) for row in CATALOGUE}
    return {name: said for name, said in found.items() if said is not None}


def test_learning_well_is_silence() -> None:
    for count in range(1, len(LEARNING) + 1):
        assert heard(course(LEARNING[:count])) == {}


def test_overfitting_says_since_when_and_what_to_do() -> None:
    made = course(
        (1.0, 0.6, 0.45, 0.41, 0.47, 0.55),
        (1.1, 0.5, 0.3, 0.2, 0.1, 0.05),
        (0.6, 0.7, 0.8, 0.9, 0.88, 0.87),
        settings={"layers.amount": "everything"},
    )
    said = heard(made)["overfitting"]
    assert said.text == (
        "Since epoch 4 the validation loss rises (0.41 to 0.55) while the training loss falls: the"
        " model begins to learn the samples by heart. Epoch 4 is kept."
    )
    assert (said.state, said.severity, said.since) == ("begins", "warning", 4.0)
    assert said.action is not None
    assert said.action.settings == {"layers.amount": "later_half"}
    made.epochs.append(Epoch(7.0, 0.9, 0.8, False, 0.03, 3))
    assert heard(made)["overfitting"].state == "strong"


def test_a_small_rise_or_one_epoch_is_noise() -> None:
    falling = (1.1, 0.5, 0.3, 0.2, 0.1, 0.05)
    assert "overfitting" not in heard(course((1.0, 0.6, 0.45, 0.41, 0.415, 0.42), falling))
    assert "overfitting" not in heard(course((1.0, 0.6, 0.45, 0.43, 0.41, 0.55), falling))
    few = {"train": 40, "validation": 9}
    rises = (1.0, 0.6, 0.45, 0.41, 0.44, 0.45)
    assert "overfitting" in heard(course(rises, falling))
    assert "overfitting" not in heard(course(rises, falling, samples=few))


def test_no_overfitting_while_the_training_loss_rises_too_or_the_head_is_solved() -> None:
    rises = (1.0, 0.6, 0.45, 0.41, 0.5, 0.6)
    assert "overfitting" not in heard(course(rises, (1.1, 0.5, 0.3, 0.2, 0.3, 0.4)))
    solved = {"optimiser.method": "solve"}
    assert "overfitting" not in heard(
        course(rises, (1.1, 0.5, 0.3, 0.2, 0.1, 0.05), settings=solved)
    )


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"layers.amount": "last_stage"}, {"layers.amount": "head_only"}),
        (
            {"layers.amount": "adapters", "layers.lora_rank": 16},
            {"layers.lora_rank": 8},
        ),
        (
            {"layers.amount": "head_only", "augment.strength": "light"},
            {"augment.strength": "medium"},
        ),
        (
            {"layers.amount": "head_only", "augment.strength": "strong"},
            {"regularise.head_dropout": 0.3},
        ),
        (
            {
                "layers.amount": "head_only",
                "augment.strength": "strong",
                "regularise.head_dropout": 0.2,
            },
            {"optimiser.weight_decay": 0.2},
        ),
    ],
)
def test_what_helps_against_overfitting_depends_on_the_recipe(
    settings: dict[str, Any], expected: dict[str, Any]
) -> None:
    made = course(
        (1.0, 0.6, 0.45, 0.41, 0.5, 0.6), (1.1, 0.5, 0.3, 0.2, 0.1, 0.05), settings=settings
    )
    action = heard(made)["overfitting"].action
    assert action is not None
    assert action.settings == expected
    Recipe().with_settings(action.settings)  # and it is a setting that exists


def test_a_loss_that_does_not_move_is_underfitting() -> None:
    made = course((1.39, 1.388, 1.387), (1.39, 1.389, 1.388), (0.25, 0.26, 0.26))
    said = heard(made)["underfitting"]
    assert said.state == "stuck"
    assert "1.39 to 1.39" in said.text
    assert "score is 0.26 where the simplest answer has 0.25" in said.text
    assert said.action is not None
    assert set(said.action.settings) <= {
        "layers.amount",
        "optimiser.learning_rate",
        "optimiser.head_learning_rate",
    }
    # A model that is good from the first epoch on has nothing to fall to.
    done = course((0.05, 0.05, 0.05), (0.04, 0.04, 0.04), (0.98, 0.98, 0.981))
    assert "underfitting" not in heard(done)


def test_who_moves_far_and_learns_nothing_takes_steps_that_are_too_large() -> None:
    """The button once offered steps ten times as large to a run whose steps had destroyed the model."""
    made = course((1.55, 1.64, 1.54), (1.74, 1.73, 1.73), (0.26, 0.26, 0.26))
    near = [replace(epoch, drift=0.0002) for epoch in made.epochs]
    far = [replace(epoch, drift=0.041) for epoch in made.epochs]
    rates = {"layers.amount": "everything", "optimiser.learning_rate": 3e-3}
    made.settings |= rates
    made.epochs = near
    slow = heard(made)["underfitting"]
    assert slow.state == "stuck"
    assert slow.action is not None
    assert slow.action.settings["optimiser.learning_rate"] == 0.03
    made.epochs = far
    said = heard(made)["underfitting"]
    assert said.state == "destroyed"
    assert "moved by 4 % of their size" in said.text
    assert said.action is not None
    assert said.action.settings == {
        "optimiser.learning_rate": 0.0003,
        "optimiser.head_learning_rate": 0.0002,
    }


def test_a_run_that_ends_while_it_improves_should_be_longer() -> None:
    made = course(LEARNING, planned=6)
    said = heard(made)["underfitting"]
    assert (said.state, said.severity) == ("unfinished", "info")
    assert said.action is not None
    assert said.action.settings == {"optimiser.epochs": 12}


def test_rates_that_are_too_high_show_in_three_ways() -> None:
    above = heard(course((3.0, 2.9), (9.0, 6.0), (0.3, 0.3), first=1.39))["rate_too_high"]
    assert "training loss is 6.00; before the first step it was 1.39" in above.text
    jumped = heard(course((1.2, 0.8, 1.9), (1.2, 0.7, 1.6)))["rate_too_high"]
    assert "jumped from 0.70 to 1.60 in epoch 3" in jumped.text
    swings = heard(course((0.6, 1.2, 0.5, 1.3, 0.6), (0.8, 0.9, 0.8, 0.9, 0.8)))["rate_too_high"]
    assert "swings up and down by 0.70" in swings.text
    for said in (above, jumped, swings):
        assert said.action is not None
        assert said.action.settings == {"optimiser.head_learning_rate": 0.0002}  # of 2e-3


def test_the_warm_up_may_be_rough() -> None:
    made = course((3.0,), (9.0,), (0.3,), first=1.4, settings={"optimiser.warmup_share": 0.25})
    assert "rate_too_high" not in heard(made)


def test_a_class_that_is_never_named() -> None:
    made = course(LEARNING)
    made.epochs = [
        Epoch(e.number, e.validation, e.score, e.best, e.training, 0, never={"rust": 7, "ash": 2})
        for e in made.epochs
    ]
    said = heard(made)["never_predicted"]
    assert said.text == "The class 'rust' is never named, though 7 validation samples have it."
    assert said.action is not None
    assert said.action.settings == {"optimiser.balance": "weights"}
    made.epochs[-1] = Epoch(6.0, 0.6, 0.8, True, 0.5)
    assert "never_predicted" not in heard(made)


def test_copies_and_scores_too_good_to_be_true() -> None:
    bad = heard(course(LEARNING[:1], copies=120))["leakage"]
    assert (bad.severity, bad.state) == ("bad", "many copies")
    assert bad.text.startswith("120 of 400 validation samples stand in training too")
    assert bad.action is not None
    assert bad.action.page == "data"
    assert heard(course(LEARNING[:1], copies=20))["leakage"].severity == "warning"
    assert "leakage" not in heard(course(LEARNING[:1], copies=3))
    perfect = heard(course((0.02,), (0.4,), (0.998,), copies=0))["leakage"]
    assert perfect.severity == "info"
    assert "No copy to the letter was found; look at Health" in perfect.text
    later = course((0.5, 0.02), (0.6, 0.1), (0.8, 0.998), copies=0)
    assert "leakage" not in heard(later)


def test_standstill_is_told_before_the_run_ends_by_itself() -> None:
    scores = (0.5, 0.7, 0.8, 0.8, 0.79, 0.8)
    flat = (1.0, 0.7, 0.5, 0.5, 0.5, 0.5)
    said = heard(course(flat, scores=scores))["plateau"]
    assert said.text == (
        "Nothing was gained for 3 epochs. After 1 more the run ends by itself; epoch 3 is kept."
    )
    assert said.action is None
    off = course(flat, scores=scores, settings={"stop.early": False}, patience=0)
    action = heard(off)["plateau"].action
    assert action is not None
    assert action.settings == {"stop.early": True}


def test_drift_without_gain_is_forgetting() -> None:
    scores = (0.5, 0.8, 0.8, 0.8)
    made = course((1.0, 0.5, 0.5, 0.5), scores=scores)
    made.epochs = [
        Epoch(
            e.number,
            e.validation,
            e.score,
            e.best,
            e.training,
            e.without_gain,
            drift=0.1 * e.number,
        )
        for e in made.epochs
    ]
    said = heard(made)["forgetting"]
    assert "have moved by 40 % of their size and nothing was gained for 2 epochs" in said.text
    assert said.action is not None
    assert said.action.settings == {"regularise.towards_pretrained": 30.0}
    Recipe().with_settings(said.action.settings)
    made.epochs = made.epochs[:2]
    assert "forgetting" not in heard(made)


def test_divergence_tells_how_often() -> None:
    made = course(LEARNING[:2], rollbacks=[(3.0, "The loss grew.")])
    said = heard(made)["divergence"]
    assert said.severity == "warning"
    assert "came apart in epoch 3" in said.text
    assert said.action is not None
    assert said.action.settings["optimiser.head_learning_rate"] == 2e-4
    made.rollbacks *= 3
    assert heard(made)["divergence"].severity == "bad"
