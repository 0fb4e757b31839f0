"""Decoded samples on disk, so that later epochs and runs need not decode the same file again.

A folder of the cache belongs to one task and preprocessing. Rows differ in size, so an index names where
each begins. They are found by the sample's file, size and time of change, and each run adds a part of its
own, as the stored activations do. Rows are read, not mapped: a file cut off by a full disk is then an
error that can be answered by decoding again, where a mapped one would end the process.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import shutil
import statistics
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple, TypeVar

import numpy as np

from finetune_studio.core import settings
from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.files import folder_size, write_json
from finetune_studio.core.task import Bundle, Task
from finetune_studio.engine.features.store import (
    NotKept,
    clear_abandoned,
    drop_strange_parts,
    make_room,
    sample_key,
    touch,
    writing,
)

T = TypeVar("T")

_VERSION = 1  # raise it when what a task decodes changes
_SAVE_EVERY_S = 30.0  # so that a killed run loses little of what it kept
_SPARE = 2**30  # bytes of the disk that are left to checkpoints and to everybody else
_TRIED = 9  # samples timed before choosing
_CLEARLY = 1.1  # keeping must win by a tenth, or it is not worth the room


class Place(NamedTuple):
    """Where the pixels of one sample lie; it can be sent to another process."""

    file: str
    offset: int
    shape: tuple[int, ...]

    def read(self) -> np.ndarray | None:
        """Return the pixels, uint8; None if the file is gone or cut off."""
        count = int(np.prod(self.shape))
        try:
            found = np.fromfile(self.file, np.uint8, count, offset=self.offset)
        except OSError:
            return None
        return found.reshape(self.shape) if found.size == count else None


class DecodedStore:
    """What :meth:`Task.decoded` said of samples, kept in a folder.

    It is used by one thread; only :meth:`Place.read` may run anywhere.

    Args:
        folder: Of the cache, for this task and preprocessing; made if missing.
        room: Bytes that this run may add.

    Attributes:
        folder: Where it lies.
        stopped: Why nothing more is kept, in words; empty while there is room.

    Raises:
        NotKept: If the folder cannot be made.
    """

    def __init__(self, folder: Path, room: int) -> None:
        self.stopped = ""
        self.folder = folder
        self._room = room
        self._places: dict[str, Place] = {}
        self._keys: dict[int, str] = {}
        self._new: dict[str, Place] = {}
        self._size = 0
        self._saved = time.monotonic()
        self._part = folder / f"part-{time.time_ns()}-{os.getpid()}.bin"
        self._file: IO[bytes] | None = None
        with writing():
            folder.mkdir(parents=True, exist_ok=True)
        for index in sorted(folder.glob("part-*.json")):
            self._take_in(index)
        clear_abandoned(folder)

    def _take_in(self, index: Path) -> None:
        """Take in a part of an earlier run; one that is damaged is passed over."""
        rows = index.with_suffix(".bin")
        try:
            saved = json.loads(index.read_text(encoding="utf-8"))
            if rows.stat().st_size < saved["bytes"]:
                return
            self._places |= {
                str(key): Place(str(rows), int(offset), tuple(map(int, shape)))
                for key, offset, shape in saved["rows"]
            }
        except (OSError, ValueError, KeyError, TypeError):
            return  # half written: it is decoded again

    def place(self, sample: Sample, *, varied: bool) -> Place | None:
        """Return where a sample's pixels are, None if they are not kept."""
        return self._places.get(self._key(sample, varied=varied))

    def put(self, sample: Sample, pixels: np.ndarray, *, varied: bool) -> None:
        """Keep a sample's pixels; from the first failure on, nothing more is kept."""
        if self.stopped:
            return
        if self._size + pixels.nbytes > self._room:
            self.stopped = "the room for them is used up"
            return
        try:
            self._written(self._key(sample, varied=varied), pixels)
            if time.monotonic() - self._saved > _SAVE_EVERY_S:
                self.save()
        except NotKept as error:
            self.stopped = str(error)

    def _written(self, key: str, pixels: np.ndarray) -> None:
        with writing():
            if self._file is None:
                self._file = self._part.open("wb")
            self._file.write(pixels.tobytes())
            self._file.flush()  # another process may be asked to read it at once
        self._new[key] = self._places[key] = Place(str(self._part), self._size, pixels.shape)
        self._size += pixels.nbytes

    def save(self) -> None:
        """Write what was kept so far to disk, rows before the index that names them.

        Raises:
            NotKept: If it cannot be written.
        """
        if self._file is None:
            return
        rows = [(key, place.offset, place.shape) for key, place in self._new.items()]
        with writing():
            self._file.flush()
            os.fsync(self._file.fileno())
            write_json(self._part.with_suffix(".json"), {"bytes": self._size, "rows": rows})
        self._saved = time.monotonic()

    def close(self) -> None:
        """Finish, so that the next run finds what was kept."""
        if self._file is not None:
            try:
                self.save()
            except NotKept as error:
                self.stopped = str(error)
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None

    def discard(self) -> None:
        """Delete what this run added."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
        for file in (self._part.with_suffix(".json"), self._part):
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)
        self._places = {k: p for k, p in self._places.items() if k not in self._new}
        self._new = {}

    def _key(self, sample: Sample, *, varied: bool) -> str:
        key = self._keys.get(sample.id) or sample_key(sample)
        self._keys[sample.id] = key
        return f"{key}v" if varied else key


def open_store(
    task: Task, bundle: Bundle, limit: int, needed: int = 0, keys: Collection[str] = ()
) -> DecodedStore:
    """Return the store of a task and preprocessing, with the room that is left for it.

    All decoded samples together may take ``limit`` bytes. Those of other preprocessings, used longest
    ago, and parts that hold no sample of these ``keys`` make room for the ``needed`` bytes.

    Raises:
        NotKept: If there cannot be one.
    """
    about = [_VERSION, task.name, bundle.processor, importlib.metadata.version("pillow")]
    text = json.dumps(about, sort_keys=True, default=str)
    root = settings.computed_folder() / "decoded"
    folder = root / hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
    with writing():
        touch(folder)
        make_room(root, needed, limit, [folder])
        drop_strange_parts(folder, folder_size(root) + needed - limit, keys)
        free = shutil.disk_usage(folder).free - _SPARE
        room = min(limit - folder_size(root), free)
    return DecodedStore(folder, max(0, room))


def kept_in(folder: Path) -> set[str]:
    """Return the keys of all samples that a store's folder holds; nothing is made or changed."""
    found: set[str] = set()
    for index in folder.glob("part-*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            found.update(str(row[0]) for row in json.loads(index.read_text("utf-8"))["rows"])
    return found


def choose(
    task: Task, bundle: Bundle, samples: Sequence[Sample], reads: int, *, varied: bool, limit: int
) -> tuple[DecodedStore | None, str]:
    """Return a store if keeping decoded samples saves time, by trying it on a few, and why in words.

    It changes the time of a run and none of its numbers. Each sample will be made ready ``reads``
    times: once an epoch, or once a view where features are kept; ``varied`` says whether that is for
    the views of training. All decoded samples together may take ``limit`` bytes.
    """
    tried = samples[:: max(1, len(samples) // _TRIED)][:_TRIED]
    try:
        first = _first(task, bundle, tried, varied=varied)
        if first is None:
            return None, ""
        keys = {f"{key}{end}" for key in map(sample_key, samples) for end in ("", "v")}
        store = open_store(task, bundle, limit, first.nbytes * len(samples), keys)
    except NotKept as error:
        return None, f"Decoded samples are not kept: {error}."
    known = sum(store.place(sample, varied=varied) is not None for sample in samples)
    if known > len(samples) / 2:
        return store, f"{known:,} of {len(samples):,} samples are still decoded from earlier."
    times = _times(task, bundle, tried, store, varied=varied)
    if times is None:
        store.discard()
        why = store.stopped or "none of the first samples can be kept"
        return None, f"Decoded samples are not kept: {why}."
    decode_s, write_s, read_s = times
    facts = f"decoding one takes {decode_s * 1e3:.1f} ms, reading it back {read_s * 1e3:.1f} ms"
    if pays(decode_s, write_s, read_s, reads):
        return store, f"Decoded samples are kept on disk: {facts}."
    store.discard()
    often = "once" if reads == 1 else f"{reads:,} times"
    return None, f"Decoded samples are not kept: {facts}, and each is needed {often}."


def pays(decode_s: float, write_s: float, read_s: float, reads: int) -> bool:
    """Whether keeping a sample is clearly quicker than decoding it each of ``reads`` times."""
    kept = decode_s + write_s + (reads - 1) * read_s
    return reads * decode_s > _CLEARLY * kept


def _first(
    task: Task, bundle: Bundle, samples: Sequence[Sample], *, varied: bool
) -> np.ndarray | None:
    for sample in samples:
        with contextlib.suppress(StudioError):
            return task.decoded(sample, bundle, varied=varied)
    return None


def _times(
    task: Task, bundle: Bundle, samples: Sequence[Sample], store: DecodedStore, *, varied: bool
) -> tuple[float, float, float] | None:
    """Return the middle seconds of decoding, writing and reading back; None if nothing was kept."""
    rows: list[tuple[float, float, float]] = []
    for sample in samples:
        try:
            pixels, decode_s = _timed(partial(task.decoded, sample, bundle, varied=varied))
        except StudioError:
            continue
        if pixels is None:
            return None
        _, write_s = _timed(partial(store.put, sample, pixels, varied=varied))
        place = store.place(sample, varied=varied)
        if place is None:
            return None
        _, read_s = _timed(place.read)
        rows.append((decode_s, write_s, read_s))
    if not rows:
        return None
    decode, write, read = (statistics.median(column) for column in zip(*rows, strict=True))
    return decode, write, read


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    began = time.perf_counter()
    found = work()
    return found, time.perf_counter() - began
