"""Samples to batches: decoding ahead in threads or processes, with unreadable samples set aside."""

from __future__ import annotations

import itertools
import os
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from finetune_studio.core.dataset import Sample
from finetune_studio.core.task import Batch, Bundle, Task, View
from finetune_studio.engine import making
from finetune_studio.engine.making import Made

if TYPE_CHECKING:
    import torch

    from finetune_studio.engine.decoded import DecodedStore, Place

T = TypeVar("T")

_AHEAD = 3  # groups decoded ahead of the network: enough to hide a slow file, little memory
_PORTION = 8  # samples sent to a process at a time: one would spend its time on the way
_MOST_WORKERS = 8  # each costs memory for the libraries it loads
_TRIED = 4  # groups timed before choosing
_CLEARLY = 1.1  # processes must win by a tenth to be worth their start and their memory

Wanted = list[tuple[Sample, "Place | None"]]


@dataclass(frozen=True)
class Loaded:
    """A group of samples made ready: ``batch`` of ``kept`` samples, and why the others are missing.

    The batch is where the network is, and as the network takes it.
    """

    batch: Batch | None
    kept: list[Sample]
    problems: list[tuple[Sample, str]]


class Loader:
    """Makes groups of samples ready while the network works on the groups before.

    Threads by default: decoders release Python's lock, and on two cores processes gain nothing. The
    numbers are the same either way.

    Args:
        threads: How many decode; 0 takes up to four.
        store: Where decoded samples are found and kept, if that pays (see ``decoded.choose``).
        workers: Processes that decode instead of threads; see :func:`choose_workers`.

    Attributes:
        notes: What happened on the way that the user should know, as full sentences.
    """

    def __init__(
        self,
        task: Task,
        bundle: Bundle,
        threads: int = 0,
        *,
        store: DecodedStore | None = None,
        workers: int = 0,
    ) -> None:
        self.notes: list[str] = []
        self.store = store
        self._task = task
        self._bundle = bundle
        self._pool: Executor = ThreadPoolExecutor(threads or min(4, os.cpu_count() or 1), "decode")
        # Never forked: the window's and torch's threads are alive, and a copy of them would hang.
        self._processes: ProcessPoolExecutor | None = None
        if workers:
            self._processes = ProcessPoolExecutor(
                workers,
                get_context("spawn"),
                initializer=making.begin,
                initargs=(task, making.without_network(bundle)),
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._processes:
            self._processes.shutdown(wait=True, cancel_futures=True)
        if self.store is not None:
            self.store.close()

    def run(self, groups: Iterable[Sequence[Sample]], view: View | None) -> Iterator[Loaded]:
        """Yield each group in order as a batch."""
        waiting: deque[list[tuple[Wanted, Future[list[Made]]]]] = deque()
        for group in groups:
            waiting.append(self._sent(group, view))
            if len(waiting) > _AHEAD:
                yield self._together(waiting.popleft(), view)
        while waiting:
            yield self._together(waiting.popleft(), view)

    def _sent(
        self, group: Sequence[Sample], view: View | None
    ) -> list[tuple[Wanted, Future[list[Made]]]]:
        """Let a group be decoded, in portions."""
        varied = view is not None
        wanted = [(s, self.store.place(s, varied=varied) if self.store else None) for s in group]
        size = _PORTION if self._processes else 1
        return [(part, self._submitted(part, view)) for part in map(list, grouped(wanted, size))]

    def _submitted(self, wanted: Wanted, view: View | None) -> Future[list[Made]]:
        keep = self.store is not None and not self.store.stopped
        if self._processes:
            try:
                return self._processes.submit(making.in_process, wanted, view, keep)
            except BrokenProcessPool:
                self._leave_processes()
        return self._pool.submit(making.made, self._task, self._bundle, wanted, view, keep)

    def _leave_processes(self) -> None:
        """Go on with threads: a process that decoded is gone, and the pool with it."""
        if self._processes:
            self._processes.shutdown(wait=False, cancel_futures=True)
            self._processes = None
            self.notes.append(
                "A process that decoded samples ended unexpectedly (the system may have run out of"
                " memory). No sample was lost; threads decode from here on."
            )

    def _together(
        self, parts: list[tuple[Wanted, Future[list[Made]]]], view: View | None
    ) -> Loaded:
        loaded = Loaded(None, [], [])
        examples = []
        for sample, found in self._results(parts, view):
            if found.problem:
                loaded.problems.append((sample, found.problem))
                continue
            if found.fresh is not None and self.store is not None:
                self._keep(sample, found, varied=view is not None)
            loaded.kept.append(sample)
            examples.append(found.example)
        if not examples:
            return loaded
        batch = ready(self._task, self._bundle, self._task.collate(examples))
        return Loaded(batch, loaded.kept, loaded.problems)

    def _results(
        self, parts: list[tuple[Wanted, Future[list[Made]]]], view: View | None
    ) -> Iterator[tuple[Sample, Made]]:
        """Yield what was made; portions that went down with a process are made again."""
        for wanted, future in parts:
            try:
                found = future.result()
            except BrokenProcessPool:
                self._leave_processes()
                found = self._submitted(wanted, view).result()
            for (sample, _), item in zip(wanted, found, strict=True):
                yield sample, item

    def _keep(self, sample: Sample, found: Made, *, varied: bool) -> None:
        assert self.store is not None
        assert found.fresh is not None
        before = self.store.stopped
        self.store.put(sample, found.fresh, varied=varied)
        if self.store.stopped and not before:
            self.notes.append(
                f"No more decoded samples are kept: {self.store.stopped}. The others are decoded"
                " anew each time."
            )


def ready(task: Task, bundle: Bundle, batch: Batch) -> Batch:
    """Return a collated batch where the network is, as the network takes it."""
    weights = next(bundle.network.parameters(), None)
    if weights is not None:
        batch = pinned(batch, weights.device).to(weights.device)
    return task.on_device(bundle, batch)


def pinned(batch: Batch, device: torch.device) -> Batch:
    """Lay tensors where CUDA can fetch them while Python goes on; elsewhere nothing is won."""
    if device.type == "cuda":
        batch.inputs, batch.targets = making.pinned(batch.inputs), making.pinned(batch.targets)
    return batch


def batch_of(
    task: Task, bundle: Bundle, samples: Sequence[Sample], view: View | None = None
) -> Batch:
    """Return a few samples as one batch, made ready here and now.

    Raises:
        StudioError: If one cannot be read.
    """
    examples = [task.example(sample, bundle, view=view) for sample in samples]
    return ready(task, bundle, task.collate(examples))


def choose_workers(
    task: Task,
    bundle: Bundle,
    groups: Sequence[Sequence[Sample]],
    view: View | None,
    network_s: float,
    *,
    threads: int = 0,
) -> tuple[int, str]:
    """Return how many processes decode faster than threads, 0 if none, and why in words.

    Processes are tried only where they can win: with more than two cores, and a network that waits for
    the threads. The choice changes the time of a run and none of its numbers. It is tried on the first
    of these ``groups`` of samples; ``network_s`` are the seconds that the network takes for one.
    """
    cores = os.cpu_count() or 1
    if cores <= 2:
        return 0, f"Threads decode: on {cores} cores processes gain nothing."
    tried = list(itertools.islice(groups, _TRIED))
    if not tried:
        return 0, ""
    with Loader(task, bundle, threads) as loader:
        by_threads = _pace(loader, tried, view)
    if by_threads <= network_s:
        return 0, "Threads decode faster than the network learns."
    workers = min(cores - 1, _MOST_WORKERS)
    with Loader(task, bundle, threads, workers=workers) as loader:
        for _ in loader.run(tried, view):  # the libraries are loaded before the time is taken
            pass
        by_processes = _pace(loader, tried, view)
        failed = bool(loader.notes)
    facts = f"{by_processes * 1e3:.1f} ms a sample against {by_threads * 1e3:.1f} ms with threads"
    if failed or by_threads < _CLEARLY * by_processes:
        return 0, f"Threads decode: {workers} processes gain nothing ({facts})."
    return workers, f"{workers} processes decode: {facts}."


def _pace(loader: Loader, groups: Sequence[Sequence[Sample]], view: View | None) -> float:
    """Return the seconds that a sample takes."""
    began = time.perf_counter()
    for _ in loader.run(groups, view):
        pass
    return (time.perf_counter() - began) / max(1, sum(map(len, groups)))


def by_length(task: Task, samples: Sequence[Sample]) -> list[Sample]:
    """Return the samples so that those of similar length stand together, where lengths differ."""
    return sorted(samples, key=task.length) if task.ragged else list(samples)


def grouped(samples: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield the samples ``size`` at a time."""
    for start in range(0, len(samples), size):
        yield samples[start : start + size]
