"""Question answering: one answer a question over all windows, SQuAD's scores, and it learns."""

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
from finetune_studio.modality import ask_answers, reading
from finetune_studio.tasks.question_answering import QuestionAnswering
from tests import tiny, tiny_models

TASK = QuestionAnswering()
_NO_QUESTION = '{"question": null, "context": "in Cairo"}'
_NO_TEXT = '{"question": "Where?", "context": ["in Cairo"]}'
BOTH = Labels(("answer", "no answer"))


def sample(question: str, context: str, *answers: str, number: int = 1, **fields: Any) -> Sample:
    """Return a question whose answers stand where they first occur in the context."""
    true = [{"text": a, "start": context.index(a)} for a in answers]
    given = {"question": question, "context": context, "answers": true, **fields}
    return Sample(number, "", None, None, "train", fields=given)


def questions(articles: int) -> list[Sample]:
    """Return the questions of the tiny dataset as samples."""
    found = []
    for index in range(articles):
        for paragraph in tiny.article(index)["paragraphs"]:  # type: ignore[attr-defined]
            for qa in paragraph["qas"]:
                true = [{"text": a["text"], "start": a["answer_start"]} for a in qa["answers"]]
                fields = {"question": qa["question"], "context": paragraph["context"]}
                found.append(
                    Sample(
                        len(found) + 1, "", None, None, "train", fields={**fields, "answers": true}
                    )
                )
    return found


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = [" ".join((s.fields["question"], s.fields["context"])) for s in questions(60)]
    return tiny_models.folder(tmp_path_factory.mktemp("reader"), "bert", texts, words=2000)


def made(model: Path, labels: Labels = BOTH, **options: int) -> Bundle:
    values = {f"options.{name}": value for name, value in options.items()}
    recipe = Recipe(task=TASK.name).with_settings({"model.source": str(model), **values})
    found = TASK.load_model(recipe, labels)
    found.network.eval()
    return found


def test_it_learns_to_answer(model: Path) -> None:
    """A tiny network from nothing begins to see where a small grammar keeps its answers."""
    torch.manual_seed(0)
    found, data = made(model, max_length=64), questions(40)
    learning = list(found.network.parameters())
    adam = torch.optim.AdamW(learning, 2e-3)
    warm_up = torch.optim.lr_scheduler.LinearLR(adam, 1 / 30, total_iters=30)
    rng, losses = random.Random(0), []
    for _ in range(300):
        loss = TASK.loss(found, batch_of(TASK, found, rng.sample(data, 16)))
        adam.zero_grad()
        loss.backward()
        # As in a run: without the warm-up and this limit, rounding alone decides whether it diverges.
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        adam.step()
        warm_up.step()
        losses.append(float(loss.detach()))
    assert sum(losses[-20:]) < sum(losses[:20]) / 2  # single batches differ by chance
    asked = data[:60]
    with torch.inference_mode():
        answers = TASK.predict(found, batch_of(TASK, found, asked))
    pairs = list(zip(asked, answers, strict=True))
    assert TASK.score(pairs)["f1"] > 2 * TASK.baseline(data, pairs)["value"]


def test_the_best_answer_of_all_windows_is_taken(model: Path) -> None:
    """The head is set so that one word is the surest start and end, wherever its window lies."""
    found = made(model, Labels(()), max_length=24, overlap=4)
    _points_to(found, "cairo")
    words = ["rain fell"] * 12
    for place in (0, 5, 11):
        context = " ".join([*words[:place], "Cairo", *words[place:]])
        batch = batch_of(TASK, found, [sample("Where does Anna live?", context, "Cairo")])
        assert len(batch.inputs["input_ids"]) > 2
        with torch.inference_mode():
            (answer,) = TASK.predict(found, batch)
        start = context.index("Cairo")
        assert answer.label == "Cairo"
        assert answer.answer["text"] == context[answer.answer["start"] : answer.answer["end"]]
        assert (answer.answer["start"], answer.answer["end"]) == (start, start + 5)


