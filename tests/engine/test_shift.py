"""How far data lie: nought where they are what norms saw, more the odder they are; and for words likewise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from finetune_studio.core.dataset import Row
from finetune_studio.core.events import Event, Progress
from finetune_studio.core.job import Control
from finetune_studio.core.measures import ShiftMeasured
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine import shift
from finetune_studio.engine.shift import fragments, norms, words


def told(events: Iterator[Event]) -> ShiftMeasured:
    last = list(events)[-1]
    assert isinstance(last, ShiftMeasured)
    return last


def filled(folder: Path, pictures: list[np.ndarray]) -> Project:
    rows = []
    for number, pixels in enumerate(pictures):
        name = f"{'ab'[number % 2]}/{number:03d}.png"
        (folder / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / "photos" / name)
        rows.append(Row(name, "ab"[number % 2], "train"))
    project = Project(folder / "project", "image_classification")
    project.dataset.fill(rows, root=folder / "photos")
    return project


def test_norms_that_saw_the_same_are_near_and_others_are_not() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, momentum=None), nn.ReLU())
    network.train()
    with torch.no_grad():
        for _ in range(20):
            network(torch.randn(32, 3, 16, 16))
    network.eval()

    def distance(pixels: torch.Tensor) -> float:
        watched = norms.Watched(network)
        with torch.no_grad(), watched.watching():
            network(pixels)
        return watched.distances()["1"]

    same = distance(torch.randn(64, 3, 16, 16))
    brighter = distance(torch.randn(64, 3, 16, 16) + 1)
    assert same < 0.1
    assert brighter > 5 * same
    assert distance(torch.randn(64, 3, 16, 16) + 3) > brighter


def test_the_divergence_is_that_of_normal_distributions() -> None:
    one = torch.tensor(0.0), torch.tensor(1.0)
    other = torch.tensor(1.0), torch.tensor(4.0)
    p, q = (torch.distributions.Normal(m, v.sqrt()) for m, v in (one, other))
    kl = torch.distributions.kl_divergence
    assert norms.symmetrised(*one, *other) == pytest.approx(float(kl(p, q) + kl(q, p)))


def test_noise_is_far_and_the_answer_is_kept(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (96, 96, 3), dtype=np.uint8) for _ in range(12)]
    with filled(tmp_path, noise) as project:
        found = told(shift.measure(project, Recipe(), Control()))
        assert found.level == "far"
        assert found.distance > 0.8
        assert found.method == "norms"
        assert found.samples == 12
        assert "far" in found.text
        assert "does not foretell a score" in found.advice
        assert list(shift.measure(project, Recipe(), Control())) == [found]
        project.dataset.exclude([1])
        assert shift.kept(project, Recipe()) is None


def test_it_can_be_stopped_and_then_nothing_is_kept(tmp_path: Path) -> None:
    grey = [np.full((48, 48, 3), 90 + number, np.uint8) for number in range(40)]
    control = Control()
    with filled(tmp_path, grey) as project:
        for event in shift.measure(project, Recipe(), control):
            assert not isinstance(event, ShiftMeasured)
            if isinstance(event, Progress):
                control.ask_stop()
        assert shift.kept(project, Recipe()) is None


@pytest.mark.shared
def test_photos_of_clothes_are_near_and_blood_is_far(tmp_path: Path, shared: Path) -> None:
    levels = {}
    for name, root, pattern in (
        ("clothes", shared / "data" / "cls-clothing10", "*.jpg"),
        ("blood", shared / "data" / "det-bccd-voc", "*.jpg"),
    ):
        files = sorted(root.rglob(pattern))[::7][:40]
        with Project(tmp_path / name, "image_classification") as project:
            rows = [
                Row(str(f.relative_to(root)), "ab"[n % 2], "train") for n, f in enumerate(files)
            ]
            project.dataset.fill(rows, root=root)
            levels[name] = told(shift.measure(project, Recipe(), Control())).level
    assert levels == {"clothes": "near", "blood": "far"}


def tokenizer() -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    letters = [f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz"] + list("abcdefghijklmnopqrstuvwxyz")
    known = ["[UNK]", *letters, "fever", "the", "child", "has", "##s"]
    made = Tokenizer(
        models.WordPiece({w: n for n, w in enumerate(dict.fromkeys(known))}, unk_token="[UNK]")
    )
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made


def test_broken_and_unknown_words_are_counted_as_they_stand() -> None:
    found = fragments.pieces(tokenizer(), ["The child has fevers, 12 %!"], 0)
    assert found["words"] == 4
    assert found["tokens_a_word"] == pytest.approx(5 / 4)
    assert found["broken_words"] == pytest.approx(1 / 4)
    assert fragments.pieces(tokenizer(), ["жар жар the"], 0)["unknown_tokens"] == pytest.approx(
        2 / 3
    )


def test_the_more_words_are_broken_the_further_the_texts_lie() -> None:
    def distance(broken: float, unknown: float = 0.0) -> float:
        figures = {
            "words": 100.0,
            "tokens_a_word": 1.2,
            "broken_words": broken,
            "unknown_tokens": unknown,
        }
        return words.of_tokens(Recipe(task="text_classification"), figures, 0.02, 10).distance

    assert distance(0.05) == 0
    assert distance(0.1) < distance(0.2) < distance(0.6) < 1
    assert words.level_of(distance(0.07)) == "near"
    assert words.level_of(distance(0.17)) == "some"
    assert words.level_of(distance(0.97)) == "far"
    assert words.level_of(distance(0.0, 0.7)) == "far"


def test_a_network_without_norms_is_stood_in_for(tmp_path: Path) -> None:
    from transformers import ViTConfig, ViTForImageClassification

    config = ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        image_size=32, patch_size=8,
    )  # fmt: skip
    ViTForImageClassification(config).save_pretrained(tmp_path / "vit")
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (64, 64, 3), dtype=np.uint8) for _ in range(6)]
    recipe = Recipe().with_settings({"model.source": str(tmp_path / "vit")})
    with filled(tmp_path, noise) as project:
        found = told(shift.measure(project, recipe, Control()))
        starter = told(shift.measure(project, Recipe(), Control()))
    assert found.method == "stand_in"
    assert "embedded starter" in found.text
    assert found.distance == starter.distance
