"""What a moved bar makes of the recipe, on the layers of a real network."""

from __future__ import annotations

import pytest

from finetune_studio.core.dataset import Labels
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine.probe import look_at_model
from finetune_studio.gui.pages.layers import timeline as times

LABELS = Labels(("a", "b", "c"))
STAGES = ["Stem", "Stage 1", "Stage 2", "Stage 3", "Stage 4", "Head"]


def recipe(**more: object) -> Recipe:
    settings = {"model.source": "resnet18", "layers.amount": "everything", "optimiser.epochs": 12}
    return Recipe().with_settings(settings | {n.replace("__", "."): v for n, v in more.items()})


def shown(chosen: Recipe) -> dict[str, int]:
    found = times.timeline(look_at_model(chosen, LABELS), chosen)
    return {bar.title: bar.begins for bar in found.bars}


def move(chosen: Recipe, stage: str, epoch: int) -> Recipe:
    look = look_at_model(chosen, LABELS)
    return chosen.with_settings(times.moved(look, chosen, STAGES.index(stage), epoch))


def test_bars_go_from_the_head_down_to_what_stays_frozen():
    assert list(shown(recipe())) == STAGES[::-1]
    assert shown(recipe(layers__amount="last_stage")) == {
        "Head": 1,
        "Stage 4": 1,
        "Stem to Stage 3": 0,
    }
    custom = recipe(layers__amount="custom", layers__trainable=["layer2", "fc"])
    assert shown(custom) == {"Head": 1, "Stage 2": 1, "Stem, Stage 1, Stage 3, Stage 4": 0}
    assert not times.timeline(
        look_at_model(recipe(layers__amount="head_only"), LABELS), recipe()
    ).movable


def test_a_scheme_follows_the_number_of_epochs():
    chosen = recipe(layers__unfreezing="top_down")
    assert shown(chosen) == dict(zip(STAGES[::-1], [1, 2, 3, 4, 5, 6], strict=True))
    short = chosen.with_settings({"optimiser.epochs": 4})
    assert max(shown(short).values()) <= 4
    assert times.scheme(chosen) == times.scheme(short) == "top_down"


def test_a_moved_bar_leaves_the_others_where_they_are():
    chosen = move(recipe(layers__unfreezing="top_down"), "Stage 2", 9)
    assert times.scheme(chosen) == "custom"
    assert list(shown(chosen).values()) == [1, 2, 3, 9, 5, 6]
    assert chosen.layers.unfreeze_at["layer2"] == 9
    chosen = move(move(chosen, "Stem", 1), "Stage 4", 7)
    assert list(shown(chosen).values()) == [1, 7, 3, 9, 5, 1]
    assert "conv1" not in chosen.layers.unfreeze_at


def test_a_moved_bar_takes_over_the_epochs_of_the_head_alone_and_of_modules_around_it():
    given = {"layer3.0": 6, "layer2": 4}
    chosen = recipe(layers__head_first=2, layers__unfreeze_at=given)
    assert list(shown(chosen).values()) == [1, 3, 3, 4, 3, 3]
    bar = times.timeline(look_at_model(chosen, LABELS), chosen).bars[2]
    assert bar.tip.startswith("Parts of it begin later, the last one in epoch 6.")
    chosen = move(chosen, "Stage 4", 2)  # sooner than the head's own epochs let it
    assert chosen.layers.head_first == 0
    assert list(shown(chosen).values()) == [1, 2, 3, 4, 3, 3]
    assert chosen.layers.unfreeze_at["layer3.0"] == 6
    assert list(shown(move(chosen, "Stage 3", 5)).values()) == [1, 2, 5, 4, 3, 3]
    assert "layer3.0" not in move(chosen, "Stage 3", 5).layers.unfreeze_at


def test_what_comes_to_the_same_as_a_scheme_is_that_scheme():
    chosen = move(recipe(layers__unfreezing="top_down"), "Stage 2", 9)
    assert times.scheme(move(chosen, "Stage 2", 4)) == "top_down"
    late = recipe(layers__amount="last_stage", layers__unfreeze_at={"layer4": 5})
    assert times.kept(move(late, "Stage 4", 1)) == times.settings_for("none")


@pytest.mark.parametrize(("amount", "then"), [("last_stage", "everything")])
def test_what_newly_learns_begins_no_sooner_than_what_lies_above(amount, then):
    chosen = recipe(layers__amount=amount, layers__unfreeze_at={"layer4": 5})
    look = look_at_model(chosen, LABELS)
    more = {"layers.amount": then} | times.widened(look, chosen, then)
    assert set(shown(chosen.with_settings(more)).values()) == {1, 5}
    # What was given stays, also while it cannot be seen, and so do the schemes.
    less = chosen.with_settings({"layers.amount": "head_only"})
    assert less.layers.unfreeze_at == {"layer4": 5}
    scheme = recipe(layers__amount=amount, layers__unfreezing="top_down")
    assert times.widened(look_at_model(scheme, LABELS), scheme, then) == {}


def test_adapters_wake_with_the_stage_beside_which_they_lie():
    chosen = recipe(layers__amount="adapters", layers__unfreezing="top_down")
    found = shown(chosen)
    assert found["Stage 4"] == 2
    assert found["Stage 1"] == 5
