"""Every practice of a recipe can be said in plain words, off, on and with its value."""

from __future__ import annotations

from typing import Any

import pytest

from finetune_studio.core.recipe import Recipe, fields, plainly

OTHER: dict[str, Any] = {  # where no other value follows from the field's description
    "layers.trainable": ["layer4", "fc"],
    "layers.unfreeze_at": {"layer4": 3},
    "layers.rates": {"layer4": 0.5},
    "layers.lora_layers": ["query"],
    "layers.lora_ranks": {"layer4": 4},
    "forgetting.held_out": "knew.csv",
    "search.over": ["depth"],
}


def values(name: str) -> list[Any]:
    """Return the default of a field and others that it may have."""
    about = fields()[name]
    if "enum" in about:
        return list(about["enum"])
    default = about["default"]
    if name in OTHER:
        return [default, OTHER[name]]
    if about["type"] == "boolean":
        return [False, True]
    least = about.get("minimum", about.get("exclusiveMinimum", 0))
    most = about.get("maximum", about.get("exclusiveMaximum", least + 10))
    middle = (least + most) / 2
    return [default, int(middle) if about["type"] == "integer" else middle]


@pytest.mark.parametrize("name", plainly.practices())
def test_a_practice_is_said_in_words_that_differ_with_its_value(name: str) -> None:
    told = [plainly.sentence(name, value) for value in values(name)]
    assert len(set(told)) == len(told) > 1
    for text in told:
        assert text.endswith(".")
        assert not text[0].islower()
        assert "_" not in text
        assert len(text) < 110, text
        assert "{" not in text
        assert not text.startswith(f"{fields()[name]['title']}:")


def test_examples() -> None:
    assert plainly.sentences(
        {
            "regularise.averaging": 0.0,
            "layers.unfreezing": "top_down",
            "optimiser.epochs": 1,
            "layers.rate_decay": 0.38,
            "forgetting.blend": 0.7,
            "stop.after": 3,
            "model.source": "resnet18",
        }
    ) == [
        "Weights are not averaged.",
        "Layers begin to learn one stage after the other, from the last to the first.",
        "Every sample is seen once.",
        "Early layers learn more slowly: each stage takes 0.38 times the step of the next.",
        "The result is 70 % fine-tuned model and 30 % original model.",
        "The run is ended after 3 epochs.",
        "Model: resnet18.",
    ]
    assert "the last 100 steps" in plainly.sentence("regularise.averaging", 0.99)


def test_what_does_nothing_beside_another_choice_is_known() -> None:
    head = Recipe().with_settings({"layers.amount": "head_only", "optimiser.method": "solve"})
    assert not plainly.matters("regularise.mixup", head)
    assert not plainly.matters("layers.unfreezing", head)
    steps = head.with_settings({"optimiser.method": "steps"})
    assert plainly.matters("regularise.mixup", steps)
    assert not plainly.matters("layers.lora_rank", steps)
    assert plainly.matters("layers.lora_rank", steps.with_settings({"layers.amount": "adapters"}))
    assert not plainly.matters("stop.patience", steps.with_settings({"stop.early": False}))
