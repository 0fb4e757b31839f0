"""What a stranger's reading of the text tasks found: each of these was wrong once."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from finetune_studio.cli import main, training
from finetune_studio.core import splits
from finetune_studio.core.dataset import Labels, Row, Sample
from finetune_studio.core.events import Prediction
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import DataChoices, Recipe
from finetune_studio.engine import ordering
from finetune_studio.engine.evaluate import load_task
from finetune_studio.engine.rehearsal import few
from finetune_studio.modality import ask_chat, generate, talks
from finetune_studio.readers.chat_lines import ChatLines
from finetune_studio.tasks import question_answering
from finetune_studio.tasks.causal_lm import CausalLm
from tests import tiny, tiny_models


def test_a_repository_in_the_cache_is_no_path(tmp_path: Path) -> None:
    assert training.source("owner/some-model.v2", tmp_path) == "owner/some-model.v2"
    (tmp_path / "owner" / "some-model.v2").mkdir(parents=True)
    assert training.source("owner/some-model.v2", tmp_path) == str(tmp_path / "owner/some-model.v2")
    assert training.source("a/b/c", tmp_path) == str(tmp_path / "a/b/c")


def test_resume_needs_no_task(tmp_path: Path) -> None:
    Project(tmp_path / "p", "text_classification").close()
    assert training._task_there(tmp_path / "p") == "text_classification"
    assert training._task_there(tmp_path / "none") == ""
    assert training._task_there(None) == ""


def test_of_several_names_the_rarest_is_a_samples_class() -> None:
    names = [("a", "b"), ("a",), (), ("a", "b", "c")]
    assert splits.rarest(names) == ["b", "a", "", "c"]


def several(tmp_path: Path) -> Project:
    project = Project(tmp_path / "several", "text_classification")
    rows = [Row(fields={"text": f"t {n}", "labels": ["a", "b"][: 1 + n % 2]}) for n in range(60)]
    rows += [Row(fields={"text": f"rare {n}", "labels": ["a", f"rare {n}"]}) for n in range(12)]
    project.dataset.fill(rows, root=tmp_path)
    project.dataset.divide(validation=0.15, test=0.15, seed=0)
    return project


def test_a_rare_label_of_a_list_is_learnt(tmp_path: Path) -> None:
    with several(tmp_path) as project:
        split = {s.split for s in project.dataset.samples() if "rare" in s.fields["text"]}
        assert split == {"train"}
        assert all(project.dataset.split_counts().values())


def test_a_label_that_only_validation_has_does_not_forbid_training(tmp_path: Path) -> None:
    with Project(tmp_path / "p", "text_classification") as project:
        rows = [
            Row(split=split, fields={"text": "t", "labels": labels})
            for split, labels in (("train", ["a"]), ("train", ["b"]), ("validation", ["a", "c"]))
        ]
        project.dataset.fill(rows, root=tmp_path)
        assert load_task("text_classification").labels(project.dataset).names == ("a", "b")


def test_a_rehearsal_judges_with_classes_that_it_learns(tmp_path: Path) -> None:
    with several(tmp_path) as project:
        task = load_task("text_classification")
        some = few.shuffled(project, task, 0).few(4, 40)
        learnt = set(task.class_counts(some.train))
        assert set(task.class_counts(some.validation)) <= learnt


def test_a_rehearsal_of_names_has_a_name_to_learn(tmp_path: Path) -> None:
    with Project(tmp_path / "p", "token_classification") as project:
        rows = [
            Row(split=split, fields={"text": "Rome is old", "spans": spans})
            for split in ("train", "validation")
            for spans in ([[0, 4, "Place"]], *([] for _ in range(200)))
        ]
        project.dataset.fill(rows, root=tmp_path)
        task = load_task("token_classification")
        for seed in range(5):
            assert task.class_counts(few.shuffled(project, task, seed).few(8, 4).train)


def order(samples: list[Sample], task: str) -> list[int]:
    plain = load_task(task)
    plain.ragged = False
    recipe = Recipe(task=task).with_settings({"optimiser.balance": "sampler"})
    return ordering.order(plain, recipe, samples, 0, 8, None)


def test_what_has_no_classes_is_not_drawn_more_often() -> None:
    samples = [Sample(n, "", None, None, "train", fields={"text": "t"}) for n in range(50)]
    assert sorted(order(samples, "summarization")) == list(range(50))


def test_rare_labels_of_lists_are_drawn_more_often() -> None:
    samples = [
        Sample(n, "", None, None, "train", fields={"labels": ["a", "b"] if n < 5 else ["a"]})
        for n in range(100)
    ]
    counts = Counter(place < 5 for place in order(samples, "text_classification"))
    assert counts[True] > 25


def test_writing_ends_where_the_network_has_no_more_places() -> None:
    class Network(torch.nn.Module):
        config = SimpleNamespace(max_position_embeddings=6)

        def __init__(self) -> None:
            super().__init__()
            self.table = torch.nn.Linear(1, 1)

        def forward(self, input_ids: Any, past_key_values: Any, use_cache: bool) -> Any:
            if input_ids.shape[1] > 6:
                raise IndexError("index out of range in self")
            return SimpleNamespace(logits=torch.zeros(1, input_ids.shape[1], 3))

    assert len(list(generate.stream(Network(), [1, 1, 1, 1], [2], 100))) == 2
    assert list(generate.stream(Network(), [1] * 6, [2], 100)) == []


def test_a_long_question_leaves_places_for_the_reply(tmp_path: Path) -> None:
    class Network:
        asked = (0, 0)

        def write(self, inputs: Any, *, max_new_tokens: int, **_: Any) -> list[int]:
            self.asked = (inputs["input_ids"].shape[1], max_new_tokens)
            return [*inputs["input_ids"][0].tolist(), 5]

    model = tiny_models.folder(tmp_path / "m", "llama", ["red green blue one two"], chat=True)
    recipe = Recipe(task="causal_lm").with_settings(
        {"model.source": str(model), "options.max_length": 4096, "options.longest_reply": 20}
    )
    task = CausalLm()
    bundle = task.load_model(recipe, Labels(()))
    places, longest = bundle.processor["positions"], bundle.processor["max_length"]
    assert 0 < longest <= places
    question = [{"role": "user", "content": "red green blue " * places}]
    sample = Sample(1, "", None, None, "", fields={"messages": question})
    ids = talks.encoded(sample, bundle)[0][0].ids
    assert 0 < len(ids) <= longest - 20

    export = tmp_path / "export"
    export.mkdir()
    for name, content in bundle.files.items():
        (export / name).write_bytes(content)
    options = task.own_options(recipe).model_dump()
    for more, expected in (({}, 20), ({"positions": len(ids) + 3}, 3)):
        seen = options | bundle.processor | more
        (export / "preprocessing.json").write_text(json.dumps(seen), "utf-8")
        network = Network()
        use = ask_chat.Replies(export, network)
        looked = use.look(question)
        assert looked["asked"] == ids
        use.ask(looked)
        assert network.asked == (len(ids), expected)


@pytest.mark.parametrize("shape", ["messages", "list"])
def test_what_nobody_answers_is_left_out_and_told(tmp_path: Path, shape: str) -> None:
    said = [("user", "a"), ("assistant", "b"), ("user", "c")]
    chat = [{"role": role, "content": content} for role, content in said]
    path = tmp_path / "chats.jsonl"
    record: Any = {"messages": chat} if shape == "messages" else chat
    path.write_text(json.dumps(record) + "\n", encoding="utf-8")
    (row,) = ChatLines().read(path, DataChoices())
    assert not row.problem
    assert row.fields["messages"] == chat[:2]
    notes = ChatLines().describe(path, DataChoices()).notes
    assert any("1 ends with what nobody answers (the first: " in note for note in notes)


def test_answers_are_compared_once_however_often_they_are_scored() -> None:
    task = load_task("question_answering")
    answers = [{"text": "the red house", "start": 0}]
    pair = (Sample(1, "", None, None, "", fields={"answers": answers}), Prediction("red house!"))
    question_answering._fit.cache_clear()
    for _ in range(3):
        assert task.score([pair]) == {"f1": 1.0, "exact_match": 1.0}
    assert question_answering._fit.cache_info().misses == 1


def test_nothing_is_left_behind_where_no_model_is_given(tmp_path, capsys) -> None:
    data = tiny.summarization(tmp_path / "data")
    out = tmp_path / "out"
    code = main(
        ["train", "--task", "summarization", "--data", str(data), "--out", str(out), "--json"]
    )
    assert code == 2
    assert "--model" in capsys.readouterr().err
    assert not out.exists()
