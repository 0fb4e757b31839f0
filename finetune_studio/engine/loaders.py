"""Samples to batches: decoding ahead in a few threads, with unreadable samples set aside."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.task import Batch, Bundle, Task, View

T = TypeVar("T")

_AHEAD = 3  # groups decoded ahead of the network: enough to hide a slow file, little memory


@dataclass(frozen=True)
class Loaded:
    """A group of samples made ready: ``batch`` of ``kept`` samples, and why the others are missing."""

    batch: Batch | None
    kept: list[Sample]
    problems: list[tuple[Sample, str]]


class Loader:
    """Makes groups of samples ready while the network works on the group before.

    Threads, not processes: decoders release Python's lock, and on two cores processes gain nothing.
    """

    def __init__(self, task: Task, bundle: Bundle, threads: int = 0) -> None:
        self._task = task
        self._bundle = bundle
        self._pool = ThreadPoolExecutor(threads or min(4, os.cpu_count() or 1), "decode")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def run(self, groups: Iterable[Sequence[Sample]], view: View | None) -> Iterator[Loaded]:
        """Yield each group in order as a batch."""
        waiting: deque[list[tuple[Sample, Future[Any]]]] = deque()
        for group in groups:
            waiting.append([(s, self._pool.submit(self._example, s, view)) for s in group])
            if len(waiting) > _AHEAD:
                yield self._together(waiting.popleft())
        while waiting:
            yield self._together(waiting.popleft())

    def _example(self, sample: Sample, view: View | None) -> Any:
        try:
            return self._task.example(sample, self._bundle, view=view)
        except StudioError as error:
            return error

    def _together(self, pairs: list[tuple[Sample, Future[Any]]]) -> Loaded:
        kept: list[Sample] = []
        examples: list[Any] = []
        problems: list[tuple[Sample, str]] = []
        for sample, future in pairs:
            found = future.result()
            if isinstance(found, StudioError):
                problems.append((sample, found.message))
            else:
                kept.append(sample)
                examples.append(found)
        batch = self._task.collate(examples) if examples else None
        return Loaded(batch, kept, problems)


def grouped(samples: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield the samples ``size`` at a time."""
    for start in range(0, len(samples), size):
        yield samples[start : start + size]
