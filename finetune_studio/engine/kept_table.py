"""Reduced features of a project's samples in one file, so that a question put again needs no network."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from finetune_studio.core import files
from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.engine.features.table import Table

NAME = "label_features.npz"
_MOST_BYTES = 256 * 2**20  # beyond, a project would be too large to be handed on


def keep(folder: Path, key: str, table: Table) -> None:
    """Write a table into a project's folder; where that cannot be done, it is computed again next time."""
    if table.values.nbytes > _MOST_BYTES:
        return
    ids = np.array([s.id for s in table.samples], np.int64)
    try:
        with files.replacing(folder / NAME) as path, path.open("wb") as file:
            np.savez(
                file, key=np.array(key), ids=ids, marks=_marks(table.samples), values=table.values
            )
    except (OSError, StudioError):
        return


def read(folder: Path, key: str, samples: Sequence[Sample]) -> Table | None:
    """Return the rows of samples that show what they showed then; None where no such table was kept."""
    try:
        with np.load(folder / NAME, allow_pickle=False) as kept:
            if str(kept["key"]) != key:
                return None
            ids, marks, values = kept["ids"].tolist(), kept["marks"].tolist(), kept["values"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    today = {s.id: (s, mark) for s, mark in zip(samples, _marks(samples).tolist(), strict=True)}
    rows = [
        row
        for row, (number, mark) in enumerate(zip(ids, marks, strict=True))
        if number in today and today[number][1] == mark
    ]
    return Table([today[ids[row]][0] for row in rows], np.asarray(values[rows], np.float32))


def _marks(samples: Sequence[Sample]) -> np.ndarray:
    """Return, for each sample, a number for what it shows: its file or its text."""
    found = (json.dumps([s.path, s.fields], sort_keys=True, default=str) for s in samples)
    digests = b"".join(hashlib.blake2b(text.encode(), digest_size=8).digest() for text in found)
    return np.frombuffer(digests, np.uint64)
