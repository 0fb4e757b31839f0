"""Asks a network for the summary of a text, with numpy and tokenizers alone; copied into every export."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from finetune_studio.modality import text_inputs


class Summaries:
    """A network that reads a text and writes one.

    Args:
        folder: Holds ``preprocessing.json`` and ``tokenizer.json``.
        network: Gives ``logits`` for the tokens of a text and of its summary; its ``write`` writes one.
        outputs: Not asked.
    """

    thing: ClassVar[str] = "text"
    does: ClassVar[str] = "reads a text and writes a short one that says what it says"
    given: ClassVar[str] = (
        "Each FILE is a text file, or the text itself where there is no such file."
    )
    example: ClassVar[str] = "report.txt 'A text of its own.'"
    packages: ClassVar[tuple[str, ...]] = ("tokenizers", "numpy")
    limits: ClassVar[tuple[str, ...]] = (
        (
            "The scores hold for texts like these: the same language, length and way of writing. Try others"
            " first."
        ),
        (
            "It can leave out what matters, and write what does not stand in the text. Read both before you"
            " rely on a summary."
        ),
        "ROUGE counts words that are the same; it does not say whether a summary is true or reads well.",
    )
    most: ClassVar[int] = 24

    def __init__(self, folder: Path, network: Any, outputs: Sequence[str] | None = None) -> None:  # noqa: ARG002
        self._seen = json.loads((folder / "preprocessing.json").read_text("utf-8"))
        content = (folder / "tokenizer.json").read_bytes()
        self._reads = text_inputs.open_tokenizer(content, int(self._seen["max_length"]))
        self._writes = text_inputs.open_tokenizer(content, int(self._seen["longest_summary"]))
        self._network = network

    def read(self, text: str) -> str:
        """Return the text, or the one in the file that is meant."""
        return text_inputs.text_of(text)

    def look(self, given: str | dict[str, str]) -> dict[str, Any]:
        """Return the tokens of a text; ``{"text", "summary"}`` brings a summary to be foretold."""
        text = given if isinstance(given, str) else given["text"]
        wanted = "" if isinstance(given, str) else given.get("summary", "")
        if not text.strip():
            raise ValueError("there is no text in it")
        found = self._reads.encode(str(self._seen.get("prefix", "")) + text)
        names = [name for name in self._seen["inputs"] if name != "token_type_ids"]
        inputs = text_inputs.inputs_of([found], names, int(self._seen["pad_id"]))
        cut = f"only its first {len(found.ids):,} tokens were read" if found.overflowing else ""
        target = self._writes.encode(wanted).ids if wanted.strip() else []
        return {"inputs": inputs, "target": target, "note": cut}

    def ask(self, seen: dict[str, Any]) -> dict[str, Any]:
        """Return a summary, and how well a given one was foretold."""
        about: dict[str, Any] = {}
        if seen["target"]:
            target = np.array([seen["target"]], np.int64)
            scores = self._network({**seen["inputs"], "labels": target})["logits"][0]
            lost = text_inputs.losses(scores, target[0])
            about = {"loss_sum": float(lost.sum()), "tokens": len(lost)}
        longest = int(self._seen["longest_summary"])
        ids = self._network.write(
            seen["inputs"],
            max_new_tokens=longest,
            min_new_tokens=min(int(self._seen["shortest_summary"]), longest),
            num_beams=int(self._seen["beams"]),
            do_sample=False,
        )
        said = self._reads.decode(ids, skip_special_tokens=True).strip()
        about["summary"] = said
        return {
            "label": said,
            "certainty": None,
            "probabilities": {},
            "answer": about,
            "note": seen["note"],
        }

    def why(self, text: str, error: Exception) -> str:  # noqa: ARG002
        """Say in words why a text cannot be summarised."""
        return text_inputs.reason(error)
