"""Asks a network which labels a text has, with numpy and tokenizers alone; copied into every export."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from finetune_studio.modality import foreign, telling, text_inputs


class Classes:
    """A network with one output a label, of which one is meant, or all that are likely.

    Args:
        folder: Holds ``labels.json``, ``preprocessing.json`` and ``tokenizer.json``.
        network: Gives ``probabilities`` or ``logits``, (1, labels), for tokens, (1, length).
        outputs: The label of each output, where they are not those in ``labels.json``; outputs of one
            name add up.
    """

    thing: ClassVar[str] = "text"
    does: ClassVar[str] = "reads a text and says which of these fits it"
    given: ClassVar[str] = (
        "Each FILE is a text file, or the text itself where there is no such file."
    )
    example: ClassVar[str] = "letter.txt 'A text of its own.'"
    packages: ClassVar[tuple[str, ...]] = ("tokenizers", "numpy")
    limits: ClassVar[tuple[str, ...]] = (
        (
            "The scores hold for texts like these: the same language, length and way of writing. Try others"
            " first."
        ),
    )
    answers_all: ClassVar[str] = (
        "The model always answers with its own labels, also for a text that none of them fits."
    )
    most: ClassVar[int] = 2000

    def __init__(
        self,
        folder: Path,
        network: Callable[[dict[str, Any]], dict[str, Any]],
        outputs: Sequence[str] | None = None,
    ) -> None:
        self._names = json.loads((folder / "labels.json").read_text("utf-8"))
        self._seen = json.loads((folder / "preprocessing.json").read_text("utf-8"))
        self._tokenizer = text_inputs.open_tokenizer(
            (folder / "tokenizer.json").read_bytes(), int(self._seen["max_length"])
        )
        self._network = network
        self._outputs = self._names if outputs is None else outputs
        self._decision = self._seen.get("decision", {})
        self._known = foreign.Known(folder, self._decision, network)

    def read(self, text: str) -> str:
        """Return the text, or the one in the file that is meant."""
        return text_inputs.text_of(text)

    def look(self, given: str) -> tuple[dict[str, np.ndarray], str]:
        """Return what the network takes, and a note where it does not read the whole text."""
        if not given.strip():
            raise ValueError("there is no text in it")
        found = self._tokenizer.encode(given)
        inputs = text_inputs.inputs_of([found], self._seen["inputs"], int(self._seen["pad_id"]))
        cut = f"only its first {len(found.ids):,} tokens were read" if found.overflowing else ""
        return inputs, cut

    def ask(self, seen: tuple[dict[str, np.ndarray], str]) -> dict[str, Any]:
        """Return the likeliest label, or all likely ones, and the probabilities of all."""
        inputs, note = seen
        several = bool(self._seen.get("several"))
        self._known.listen()
        found = self._network(inputs)
        shares = text_inputs.shares(found, several=several)[0]
        if len(shares) != len(self._outputs):
            raise ValueError(
                f"it gives {len(shares)} probabilities for {len(self._outputs)} labels"
            )
        summed = dict.fromkeys(self._names, 0.0)
        for name, share in zip(self._outputs, shares.tolist(), strict=True):
            summed[name] += share
        said = telling.told(summed, self._decision, several=several)
        return {**self._known.told(said, found), "note": note}

    def why(self, text: str, error: Exception) -> str:  # noqa: ARG002
        """Say in words why a text cannot be answered."""
        return text_inputs.reason(error)
