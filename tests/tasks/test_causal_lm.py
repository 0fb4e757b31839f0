"""Language models learn what can be learnt, from answers alone, packed or not, with adapters or without."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig

from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import (
    Evaluated,
    Event,
    Noted,
    Prediction,
    ReplyWritten,
    RunFinished,
    RunStarted,
)
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.task import Batch, Bundle
from finetune_studio.engine import chat, evaluate, run
from finetune_studio.engine.loaders import batch_of
from finetune_studio.modality import talks as talks_of
from finetune_studio.models import layers, lora, recompute
from finetune_studio.tasks import causal_lm
from finetune_studio.tasks.causal_lm import CausalLm
from tests import tiny, tiny_models
from tests.engine.conftest import finished, run_all
from tests.tasks.writing import project_of, recipe_of, word_model

SUBJECTS = ("birds", "fish", "cows", "bees")
VERBS = ("see", "like", "follow", "avoid")
OBJECTS = ("rivers", "hills", "clouds", "trees")
SENTENCES = 8  # of four words: 32 tokens, the first of which nothing foretells
# Of the 31 foretold tokens 7 subjects, 8 verbs and 8 objects are one of four; full stops are certain.
BOUND = 4 ** (23 / 31)


def grammar(index: int) -> str:
    rng = random.Random(f"grammar/{index}")
    kinds = (SUBJECTS, VERBS, OBJECTS)
    return " ".join(
        " ".join([*(rng.choice(kind) for kind in kinds), "."]) for _ in range(SENTENCES)
    )


def small_llama(**changes: Any) -> LlamaConfig:
    return LlamaConfig(
        **{
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 128,
            "tie_word_embeddings": True,
            **changes,
        }
    )


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = [m["content"] for n in range(60) for m in tiny.chat(n)]
    return tiny_models.folder(tmp_path_factory.mktemp("m") / "llama", "llama", texts, chat=True)


@pytest.fixture
def bundle(talking: Path) -> Bundle:
    recipe = recipe_of("causal_lm", talking)
    made = CausalLm().load_model(recipe, CausalLm().labels(None))
    made.network.eval()
    return made


def talks(count: int = 6) -> list[Sample]:
    return [
        Sample(n + 1, "", None, None, "train", fields={"messages": tiny.chat(n)})
        for n in range(count)
    ]


def test_a_grammar_is_learnt_down_to_its_entropy(tmp_path: Path) -> None:
    model = word_model(tmp_path / "model", (*SUBJECTS, *VERBS, *OBJECTS, "."), small_llama())
    recipe = recipe_of(
        "causal_lm", model, optimiser__epochs=6, optimiser__batch_size=16,
        optimiser__learning_rate=5e-3, optimiser__head_learning_rate=5e-3,
    ).with_settings({"options.max_length": 4 * SENTENCES})  # fmt: skip
    texts = ({"text": grammar(n)} for n in range(512))
    with project_of(tmp_path / "p", "causal_lm", texts) as project:
        ended = finished(run_all(project, recipe))
        told = list(evaluate.evaluate(project, Path(ended.run), "validation", Control()))[-1]
    assert 0.97 * BOUND < ended.metrics["perplexity"] < 1.08 * BOUND
    assert ended.metrics["token_accuracy"] > (8 + 23 / 4) / 31 - 0.05
    assert ended.metrics["loss"] == pytest.approx(math.log(ended.metrics["perplexity"]))
    assert isinstance(told, Evaluated)
    assert told.metrics["perplexity"] == pytest.approx(ended.metrics["perplexity"], rel=1e-4)
    assert (
        told.baseline["value"] > 1.8 * BOUND
    )  # words by how often they occur, without their order


def test_packed_and_padded_are_the_same_loss_and_answers(bundle: Bundle) -> None:
    task, found = CausalLm(), []
    brief = [{"role": "user", "content": "red"}, {"role": "assistant", "content": "dog"}]
    mixed = [s if s.id % 2 else replace(s, fields={"messages": brief}) for s in talks()]
    for packed in (True, False):
        bundle.processor |= {"packing": packed, "max_length": 200}
        batch = batch_of(task, bundle, mixed)
        with torch.no_grad():
            answers, loss = task.judge(bundle, batch)
            assert float(task.loss(bundle, batch)) == pytest.approx(float(loss), abs=1e-6)
        found.append(
            (float(loss), answers, task.weight(bundle, batch), len(batch.inputs["input_ids"]))
        )
    (one, ours, weight, rows), (other, theirs, weight_again, rows_again) = found
    assert one == pytest.approx(other, abs=1e-5)
    assert weight == weight_again == sum(a.answer["tokens"] for a in ours)
    assert rows < rows_again == 6
    for a, b in zip(ours, theirs, strict=True):
        assert a.answer["loss_sum"] == pytest.approx(b.answer["loss_sum"], abs=1e-4)
        assert (a.answer["tokens"], a.answer["right"]) == (b.answer["tokens"], b.answer["right"])


def test_nothing_judged_is_never_the_best() -> None:
    task = CausalLm()
    score = task.score([(talks(1)[0], Prediction())])["perplexity"]
    assert math.isfinite(score)
    assert not task.better(score, 1e6)


@pytest.mark.parametrize("packed", [True, False])
def test_judging_a_few_rows_at_a_time_says_the_same(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    task = CausalLm()
    bundle.processor |= {"packing": packed, "max_length": 64}
    batch = batch_of(task, bundle, talks())
    head, widest = bundle.network.get_submodule(bundle.head), []
    head.register_forward_hook(lambda _layer, _given, found: widest.append(len(found)))
    with torch.no_grad():
        whole, loss = task.judge(bundle, batch)
        counts = (batch.targets["next"] >= 0).sum(1).tolist()
        monkeypatch.setattr(causal_lm, "_JUDGED", max(counts))
        few, again = task.judge(bundle, batch)
    assert widest[0] == sum(counts) > 2 * max(counts)
    assert max(widest[1:]) <= max(counts)
    assert float(again) == pytest.approx(float(loss), abs=1e-6)
    for a, b in zip(whole, few, strict=True):
        assert a.answer["loss_sum"] == pytest.approx(b.answer["loss_sum"], abs=1e-4)
        assert (a.answer["tokens"], a.answer["right"]) == (b.answer["tokens"], b.answer["right"])


def gradients(bundle: Bundle, batch: Batch) -> dict[str, torch.Tensor]:
    bundle.network.zero_grad()
    CausalLm().loss(bundle, batch).backward()
    named = bundle.network.named_parameters()
    return {name: p.grad.clone() for name, p in named if p.grad is not None}


def test_questions_are_read_and_not_learnt(bundle: Bundle) -> None:
    """What the assistant says is the loss; another order of words in the question is none of its targets."""
    task, sample = CausalLm(), talks(1)[0]
    batch = batch_of(task, bundle, [sample])
    true = batch.targets["next"]
    learnt = batch.inputs["input_ids"][0][1:][true[0][:-1] >= 0]
    from finetune_studio.modality.talks import opened_tokenizer

    said = opened_tokenizer(bundle).decode(learnt.tolist(), skip_special_tokens=True)
    assert said.strip() == sample.fields["messages"][-1]["content"]
    # By hand: the cross-entropy of those places alone gives the same gradients, to the last of them.
    ours = gradients(bundle, batch)
    bundle.network.zero_grad()
    logits = bundle.network(**batch.inputs, use_cache=False).logits[0]
    places = [n for n, token in enumerate(true[0].tolist()) if token >= 0]
    lost = sum(-logits[n].log_softmax(0)[true[0, n]] for n in places) / len(places)
    lost.backward()
    for name, parameter in bundle.network.named_parameters():
        assert torch.allclose(ours[name], parameter.grad, atol=1e-6), name
    prompts = replace(bundle, processor={**bundle.processor, "prompts": True})
    assert task.weight(prompts, batch_of(task, prompts, [sample])) > task.weight(bundle, batch)


def test_recomputed_activations_change_no_gradient(bundle: Bundle) -> None:
    batch = batch_of(CausalLm(), bundle, talks())
    lora.put_in(bundle, recipe_of("causal_lm", Path(), layers__amount="adapters").layers, 0)
    layers.set_trainable(bundle.network, lora.names(bundle.network))
    layers.set_modes(bundle.network)
    plain = gradients(bundle, batch)
    recompute.wrap(bundle.network, bundle.head)
    again = gradients(bundle, batch)
    assert plain.keys() == again.keys() == set(lora.names(bundle.network))
    assert all(torch.allclose(plain[name], again[name], atol=1e-6) for name in plain)


def test_no_learnt_token_is_no_loss_and_no_crash(bundle: Bundle) -> None:
    task = CausalLm()
    asked = replace(talks(1)[0], fields={"messages": tiny.chat(1)[:-1]})
    batch = batch_of(task, bundle, [asked])
    assert float(task.loss(bundle, batch).detach()) == 0.0
    with torch.inference_mode():
        answers = task.predict(bundle, batch)
    assert isinstance(answers[0].answer["reply"], str)
    assert answers[0].label == answers[0].answer["reply"]


@pytest.fixture
def chatting(tmp_path: Path, talking: Path) -> Iterator[Project]:
    said = ({"messages": tiny.chat(n)} for n in range(48))
    with project_of(tmp_path / "chats", "causal_lm", said) as made:
        yield made


def adapters(talking: Path, **changes: Any) -> Any:
    own = {
        "layers__amount": "adapters",
        "optimiser__epochs": 2,
        "optimiser__batch_size": 8,
        "optimiser__learning_rate": 0.02,
        **changes,
    }
    options = {"options.max_length": 64, "options.longest_reply": 12}
    return recipe_of("causal_lm", talking, **own).with_settings(options)


def replies(folder: Path, said: Any, **choices: Any) -> list[ReplyWritten]:
    found = list(chat.reply(folder, said, Control(), **choices))
    assert all(isinstance(event, ReplyWritten) for event in found)
    return found  # type: ignore[return-value]


def test_a_run_with_adapters_talks_as_before_and_as_after(chatting: Project, talking: Path) -> None:
    ended = finished(run_all(chatting, adapters(talking)))
    folder = Path(ended.run)
    messages = tiny.chat(3)[:-1]
    after, before = replies(folder, messages)[-1], replies(folder, messages, before=True)[-1]
    assert (after.done, before.done) == (True, True)
    assert (after.text, after.tokens) != (before.text, before.tokens)
    assert max(after.tokens, before.tokens) <= 12
    # Before is the model itself, from which the run was begun; after is the run's merged network.
    shown = next(evaluate.predict(folder, [messages[-1]["content"]], Control()))
    assert shown.label == replies(folder, [messages[-1]])[-1].text
    plain = CausalLm().load_model(recipe_of("causal_lm", talking), CausalLm().labels(None))
    own = chat._before(str(folder.resolve()), (folder / "model.json").stat().st_mtime_ns)
    state = own.network.state_dict()
    assert all(torch.equal(state[n], t) for n, t in plain.network.state_dict().items())
    merged, beside = run.load_bundle(folder), run.load_bundle(folder, merged=False)
    batch = batch_of(CausalLm(), merged, talks())
    with torch.no_grad():
        one = merged.network(**batch.inputs).logits
        other = beside.network(**batch.inputs).logits
    assert (one - other).abs().max() < 1e-4
    assert (folder / "processor" / "tokenizer.json").is_file()


def test_chats_that_were_edited_to_end_unanswered_lose_only_that(
    bundle: Bundle, talking: Path, tmp_path: Path
) -> None:
    task = CausalLm()
    whole = [{"messages": tiny.chat(n)} for n in range(16)]
    with project_of(tmp_path / "p", "causal_lm", whole, keep=4) as project:
        data = project.dataset
        train = data.samples(split="train")
        more = [*train[0].fields["messages"], {"role": "user", "content": "and then?"}]
        gone = [{**turn, "content": ""} for turn in train[2].fields["messages"]]
        data.rewrite(train[0].id, {"messages": more}, "asked again")
        data.rewrite(train[1].id, {"messages": train[1].fields["messages"][:1]}, "no answer left")
        data.rewrite(train[2].id, {"messages": gone}, "emptied")
        for before, now in zip(train[:1], data.samples(split="train")[:1], strict=True):
            same, other = (talks_of.encoded(s, bundle) for s in (before, now))
            assert same == other
            assert task.input_of(now) == before.fields["messages"]
        tried = replace(data.samples(split="train")[0], split="")
        assert talks_of.encoded(tried, bundle)[1]  # what is tried out is answered
        events = run_all(project, recipe_of("causal_lm", talking, optimiser__epochs=1))
    warned = [e.text for e in events if isinstance(e, Noted) and e.level == "warning"]
    assert (
        f"2 samples hold nothing to learn, and neither train nor judge: sample {train[1].id}, "
        in (warned[0])
    )
    assert warned[1].startswith("1 conversation ends with words that nobody answers")
    assert f"sample {train[0].id}." in warned[1]
    began = next(e for e in events if isinstance(e, RunStarted))
    assert began.samples["train"] == 10


def test_a_reply_can_be_stopped_drawn_and_gone_on_from_text(
    chatting: Project, talking: Path
) -> None:
    folder = Path(finished(run_all(chatting, adapters(talking))).run)
    control = Control()
    control.ask_stop()
    stopped = list(chat.reply(folder, tiny.chat(3)[:-1], control))
    assert isinstance(stopped[-1], ReplyWritten)
    assert stopped[-1].tokens <= 1
    drawn = [
        replies(folder, tiny.chat(3)[:-1], temperature=5.0, seed=s)[-1].text for s in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    assert replies(folder, "red dog", longest=3)[-1].tokens <= 3
    with pytest.raises(StudioError, match="nothing to reply"):
        replies(folder, "")


def test_a_run_that_learnt_everything_asks_the_model_for_before(
    chatting: Project, talking: Path
) -> None:
    folder = Path(finished(run_all(chatting, adapters(talking, layers__amount="everything"))).run)
    assert replies(folder, tiny.chat(3)[:-1], before=True)[-1].done
    text = (folder / "recipe.toml").read_text().replace(str(talking), "/gone/away")
    (folder / "recipe.toml").write_text(text)
    chat._before.cache_clear()
    assert replies(folder, tiny.chat(3)[:-1], before=True)[-1].done  # the run itself knows it still
    (folder / "pretrained.safetensors").unlink()  # as in a run of an older version
    chat._before.cache_clear()
    with pytest.raises(StudioError, match="begun from is not there"):
        replies(folder, tiny.chat(3)[:-1], before=True)


def test_a_stopped_run_with_adapters_goes_on_to_the_same_numbers(
    chatting: Project, talking: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finetune_studio.engine.clock.STATE_EVERY_S", 0.0)
    whole = finished(run_all(chatting, adapters(talking, layers__lora_dropout=0.1)))

    def stop(event: Event, control: Control) -> None:
        if getattr(event, "step", 0) == 7:
            control.ask_stop()

    recipe = adapters(talking, layers__lora_dropout=0.1)
    part = finished(run_all(chatting, recipe, on_event=stop))
    assert part.stopped
    again = finished(run_all(chatting, recipe, resume=Path(part.run)))
    assert isinstance(again, RunFinished)
    assert again.metrics == whole.metrics


def test_no_template_is_said_and_goes_with_the_run(tmp_path: Path) -> None:
    model = tiny_models.folder(tmp_path / "gpt2", "gpt2")
    made = CausalLm().load_model(recipe_of("causal_lm", model), CausalLm().labels(None))
    assert "no chat template" in made.note
    assert b"User: " in made.files["chat_template.jinja"]


def test_answers_are_scored_over_all_tokens() -> None:
    sample = talks(1)[0]
    answers = [
        Prediction(answer={"loss_sum": 6.0, "tokens": 3, "right": 1}),
        Prediction(answer={"loss_sum": 1.0, "tokens": 7, "right": 7}),
    ]
    found = CausalLm().score((sample, answer) for answer in answers)
    assert found == pytest.approx({"perplexity": math.exp(0.7), "token_accuracy": 0.8, "loss": 0.7})
    shown = CausalLm().preview(
        sample, replace(answers[0], answer={**answers[0].answer, "reply": "hm"})
    )
    assert [mark.title for mark in shown.marks][-2:] == ["Assistant", "Reply"]  # type: ignore[union-attr]
    assert shown.lines == ("Perplexity 7.39; 33% of 3 tokens foretold.",)


def test_what_is_typed_is_a_message_or_a_conversation() -> None:
    task = CausalLm()
    assert task.sample_from_input("hello").fields["messages"] == [
        {"role": "user", "content": "hello"}
    ]
    listed = '[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]'
    assert len(task.sample_from_input(listed).fields["messages"]) == 2
    assert task.sample_from_input("[not json").fields["messages"][0]["content"] == "[not json"


def test_what_was_cut_does_not_count_in_the_answer_to_beat() -> None:
    """All words of a long reply were set against the few tokens read of it: 92 thousand millions."""

    def talk(number: int, reply: str) -> Sample:
        said = [{"role": "user", "content": "go on"}, {"role": "assistant", "content": reply}]
        return Sample(number, "", None, None, "validation", fields={"messages": said})

    short, long = talk(1, "the red dog runs"), talk(2, "the red dog runs far " * 30)
    train = [talk(n, "the red dog runs far") for n in range(3, 9)]
    whole = [(short, Prediction(sample=1, answer={"tokens": 5}))]
    cut = [*whole, (long, Prediction(sample=2, answer={"tokens": 13}))]
    task = CausalLm()
    assert task.baseline(train, cut) == task.baseline(train, whole)
    assert task.baseline(train, whole)["value"] < 100
    assert task.baseline(train, cut[1:]) == {}
