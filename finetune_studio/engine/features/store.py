"""Activations on disk, mapped into memory, and found again by the next run.

A folder of the cache belongs to one frozen prefix (its weights, the preprocessing, the variation and its
seed, the memory format). Rows are found by the sample's file, size and time of change, so that relabelled
data, further photos and resumed runs reuse what is there. Each run that computes rows adds a part of its
own, so that several runs at a time never write into the same file.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
import os
import shutil
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor, nn

from finetune_studio.core import settings
from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.files import folder_size, write_json
from finetune_studio.core.task import Bundle
from finetune_studio.engine.features.prefix import FrozenPrefix

_VERSION = 4  # raise it when what is stored changes its meaning
_ABANDONED_S = 86_400.0  # a part without an index for so long belongs to a run that was killed


class NotKept(Exception):  # noqa: N818  no fault: the run goes on without the cache
    """The cache could not be written; the text says why."""


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """Turn whatever keeps a cache from being written into :class:`NotKept`."""
    try:
        yield
    except (OSError, StudioError) as error:
        reason = error.message if isinstance(error, StudioError) else error.strerror
        raise NotKept(str(reason).rstrip(".")) from error


class FeatureStore:
    """The stored activations of one view of the samples.

    Args:
        folder: The cache's folder for this prefix and view; made if missing.
        shape: Of one activation, without the batch. Pictures (channels, height, width) lie in the file
            with their channels last, as convolutions want them.
        keys: What each sample is found by, see :func:`keys_of`.
        half: Keep them as fp16 (half the room, drift up to 3e-3 in loss) or as fp32 (exact).

    Raises:
        NotKept: From every method that writes.
    """

    def __init__(
        self, folder: Path, shape: tuple[int, ...], keys: Mapping[int, str], *, half: bool
    ) -> None:
        self._folder = folder
        self._shape = (*shape[1:], shape[0]) if len(shape) == 3 else shape
        self._keys = keys
        self._type = np.dtype(np.float16 if half else np.float32)
        self._parts: list[np.ndarray] = []
        self._maps: list[mmap.mmap] = []
        self._places: dict[str, tuple[int, int]] = {}
        self._taken: set[str] = set()
        self._new: list[str] = []
        self._file: IO[bytes] | None = None
        self._name = _fresh_name()
        with writing():
            folder.mkdir(parents=True, exist_ok=True)
        self.refresh()
        clear_abandoned(folder)

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of one activation as the network has it."""
        shape = self._shape
        return (shape[2], *shape[:2]) if len(shape) == 3 else shape

    def refresh(self) -> None:
        """Take in what other processes have finished since."""
        for index in sorted(self._folder.glob("part-*.json")):
            if index.name not in self._taken:
                self._open(index)

    def _open(self, index: Path) -> None:
        """Take in a finished part; one that is damaged or of another shape is passed over."""
        self._taken.add(index.name)
        try:
            saved = json.loads(index.read_text(encoding="utf-8"))
            keys = [str(key) for key in saved["keys"]]
            fits = saved["shape"] == list(self._shape) and saved["type"] == self._type.name
            rows = index.with_suffix(".bin")
            if not fits or not keys or rows.stat().st_size < saved["bytes"]:
                return
            with rows.open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            count = len(keys) * int(np.prod(self._shape))
            part = np.frombuffer(mapped, self._type, count).reshape(len(keys), *self._shape)
        except (OSError, ValueError, KeyError, TypeError):
            return  # half written: it is computed again
        self._places |= {key: (len(self._parts), row) for row, key in enumerate(keys)}
        self._parts.append(part)
        self._maps.append(mapped)

    def missing(self, samples: list[Sample]) -> list[Sample]:
        """Return the samples that have no row yet."""
        return [s for s in samples if self._keys[s.id] not in self._places]

    def put(self, samples: list[Sample], values: Tensor) -> None:
        """Store activations of shape (samples, ...); they can be taken after :meth:`keep`."""
        laid = values.permute(0, 2, 3, 1) if values.ndim == 4 else values
        rows = laid.to("cpu").float().numpy().astype(self._type, copy=False)
        with writing():
            if self._file is None:
                self._file = (self._folder / f"{self._name}.bin").open("wb")
            self._file.write(rows.tobytes())
        self._new += [self._keys[s.id] for s in samples]

    def save(self) -> None:
        """Write what was stored so far to disk, rows before the index that names them."""
        if self._file is None:
            return
        about = {
            "shape": list(self._shape),
            "type": self._type.name,
            "bytes": len(self._new) * int(np.prod(self._shape)) * self._type.itemsize,
            "keys": self._new,
        }
        with writing():
            self._file.flush()
            os.fsync(self._file.fileno())
            write_json(self._folder / f"{self._name}.json", about)

    def keep(self) -> None:
        """Finish what was stored, so that it can be taken."""
        if self._file is None:
            return
        self.save()
        self._file.close()
        self._file = None
        new, self._new = self._new, []
        self._open(self._folder / f"{self._name}.json")
        self._name = _fresh_name()  # what comes later is another part
        if any(key not in self._places for key in new):
            raise NotKept("the folder of the cache was deleted meanwhile")

    def drop(self) -> None:
        """Forget what was not kept."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()  # on a full disk it cannot write what is left
            for ending in ("json", "bin"):
                with contextlib.suppress(OSError):
                    (self._folder / f"{self._name}.{ending}").unlink(missing_ok=True)
            self._file = None

    def rows(self, samples: list[Sample]) -> list[tuple[int, int]]:
        """Return the places of samples that are all kept."""
        return [self._places[self._keys[s.id]] for s in samples]

    def take(self, rows: Sequence[tuple[int, int]]) -> Tensor:
        """Return the activations at those places, float32 (rows, ...)."""
        return as_seen(torch.from_numpy(self._gathered(rows, np.dtype(np.float32))))

    def resident(self, rows: Sequence[tuple[int, int]], device: torch.device) -> Tensor:
        """Return the rows at those places in the memory of a device, laid out as they are kept.

        What was read of the mapped files for it is given back, so that it is not held twice.
        """
        found = torch.from_numpy(self._gathered(rows, self._type)).to(device)
        if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
            for mapped in self._maps:
                mapped.madvise(mmap.MADV_DONTNEED)
        return found

    def _gathered(self, rows: Sequence[tuple[int, int]], kind: np.dtype) -> np.ndarray:
        numbers = {part for part, _ in rows}
        if len(numbers) == 1:  # the usual case: one run computed them all
            found = self._parts[numbers.pop()][[row for _, row in rows]]
            return found.astype(kind, copy=False)
        found = np.empty((len(rows), *self._shape), kind)
        for number in numbers:
            here = [i for i, (part, _) in enumerate(rows) if part == number]
            found[here] = self._parts[number][[rows[i][1] for i in here]]
        return found

    def row_bytes(self) -> int:
        """Return the bytes of one activation as it is kept."""
        return int(np.prod(self._shape)) * self._type.itemsize


def as_seen(rows: Tensor) -> Tensor:
    """Return rows as the network sees them: (rows, channels, height, width) for pictures."""
    return rows.permute(0, 3, 1, 2) if rows.ndim == 4 else rows


def _fresh_name() -> str:
    return f"part-{time.time_ns()}-{os.getpid()}"


def clear_abandoned(folder: Path) -> None:
    """Delete rows that no index names and nobody writes any more."""
    for rows in folder.glob("part-*.bin"):
        with contextlib.suppress(OSError):
            old = time.time() - rows.stat().st_mtime > _ABANDONED_S
            if old and not rows.with_suffix(".json").exists():
                rows.unlink()


def keys_in(folder: Path) -> tuple[set[str], int]:
    """Return what is kept in a cache folder, by key, and the bytes of one row; nothing is changed."""
    keys: set[str] = set()
    row = 0
    for index in folder.glob("part-*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, ZeroDivisionError):
            saved = json.loads(index.read_text(encoding="utf-8"))
            if index.with_suffix(".bin").stat().st_size >= saved["bytes"]:
                keys |= {str(key) for key in saved["keys"]}
                row = saved["bytes"] // len(saved["keys"])
    return keys, row


def keys_of(samples: list[Sample]) -> dict[int, str]:
    """Return what the activations of each sample are found by, as its file is at this moment."""
    return {sample.id: sample_key(sample) for sample in samples}


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


def room_for(cache: str) -> int:
    """Return the bytes that one of the caches may take: the user's limit, less what the other takes."""
    other = {"features": "decoded", "decoded": "features"}[cache]
    taken = folder_size(settings.computed_folder() / other)
    return max(0, settings.load().cache_limit_mb * 2**20 - taken)


