"""A sample of a language model: its turns or its text, and the tokens that a tokenizer makes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.task import Bundle
from finetune_studio.modality import chat, text
from finetune_studio.modality.chat import Tokens

ROLES = ("system", "user", "assistant")
_NAMED = 5  # samples that a sentence names


def messages_of(sample: Sample) -> list[dict[str, str]]:
    """Return the turns of a sample's conversation; none where it is a plain text."""
    found = sample.fields.get("messages")
    return list(found) if isinstance(found, list) else []


def learnt_turns(sample: Sample) -> list[dict[str, str]]:
    """Return the turns up to the last answer: what nobody answers behind it teaches nothing."""
    turns = messages_of(sample)
    while turns and not (answers(turns[-1]) and turns[-1]["content"].strip()):
        turns.pop()
    return turns


def teaches(sample: Sample) -> bool:
    """Whether there is an answer, and no turn before it was emptied; or a plain text."""
    turns = learnt_turns(sample)
    said = all(turn["content"].strip() for turn in turns if turn["role"] != "system")
    return bool(turns and said) or bool(text_of(sample).strip())


def said_in(sample: Sample) -> list[dict[str, str]]:
    """Return the turns that a network is given: all of what is tried out, of the data those learnt."""
    return (learnt_turns(sample) if sample.split else []) or messages_of(sample)


def unanswered(samples: Sequence[Sample]) -> list[str]:
    """Return, as a sentence, which conversations end with what nobody answers; nothing if none does."""
    open_ends = [s for s in samples if len(learnt_turns(s)) < len(messages_of(s))]
    if not open_ends:
        return []
    places = ", ".join(sample.place for sample in open_ends[:_NAMED])
    more = ", …" if len(open_ends) > _NAMED else ""
    ends = "conversation ends" if len(open_ends) == 1 else "conversations end"
    told = f"{len(open_ends):,} {ends} with words that nobody answers; only what stands before is learnt"
    return [f"{told}: {places}{more}."]


def text_of(sample: Sample) -> str:
    """Return a plain text, empty where the sample is a conversation."""
    found = sample.fields.get("text")
    return found if isinstance(found, str) else ""


def answers(message: Mapping[str, str]) -> bool:
    """Whether the assistant says this."""
    return message["role"] == "assistant"


def learnt_texts(sample: Sample) -> list[str]:
    """Return what is learnt of a sample: what the assistant says, or all of a plain text."""
    said = [m["content"] for m in messages_of(sample) if answers(m)]
    return said or [found for found in [text_of(sample)] if found]


def conversation_in(given: str) -> list[dict[str, str]]:
    """Return the messages that a text holds as JSON, or the text as what the user says."""
    try:
        found = json.loads(given) if given.lstrip().startswith(("[", "{")) else None
    except ValueError:
        found = None
    listed = found.get("messages") if isinstance(found, dict) else found
    if (
        isinstance(listed, list)
        and listed
        and all(
            isinstance(m, dict) and m.get("role") in ROLES and isinstance(m.get("content"), str)
            for m in listed
        )
    ):
        return [{"role": m["role"], "content": m["content"]} for m in listed]
    return [{"role": "user", "content": given}]


def encoded(sample: Sample, bundle: Bundle) -> tuple[tuple[Tokens, ...], bool]:
    """Return the sample's tokens, and whether it waits for a reply.

    Raises:
        StudioError: If it holds nothing, or the model's template refuses it.
    """
    opened, template = opened_tokenizer(bundle), template_of(bundle)
    room = int(bundle.processor["max_length"])
    turns = said_in(sample)
    try:
        if turns and answers(turns[-1]):
            prompts = bool(bundle.processor.get("prompts"))
            return (chat.encode(opened, template, turns, room, prompts=prompts),), False
        if turns:
            ids = chat.prompt(opened, template, turns, room_to_ask(bundle))
            return (Tokens(ids, [False] * len(ids)),), True
    except StudioError as error:
        raise StudioError(f"{sample.place}: {error.message}", error.hint) from error
    pieces = chat.encode_text(opened, text.text_in(sample), template.end, room)
    if not pieces:
        raise StudioError(
            f"{sample.place}: a text of a single token teaches nothing.", "Exclude the sample."
        )
    return tuple(pieces), False


def room_to_ask(bundle: Bundle, longest_reply: int = 0) -> int:
    """Return how many tokens may ask for a reply, which is as long as the run's option says, or as given."""
    own = bundle.recipe.options.get("longest_reply", 256) if bundle.recipe else 256
    return chat.room_to_ask(int(bundle.processor["max_length"]), longest_reply or int(own))


def opened_tokenizer(bundle: Bundle) -> Any:
    """Return the tokenizer, which cuts nothing: turns are left out instead."""
    return text.tokenizer(replace(bundle, processor=bundle.processor | {"max_length": 2**30}))


def template_of(bundle: Bundle) -> chat.Template:
    """Return how conversations are written down."""
    number = bundle.processor.get("eos_id")
    end = opened_tokenizer(bundle).id_to_token(number) if number is not None else None
    return chat.template_of(bundle.files, end or "")
