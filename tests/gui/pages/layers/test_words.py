"""Sentences on what a choice of layers means say what the numbers say, and no more."""

from __future__ import annotations

import pytest

from finetune_studio.core.recipe import Recipe
from finetune_studio.gui.pages.layers import words


@pytest.mark.parametrize(
    ("photos", "classes", "amount"),
    [
        (30, 4, "head_only"),
        (168, 4, "last_stage"),
        (168, 40, "head_only"),
        (4_999, 10, "last_stage"),
        (5_000, 10, "later_half"),
        (60_000, 10, "everything"),
    ],
)
def test_recommends_more_for_more_photos(photos: int, classes: int, amount: str) -> None:
    assert words.recommend(photos, classes, "image_classification") == amount


def test_the_recommendation_is_a_line() -> None:
    assert (
        words.recommendation(3068, 10, "image_classification")
        == "Recommended for 3,068 photos: the last stage"
    )
    assert (
        words.recommendation(60_000, 10, "image_classification")
        == "Recommended for 60,000 photos: everything"
    )
    assert words.recommendation(0, 0, "image_classification") == ""


@pytest.mark.parametrize(
    ("photos", "trainable", "level", "word"),
    [
        (3068, 12_810, "ok", "Overfitting: low."),
        (3068, 1_205_000, "info", "Overfitting: moderate."),
        (168, 3_680_000, "warning", "Overfitting: high."),
        (0, 12_810, "info", "Overfitting: not known."),
    ],
)
def test_overfitting_by_photos_per_parameter(
    photos: int, trainable: int, level: str, word: str
) -> None:
    found = words.overfitting(photos, trainable, "image_classification")
    assert (found.level, found.word) == (level, word)


def test_overfitting_never_gets_safer_with_more_to_learn() -> None:
    order = {"ok": 0, "info": 1, "warning": 2}
    levels = [
        order[words.overfitting(1000, 10**n, "image_classification").level] for n in range(2, 9)
    ]
    assert levels == sorted(levels)
    assert (
        "168 photos for 3.7 million parameters"
        in words.overfitting(168, 3_680_000, "image_classification").text
    )


@pytest.mark.parametrize(
    ("trained", "word"),
    [
        (0, "Forgetting: none."),
        (20, "Forgetting: low."),
        (60, "Forgetting: moderate."),
        (100, "Forgetting: likely."),
    ],
)
def test_forgetting_by_the_share_of_pretrained_parameters(trained: int, word: str) -> None:
    found = words.forgetting(trained, 100)
    assert found.word == word
    if trained:
        assert found.text.startswith(f"{trained} % of the pretrained parameters change")


def test_memory_that_does_not_fit_is_said() -> None:
    assert words.memory_words(108, 16_896) == ("108 MB", "of 16.5 GB free, an estimate")
    figure, sentence = words.memory_words(20_000, 16_896)
    assert figure == "19.5 GB"
    assert sentence.startswith("more than fits")


def test_a_choice_leaves_the_exact_solution_to_the_head() -> None:
    quick = Recipe().with_settings({"optimiser.method": "solve"})
    assert words.settings_for("head_only", quick) == {"layers.amount": "head_only"}
    assert words.settings_for("last_stage", quick)["optimiser.method"] == "steps"


def test_a_custom_choice_stays_while_another_is_tried() -> None:
    custom = Recipe().with_settings(words.settings_for("custom", Recipe(), ("layer4", "fc")))
    assert custom.layers.trainable == ["layer4", "fc"]
    other = custom.with_settings(words.settings_for("head_only", custom))
    assert other.layers.trainable == ["layer4", "fc"]
    again = other.with_settings(words.settings_for("custom", other))
    assert (again.layers.amount, again.layers.trainable) == ("custom", ["layer4", "fc"])


def test_layers_for_adapters_are_offered_by_what_they_are_called_and_by_stage() -> None:
    encoder = [
        f"encoder.layer.{n}.attention.{part}" for n in range(2) for part in ("query", "value")
    ]
    stages = [("Embeddings", ["embeddings"]), ("Layer 1", ["encoder.layer.0"])]
    assert words.groups_for_adapters(encoder, stages) == [
        ("query (2 layers)", ("query",)),
        ("value (2 layers)", ("value",)),
        ("Layer 1 (2 layers)", ("encoder.layer.0",)),
    ]
    blocks = ["features.1.conv.0", "features.2.conv.0", "features.2.conv.1"]
    stages = [("Stem", ["features.0", "features.1"]), ("Stage 1", ["features.2"])]
    assert words.groups_for_adapters(blocks, stages) == [  # numbers alone say nothing
        ("Stem (1 layer)", ("features.1",)),
        ("Stage 1 (2 layers)", ("features.2",)),
    ]


def test_texts_are_not_varied_and_not_every_task_has_classes() -> None:
    assert "Varied" in words.overfitting(1000, 1_000_000, "image_classification").text
    told = words.overfitting(1000, 1_000_000, "summarization").text
    assert "1,000 texts for 1.0 million parameters" in told
    assert "Varied" not in told
    assert "classes" not in words.forgetting(100, 100).text
