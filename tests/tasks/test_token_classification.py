"""Token classification: windows come together again, scores are conlleval's, and it learns."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from finetune_studio.core.dataset import Labels, Row, Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Prediction
from finetune_studio.core.preview import Span, Spans, Words
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Bundle
from finetune_studio.engine.loaders import batch_of
from finetune_studio.engine.slicing import own_scores
from finetune_studio.modality import reading
from finetune_studio.tasks.token_classification import TokenClassification, in_words
from tests import tiny, tiny_models

TASK = TokenClassification()
TYPES = Labels(("Person", "Place"))


def sample(text: str, spans: Any = (), number: int = 1, **fields: Any) -> Sample:
    marked = {"text": text, "spans": [list(span) for span in spans], **fields}
    return Sample(number, "", None, None, "train", fields=marked)


def sentences(count: int) -> list[Sample]:
    """Return the sentences of the tiny dataset as samples."""
    found = []
    for number in range(count):
        words, spans, start = [], [], 0
        for line in tiny.tagged(number):
            word, tag = line.split("\t")
            if tag.startswith("B-"):
                spans.append([start, start + len(word), tag[2:]])
            elif tag.startswith("I-"):
                spans[-1][1] = start + len(word)
            words.append(word)
            start += len(word) + 1
        found.append(sample(" ".join(words), spans, number + 1, split_words=True))
    return found


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = [s.fields["text"] for s in sentences(60)]
    return tiny_models.folder(tmp_path_factory.mktemp("tagger"), "bert", texts, words=2000)


@pytest.fixture
def bundle(model: Path) -> Bundle:
    return made(model)


def made(model: Path, labels: Labels = TYPES, **options: int) -> Bundle:
    values = {f"options.{name}": value for name, value in options.items()}
    recipe = Recipe(task=TASK.name).with_settings({"model.source": str(model), **values})
    found = TASK.load_model(recipe, labels)
    found.network.eval()
    return found


def test_the_network_says_outside_begin_and_inside_of_each_type(bundle: Bundle) -> None:
    assert bundle.labels == TYPES
    head = bundle.network.get_submodule(bundle.head)
    assert head.weight.shape[0] == 5
    signature = TASK.signature(bundle)
    out = signature.network(*signature.inputs.values())
    assert out.shape[2] == 5
    assert torch.allclose(out.sum(2), torch.ones(out.shape[:2]))


def test_windows_of_long_texts_learn_a_few_at_a_time_and_the_same(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = made(model, max_length=16, overlap=4)
    spread = " ".join(s.fields["text"] for s in sentences(30))
    batch = batch_of(TASK, found, [sample(spread, [[0, 3, "Person"]])])
    windows = len(batch.inputs["input_ids"])
    assert windows > 8

    def learnt() -> tuple[float, dict[str, torch.Tensor], int, int]:
        found.network.zero_grad()
        kept, rows = [0], [0]
        hook = found.network.register_forward_pre_hook(
            lambda _n, _a, given: rows.append(len(given["input_ids"])), with_kwargs=True
        )
        sizes = torch.autograd.graph.saved_tensors_hooks(
            lambda t: (kept.append(t.nbytes), t)[1], lambda t: t
        )
        with sizes:
            loss = TASK.loss(found, batch)
        loss.backward()
        hook.remove()
        named = found.network.named_parameters()
        grads = {name: p.grad.clone() for name, p in named if p.grad is not None}
        return float(loss.detach()), grads, sum(kept), max(rows)

    loss, whole, kept, most = learnt()
    monkeypatch.setattr(reading, "_AT_ONCE", 4)
    again, parts, kept_in_parts, few = learnt()
    assert (most, few) == (windows, 4)
    assert kept_in_parts < kept / 4
    assert again == pytest.approx(loss, abs=1e-6)
    assert whole.keys() == parts.keys()
    assert all(torch.allclose(whole[name], parts[name], atol=1e-6) for name in whole)


def test_it_learns_to_name(model: Path) -> None:
    """A tiny network from nothing names most of what a small grammar says, in unseen sentences too."""
    torch.manual_seed(0)
    found = made(model, max_length=24, overlap=8)
    network, data = found.network, sentences(60)
    train, unseen = data[:50], data[50:]
    adam = torch.optim.AdamW(network.parameters(), 3e-3)
    rng, losses = random.Random(0), []
    network.train()
    for _ in range(60):
        loss = TASK.loss(found, batch_of(TASK, found, rng.sample(train, 16)))
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(float(loss.detach()))
    network.eval()
    assert losses[-1] < losses[0] / 3
    with torch.inference_mode():
        answers = TASK.predict(found, batch_of(TASK, found, unseen))
    scores = TASK.score(zip(unseen, answers, strict=True))
    assert scores["entity_f1"] > 0.75


def test_windows_of_a_long_text_name_what_one_pass_names(model: Path) -> None:
    """Where every window sees all that matters to a word, cutting changes nothing.

    A network without attention says of a token what it says anywhere, so that windows and whole agree
    exactly; each word is answered once.
    """
    short, long = made(model, max_length=16, overlap=6), made(model, max_length=64)
    for found in (short, long):
        found.network.load_state_dict(long.network.state_dict())
        _without_surroundings(found)
    one = sample(" ".join(s.fields["text"] for s in sentences(2)))
    cut, whole = batch_of(TASK, short, [one]), batch_of(TASK, long, [one])
    assert len(cut.inputs["input_ids"]) > 3
    assert len(whole.inputs["input_ids"]) == 1
    for name in ("tags", "letters", "owners"):
        assert torch.equal(cut.targets[name], whole.targets[name])
    with torch.inference_mode():
        assert float(TASK.loss(short, cut)) == pytest.approx(
            float(TASK.loss(long, whole)), abs=1e-5
        )
        spans = [TASK.predict(b, x)[0].answer["spans"] for b, x in ((short, cut), (long, whole))]
    assert [span[:3] for span in spans[0]] == [span[:3] for span in spans[1]]


def _without_surroundings(bundle: Bundle) -> None:
    """Let a network see neither the other tokens nor the places."""
    with torch.no_grad():
        for name, parameter in bundle.network.named_parameters():
            if ".attention.output.dense" in name or "position_embeddings" in name:
                parameter.zero_()


def test_answers_do_not_depend_on_the_batch(bundle: Bundle) -> None:
    data = [*sentences(3), sample("one"), sample("Anna " * 80)]
    data = [Sample(n, "", None, None, "", fields=s.fields) for n, s in enumerate(data)]
    with torch.inference_mode():
        together = TASK.predict(bundle, batch_of(TASK, bundle, data))
        alone = [TASK.predict(bundle, batch_of(TASK, bundle, [s]))[0] for s in data]
    assert [a.sample for a in together] == [0, 1, 2, 3, 4]
    assert [a.label for a in together] == [a.label for a in alone]


def test_a_batch_of_several_texts_has_the_mean_loss_of_its_words(bundle: Bundle) -> None:
    data = sentences(4)
    whole = batch_of(TASK, bundle, data)
    parts = [batch_of(TASK, bundle, [s]) for s in data]
    weights = [TASK.weight(bundle, part) for part in parts]
    with torch.inference_mode():
        losses = [float(TASK.loss(bundle, part)) for part in parts]
        answers, loss = TASK.judge(bundle, whole)
        assert [a.answer for a in answers] == [a.answer for a in TASK.predict(bundle, whole)]
    assert (
        TASK.weight(bundle, whole)
        == sum(weights)
        == sum(len(s.fields["text"].split()) for s in data)
    )
    mean = sum(w * x for w, x in zip(weights, losses, strict=True)) / sum(weights)
    assert float(loss) == pytest.approx(mean, abs=1e-5)


def test_balanced_classes_count_by_type(bundle: Bundle) -> None:
    data = [sample("a Anna Annason b Oslo", [[2, 14, "Person"], [17, 21, "Place"]])]
    batch = batch_of(TASK, bundle, data)
    assert TASK.weight(bundle, batch) == 5
    bundle.class_weights = torch.tensor([0.5, 2.0])
    assert TASK.weight(bundle, batch) == 2 + 2 * 0.5 + 2.0
    assert torch.isfinite(TASK.loss(bundle, batch))


def test_nothing_is_learnt_where_nothing_is_marked(bundle: Bundle) -> None:
    plain = Sample(1, "", None, None, "", fields={"text": "Anna in Oslo"})
    assert not TASK.teaches(plain)
    batch = batch_of(TASK, bundle, [plain])
    assert TASK.weight(bundle, batch) == 0
    loss = TASK.loss(bundle, batch)
    assert float(loss.detach()) == 0
    loss.backward()  # nothing, but no error


@pytest.mark.parametrize("text", ["word", "😀", "\u200b", "a" * 500, ". " * 50, "نص 北京 हिन्दी"])
def test_odd_texts_are_answered(bundle: Bundle, text: str) -> None:
    batch = batch_of(TASK, bundle, [sample(text)])
    with torch.inference_mode():
        answers, loss = TASK.judge(bundle, batch)
    assert torch.isfinite(loss)
    (answer,) = answers
    for start, end, kind, certainty in answer.answer["spans"]:
        assert text[start:end].strip() == text[start:end]
        assert kind in TYPES.names
        assert 0 < certainty <= 1
    assert json.loads(json.dumps(answer.as_json()))


def test_an_empty_text_is_set_aside_in_words(bundle: Bundle) -> None:
    empty = sample("  ", file="a.tsv", row=7)
    with pytest.raises(StudioError, match=r"a\.tsv, row 7: there is no text"):
        TASK.example(empty, bundle, view=None)
    with pytest.raises(StudioError, match="nothing to read"):
        TASK.sample_from_input(" ")


def test_one_type_is_enough(model: Path, tmp_path: Path) -> None:
    found = made(model, Labels(("Disease",)))
    data = [sample("a cold", [[2, 6, "Disease"]])]
    assert torch.isfinite(TASK.loss(found, batch_of(TASK, found, data)))
    project = Project(tmp_path / "p", TASK.name)
    rows = [
        ("train", [[0, 1, "b 10"], [2, 3, "b 9"]]),
        ("test", [[0, 1, "only here"]]),
        ("train", []),
    ]
    project.dataset.fill(
        [Row(split=s, fields={"text": "a b", "spans": x}) for s, x in rows], root=tmp_path
    )
    assert TASK.labels(project.dataset) == Labels(("b 9", "b 10"))
    project.close()


def test_scores_are_those_of_conlleval() -> None:
    """Counted by hand: 3 of 5 named are right, of 4 true ones."""
    text = "Anna Annason in New York met Lisbon"
    true = [[0, 12, "Person"], [16, 24, "Place"], [29, 35, "Place"]]
    said = [[0, 12, "Person"], [16, 19, "Place"], [20, 24, "Place"], [29, 35, "Place"]]
    other = sample("Oslo", [[0, 4, "Place"]], 2)
    pairs = [
        (sample(text, true), Prediction(answer={"spans": [[*span, 0.9] for span in said]})),
        (other, Prediction(answer={"spans": [[0, 4, "Place", 0.4]]})),
        (sample("nothing here", [], 3), Prediction(answer={"spans": []})),
    ]
    scores = TASK.score(pairs)
    assert list(scores) == ["entity_f1", "precision", "recall", "f1_Person", "f1_Place"]
    assert scores["precision"] == pytest.approx(3 / 5)
    assert scores["recall"] == pytest.approx(3 / 4)
    assert scores["entity_f1"] == pytest.approx(2 * 3 / (5 + 4))
    assert scores["f1_Person"] == 1.0
    assert scores["f1_Place"] == pytest.approx(2 * 2 / (4 + 3))
    wrong_type = [(other, Prediction(answer={"spans": [[0, 4, "Person", 1.0]]}))]
    assert TASK.score(wrong_type)["entity_f1"] == 0.0
    assert TASK.score([]) == {"entity_f1": 0.0, "precision": 0.0, "recall": 0.0}


def test_a_text_by_itself_is_right_where_nothing_is_named_and_nothing_found() -> None:
    """It has no F1 of its own, but parts of the data and runs are judged by it."""
    quiet, other = sample("nothing here", [], 1), sample("Oslo", [[0, 4, "Place"]], 2)
    pairs = [(one, Prediction(answer={"spans": []})) for one in (quiet, other)]
    assert own_scores(TASK, pairs) == ("entity_f1", {1: 1.0, 2: 0.0})
    invented = Prediction(answer={"spans": [[0, 7, "Place", 0.9]]})
    assert own_scores(TASK, [(quiet, invented)])[1] == {1: 0.0}


def test_the_baseline_marks_names_known_from_training() -> None:
    train = [sample("Anna is here", [[0, 4, "Person"]]), sample("in Oslo", [[3, 7, "Place"]], 2)]
    asked = [
        (sample("anna and Boris", [[0, 4, "Person"], [9, 14, "Person"]], 3), Prediction()),
        (sample("Oslo", [[0, 4, "Place"]], 4), Prediction()),
    ]
    base = TASK.baseline(train, asked)
    assert base["metric"] == "entity_f1"
    assert base["value"] == pytest.approx(2 * 2 / (2 + 3))
    assert TASK.baseline([], asked)["value"] == 0.0


def test_names_in_words_and_as_marks() -> None:
    one = sample("Anna of  New\nYork", [[0, 4, "Person"], [9, 17, "Place"]])
    spans = [[0, 4, "Person", 0.75]]
    shown = TASK.preview(one, Prediction("Person: Anna", answer={"spans": spans}))
    assert shown.truth == "Person: Anna | Place: New York"
    assert shown.said == "Person: Anna"
    words, true, said = shown.marks
    assert words == Words("Anna of  New\nYork")
    assert true == Spans((Span(0, 4, "Person"), Span(9, 17, "Place")))
    assert said == Spans((Span(0, 4, "Person", 0.75),), said=True)
    assert TASK.preview(sample("no")).truth == "nothing named"
    assert TASK.preview(sample("no"), Prediction("", answer={"spans": []})).said == "nothing named"
    assert in_words("a b c", [[0, 1, "x"], [4, 5, "x"]]) == "x: a; c"


def test_texts_to_try_and_what_an_export_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Anna in Oslo", encoding="utf-8")
    assert TASK.sample_from_input(str(file)).fields["text"] == "Anna in Oslo"
    assert TASK.input_of(TASK.sample_from_input("Anna in Oslo")) == "Anna in Oslo"
    assert TASK.input_of(sample("a b", split_words=True)) == {"text": "a b", "split_words": True}


def test_byte_tokens_and_two_kinds_of_networks_align(tmp_path: Path) -> None:
    """Tokens that hold the space before them, and networks without types, align just as well."""
    for kind in ("roberta", "distilbert", "sentence"):
        found = made(tiny_models.folder(tmp_path / kind, kind))
        one = sample("the cat: Anna!", [[9, 13, "Person"]])
        example = TASK.example(one, found, view=None)
        assert (example.homes >= 0).all()
        assert example.tags.tolist() == [0, 0, 0, 1, 0]
        batch = batch_of(TASK, found, [one])
        assert set(batch.inputs) == set(found.processor["inputs"])
        assert torch.isfinite(TASK.loss(found, batch))
