"""What a run begins with: a preset's numbers, the user's own, or the reason why it cannot."""

from __future__ import annotations

from finetune_studio.core import recipe as recipes
from finetune_studio.core.recipe import Recipe
from finetune_studio.gui.pages.train import choices


def test_an_untouched_recipe_takes_its_presets_numbers_once() -> None:
    recipe = Recipe()
    primed = recipe.with_settings(choices.primed(recipe, 168))
    assert primed.layers.amount == "last_stage"
    assert primed.optimiser.epochs == 15
    assert choices.primed(primed, 168) == {}
    assert choices.departures(primed, 168) == []


def test_a_touched_recipe_is_left_alone() -> None:
    recipe = Recipe().with_settings({"layers.amount": "everything"})
    assert choices.primed(recipe, 168) == {}
    assert choices.primed(Recipe(), 0) == {}


def test_departures_are_named() -> None:
    recipe = Recipe()
    own = recipe.with_settings(
        choices.preset_settings("balanced", 168, "image_classification")
        | {"optimiser.epochs": 20, "layers.amount": "later_half"}
    )
    assert choices.departures(own, 168, expert=True) == [
        "How much to retrain: later half",
        "Epochs: 20",
    ]
    assert choices.departures(own, 168) == [
        "Only the later half of the model learns.",
        "Every sample is seen up to 20 times.",
    ]
    plain = own.with_settings({"optimiser.epochs": 15, "layers.keep_statistics": False})
    assert choices.departures(plain, 168, expert=True) == [
        "Batch norms keep their statistics: off",
        "How much to retrain: later half",
    ]
    plain = plain.with_settings({"regularise.averaging": 0.0})
    assert "Weights are not averaged." in choices.departures(plain, 168)


def test_what_no_preset_sets_is_told_too_and_taken_back() -> None:
    """Replay and its like were on without a word in Simple, where no field shows them."""
    start = Recipe().with_settings(choices.primed(Recipe(), 168))
    own = start.with_settings(
        {
            "optimiser.balance": "weights",
            "forgetting.replay": 0.3,
            "crossval.folds": 5,
            "layers.rates": {"features.3": 0.5},
            "layers.lora_rank": 4,  # does nothing without adapters
        }
    )
    assert choices.departures(own, 168) == [
        "1 part of the model has another step size than the rest.",
        "Mistakes on rare classes count more.",
        "30 % of each step are samples of the earlier run.",
        "The data are divided 5 times, so that every sample is judged once (cross-validation).",
    ]
    shown = choices.joined(choices.departures(own, 168, expert=True))
    assert shown.startswith("Rates of single layers: features.3 0.5 · Balance classes: weights · ")
    back = own.with_settings(choices.back(own, 168))
    assert choices.departures(back, 168) == []
    assert back.layers.lora_rank == 4
    # What means nothing for texts is none of their choices.
    texts = Recipe(task="text_classification")
    texts = texts.with_settings(choices.primed(texts, 168) | {"augment.horizontal_flip": False})
    assert choices.departures(texts, 168) == []


def test_every_field_of_the_form_is_one_of_the_recipe() -> None:
    for _title, names in choices.GROUPS:
        for name in names:
            choices.value_of(Recipe(), name)


def test_reasons_not_to_start() -> None:
    good = {"train": 10, "validation": 2}
    assert choices.cannot_start(good, 2, local=True, task="image_classification") == ""
    assert "Data page" in choices.cannot_start({}, 0, local=True, task="image_classification")
    assert "Two classes" in choices.cannot_start(good, 1, local=True, task="image_classification")
    assert "validation" in choices.cannot_start(
        {"train": 3}, 2, local=True, task="image_classification"
    )
    assert "training split" in choices.cannot_start(
        {"validation": 3}, 2, local=True, task="image_classification"
    )
    assert "not on this computer" in choices.cannot_start(
        good, 2, local=False, task="image_classification"
    )


def test_every_practice_has_its_field() -> None:
    shown = {name for _title, names in choices.GROUPS for name in names}
    known = recipes.fields()
    for name, about in known.items():
        if name.startswith("regularise."):
            assert name in shown, name
            assert about["description"].endswith("."), name
    assert {"layers.unfreezing", "layers.rate_decay"} <= shown
    assert "regularise.cutmix" in choices.PICTURES_ALONE
    assert "regularise.mixup" not in choices.PICTURES_ALONE


def test_a_practice_is_a_choice_of_ones_own_until_a_preset_is_taken() -> None:
    start = Recipe().with_settings(choices.primed(Recipe(), 168))
    own = start.with_settings({"regularise.mixup": 0.2, "layers.unfreezing": "top_down"})
    assert choices.departures(own, 168, expert=True) == ["Layers wake: top down", "Mixup: 0.2"]
    back = own.with_settings(choices.preset_settings("balanced", 168, own.task))
    assert back.regularise.mixup == 0.0
    assert choices.departures(back, 168) == []


def test_what_writes_has_no_classes_to_balance() -> None:
    for task in ("text_classification", "token_classification", "question_answering"):
        assert "optimiser.balance" not in choices.unfit(task)
    for task in ("summarization", "causal_lm"):
        assert {"optimiser.balance", *choices.PICTURES_ALONE} == set(choices.unfit(task))
        odd = Recipe(task=task).with_settings({"optimiser.balance": "weights"})
        assert "optimiser.balance" not in choices.departed(odd, 100)
    assert choices.unfit("image_classification") == ()
