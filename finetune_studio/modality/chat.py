"""Conversations as tokens: the tokenizer's own chat template, and which tokens the assistant says."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from finetune_studio.core.errors import StudioError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Message = Mapping[str, str]

# What a tokenizer without a template gets: plain words, with the assistant's turns marked.
PLAIN = (
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'system' -%}{{ message['content'] + '\n\n' }}"
    "{%- elif message['role'] == 'user' -%}{{ 'User: ' + message['content'] + '\nAssistant:' }}"
    "{%- else -%}{% generation %}{{ ' ' + message['content'] + (eos_token or '\n') }}{% endgeneration %}"
    "{%- if not loop.last -%}{{ '\n' }}{%- endif -%}"
    "{%- endif -%}"
    "{%- endfor -%}"
)
_MARKER = "generation %}"
_SPECIALS = ("bos_token", "eos_token", "pad_token", "unk_token")

# Some templates write the day's date; a run must give the same numbers on every day.
_DATE = "1 January 2025"
_FIXED_DATE = "{%- macro strftime_now(form) -%}" + _DATE + "{%- endmacro -%}"
_ONE_AT_A_TIME = threading.Lock()  # a template that marks what is generated remembers where it is
_KEPT_OF_PROMPT = 0.25  # of the room, where an answer alone is longer than it


class Tokens(NamedTuple):
    """Tokens in order, and which of them are learnt."""

    ids: list[int]
    learnt: list[bool]


@dataclass(frozen=True)
class Template:
    """How a conversation is written down.

    Attributes:
        text: Jinja, as the Hub keeps it; it is rendered in a sandbox and can run nothing else.
        specials: The tokens that it may name (``eos_token``), by that name.
        own: Whether it is the model's own, and not the plain one of this program.
    """

    text: str
    specials: dict[str, str] = field(default_factory=dict)
    own: bool = True

    @property
    def end(self) -> str:
        """Return the token that ends a text, empty if there is none."""
        return self.specials.get("eos_token", "")


def template_of(files: Mapping[str, bytes], end: str = "") -> Template:
    """Return the template among a tokenizer's files, or the plain one if it has none.

    Args:
        files: ``tokenizer_config.json`` and, where they exist, ``chat_template.jinja`` and
            ``special_tokens_map.json``.
        end: The token that ends a text, for files that do not name it.
    """
    config = _json(files, "tokenizer_config.json")
    named = _json(files, "special_tokens_map.json") | config
    specials = {name: _content(named.get(name)) for name in _SPECIALS if named.get(name)}
    if end:
        specials.setdefault("eos_token", end)
    text = files.get("chat_template.jinja", b"").decode("utf-8", "replace")
    text = text or _named_template(config.get("chat_template"))
    return Template(text or PLAIN, specials, own=bool(text))


def _json(files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    try:
        found = json.loads(files.get(name, b"{}"))
    except ValueError as error:
        raise StudioError(
            f"{name} of the tokenizer is damaged: {error}.", "Fetch the model anew."
        ) from error
    return found if isinstance(found, dict) else {}


def _content(value: Any) -> str:
    return str(value.get("content", "")) if isinstance(value, dict) else str(value)


def _named_template(value: Any) -> str:
    """Return a template that stands by itself, or the one called default of several."""
    if isinstance(value, list):
        by_name = {
            str(v.get("name")): str(v.get("template", "")) for v in value if isinstance(v, dict)
        }
        return by_name.get("default", next(iter(by_name.values()), ""))
    return value if isinstance(value, str) else ""


# --- words ----------------------------------------------------------------------------------------


def render(template: Template, messages: Sequence[Message], *, answering: bool = False) -> str:
    """Write a conversation down; ``answering`` ends it where the assistant begins to speak.

    Raises:
        StudioError: If the template refuses the conversation.
    """
    return _rendered(template, messages, answering=answering)[0]


def spans(template: Template, messages: Sequence[Message]) -> tuple[str, list[tuple[int, int]]]:
    """Write a conversation down, and say from where to where (in letters) the assistant speaks.

    What ends the assistant's turn is part of it: that must be learnt, too. Where the template marks
    generated text, its marks count; else each turn is found by what it adds to the turns before it; else
    by where its words stand.

    Raises:
        StudioError: If the template refuses the conversation, or leaves its answers out.
    """
    text, marked = _rendered(template, messages)
    if marked:
        return text, marked
    found = _by_prefixes(template, messages, text)
    return text, _by_words(template, messages, text) if found is None else found


def _rendered(
    template: Template, messages: Sequence[Message], *, answering: bool = False
) -> tuple[str, list[tuple[int, int]]]:
    from jinja2.exceptions import TemplateError

    chat = [dict(message) for message in messages]
    try:
        return _in_sandbox(template, chat, answering=answering)
    except (TemplateError, *_FAULTS) as error:
        if len(chat) > 1 and chat[0]["role"] == "system" and chat[1]["role"] == "user":
            # Templates without a place for instructions refuse them; they then open the first turn.
            first = {**chat[1], "content": f"{chat[0]['content']}\n\n{chat[1]['content']}"}
            return _rendered(template, [first, *chat[2:]], answering=answering)
        raise StudioError(
            f"The model's chat template refuses the conversation: {error}.",
            "Most templates want user and assistant to take turns, the user first.",
        ) from error


_FAULTS = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError)


def _in_sandbox(
    template: Template, chat: list[dict[str, str]], *, answering: bool
) -> tuple[str, list[tuple[int, int]]]:
    from transformers.utils.chat_template_utils import render_jinja_template

    text = _FIXED_DATE + template.text if "strftime_now" in template.text else template.text
    marks = _MARKER in text and not answering
    with _ONE_AT_A_TIME:
        rendered, marked = render_jinja_template(
            conversations=[chat],
            chat_template=text,
            add_generation_prompt=answering,
            return_assistant_tokens_mask=marks,
            date_string=_DATE,
            **template.specials,
        )
    return rendered[0], [(start, end) for start, end in marked[0]] if marks else []


def _by_prefixes(
    template: Template, messages: Sequence[Message], text: str
) -> list[tuple[int, int]] | None:
    """Return where the assistant's turns stand, None where the template rewrites earlier turns."""
    found = []
    for number, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        try:
            before = render(template, messages[:number], answering=True)
            after = render(template, messages[: number + 1])
        except StudioError:
            return None
        if not (text.startswith(after) and after.startswith(before)):
            return None
        words = message["content"].strip()
        if words not in after[len(before) :]:
            return None
        # The line break between turns is written by the template, never by the assistant.
        end = max(
            len(after.rstrip()), len(before) + after[len(before) :].rindex(words) + len(words)
        )
        found.append((len(before), end))
    return found


