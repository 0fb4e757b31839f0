"""Conversations as tokens: exactly what the assistant says is learnt, whatever the template."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from finetune_studio.core.errors import StudioError
from finetune_studio.modality import chat
from tests import tiny_models

CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] +"
    " '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA2 = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
    "{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}"
    "{% set system_message = false %}{% endif %}{% for message in loop_messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}"
    "{% endif %}{% if loop.index0 == 0 and system_message != false %}"
    "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
    "{% else %}{% set content = message['content'] %}{% endif %}"
    "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}"
    "{% endif %}{% endfor %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}"
    "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}"
    "{% set role = message['role'] %}{% endif %}"
    "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}"
)
# As reasoning models do: earlier answers lose what they thought, so prefixes do not stay as they were.
REWRITING = (
    "{% for m in messages %}{% if m.role == 'assistant' %}"
    "{% if loop.last %}[a]{{ m.content }}{% else %}[a]({{ m.content.split('|')[-1] }}){% endif %}"
    "{{ eos_token }}{% else %}[{{ m.role }}]{{ m.content }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}[a]{% endif %}"
)
MARKED = (
    "{% for m in messages %}{% if m.role == 'assistant' %}A: "
    "{% generation %}{{ m.content + eos_token }}{% endgeneration %}{% else %}U: {{ m.content }}"
    "{% endif %}\n{% endfor %}{% if add_generation_prompt %}A: {% endif %}"
)
TALK = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "the cat"},
    {"role": "assistant", "content": "sat on the mat"},
    {"role": "user", "content": "the dog"},
    {"role": "assistant", "content": "ran after the ball"},
]


def template(text: str) -> chat.Template:
    return chat.Template(text, {"bos_token": "<s>", "eos_token": "</s>"})


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    place = tmp_path_factory.mktemp("tokenizer")
    tiny_models.write_tokenizer(place, "llama", [m["content"] for m in TALK])
    return Tokenizer.from_file(str(place / "tokenizer.json"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CHATML, ["sat on the mat<|im_end|>", "ran after the ball<|im_end|>"]),
        (LLAMA2, [" sat on the mat </s>", " ran after the ball </s>"]),
        (GEMMA, ["sat on the mat<end_of_turn>", "ran after the ball<end_of_turn>"]),
        (MARKED, ["sat on the mat</s>", "ran after the ball</s>"]),
        (chat.PLAIN, [" sat on the mat</s>", " ran after the ball</s>"]),
        (tiny_models.CHAT_TEMPLATE, ["sat on the mat</s>", "ran after the ball</s>"]),
    ],
)
def test_the_assistants_turns_are_found(text: str, said: list[str], tokenizer: Tokenizer) -> None:
    written, where = chat.spans(template(text), TALK)
    assert [written[start:end] for start, end in where] == said
    assert "Be kind." in written  # also where the template refuses instructions
    found = chat.encode(tokenizer, template(text), TALK, 512)
    learnt = tokenizer.decode(
        [i for i, on in zip(*found, strict=True) if on], skip_special_tokens=False
    )
    assert learnt.split() == "".join(said).split()
    everything = chat.encode(tokenizer, template(text), TALK, 512, prompts=True)
    assert all(everything.learnt)
    assert everything.ids == found.ids
    # What is asked at use is just what stood before the answer while learning.
    asked = chat.prompt(tokenizer, template(text), TALK[:-1], 512)
    assert found.ids[: len(asked)] == asked


def test_a_template_that_rewrites_earlier_turns_is_still_understood() -> None:
    talk = [{**m, "content": f"hm|{m['content']}"} if m["role"] == "assistant" else m for m in TALK]
    with pytest.raises(StudioError, match="leaves out what the assistant says in message 3"):
        chat.spans(template(REWRITING), talk)
    written, where = chat.spans(template(REWRITING), TALK)
    assert [written[start:end] for start, end in where] == [
        "sat on the mat",
        "ran after the ball</s>",
    ]


def test_old_turns_go_first_and_instructions_stay(tokenizer: Tokenizer) -> None:
    whole = chat.encode(tokenizer, template(CHATML), TALK, 512)
    found = chat.encode(tokenizer, template(CHATML), TALK, len(whole.ids) - 1)
    text = tokenizer.decode(found.ids)
    assert "Be kind." in text
    assert "the cat" not in text
    assert "ran after the ball" in text
    asked = chat.prompt(tokenizer, template(CHATML), TALK[:-1], 40)
    assert "the cat" not in tokenizer.decode(asked)
    assert "the dog" in tokenizer.decode(asked)


def test_a_single_long_exchange_loses_the_beginning_of_its_question(tokenizer: Tokenizer) -> None:
    talk = [
        {"role": "user", "content": "the cat " * 50},
        {"role": "assistant", "content": "sat on"},
    ]
    found = chat.encode(tokenizer, template(CHATML), talk, 40)
    assert len(found.ids) == 40
    assert "sat on" in tokenizer.decode(found.ids)
    talk = [
        {"role": "user", "content": "the cat"},
        {"role": "assistant", "content": "sat on " * 50},
    ]
    found = chat.encode(tokenizer, template(CHATML), talk, 40)
    assert len(found.ids) == 40
    assert 20 < sum(found.learnt) < 40  # some of the question is still seen


def test_plain_text_is_learnt_in_pieces(tokenizer: Tokenizer) -> None:
    text = "the cat sat on the mat " * 20
    pieces = chat.encode_text(tokenizer, text, "</s>", 16)
    assert all(len(piece.ids) <= 16 and all(piece.learnt) for piece in pieces)
    ids = [number for piece in pieces for number in piece.ids]
    assert tokenizer.decode(ids) == text
    assert ids[-1] == tokenizer.token_to_id("</s>")


def test_where_a_reply_ends(tokenizer: Tokenizer) -> None:
    end = tokenizer.token_to_id("</s>")
    assert chat.ends(tokenizer, template(tiny_models.CHAT_TEMPLATE)) == {end}
    tokenizer.add_special_tokens(["<|im_end|>"])
    assert chat.ends(tokenizer, template(CHATML)) == {end, tokenizer.token_to_id("<|im_end|>")}


def test_a_refusal_says_why() -> None:
    talk = [{"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}]
    with pytest.raises(StudioError, match="must alternate"):
        chat.spans(template(LLAMA2), talk)
    with pytest.raises(StudioError, match="refuses"):
        chat.render(template("{{ messages.nothing.at.all }}"), talk)


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.append(1) }}",
        "{% set messages[0].role = 'x' %}",
    ],
)
def test_a_template_runs_nothing_but_itself(text: str) -> None:
    with pytest.raises(StudioError, match="refuses"):
        chat.render(template(text), [{"role": "user", "content": "a"}])


def test_the_date_in_a_template_stands_still() -> None:
    for text in ("{{ strftime_now('%Y') }}", "{{ date_string }}"):
        assert chat.render(template(text), [{"role": "user", "content": "a"}]) == "1 January 2025"


def test_templates_are_found_in_every_form_and_there_is_a_plain_one(tmp_path: Path) -> None:
    config = {"eos_token": {"content": "</s>"}, "chat_template": CHATML}
    found = chat.template_of({"tokenizer_config.json": json.dumps(config).encode()})
    assert (found.text, found.end, found.own) == (CHATML, "</s>", True)
    named = [{"name": "tool", "template": "x"}, {"name": "default", "template": MARKED}]
    listed = {"tokenizer_config.json": json.dumps({"chat_template": named}).encode()}
    assert chat.template_of(listed).text == MARKED
    beside = listed | {"chat_template.jinja": GEMMA.encode()}
    assert chat.template_of(beside).text == GEMMA
    none = chat.template_of({}, end="<|end|>")
    assert (none.text, none.own, none.end) == (chat.PLAIN, False, "<|end|>")
    with pytest.raises(StudioError, match="damaged"):
        chat.template_of({"tokenizer_config.json": b"{"})


def test_several_threads_do_not_disturb_each_other() -> None:
    talks = [[TALK[1], {**TALK[2], "content": f"answer {n}"}] for n in range(200)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda talk: chat.spans(template(MARKED), talk), talks))
    for number, (text, where) in enumerate(found):
        assert [text[start:end] for start, end in where] == [f"answer {number}</s>"]