def _points_to(bundle: Bundle, word: str, strength: float = 50.0) -> None:
    """Let a network say of each token whether it is this word, and nothing else."""
    network: Any = bundle.network
    number = reading.tokenizer(bundle).token_to_id(word)
    assert number is not None
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "position_embeddings" in name or "token_type_embeddings" in name:
                parameter.zero_()
            if ".attention.output.dense" in name or ".output.dense" in name:
                parameter.zero_()
        table = network.get_input_embeddings().weight
        table.copy_(torch.randn(table.shape, generator=torch.Generator().manual_seed(0)))
        unit = torch.nn.functional.layer_norm(table[number], table[number].shape)
        head = network.get_submodule(bundle.head)
        head.weight.copy_(unit.repeat(2, 1) * strength / len(unit))
        head.bias.zero_()


def test_targets_say_which_window_holds_the_answer(model: Path) -> None:
    found = made(model, max_length=24, overlap=6)
    context = "rain fell and " * 10 + "Cairo is warm"
    one = sample("Where?", context, "Cairo")
    batch = batch_of(TASK, found, [one, sample("When?", "rain fell", number=2)])
    rows = batch.targets["answers"]
    owners = batch.targets["owners"]
    held = [n for n in range(len(rows)) if rows[n, 0] > 0]
    assert held == [int((owners == 0).sum()) - 1]
    first, last = rows[held[0]].tolist()
    letters = batch.targets["offsets"][held[0]]
    assert context[letters[first, 0] : letters[last, 1]] == "Cairo"
    assert rows[owners == 1].tolist() == [[0, 0]]  # no answer: the first token
    assert TASK.weight(found, batch) == len(rows)


def test_no_answer_is_only_said_where_training_had_some(model: Path, tmp_path: Path) -> None:
    def labels(*answers: list[dict[str, Any]]) -> Labels:
        project = Project(tmp_path / str(len(list(tmp_path.iterdir()))), TASK.name)
        rows = [
            Row(split=split, fields={"question": "q", "context": "a b", "answers": a})
            for split, a in zip(("train", "train", "test"), answers, strict=True)
        ]
        project.dataset.fill(rows, root=tmp_path)
        found = TASK.labels(project.dataset)
        project.close()
        return found

    one = [{"text": "a", "start": 0}]
    assert labels(one, [], one) == BOTH
    assert labels(one, one, []) == Labels(())
    context = [sample("Where?", "rain fell", number=1)]
    for kind in (BOTH, Labels(())):
        found = made(model, kind)
        _points_to(found, "[CLS]")
        with torch.inference_mode():
            (answer,) = TASK.predict(found, batch_of(TASK, found, context))
        assert (answer.label == "") == (kind == BOTH)
        assert (answer.answer["start"] == -1) == (kind == BOTH)


def test_answers_do_not_depend_on_the_batch(model: Path) -> None:
    found = made(model, max_length=32, overlap=8)
    data = questions(3)
    with torch.inference_mode():
        together, loss = TASK.judge(found, batch_of(TASK, found, data))
        alone = [TASK.judge(found, batch_of(TASK, found, [s])) for s in data]
    assert [a.sample for a in together] == [s.id for s in data]
    assert [a.label for a in together] == [a[0].label for a, _ in alone]
    weights = [TASK.weight(found, batch_of(TASK, found, [s])) for s in data]
    mean = sum(w * float(x) for w, (_, x) in zip(weights, alone, strict=True)) / sum(weights)
    assert float(loss) == pytest.approx(mean, abs=1e-4)


def test_an_answer_that_does_not_stand_there_is_refused_with_its_place(model: Path) -> None:
    found = made(model)
    wrong = sample("Where?", "Anna lives in Cairo", file="dev.json", row=3)
    for start in (0, -1, 99):
        wrong.fields["answers"] = [{"text": "Cairo", "start": start}]
        with pytest.raises(StudioError, match=rf"dev\.json, row 3: .*'Cairo'.*letter {start}"):
            TASK.example(wrong, found, view=None)
    wrong.fields["answers"] = [{"text": "Cairo", "start": 14}]
    assert len(TASK.example(wrong, found, view=None).cuts) == 1


@pytest.mark.parametrize(
    ("question", "context", "missing"),
    [("", "some text", "question"), ("  ", "some text", "question"), ("why", "\n", "context")],
)
def test_empty_texts_are_set_aside_in_words(
    model: Path, question: str, context: str, missing: str
) -> None:
    with pytest.raises(StudioError, match=f"there is no {missing}"):
        TASK.example(sample(question, context), made(model), view=None)