def _by_words(template: Template, messages: Sequence[Message], text: str) -> list[tuple[int, int]]:
    """Return where the assistant's words stand, each with the end-of-turn token right behind it."""
    found, place = [], 0
    for number, message in enumerate(messages):
        words = message["content"].strip()
        start = text.find(words, place)
        if start < 0:
            if message["role"] != "assistant":
                continue  # instructions that the template does not show
            raise StudioError(
                f"The model's chat template leaves out what the assistant says in message {number + 1}.",
                "Choose a model made for conversations.",
            )
        place = start + len(words)
        if message["role"] == "assistant":
            ends = template.end and text.startswith(template.end, place)
            place += len(template.end) if ends else 0
            found.append((start, place))
    return found


# --- tokens ---------------------------------------------------------------------------------------


def encode(
    tokenizer: Tokenizer,
    template: Template,
    messages: Sequence[Message],
    room: int,
    *,
    prompts: bool = False,
) -> Tokens:
    """Return a conversation as at most ``room`` tokens, and which of them are learnt.

    A token is learnt if it begins where the assistant speaks; all are with ``prompts``. Where there is
    too little room the oldest turns go, never the instructions; of a single exchange that is still too
    long, the beginning of the question.

    Raises:
        StudioError: If the template refuses the conversation.
    """
    left = list(messages)
    while True:
        found = _encoded(tokenizer, template, left, prompts=prompts)
        if len(found.ids) <= room:
            return found
        shorter = without_oldest(left)
        if shorter is None:
            return _cut(found, room)
        left = shorter


