"""Recipes: what they refuse and how they say it, what a file states, and settings from the terminal."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from finetune_studio.core import recipe
from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import Recipe


def test_a_saved_recipe_is_read_again_as_it_was(tmp_path: Path) -> None:
    kept = Recipe(seed=3).with_settings(
        {
            "data.label_column": 'with "quotes", ümlaut\n and a newline',
            "layers.trainable": ["fc", "layer4.1"],
            "optimiser.learning_rate": 1e-5,
            "options.anything": {"deep": [1, 2]},
            "stop.early": False,
        }
    )
    kept.save(tmp_path / "recipe.toml")
    assert recipe.load(tmp_path / "recipe.toml") == kept


def test_every_field_has_a_sentence_in_the_file() -> None:
    text = Recipe().toml()
    for name, about in recipe.fields().items():
        assert about["title"]
        assert about["description"]
        assert name.rpartition(".")[2] in text or name == "options"
    tomllib.loads(text)


PLAIN = {"seed", "optimiser.epochs", "optimiser.weight_decay", "regularise.towards_pretrained"}


def test_every_number_has_bounds_and_a_unit() -> None:
    """Where it has none, the number says itself what it counts, or is a pure one."""
    known = recipe.fields()
    numbers = {n: about for n, about in known.items() if about.get("type") in ("integer", "number")}
    assert len(numbers) > 30
    low, high = ("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")
    assert not [n for n, about in numbers.items() if not any(key in about for key in low)]
    open_end = [n for n, about in numbers.items() if not any(key in about for key in high)]
    assert open_end == ["compute.cache_limit_mb"]  # a disk may be as large as it likes
    assert {n for n, about in numbers.items() if not about["unit"]} == PLAIN
    assert not [n for n, about in known.items() if not (about["title"] and about["description"])]


def test_only_what_a_file_says_is_stated(tmp_path: Path) -> None:
    file = tmp_path / "short.toml"
    file.write_text('preset = "quick"\n[optimiser]\nepochs = 10\n[options]\na = 1\n')
    assert recipe.load(file).stated() == {
        "preset": "quick",
        "optimiser.epochs": 10,  # also where it says what is the default anyway
        "options.a": 1,
    }
    assert Recipe().stated() == {}


def test_paths_are_relative_to_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub" / "photos").mkdir(parents=True)
    (tmp_path / "weights.pt").touch()
    file = tmp_path / "sub" / "recipe.toml"
    (tmp_path / "names.csv").touch()
    data = 'path = "photos"\nlabels_path = "../names.csv"\n'
    file.write_text(f'[data]\n{data}[model]\nsource = "../weights.pt"\n')
    monkeypatch.chdir("/")
    found = recipe.load(file)
    assert found.data.path == str(tmp_path / "sub" / "photos")
    assert found.data.labels_path == str(tmp_path / "names.csv")
    assert found.model.source == str(tmp_path / "weights.pt")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("optimiser.epochs=5", ("optimiser.epochs", 5)),
        (" epochs = 5 ", ("optimiser.epochs", 5)),
        ("optimiser.learning_rate=1e-4", ("optimiser.learning_rate", 1e-4)),
        ("stop.early=false", ("stop.early", False)),
        ("model.source=starter", ("model.source", "starter")),
        ("data.label_column=1", ("data.label_column", "1")),  # a name, not a number
        ("data.path=2020-01-01", ("data.path", "2020-01-01")),
        ('data.path="a b=c"', ("data.path", "a b=c")),
        ("layers.trainable=fc, layer4.1", ("layers.trainable", ["fc", "layer4.1"])),
        ('layers.trainable=["fc"]', ("layers.trainable", ["fc"])),
        ("options.own=[1, 2]", ("options.own", [1, 2])),
        ("layers.rates=fc:2, layer4.1:0.5", ("layers.rates", {"fc": 2, "layer4.1": 0.5})),
        ('layers.rates={"layer4.1" = 0.5}', ("layers.rates", {"layer4.1": 0.5})),
        ("unfreeze_at=layer4:3", ("layers.unfreeze_at", {"layer4": 3})),
        ("mixup=0.2", ("regularise.mixup", 0.2)),
    ],
)
def test_settings_of_the_terminal(text: str, expected: tuple[str, Any]) -> None:
    assert recipe.parse_setting(text) == expected


@pytest.mark.parametrize("text", ["epochs", "=5", "epoch=5", "optimiser.epoch=5", "data=5"])
def test_settings_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(StudioError) as caught:
        recipe.parse_setting(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"optimizer": {"epochs": 3}}, ("no setting called 'optimizer'", "optimiser")),
        ({"optimiser": {"epoch": 3}}, ("no setting called 'optimiser.epoch'", "optimiser.epochs")),
        ({"optimiser": {"epochs": 0}}, ("optimiser.epochs cannot be 0", "at least 1")),
        (
            {"layers": {"rates": {"fc": 500}}},
            ("layers.rates cannot be 500 for fc", "at most 100", "multiplied"),
        ),
        (
            {"layers": {"rates": {"fc": "much"}}},
            ("layers.rates cannot be 'much' for fc: it must be a number",),
        ),
        ({"layers": {"rate_decay": 0}}, ("layers.rate_decay cannot be 0", "at least 0.05")),
        ({"regularise": {"averaging": 1.0}}, ("regularise.averaging cannot be 1", "0.9999")),
        ({"layers": {"unfreezing": "up"}}, ("'none', 'head_then_all' or 'top_down'",)),
        ({"preset": "fast"}, ("preset cannot be 'fast'", "'quick', 'balanced' or 'best'")),
        ({"seed": -1}, ("seed cannot be -1", "at least 0")),
        ({"seed": 2**40}, ("seed cannot be", "at most 2147483647")),
        ({"data": {"test_share": 0.5, "validation_share": 0.45}}, ("under 10 %",)),
        ({"compute": {"cache_limit_mb": "much"}}, ("compute.cache_limit_mb", "a whole number")),
        (
            {"stop": {"early": "perhaps"}},
            ("stop.early cannot be 'perhaps': it must be true or false",),
        ),
        ({"search": {"over": ["everything"]}}, ("search.over cannot be 'everything': it", "depth")),
        ({"crossval": {"folds": 1}}, ("crossval.folds cannot be 1: one fold leaves nothing",)),
        ({"layers": {"unfreeze_at": {"a.b": "soon"}}}, ("'soon' for a.b: it must be a whole",)),
        ({"layers": {"trainable": 3}}, ("layers.trainable cannot be 3: it must be a list",)),
    ],
)
def test_refusals_name_the_field_and_what_would_do(
    values: dict[str, Any], words: tuple[str, ...]
) -> None:
    with pytest.raises(StudioError) as caught:
        recipe.from_values(values)
    for word in words:
        assert word in str(caught.value)
    assert "Input should" not in str(caught.value)  # pydantic speaks to programmers
    assert "Value error" not in str(caught.value)


def test_what_is_no_recipe_is_said(tmp_path: Path) -> None:
    (tmp_path / "cut.toml").write_text("x = [")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    for name, word in (
        ("cut.toml", "is not a recipe"),
        ("binary.toml", "is not a recipe"),
        ("none.toml", "no recipe"),
        (".", "is a folder"),
    ):
        with pytest.raises(StudioError, match=word):
            recipe.load(tmp_path / name)


def test_changing_a_setting_leaves_the_original_alone() -> None:
    first = Recipe()
    second = first.with_settings({"layers.trainable": ["a"], "epochs": 2})
    assert first == Recipe()
    assert second.layers.trainable == ["a"]
    assert second.optimiser.epochs == 2
