"""Summaries are learnt, written within limits, and scored against every reference."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BartConfig, T5Config

from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Evaluated, Prediction
from finetune_studio.core.job import Control
from finetune_studio.core.preview import Words
from finetune_studio.core.task import Bundle
from finetune_studio.engine import evaluate, run
from finetune_studio.engine.loaders import batch_of
from finetune_studio.modality.plain_summaries import lead, longest_sentence
from finetune_studio.models import lora
from finetune_studio.tasks.summarization import Summarization
from tests import tiny_models
from tests.engine.conftest import finished, run_all
from tests.tasks.writing import project_of, recipe_of, word_model

_PLACES = ("oslo", "lima", "rome", "cairo", "paris", "tokyo")
_THINGS = ("boat", "lamp", "drum", "cake", "coat", "coin")
_NAMES = [f"{first}{last}" for first in "bdfgkl" for last in ("an", "el", "io", "um")]


def t5() -> T5Config:
    return T5Config(
        d_model=64, d_kv=16, d_ff=128, num_layers=2, num_heads=4, dropout_rate=0.0,
        feed_forward_proj="gated-gelu",
    )  # fmt: skip


def bart() -> BartConfig:
    return BartConfig(
        d_model=64, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=128, decoder_ffn_dim=128,
        max_position_embeddings=64, dropout=0.0, forced_eos_token_id=None, bos_token_id=1,
    )  # fmt: skip


def story(index: int) -> dict[str, Any]:
    """Return a text in which a place and a thing stand somewhere among names; these are the summary."""
    rng = random.Random(f"story/{index}")
    said = [rng.choice(_PLACES), rng.choice(_THINGS)]
    words = [*said, *rng.sample(_NAMES, 4)]
    rng.shuffle(words)
    return {"text": " ".join(words), "summaries": [" ".join(said)]}


@pytest.fixture
def small(tmp_path: Path) -> Bundle:
    place = tiny_models.folder(tmp_path / "t5", "t5")
    recipe = recipe_of("summarization", place).with_settings({"options.longest_summary": 6})
    made = Summarization().load_model(recipe, Summarization().labels(None))
    made.network.eval()
    return made


def sample(number: int, text: str, *summaries: str) -> Sample:
    return Sample(
        number, "", None, None, "train", fields={"text": text, "summaries": list(summaries)}
    )


@pytest.mark.parametrize(("config", "rate"), [(t5, 5e-3), (bart, 3e-3)])
def test_copying_what_counts_is_learnt(tmp_path: Path, config: Any, rate: float) -> None:
    model = word_model(tmp_path / "model", (*_PLACES, *_THINGS, *_NAMES), config())
    recipe = recipe_of(
        "summarization", model, optimiser__epochs=6, optimiser__batch_size=16,
        optimiser__learning_rate=rate, optimiser__head_learning_rate=rate, optimiser__warmup_share=0.1,
    ).with_settings({"options.longest_summary": 6, "options.generated": 24})  # fmt: skip
    with project_of(tmp_path / "p", "summarization", map(story, range(480))) as project:
        ended = finished(run_all(project, recipe))
        told = list(evaluate.evaluate(project, Path(ended.run), "validation", Control()))[-1]
        kept = evaluate.answers(Path(ended.run), project.dataset, "validation")
    assert isinstance(told, Evaluated)
    assert told.baseline["value"] < 0.55
    assert ended.metrics["rouge_l"] > 0.9
    assert sum("summary" in answer.answer for _, answer in kept) == 60  # a whole split is written


def test_only_some_are_written_and_all_are_judged(small: Bundle) -> None:
    task = Summarization()
    samples = [sample(n, f"the cat sat on the mat {n}", "the cat sat") for n in range(1, 9)]
    assert small.recipe is not None
    small.recipe.options["generated"] = 3
    asked = task.asked(samples, small.recipe)
    assert asked is not None
    assert len(asked) == 3
    assert asked == task.asked(list(reversed(samples)), small.recipe)
    small.asked = asked
    with torch.inference_mode():
        answers, loss = task.judge(small, batch_of(task, small, samples))
    written = {a.sample for a in answers if a.label is not None}
    assert written == asked
    assert all(("summary" in a.answer) == (a.sample in asked) for a in answers)
    scores = task.score(zip(samples, answers, strict=True))
    assert scores["loss"] == pytest.approx(float(loss), rel=1e-5)
    small.recipe.options["generated"] = 8
    assert task.asked(samples, small.recipe) is None


def test_the_loss_is_the_networks_own(small: Bundle) -> None:
    task = Summarization()
    samples = [
        sample(1, "the cat sat on the mat", "the cat"),
        sample(2, "red green blue", "red blue"),
    ]
    batch = batch_of(task, small, samples)
    given = {name: batch.inputs[name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        theirs = small.network(**given, labels=batch.targets).loss
        assert float(task.loss(small, batch)) == pytest.approx(float(theirs), abs=1e-6)
    assert task.weight(small, batch) == float((batch.targets >= 0).sum())


@pytest.mark.parametrize("beams", [1, 3])
def test_summaries_keep_to_their_limits(small: Bundle, beams: int) -> None:
    task = Summarization()
    assert small.recipe is not None
    small.recipe.options |= {"beams": beams, "shortest_summary": 4, "longest_summary": 5}
    with torch.inference_mode():
        batch = batch_of(task, small, [sample(1, "the cat sat on the mat")])
        from finetune_studio.modality import generate

        given = {name: batch.inputs[name] for name in ("input_ids", "attention_mask")}
        ids = generate.written(small.network, given, longest=5, shortest=4, beams=beams)
        answer = task.predict(small, batch)[0]
    assert 1 + 4 <= ids.shape[1] <= 1 + 5  # the start is not counted
    assert answer.label == answer.answer["summary"]
    assert "loss_sum" not in answer.answer  # nothing to compare with


def test_texts_without_a_summary_stand_beside_others(small: Bundle) -> None:
    task = Summarization()
    batch = batch_of(task, small, [sample(1, "the cat"), sample(2, "the dog ran", "the dog")])
    with torch.inference_mode():
        answers, loss = task.judge(small, batch)
    assert torch.isfinite(loss)
    assert "loss_sum" not in answers[0].answer
    assert answers[1].answer["tokens"] > 0


def test_the_best_reference_and_simple_summaries() -> None:
    task = Summarization()
    text = "One here. Two are there now. Three. Four is the longest of all sentences here."
    given = sample(1, text, "nothing alike", "Four is the longest of all sentences here.")
    pairs = [(given, Prediction("Four is the longest of all sentences here", sample=1))]
    assert task.score(pairs)["rouge_l"] == 1.0
    assert lead(text) == "One here. Two are there now. Three."
    assert longest_sentence(text).startswith("Four")
    base = task.baseline([], pairs)
    assert (base["text"], base["value"]) == ("the longest sentence", 1.0)
    assert task.baseline([], []) == {}
    shown = task.preview(given, pairs[0][1])
    assert [mark.title for mark in shown.marks] == [  # type: ignore[union-attr]
        *("Text", "Reference 1", "Reference 2", "Summary"),
    ]
    assert shown.lines == ("ROUGE-L 1.00 against the reference.",)
    silent = task.preview(given, Prediction("", sample=1))
    assert silent.marks[-1] == Words("", "Summary")  # a model that writes nothing was asked too
    unasked = task.preview(given, Prediction(None, sample=1))
    assert unasked.marks[-1] == shown.marks[2]


def test_the_word_before_each_text_is_the_models_own(tmp_path: Path, small: Bundle) -> None:
    params = {"summarization": {"prefix": "summarize: "}}
    place = tiny_models.folder(tmp_path / "own", "t5", task_specific_params=params)
    for option, expected in (("auto", "summarize: "), ("", ""), ("tl;dr ", "tl;dr ")):
        recipe = recipe_of("summarization", place).with_settings({"options.prefix": option})
        made = Summarization().load_model(recipe, Summarization().labels(None))
        assert made.processor["prefix"] == expected
    assert small.processor["prefix"] == ""
    text = sample(1, "the cat", "cat")
    plain = Summarization().example(text, small, view=None).encoded.ids
    with_prefix = replace(small, processor={**small.processor, "prefix": "the dog "})
    assert Summarization().example(text, with_prefix, view=None).encoded.ids != plain


def test_a_run_with_adapters_in_encoder_and_decoder(tmp_path: Path) -> None:
    place = tiny_models.folder(tmp_path / "bart", "bart")
    recipe = recipe_of(
        "summarization", place, layers__amount="adapters", optimiser__epochs=1,
    ).with_settings({"options.longest_summary": 6})  # fmt: skip
    texts = (
        {"text": f"the cat sat on mat {n}", "summaries": ["the cat", "cat"]} for n in range(24)
    )
    with project_of(tmp_path / "p", "summarization", texts) as project:
        ended = finished(run_all(project, recipe))
    beside = run.load_bundle(Path(ended.run), merged=False)
    learnt = lora.names(beside.network)
    assert any("encoder" in name for name in learnt)
    assert any("encoder_attn" in name for name in learnt)


def test_summaries_longer_than_the_decoder_can_write_are_refused(tmp_path: Path) -> None:
    place = tiny_models.folder(tmp_path / "bart", "bart")
    task = Summarization()
    config = json.loads((place / "config.json").read_text())
    most = config["max_position_embeddings"]
    recipe = recipe_of("summarization", place)
    with pytest.raises(StudioError, match=f"this model can write {most:,} at most") as caught:
        task.load_model(
            recipe.with_settings({"options.longest_summary": most + 1}), task.labels(None)
        )
    assert "options.longest_summary" in caught.value.hint
    task.load_model(recipe.with_settings({"options.longest_summary": most}), task.labels(None))
