"""What every task promises, asked of every row of the catalogue on its ten-sample dataset."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Prediction
from finetune_studio.core.job import Control
from finetune_studio.core.preview import Heat, Picture, Spans, Words
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Bundle, Task, View
from finetune_studio.engine import curate
from finetune_studio.engine.loaders import batch_of, ready
from finetune_studio.models import layers
from finetune_studio.readers import CATALOGUE as READERS
from finetune_studio.tasks import CATALOGUE
from tests import tiny, tiny_models

NAMES = [row.name for row in CATALOGUE]
# What kind of tiny network stands for a family, where the starter would be slow or there is none.
KINDS = {"text": "sentence", "seq2seq": "t5", "causal": "llama"}


def right(sample: Sample) -> Prediction:
    """Return the answer that a sample's own fields say is right, in the words of every task."""
    fields = sample.fields
    if "spans" in fields:
        spans = [[*span, 1.0] for span in fields["spans"]]
        return Prediction("spans", answer={"spans": spans}, sample=sample.id)
    if "answers" in fields:
        first = next(iter(fields["answers"]), {"text": "", "start": 0})
        end = first["start"] + len(first["text"])
        answer = {**first, "end": end, "certainty": 1.0}
        return Prediction(first["text"], answer=answer, sample=sample.id)
    if "summaries" in fields:
        first = fields["summaries"][0]
        return Prediction(first, answer={"summary": first}, sample=sample.id)
    if "messages" in fields:
        return Prediction(answer={"loss_sum": 0.0, "tokens": 7, "right": 7}, sample=sample.id)
    return Prediction(sample.label, {str(sample.label): 1.0}, sample=sample.id)