@pytest.mark.parametrize("context", ["word", "😀", "\u200b", "x" * 300, "rain fell " * 400])
def test_odd_contexts_are_answered(model: Path, context: str) -> None:
    found = made(model, max_length=32, overlap=8)
    for question in ("Where?", "why " * 200):
        with torch.inference_mode():
            answers, loss = TASK.judge(
                found, batch_of(TASK, found, [sample(question, context, context[:1])])
            )
        assert torch.isfinite(loss)
        (answer,) = answers
        about = answer.answer
        assert about["start"] == -1 or context[about["start"] : about["end"]] == answer.label
        assert json.loads(json.dumps(answer.as_json()))


def test_scores_over_several_answers_and_none() -> None:
    pairs = [
        (sample("q", "in the year 1066 there", "1066", "year 1066"), Prediction("the year 1066")),
        (sample("q", "in Oslo", number=2), Prediction("")),
        (sample("q", "in Oslo", number=3), Prediction("Oslo")),
        (sample("q", "near Oslo now", "Oslo", number=4), Prediction("Oslo now")),
    ]
    scores = TASK.score(pairs)
    assert scores == {
        "f1": pytest.approx((1 + 1 + 0 + 2 / 3) / 4),
        "exact_match": pytest.approx((1 + 1 + 0 + 0) / 4),
    }
    assert TASK.score([]) == {"f1": 0.0, "exact_match": 0.0}


def test_question_and_context_with_answers_as_marks() -> None:
    one = sample("Where?", "Anna lives in Cairo", "Cairo")
    about = {"text": "lives", "start": 5, "end": 10, "certainty": 0.75}
    shown = TASK.preview(one, Prediction("lives", answer=about))
    assert shown.marks == (
        Words("Where?", "Question"),
        Words("Anna lives in Cairo", "Context"),
        Spans((Span(14, 19, "answer"),)),
        Spans((Span(5, 10, "answer", 0.75),), said=True),
    )
    assert (shown.truth, shown.said, shown.certainty) == ("Cairo", "lives", 0.75)
    nothing = {"text": "", "start": -1, "end": -1, "certainty": 0.5}
    shown = TASK.preview(sample("Where?", "Rain"), Prediction("", answer=nothing))
    assert (shown.truth, shown.said) == ("no answer", "no answer")
    assert shown.marks[-1] == Spans((), said=True)


def test_questions_to_try(tmp_path: Path) -> None:
    asked = {"question": "Where?", "context": "Anna lives in Cairo"}
    file = tmp_path / "asked.json"
    file.write_text(json.dumps(asked), encoding="utf-8")
    for given in (str(file), json.dumps(asked)):
        found = TASK.sample_from_input(given)
        assert found.fields == asked
        assert TASK.input_of(found) == asked
        assert not TASK.teaches(found)
    for bad in ("Where?", '{"question": "q"}', "[1]", _NO_QUESTION, _NO_TEXT):
        with pytest.raises(StudioError, match="question with its context"):
            TASK.sample_from_input(bad)
    with pytest.raises(StudioError):
        TASK.sample_from_input(str(tmp_path / "missing.json"))


@pytest.mark.parametrize("given", [_NO_QUESTION, _NO_TEXT])
def test_nothing_is_no_question_in_an_export_either(
    model: Path, tmp_path: Path, given: str
) -> None:
    found = made(model)
    (tmp_path / "tokenizer.json").write_bytes(found.files["tokenizer.json"])
    (tmp_path / "preprocessing.json").write_text(json.dumps(found.processor), "utf-8")
    use = ask_answers.Answers(tmp_path, lambda inputs: inputs)
    with pytest.raises(ValueError, match="there is no"):
        use.read(given)
    whole = {"question": "Where?", "context": "in Cairo"}
    assert use.read(json.dumps(whole)) == whole


def test_an_unanswered_trial_has_no_loss(model: Path) -> None:
    found = made(model)
    trial = TASK.sample_from_input('{"question": "Where?", "context": "in Cairo"}')
    batch = batch_of(TASK, found, [trial])
    assert TASK.weight(found, batch) == 0
    assert float(TASK.loss(found, batch).detach()) == 0


def test_an_export_answers_with_the_scores_of_both_ends(model: Path) -> None:
    found = made(model)
    signature = TASK.signature(found)
    assert signature.outputs == ("start_scores", "end_scores")
    with torch.inference_mode():
        starts, ends = signature.network(*signature.inputs.values())
        plain = found.network(**signature.inputs)
    assert torch.equal(starts, plain.start_logits)
    assert torch.equal(ends, plain.end_logits)
