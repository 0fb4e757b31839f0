"""Samples made ready, in a thread of this process or in one of its own."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing import parent_process
from typing import TYPE_CHECKING, Any, NamedTuple

from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.task import Bundle, Task, View

if TYPE_CHECKING:
    import numpy as np

    from finetune_studio.engine.decoded import Place


class Made(NamedTuple):
    """An example, or the ``problem`` in words; ``fresh`` is what was decoded and may be kept."""

    example: Any
    problem: str = ""
    fresh: np.ndarray | None = None


def made(
    task: Task,
    bundle: Bundle,
    wanted: Sequence[tuple[Sample, Place | None]],
    view: View | None,
    keep: bool,
) -> list[Made]:
    """Return each sample made ready, from what is kept of it where that can be read."""
    return [_one(task, bundle, sample, place, view, keep=keep) for sample, place in wanted]


def _one(
    task: Task,
    bundle: Bundle,
    sample: Sample,
    place: Place | None,
    view: View | None,
    *,
    keep: bool,
) -> Made:
    try:
        decoded = place.read() if place else None
        fresh = None
        if decoded is None and keep:
            decoded = fresh = task.decoded(sample, bundle, varied=view is not None)
        example = task.example(sample, bundle, view=view, decoded=decoded)
    except StudioError as error:
        return Made(None, error.message)
    return Made(example, fresh=fresh)


_given: list[tuple[Task, Bundle]] = []  # what this process was started for


def begin(task: Task, bundle: Bundle) -> None:
    """Remember, once a process, what samples are made ready for."""
    # Ctrl+C reaches every process of a terminal; the one that trains decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _given[:] = [(task, bundle)]


def _end_with_parent() -> None:
    """Leave with the process that trains, which cannot say goodbye if it is killed."""
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)


def in_process(
    wanted: Sequence[tuple[Sample, Place | None]],
    view: View | None,
    keep: bool,
) -> list[Made]:
    """Return each sample made ready, in a process that :func:`begin` has prepared."""
    task, bundle = _given[0]
    return made(task, bundle, wanted, view, keep)


def without_network(bundle: Bundle) -> Bundle:
    """Return what a process needs to make samples ready, without the network's weights."""
    from torch import nn

    return replace(bundle, network=nn.Identity(), class_weights=None)


def pinned(value: Any) -> Any:
    """Return tensors, alone or in a dictionary, in memory that the system never moves."""
    if isinstance(value, dict):
        return {name: pinned(item) for name, item in value.items()}
    return value.pin_memory() if hasattr(value, "pin_memory") else value
