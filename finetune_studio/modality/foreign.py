"""Tells inputs that are unlike all that a model learnt from, by numpy alone; copied into exports."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

FILE = "known_features.npy"  # of training samples, each of length 1, float16 (samples, features)
UNLIKE = "none_of_these"  # the mark in an answer to an input that is turned away
LIKENESS = "likeness"  # how like the nearest training sample it is, from -1 to 1
_ROWS = 2048  # compared at a time


def normalised(rows: np.ndarray) -> np.ndarray:
    """Return rows of length 1, float32."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), np.float32)


def likeness(rows: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Return how like its nearest reference each row is: the cosine, from -1 to 1.

    After the nearest-neighbour test of Sun et al. (2022), with the one nearest neighbour.

    Args:
        rows: Features (samples, features).
        references: Features of training samples, each of length 1.
    """
    found = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _ROWS):
        part = normalised(rows[start : start + _ROWS])
        found[start : start + _ROWS] = (part @ references.T).max(1)
    return found


def marks(value: float, least: float) -> dict[str, Any]:
    """Return what an answer says of how like the training samples its input is."""
    unlike = {UNLIKE: True} if value < least else {}
    return {LIKENESS: round(float(value), 4), **unlike}


class Known:
    """What an export knows of the samples that its model learnt from.

    Args:
        folder: Holds ``known_features.npy``, where inputs can be turned away.
        decision: ``least_likeness``, below which they are, and ``layer``: the part of the network whose
            input its features are, where it does not say them itself.
        network: Says ``features``, (1, features), with its answer, or has the ``layer`` in its ``model``.
    """

    def __init__(self, folder: Path, decision: Mapping[str, Any], network: Any) -> None:
        self._least = float(decision.get("least_likeness", -1.0))
        self._references = np.zeros((0, 0), np.float32)
        self._here = threading.local()  # several threads may ask one network
        if self._least > -1:
            self._references = np.load(folder / FILE, allow_pickle=False).astype(np.float32)
            if layer := decision.get("layer"):
                part = network.model.get_submodule(layer)
                part.register_forward_pre_hook(self._hear, with_kwargs=True)

    def listen(self) -> None:
        """Forget what was heard: the network is asked next."""
        self._here.features = None

    def _hear(self, part: Any, args: Any, kwargs: Any) -> None:  # noqa: ARG002
        if (
            getattr(self._here, "features", None) is None
        ):  # some networks use a layer twice in one pass
            self._here.features = next(v for v in (*args, *kwargs.values()) if hasattr(v, "ndim"))

    def told(self, said: dict[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
        """Return an answer, marked where its input is turned away; it is then ``shown`` otherwise.

        Args:
            said: The answer.
            found: What the network said just before, in this thread.
        """
        if self._least <= -1:
            return said
        rows = found["features"] if "features" in found else self._here.features.numpy()
        places = tuple(range(2, rows.ndim)) if rows.ndim == 4 else tuple(range(1, rows.ndim - 1))
        value = float(likeness(rows.mean(places) if places else rows, self._references)[0])
        marked = {**said, "answer": {**said["answer"], **marks(value, self._least)}}
        if UNLIKE in marked["answer"]:
            marked["shown"] = f"none of these (most like {said['label'] or 'nothing'})"
        return marked