class Case:
    """A task with its tiny data and the first starter that suits it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.task: Task = CATALOGUE.load(name)()
        self.data = getattr(tiny, name)(folder / "data")
        self.project = Project(folder / "project", name)
        self.family = str(CATALOGUE[name].facts["family"])
        settings = {"data.path": str(self.data)}
        if kind := KINDS.get(self.family):
            settings["model.source"] = str(tiny_models.folder(folder / "model", kind))
        self.recipe = Recipe(task=name).with_settings(settings)
        list(curate.import_data(self.project, self.recipe.data, 0, Control()))
        dataset = self.project.dataset
        self.samples = [s for s in dataset.samples(usable=True) if self.task.teaches(s)]
        self.labels = self.task.labels(dataset)
        self.bundle: Bundle = self.task.load_model(self.recipe, self.labels)
        self.bundle.network.eval()

    def batch(self, view: View | None = None, count: int = 4) -> Any:
        chosen = self.samples[:count]
        return batch_of(self.task, self.bundle, chosen, view)


@pytest.fixture(scope="module", params=NAMES)
def case(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Case]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINETUNE_STUDIO_HOME", str(tmp_path_factory.mktemp("home")))
        made = Case(request.param, tmp_path_factory.mktemp(request.param))
        yield made
        made.project.close()


def test_facts_stand_as_the_catalogue_says(case: Case) -> None:
    row = CATALOGUE[case.task.name]
    assert list(case.task.readers) == row.facts["readers"]
    assert case.task.headline == row.facts["headline"]
    assert case.task.models == row.facts["family"]
    assert case.task.fewest_classes == row.facts["fewest_classes"]
    assert len(case.labels) >= case.task.fewest_classes
    assert all(reader in READERS for reader in case.task.readers)
    assert case.task.Options().model_dump() is not None


def test_bundle_can_be_saved_as_plain_values(case: Case) -> None:
    for part in (case.bundle.processor, case.bundle.architecture):
        assert json.loads(json.dumps(part)) == part
    assert case.bundle.network.get_submodule(case.bundle.head) is not None
    assert case.bundle.labels == case.labels


def test_evaluation_examples_do_not_depend_on_chance(case: Case) -> None:
    torch.manual_seed(1)
    first = case.batch()
    torch.manual_seed(2)
    again = case.batch()
    assert_same(first.inputs, again.inputs)
    assert first.samples == [s.id for s in case.samples[:4]]


def test_varied_examples_depend_on_seed_sample_and_view_alone(case: Case) -> None:
    if not case.task.varies:
        assert_same(case.batch(View(5, 0)).inputs, case.batch().inputs)
        return
    case.recipe.augment.strength = "strong"
    one = case.batch(View(5, 0))
    assert_same(one.inputs, case.batch(View(5, 0)).inputs)
    assert not same(one.inputs, case.batch(View(5, 1)).inputs)
    assert not same(one.inputs, case.batch(View(6, 0)).inputs)


def test_examples_from_what_was_decoded_are_those_from_the_file(case: Case) -> None:
    case.recipe.augment.strength = "strong"
    for view in (None, View(5, 0)):
        decoded = [
            case.task.decoded(s, case.bundle, varied=view is not None) for s in case.samples[:4]
        ]
        examples = [
            case.task.example(s, case.bundle, view=view, decoded=pixels)
            for s, pixels in zip(case.samples[:4], decoded, strict=True)
        ]
        batch = ready(case.task, case.bundle, case.task.collate(examples))
        assert_same(batch.inputs, case.batch(view).inputs)
        assert all(p is None or p.dtype == np.uint8 for p in decoded)


def test_targets_are_those_of_collate(case: Case) -> None:
    assert_same(case.batch().targets, case.task.targets(case.samples[:4], case.bundle))


def test_loss_is_a_scalar_that_reaches_the_head(case: Case) -> None:
    network = case.bundle.network
    layers.set_trainable(network, layers.names_for("head_only", network, case.bundle.head, []))
    loss = case.task.loss(case.bundle, case.batch())
    assert loss.ndim == 0
    assert torch.isfinite(loss)
    loss.backward()
    head = network.get_submodule(case.bundle.head)
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in head.parameters())
    assert all(p.grad is None for p in network.parameters() if not p.requires_grad)
    network.zero_grad()


def test_one_answer_a_sample_in_order(case: Case) -> None:
    batch = case.batch()
    with torch.inference_mode():
        answers = case.task.predict(case.bundle, batch)
    assert [a.sample for a in answers] == batch.samples
    alone = [
        case.task.predict(case.bundle, batch_of(case.task, case.bundle, [s]))[0]
        for s in case.samples[:4]
    ]
    assert [a.label for a in alone] == [a.label for a in answers]
    for answer in answers:
        assert json.loads(json.dumps(answer.as_json()))
        if answer.probabilities:
            if len(answer.probabilities) == len(case.labels):
                assert sum(answer.probabilities.values()) == pytest.approx(1, abs=1e-4)
            assert list(answer.probabilities.values()) == sorted(
                answer.probabilities.values(), reverse=True
            )


def test_right_answers_score_one_and_the_headline_comes_first(case: Case) -> None:
    pairs = [(s, right(s)) for s in case.samples]
    scores = case.task.score(iter(pairs))
    assert next(iter(scores)) == case.task.headline
    assert scores[case.task.headline] == 1.0
    base = case.task.baseline(case.samples[::2], pairs[1::2])
    assert {"text", "metric", "value"} <= base.keys()
    assert case.task.better(1.0, base["value"])
    assert (
        case.task.score(iter([])).keys() <= scores.keys()
    )  # types of names have scores of their own


def test_preview_shows_sample_and_answer(case: Case) -> None:
    sample = case.samples[0]
    plain = case.task.preview(sample)
    assert plain.marks
    assert not plain.said
    shown = case.task.preview(sample, right(sample))
    assert shown.marks
    if sample.label is not None:
        assert plain.truth == sample.label
        answer = Prediction("x", {"x": 0.75})
        shown = case.task.preview(sample, answer)
        assert (shown.said, shown.certainty) == ("x", 0.75)
    kinds = Picture | Heat if case.family == "image" else Words | Spans
    assert all(isinstance(mark, kinds) for mark in shown.marks)


def test_signature_answers_as_predict_does(case: Case) -> None:
    try:
        signature = case.task.signature(case.bundle)
    except StudioError:
        assert case.family in ("seq2seq", "causal")  # what writes is asked again, token by token
        return
    assert signature.dynamic.keys() <= signature.inputs.keys()
    with torch.inference_mode():
        out = signature.network.eval()(*signature.inputs.values())
    outputs = out if isinstance(out, tuple) else (out,)
    assert len(outputs) == len(signature.outputs)
    assert outputs[0].shape[0] == 2


def test_unreadable_sample_is_a_studio_error(case: Case, tmp_path: Path) -> None:
    broken = tmp_path / "broken.bin"
    broken.write_bytes(b"\x00\x01")
    sample = Sample(1, str(broken), case.samples[0].label, None, "train")
    with pytest.raises(StudioError, match=r"broken\.bin"):
        case.task.example(sample, case.bundle, view=None)
    with pytest.raises(StudioError):
        case.task.sample_from_input(str(broken if case.family != "image" else tmp_path / "missing"))


def test_blank_has_the_shape_of_a_real_example(case: Case) -> None:
    blank, real = case.task.blank(case.bundle), case.batch(count=1)
    found, wanted = shapes(blank.inputs), shapes(real.inputs)
    if not case.task.ragged:
        assert found == wanted
        return
    assert {n: len(s) for n, s in found.items()} == {n: len(s) for n, s in wanted.items()}


def test_saved_and_rebuilt_network_answers_the_same(case: Case) -> None:
    from finetune_studio.models import zoo

    network = zoo.rebuild(case.bundle.architecture, len(case.bundle.labels))
    network.load_state_dict(case.bundle.network.state_dict(), strict=True)
    twin = copy.copy(case.bundle)
    twin.network = network.eval()
    batch = case.batch()
    with torch.inference_mode():
        ours = case.task.predict(case.bundle, batch)
        theirs = case.task.predict(twin, batch)
    assert [a.probabilities for a in ours] == [a.probabilities for a in theirs]


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return all(same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return bool(one == other)
    return bool(torch.equal(one, other))


def assert_same(one: Any, other: Any) -> None:
    assert same(one, other)


def shapes(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: shapes(item) for name, item in value.items()}
    return tuple(value.shape)
