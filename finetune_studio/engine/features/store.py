"""Activations on disk, mapped into memory: one growing file a view, found again by the next run.

A folder of the cache belongs to one frozen prefix (its weights, the preprocessing, the variation and its
seed, the memory format). Rows are found by the sample's file, size and time of change, so that relabelled
data, further photos and resumed runs reuse what is there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from finetune_studio.core.dataset import Sample
from finetune_studio.core.files import folder_size, write_json
from finetune_studio.core.task import Bundle
from finetune_studio.engine.features.prefix import FrozenPrefix

_VERSION = 1  # raise it when what is stored changes its meaning


class FeatureStore:
    """The stored activations of one view of the samples.

    Args:
        folder: The cache's folder for this prefix and view; made if missing.
        shape: Of one activation, without the batch.
        half: Keep them as fp16 (half the room, drift up to 3e-3 in loss) or as fp32 (exact).
    """

    def __init__(self, folder: Path, shape: tuple[int, ...], *, half: bool) -> None:
        self._folder = folder
        self._shape = shape
        self._type = np.dtype(np.float16 if half else np.float32)
        folder.mkdir(parents=True, exist_ok=True)
        self._rows = self._read_index()
        self._file = folder / "rows.bin"
        self._map: np.ndarray | None = None

    def _read_index(self) -> dict[str, int]:
        try:
            saved = json.loads((self._folder / "index.json").read_text(encoding="utf-8"))
            fits = saved["shape"] == list(self._shape) and saved["type"] == self._type.name
            room = (self._folder / "rows.bin").stat().st_size
            if fits and room >= len(saved["rows"]) * self._bytes:
                return {str(key): int(row) for key, row in saved["rows"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass  # nothing there, or half written: it is computed again
        return {}

    @property
    def _bytes(self) -> int:
        return int(np.prod(self._shape)) * self._type.itemsize

    def missing(self, samples: list[Sample]) -> list[Sample]:
        """Return the samples that have no row yet."""
        return [s for s in samples if sample_key(s) not in self._rows]

    def grow(self, count: int) -> None:
        """Make room for ``count`` further rows.

        Raises:
            OSError: If the disk has none; nothing is lost.
        """
        rows = len(self._rows) + count
        if not rows:
            return
        self._map = None
        with self._file.open("ab") as file:
            file.truncate(rows * self._bytes)
        self._map = np.memmap(self._file, self._type, "r+", shape=(rows, *self._shape))

    def put(self, samples: list[Sample], values: Tensor) -> None:
        """Store activations of shape (samples, ...)."""
        assert self._map is not None
        start = len(self._rows)
        self._map[start : start + len(samples)] = (
            values.to("cpu").float().numpy().astype(self._type)
        )
        for offset, sample in enumerate(samples):
            self._rows[sample_key(sample)] = start + offset

    def keep(self) -> None:
        """Write what was stored to disk, rows before the index that names them."""
        if isinstance(self._map, np.memmap):
            self._map.flush()
        write_json(
            self._folder / "index.json",
            {"shape": list(self._shape), "type": self._type.name, "rows": self._rows},
        )

    def rows(self, samples: list[Sample]) -> list[int]:
        """Return the rows of samples that are all stored."""
        return [self._rows[sample_key(s)] for s in samples]

    def take(self, rows: list[int]) -> Tensor:
        """Return the activations of those rows, float32 (rows, ...)."""
        assert self._map is not None
        return torch.from_numpy(np.asarray(self._map[rows], dtype=np.float32))


def sample_key(sample: Sample) -> str:
    """Return what the activations of a sample depend on: its file, size and time of change."""
    try:
        facts = Path(sample.path).stat()
        about = [sample.path, facts.st_size, facts.st_mtime_ns, sample.id]
    except OSError:
        about = [sample.path, sample.id]
    text = json.dumps([*about, sample.fields], default=str)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def prefix_key(bundle: Bundle, prefix: FrozenPrefix, extra: dict[str, Any]) -> str:
    """Return a hash of everything the activations depend on besides the sample."""
    digest = hashlib.blake2b(digest_size=12)
    about = [
        _VERSION,
        bundle.architecture,
        bundle.processor,
        prefix.boundary,
        extra,
        torch.__version__,
    ]
    digest.update(json.dumps(about, sort_keys=True, default=str).encode())
    for name, tensor in _frozen_tensors(bundle.network, prefix.boundary):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _frozen_tensors(network: nn.Module, boundary: str) -> list[tuple[str, Tensor]]:
    learning = {n for n, p in network.named_parameters() if p.requires_grad}
    return [
        (name, tensor)
        for name, tensor in network.state_dict().items()
        if name not in learning and not name.startswith(f"{boundary}.") and tensor.numel()
    ]


def make_room(folder: Path, needed: int, limit: int) -> None:
    """Delete the activations used longest ago until ``needed`` bytes more stay within ``limit``."""
    if not folder.is_dir():
        return
    kept = sorted((f for f in folder.iterdir() if f.is_dir()), key=lambda f: f.stat().st_mtime)
    sizes = {f: folder_size(f) for f in kept}
    total = sum(sizes.values())
    for old in kept:
        if total + needed <= limit:
            return
        shutil.rmtree(old, ignore_errors=True)
        total -= sizes[old]


def touch(folder: Path) -> None:
    """Note that these activations were used now."""
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        now = time.time()
        import os

        os.utime(folder, (now, now))
