"""Asks a language model for a reply, by its own chat template; copied into every export."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from finetune_studio.modality import chat, text_inputs

_FILES = ("tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")


class Replies:
    """A network that goes on with a conversation or a text.

    Args:
        folder: Holds ``preprocessing.json`` and the tokenizer's files.
        network: Gives ``logits`` for tokens; its ``write`` goes on with them.
        outputs: Not asked.
    """

    thing: ClassVar[str] = "conversation"
    does: ClassVar[str] = "replies to what is said to it"
    given: ClassVar[str] = (
        "Each FILE is a text file, or the text itself where there is no such file: what the user says,"
        ' or [{"role": "user", "content": "..."}, ...].'
    )
    example: ClassVar[str] = "question.txt 'What is a dog?'"
    packages: ClassVar[tuple[str, ...]] = ("tokenizers", "numpy", "jinja2")
    limits: ClassVar[tuple[str, ...]] = (
        (
            "Perplexity says how well it foretells replies like those in the data, not whether what it"
            " writes is true."
        ),
        "It can write what is false, unkind or made up, and sounds as sure of it as of anything else.",
        "What it learnt before stays in it, with whatever one-sidedness those texts had.",
    )
    most: ClassVar[int] = 64

    def __init__(self, folder: Path, network: Any, outputs: Sequence[str] | None = None) -> None:  # noqa: ARG002
        self._seen = json.loads((folder / "preprocessing.json").read_text("utf-8"))
        self._tokenizer = text_inputs.uncut_tokenizer((folder / "tokenizer.json").read_bytes())
        files = {name: (folder / name).read_bytes() for name in _FILES if (folder / name).is_file()}
        number = self._seen.get("eos_id")
        end = self._tokenizer.id_to_token(number) if number is not None else None
        self._template = chat.template_of(files, end or "")
        self._network = network

    def read(self, text: str) -> list[dict[str, str]]:
        """Return the conversation that waits for a reply."""
        found = text_inputs.text_of(text)
        try:
            given = json.loads(found) if found.lstrip().startswith(("[", "{")) else None
        except ValueError:
            given = None
        turns = given.get("messages") if isinstance(given, dict) else given
        if isinstance(turns, list) and turns and all(map(_is_turn, turns)):
            return [{"role": turn["role"], "content": turn["content"]} for turn in turns]
        return [{"role": "user", "content": found}]

    def look(self, given: list[dict[str, str]] | str) -> dict[str, Any]:
        """Return tokens and which of them are learnt, for messages or a plain text."""
        room = int(self._seen["max_length"])
        if isinstance(given, str):
            end = self._template.end
            return {"known": chat.encode_text(self._tokenizer, given, end, room), "asked": None}
        if given[-1]["role"] != "assistant":
            asking = chat.room_to_ask(room, int(self._seen["longest_reply"]))
            ids = chat.prompt(self._tokenizer, self._template, given, asking)
            return {"known": [], "asked": ids}
        prompts = bool(self._seen.get("prompts"))
        found = chat.encode(self._tokenizer, self._template, given, room, prompts=prompts)
        return {"known": [found], "asked": None}

    def ask(self, seen: dict[str, Any]) -> dict[str, Any]:
        """Return how well what was said is foretold, or a reply."""
        lost, tokens, right = 0.0, 0, 0
        for ids, learnt in seen["known"]:
            scores = self._network(self._inputs(ids))["logits"][0, :-1]
            kept = np.array(learnt[1:], bool)
            true = np.array(ids[1:], np.int64)[kept]
            lost += float(text_inputs.losses(scores[kept], true).sum())
            right += int((scores[kept].argmax(-1) == true).sum())
            tokens += len(true)
        about: dict[str, Any] = {"loss_sum": lost, "tokens": tokens, "right": right}
        said = None
        if seen["asked"] is not None:
            said = about["reply"] = self._reply(seen["asked"])
        return {"label": said, "certainty": None, "probabilities": {}, "answer": about}

    def _reply(self, ids: Sequence[int]) -> str:
        places = int(
            self._seen.get("positions", self._seen["max_length"])
        )  # 0: as many as you like
        longest = int(self._seen["longest_reply"])
        longest = min(longest, places - len(ids)) if places else longest
        if longest < 1:
            return ""
        ends = chat.ends(self._tokenizer, self._template)
        found = self._network.write(
            self._inputs(ids),
            max_new_tokens=longest,
            do_sample=False,
            num_beams=1,
            repetition_penalty=1.0,
            eos_token_id=sorted(ends) or None,
            pad_token_id=int(self._seen["pad_id"]),
        )[len(ids) :]
        stop = next((place for place, token in enumerate(found) if token in ends), len(found))
        return str(self._tokenizer.decode(found[:stop], skip_special_tokens=True)).strip()

    def _inputs(self, ids: Sequence[int]) -> dict[str, np.ndarray]:
        tokens = np.array([ids], np.int64)
        return {"input_ids": tokens, "attention_mask": np.ones_like(tokens)}

    def why(self, text: str, error: Exception) -> str:  # noqa: ARG002
        """Say in words why there is no reply."""
        return text_inputs.reason(error)


def _is_turn(value: Any) -> bool:
    known = isinstance(value, dict) and value.get("role") in ("system", "user", "assistant")
    return known and isinstance(value.get("content"), str)