def make_room(folder: Path, needed: int, limit: int, used: Collection[Path] = ()) -> None:
    """Delete the activations used longest ago until ``needed`` bytes more stay within ``limit``.

    Those in ``used``, which the run at hand reads, stay. Another process may delete at the same time.
    """
    if not folder.is_dir():
        return
    kept = sorted((f for f in folder.iterdir() if f.is_dir()), key=_changed)
    sizes = {f: folder_size(f) for f in kept}
    total = sum(sizes.values())
    for old in kept:
        if total + needed <= limit:
            return
        if old not in used:
            shutil.rmtree(old, ignore_errors=True)
            total -= sizes[old]


def drop_strange_parts(folder: Path, excess: int, keys: Collection[str]) -> None:
    """Delete the oldest parts of a folder that hold none of these samples, until ``excess`` bytes are free.

    Other data sets seen with the same network, and files that have changed, leave such parts behind.
    """
    wanted = set(keys)
    for index in sorted(folder.glob("part-*.json"), key=_changed):
        if excess <= 0:
            return
        rows = index.with_suffix(".bin")
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            saved = json.loads(index.read_text(encoding="utf-8"))
            names = saved["keys"] if "keys" in saved else [row[0] for row in saved["rows"]]
            if wanted.isdisjoint(names):
                excess -= rows.stat().st_size
                index.unlink()
                rows.unlink()


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # gone already
        return 0.0


def touch(folder: Path) -> None:
    """Note that these activations were used now."""
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        now = time.time()
        os.utime(folder, (now, now))
