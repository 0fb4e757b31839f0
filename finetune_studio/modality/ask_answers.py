"""Asks a network for the answer in a text, with numpy and tokenizers alone; copied into every export."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from finetune_studio.modality import answers, text_inputs, windows

_AT_ONCE = 16  # windows of a long text that are read together


class Answers:
    """A network that points to the first and the last token of an answer.

    Args:
        folder: Holds ``preprocessing.json`` and ``tokenizer.json``.
        network: Gives scores of each token as start and as end, (windows, length), for tokens.
        outputs: Not asked.
    """

    thing: ClassVar[str] = "question"
    does: ClassVar[str] = (
        "reads a question and a text, and finds the words of the text that answer it"
    )
    given: ClassVar[str] = (
        'Each FILE holds {"question": "...", "context": "..."}, the context being the text'
        " that holds the answer."
    )
    example: ClassVar[str] = "question.json"
    packages: ClassVar[tuple[str, ...]] = ("tokenizers", "numpy")
    limits: ClassVar[tuple[str, ...]] = (
        "The scores hold for questions and texts like these: the same language and way of asking.",
        "It can only answer with words that stand in the text, in one piece, and knows nothing else.",
        "It answers what the text says, which need not be true.",
    )
    most: ClassVar[int] = 1000

    def __init__(
        self,
        folder: Path,
        network: Callable[[dict[str, Any]], dict[str, Any]],
        outputs: Sequence[str] | None = None,  # noqa: ARG002
    ) -> None:
        self._seen = json.loads((folder / "preprocessing.json").read_text("utf-8"))
        content = (folder / "tokenizer.json").read_bytes()
        self._tokenizer = text_inputs.uncut_tokenizer(content)
        self._network = network

    def read(self, text: str) -> dict[str, str]:
        """Return question and context, from JSON or a file of it."""
        return answers.asked_in(text_inputs.text_of(text))

    def look(self, given: dict[str, str]) -> dict[str, Any]:
        """Return the windows of a context, the question before each."""
        for name in ("question", "context"):
            if not given[name].strip():
                raise ValueError(f"its {name} is empty")
        limit, overlap = int(self._seen["max_length"]), int(self._seen["overlap"])
        cuts = windows.cut(self._tokenizer, given["context"], limit, overlap, given["question"])
        inputs = text_inputs.rows_of(
            [window.ids.tolist() for window in cuts],
            [window.types.tolist() for window in cuts],
            self._seen["inputs"],
            int(self._seen["pad_id"]),
        )
        return {
            "context": given["context"],
            "inputs": inputs,
            "offsets": [window.offsets for window in cuts],
        }

    def ask(self, seen: dict[str, Any]) -> dict[str, Any]:
        """Return the best answer of all windows, empty where there is none, and where it stands."""
        inputs, offsets = seen["inputs"], seen["offsets"]
        starts: list[np.ndarray] = []
        ends: list[np.ndarray] = []
        for first in range(0, len(offsets), _AT_ONCE):
            some = {name: rows[first : first + _AT_ONCE] for name, rows in inputs.items()}
            found = list(self._network(some).values())
            for row, places in enumerate(offsets[first : first + _AT_ONCE]):
                starts.append(found[0][row, : len(places)])
                ends.append(found[1][row, : len(places)])
        best = answers.best(
            starts,
            ends,
            offsets,
            longest=int(self._seen["longest_answer"]),
            may_be_none=bool(self._seen["may_be_none"]),
        )
        about = _told(seen["context"], best)
        said = {"certainty": best.certainty, "probabilities": {}, "answer": about}
        return {"label": about["text"], **said}

    def why(self, text: str, error: Exception) -> str:  # noqa: ARG002
        """Say in words why a question cannot be answered."""
        return text_inputs.reason(error)


def _told(context: str, best: answers.Found) -> dict[str, Any]:
    """Return the answer as it stands in the context, without spaces around it, and where."""
    said = context[best.start : best.end] if best.start >= 0 else ""
    start = best.start + len(said) - len(said.lstrip())
    said = said.strip()
    place = (start, start + len(said)) if said else (-1, -1)
    return {"text": said, "start": place[0], "end": place[1], "certainty": best.certainty}
