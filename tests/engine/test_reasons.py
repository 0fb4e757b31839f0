"""The sentences beside a preset follow the data's size, how far they lie, and the device."""

from __future__ import annotations

import pytest

from finetune_studio.core.measures import ShiftMeasured
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine import presets
from finetune_studio.engine.presets.reasons import reasons


def shift(level: str) -> ShiftMeasured:
    return ShiftMeasured("starter", "norms", 0.5, level, "", "", 100)


def chosen(preset: str, samples: int, task: str = "image_classification") -> Recipe:
    return presets.apply(Recipe(task=task), samples, preset)


def test_size_distance_and_depth_stand_in_one_sentence() -> None:
    first = reasons(chosen("balanced", 412), 412, shift("far"))[0]
    assert (
        first == "412 photos, far from what the model knows: the last stage is retrained, slowly."
    )
    assert "far" not in reasons(chosen("balanced", 412), 412)[0]
    quick = reasons(chosen("quick", 412), 412)[0]
    assert quick == (
        "412 photos: only the new last layer learns, and its best place is computed at once."
    )


def test_few_samples_are_looked_at_more_often_than_many() -> None:
    few = " ".join(reasons(chosen("balanced", 200), 200))
    many = " ".join(reasons(chosen("balanced", 5000), 5000))
    assert "Few photos are looked at more often: each of these up to 15 times" in few
    assert "Many photos are looked at less often: each of these up to 6 times" in many


@pytest.mark.parametrize(
    ("preset", "level", "said"),
    [("quick", "far", "try Balanced"), ("quick", "near", ""), ("balanced", "far", "")],
)
def test_a_distance_that_speaks_for_another_depth_is_told(
    preset: str, level: str, said: str
) -> None:
    text = " ".join(reasons(chosen(preset, 2000), 2000, shift(level)))
    assert (said in text) if said else ("try" not in text)


def test_texts_are_never_called_photos() -> None:
    for task in ("text_classification", "summarization", "causal_lm"):
        for preset in ("quick", "balanced", "best"):
            text = " ".join(reasons(chosen(preset, 900, task), 900, None, "cpu"))
            assert text
            assert "photo" not in text


def test_the_device_is_told_where_it_decides() -> None:
    assert "look at each sample once" in " ".join(
        reasons(chosen("balanced", 900), 900, None, "cpu")
    )
    assert "processor" not in " ".join(reasons(chosen("balanced", 900), 900, None, "cuda"))
    assert reasons(chosen("balanced", 0), 0) == []


def test_a_run_that_goes_on_says_whether_earlier_samples_are_shown_again() -> None:
    on = Recipe().with_settings({"model.source": "/a/project/runs/3"})
    assert any("is not shown again; 'Replay of earlier samples'" in t for t in reasons(on, 400))
    again = on.with_settings({"forgetting.replay": 0.2})
    assert any(text.startswith("20 % of each step are samples") for text in reasons(again, 400))
    assert not any("earlier" in text for text in reasons(Recipe(), 400))
