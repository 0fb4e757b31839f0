"""Tokens of texts: counted as the network reads them, kept for texts that stay as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from finetune_studio.core.dataset import Dataset, Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Progress
from finetune_studio.core.job import Control
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine import lengths
from finetune_studio.engine.lengths import LengthsMeasured
from tests import tiny_models

TEXTS = ["the cat sat on the mat", "", "breast cancer " * 300, "the dog 😀 ran"]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_models.folder(tmp_path / "model", "bert")


@pytest.fixture
def dataset(tmp_path: Path):
    made = Dataset(tmp_path / "project.sqlite")
    made.fill([Row(fields={"text": text}) for text in TEXTS], root=tmp_path)
    yield made
    made.close()


def measured(events) -> LengthsMeasured:
    return next(event for event in events if isinstance(event, LengthsMeasured))


def count(dataset: Dataset, model: Path, write=None) -> list:
    content = (model / "tokenizer.json").read_bytes()
    return list(lengths.count(dataset, content, Control(), write))


def test_lengths_are_those_of_the_tokenizer_itself(dataset, model):
    found = measured(count(dataset, model)).lengths
    own = Tokenizer.from_file(str(model / "tokenizer.json"))
    own.no_truncation()
    expected = [len(own.encode(text).ids) for text in TEXTS]
    assert [found[sample.id] for sample in dataset.samples()] == expected


def test_a_question_counts_with_its_context(tmp_path, model):
    dataset = Dataset(tmp_path / "questions.sqlite")
    fields = {"question": "who ran", "context": "the dog ran after the ball"}
    dataset.fill([Row(fields=fields)], root=tmp_path)
    own = Tokenizer.from_file(str(model / "tokenizer.json"))
    expected = len(own.encode(fields["question"], fields["context"]).ids)
    assert list(measured(count(dataset, model)).lengths.values()) == [expected]
    dataset.close()


def test_only_new_texts_are_counted_again(dataset, model):
    assert [e.done for e in count(dataset, model) if isinstance(e, Progress)] == [4]
    assert [e for e in count(dataset, model) if isinstance(e, Progress)] == []
    first = dataset.samples()[0]
    dataset.relabel([first.id], "a label does not change the text")
    assert [e for e in count(dataset, model) if isinstance(e, Progress)] == []
    dataset.rewrite(first.id, {"text": "the cat"}, "shorter")
    events = count(dataset, model)
    assert [(e.done, e.total) for e in events if isinstance(e, Progress)] == [(1, 1)]
    assert measured(events).lengths[first.id] == 4  # with the marks of start and end


def test_another_tokenizer_counts_for_itself(dataset, model, tmp_path):
    count(dataset, model)
    other = tiny_models.folder(tmp_path / "other", "gpt2")
    assert any(isinstance(event, Progress) for event in count(dataset, other))


def test_a_damaged_file_of_kept_lengths_is_counted_anew(dataset, model):
    expected = measured(count(dataset, model)).lengths
    content = (model / "tokenizer.json").read_bytes()
    lengths._place(dataset, content).write_bytes(b"no numbers")
    assert measured(count(dataset, model)).lengths == expected


def test_stopping_keeps_what_was_counted(dataset, model, monkeypatch):
    monkeypatch.setattr(lengths, "_TEXTS_AT_ONCE", 1)
    control = Control()
    content = (model / "tokenizer.json").read_bytes()
    events = []
    for event in lengths.count(dataset, content, control):
        events.append(event)
        if isinstance(event, Progress):
            control.ask_stop()
    assert not any(isinstance(event, LengthsMeasured) for event in events)
    rest = [e.total for e in lengths.count(dataset, content, Control()) if isinstance(e, Progress)]
    assert rest == [3, 3, 3]


def test_texts_are_encoded_in_portions_and_endless_ones_are_reckoned(dataset, model, monkeypatch):
    expected = measured(count(dataset, model)).lengths
    content = (model / "tokenizer.json").read_bytes()
    lengths._place(dataset, content).unlink()
    monkeypatch.setattr(lengths, "_LETTERS_AT_ONCE", 10)
    monkeypatch.setattr(lengths, "_LETTERS_READ", 1400)  # of 4,200 of the longest
    found = measured(count(dataset, model)).lengths
    longest = dataset.samples()[2].id
    assert found[longest] == pytest.approx(expected[longest], rel=0.02)
    del found[longest], expected[longest]
    assert found == expected


def test_the_recipe_says_where_texts_are_cut(dataset, model):
    recipe = Recipe(task="text_classification").with_settings(
        {"model.source": str(model), "options.max_length": 16}
    )
    found = measured(lengths.measure(dataset, recipe, Control()))
    assert (found.limit, found.windows) == (16, False)
    assert sum(tokens > found.limit for tokens in found.lengths.values()) == 1
    names = Recipe(task="token_classification").with_settings({"model.source": str(model)})
    assert measured(lengths.measure(dataset, names, Control())).windows


def test_a_conversation_is_counted_as_the_models_template_writes_it(tmp_path):
    place = tiny_models.folder(tmp_path / "chat", "llama", chat=True)
    dataset = Dataset(tmp_path / "chats.sqlite")
    turns = [{"role": "user", "content": "who ran"}, {"role": "assistant", "content": "the dog"}]
    dataset.fill([Row(fields={"messages": turns})], root=tmp_path)
    recipe = Recipe(task="causal_lm").with_settings({"model.source": str(place)})
    (found,) = measured(lengths.measure(dataset, recipe, Control())).lengths.values()
    from finetune_studio.modality import chat

    files = {f.name: f.read_bytes() for f in place.iterdir() if f.suffix in (".json", ".jinja")}
    own = Tokenizer.from_file(str(place / "tokenizer.json"))
    whole = chat.render(chat.template_of(files), turns)
    assert abs(found - len(own.encode(whole).ids)) <= 2
    dataset.close()


def test_a_task_without_a_chosen_model_says_so(dataset):
    with pytest.raises(StudioError, match="No model for summarisation"):
        list(lengths.measure(dataset, Recipe(task="summarization"), Control()))
