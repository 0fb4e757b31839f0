"""Asks a network which of its labels a picture has, with numpy and pillow alone; copied into every export."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np

from finetune_studio.modality import foreign, preprocess, telling


class Pictures:
    """A network with one output a label.

    Args:
        folder: Holds ``labels.json`` and ``preprocessing.json``.
        network: Gives ``probabilities`` or ``logits``, (1, labels), for ``pixels``: (1, 3, side, side),
            or bytes, (1, side, side, 3), where it normalises them itself.
        outputs: The label of each output, where they are not those in ``labels.json``; outputs of one
            name add up.
    """

    thing: ClassVar[str] = "picture"
    does: ClassVar[str] = "looks at a picture and says which of these it shows"
    given: ClassVar[str] = "Each FILE is a picture."
    example: ClassVar[str] = "photo.jpg another.png"
    packages: ClassVar[tuple[str, ...]] = ("numpy", "pillow")
    limits: ClassVar[tuple[str, ...]] = (
        "The scores hold for samples like these: the same cameras, places and habits. Try others first.",
    )
    answers_all: ClassVar[str] = (
        "The model always answers with one of its classes, also for a sample that shows none of them."
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
        self._network = network
        self._outputs = self._names if outputs is None else outputs
        self._decision = self._seen.get("decision", {})
        self._known = foreign.Known(folder, self._decision, network)

    def read(self, text: str) -> str:
        """Return the path that was meant."""
        return text

    def look(self, given: str | BinaryIO) -> dict[str, np.ndarray]:
        """Return a picture, its path or an open file, as the network takes it."""
        inside = self._seen.get("normalised_inside")
        ready = preprocess.squared if inside else preprocess.ready
        return {"pixels": ready(given, self._seen)[None]}

    def ask(self, seen: dict[str, np.ndarray]) -> dict[str, Any]:
        """Return the likeliest label and the probabilities of all."""
        self._known.listen()
        found = self._network(seen)
        shares = _shares(found)[0]
        if len(shares) != len(self._outputs):
            raise ValueError(
                f"it gives {len(shares)} probabilities for {len(self._outputs)} labels"
            )
        summed = dict.fromkeys(self._names, 0.0)
        for name, share in zip(self._outputs, shares.tolist(), strict=True):
            summed[name] += share
        return self._known.told(telling.told(summed, self._decision), found)

    def why(self, text: str, error: Exception) -> str:
        """Say in words why a picture cannot be read."""
        return preprocess.reason(text, error)


def _shares(found: dict[str, np.ndarray]) -> np.ndarray:
    """Return probabilities, from the network or by softmax from what it says."""
    if "probabilities" in found:
        return found["probabilities"]
    scores = np.exp(found["logits"] - found["logits"].max(1, keepdims=True))
    return np.asarray(scores / scores.sum(1, keepdims=True))
