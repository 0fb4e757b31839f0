"""Asks a network what is named in a text, with numpy and tokenizers alone; copied into every export."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from finetune_studio.modality import tags, text_inputs, windows

_AT_ONCE = 16  # windows of a long text that are read together


class Names:
    """A network that says of each token whether a name begins or goes on there, and of what type.

    Args:
        folder: Holds ``labels.json`` (the types), ``preprocessing.json`` and ``tokenizer.json``.
        network: Gives ``probabilities`` or ``logits``, (windows, length, tags), for tokens.
        outputs: Not asked: the tags are outside, and begin and inside of each type in turn.
    """

    thing: ClassVar[str] = "text"
    does: ClassVar[str] = "reads a text and says where in it these are named"
    given: ClassVar[str] = (
        "Each FILE is a text file, or the text itself where there is no such file."
    )
    example: ClassVar[str] = "report.txt 'A text of its own.'"
    packages: ClassVar[tuple[str, ...]] = ("tokenizers", "numpy")
    limits: ClassVar[tuple[str, ...]] = (
        "The scores hold for texts like these: the same language and way of writing. Try others first.",
        "A name counts as found only where its first letter, its last letter and its type are right.",
        "Names that overlap, or lie within each other, cannot be told apart: each word has one type.",
    )
    most: ClassVar[int] = 2000

    def __init__(
        self,
        folder: Path,
        network: Callable[[dict[str, Any]], dict[str, Any]],
        outputs: Sequence[str] | None = None,  # noqa: ARG002
    ) -> None:
        self._types = json.loads((folder / "labels.json").read_text("utf-8"))
        self._seen = json.loads((folder / "preprocessing.json").read_text("utf-8"))
        content = (folder / "tokenizer.json").read_bytes()
        self._tokenizer = text_inputs.uncut_tokenizer(content)
        self._network = network

    def read(self, text: str) -> str:
        """Return the text, or the one in the file that is meant."""
        return text_inputs.text_of(text)

    def look(self, given: str | dict[str, Any]) -> dict[str, Any]:
        """Return the windows of a text, its words, and where each word is read.

        ``given`` is a text, or ``{"text", "split_words"}`` where words are what lies between spaces.
        """
        text = given if isinstance(given, str) else str(given["text"])
        split = isinstance(given, dict) and bool(given.get("split_words"))
        if not text.strip():
            raise ValueError("there is no text in it")
        limit, overlap = int(self._seen["max_length"]), int(self._seen["overlap"])
        cuts = windows.cut(self._tokenizer, text, limit, overlap)
        words = tags.words(text, split=split)
        homes = tags.homes(words, [window.offsets for window in cuts])
        kept = homes[:, 0] >= 0
        inputs = text_inputs.rows_of(
            [window.ids.tolist() for window in cuts],
            [window.types.tolist() for window in cuts],
            self._seen["inputs"],
            int(self._seen["pad_id"]),
        )
        return {"text": text, "inputs": inputs, "words": words[kept], "homes": homes[kept]}

    def ask(self, seen: dict[str, Any]) -> dict[str, Any]:
        """Return what is named: in words, and as ``[start, end, type, certainty]`` of each name."""
        shares = self._shares(seen)
        if shares.shape[-1] != 1 + 2 * len(self._types):
            raise ValueError(f"it gives {shares.shape[-1]} tags for {len(self._types)} labels")
        found = tags.decode(shares) if len(shares) else np.zeros(0, np.int64)
        spans = tags.spans_of(seen["words"], found, shares, self._types)
        certainty = min((span[3] for span in spans), default=None)
        said = {"certainty": certainty, "probabilities": {}, "answer": {"spans": spans}}
        return {"label": _in_words(seen["text"], spans, self._types), **said}

    def _shares(self, seen: dict[str, Any]) -> np.ndarray:
        """Return the probabilities of each word's tags, (words, tags)."""
        inputs, homes = seen["inputs"], seen["homes"]
        count = len(next(iter(inputs.values())))
        parts = []
        for start in range(0, count, _AT_ONCE):
            some = {name: rows[start : start + _AT_ONCE] for name, rows in inputs.items()}
            shares = text_inputs.shares(self._network(some))
            mine = (homes[:, 0] >= start) & (homes[:, 0] < start + _AT_ONCE)
            parts.append((np.flatnonzero(mine), shares[homes[mine, 0] - start, homes[mine, 1]]))
        order = np.concatenate([places for places, _ in parts])
        return np.concatenate([shares for _, shares in parts])[np.argsort(order, kind="stable")]

    def why(self, text: str, error: Exception) -> str:  # noqa: ARG002
        """Say in words why a text cannot be answered."""
        return text_inputs.reason(error)


def _in_words(text: str, spans: Sequence[Sequence[Any]], types: Sequence[str]) -> str:
    """Return names as a person reads them: ``Disease: a; b | Gene: c``."""
    found: dict[str, list[str]] = {}
    for start, end, kind, *_ in spans:
        found.setdefault(kind, []).append(" ".join(text[start:end].split()))
    return " | ".join(f"{kind}: {'; '.join(found[kind])}" for kind in types if kind in found)