def room_to_ask(longest: int, longest_reply: int) -> int:
    """Return how many of a conversation's ``longest`` tokens may ask, so that a reply has places left."""
    return longest - min(longest_reply, longest // 2)


def prompt(
    tokenizer: Tokenizer, template: Template, messages: Sequence[Message], room: int
) -> list[int]:
    """Return the tokens after which the assistant answers, the oldest turns left out if need be."""
    left = list(messages)
    while True:
        ids = _ids(tokenizer, render(template, left, answering=True))
        if len(ids) <= room:
            return ids
        shorter = without_oldest(left, asking=True)
        if shorter is None:
            return ids[-room:]
        left = shorter


def encode_text(tokenizer: Tokenizer, text: str, end: str, room: int) -> list[Tokens]:
    """Return a plain text, all of it learnt, in pieces of at most ``room`` tokens."""
    ids = list(tokenizer.encode(text).ids)
    last = tokenizer.token_to_id(end) if end else None
    if last is not None and (not ids or ids[-1] != last):
        ids.append(last)
    pieces = [ids[start : start + room] for start in range(0, len(ids), room)]
    # A single token by itself teaches nothing: there is none before it.
    return [Tokens(piece, [True] * len(piece)) for piece in pieces if len(piece) > 1]


def without_oldest(messages: Sequence[Message], *, asking: bool = False) -> list[Message] | None:
    """Return the conversation without its oldest exchange; None if only one is left.

    What is left has an answer to learn; with ``asking`` it ends with the question to be answered.
    """
    start = 1 if messages and messages[0]["role"] == "system" else 0
    for number in range(start + 1, len(messages)):
        rest = messages[number:]
        answered = asking or any(message["role"] == "assistant" for message in rest)
        if rest[0]["role"] == "user" and answered:
            return [*messages[:start], *rest]
    return None


def ends(tokenizer: Tokenizer, template: Template) -> frozenset[int]:
    """Return the tokens that end the assistant's turn: the one written behind it, and the end of text."""
    found = {tokenizer.token_to_id(template.end)} if template.end else set()
    probe = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    try:
        text, where = spans(template, probe)
    except StudioError:
        where, text = [], ""
    special = {
        number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special
    }
    if where:
        behind = _ids(tokenizer, text[where[0][0] : where[0][1]])
        found |= {number for number in behind[-1:] if number in special}
    return frozenset(number for number in found if number is not None)


def _encoded(
    tokenizer: Tokenizer, template: Template, messages: Sequence[Message], *, prompts: bool
) -> Tokens:
    text, where = spans(template, messages)
    coded = tokenizer.encode(text, add_special_tokens=False)
    learnt = [
        prompts or any(start <= begin < end for start, end in where) for begin, _ in coded.offsets
    ]
    return Tokens(list(coded.ids), learnt)


def _ids(tokenizer: Tokenizer, text: str) -> list[int]:
    return list(tokenizer.encode(text, add_special_tokens=False).ids)


def _cut(found: Tokens, room: int) -> Tokens:
    """Cut the beginning off; where the answer alone is too long, its end."""
    first = next((n for n, learnt in enumerate(found.learnt) if learnt), 0)
    kept = int(room * _KEPT_OF_PROMPT)
    start = max(0, min(len(found.ids) - room, first - kept))
    end = start + room
    return Tokens(found.ids[start:end], found.learnt[start:end])
