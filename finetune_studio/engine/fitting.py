"""Finds how much of a batch fits into the memory at a time, before the first step."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator

import torch

from finetune_studio.core.events import Event, Noted
from finetune_studio.engine.allocator import give_back
from finetune_studio.engine.presets import SMALLEST_BATCH
from finetune_studio.engine.session import Session, TooLarge

_SHARE = 0.7  # of the free memory; the rest is for what nobody counted
_TRIED = 2  # samples


def fit(session: Session, *, known: bool) -> Iterator[Event]:
    """Compute each step in as many parts as the memory needs, and write down what was chosen.

    A resumed run (``known``) keeps what was chosen when it began. Where the batch size was left to us,
    a smaller one is taken before a step is computed in parts.
    """
    choices = session.recipe.optimiser
    if known or session.method.whole or choices.accumulation:
        session.keep_chosen()
        return
    needed = max(session.team.gathered([_needed_parts(session)]))
    while needed > 1 and not choices.batch_size and session.chosen.batch_size > 2 * SMALLEST_BATCH:
        session.chosen.batch_size //= 2
        needed = math.ceil(needed / 2)
    session.chosen.parts = needed
    session.keep_chosen()
    if session.chosen.parts > 1:
        part = math.ceil(session.batch_size / session.team.size / session.chosen.parts)
        yield Noted(
            f"A batch of {session.batch_size} samples does not fit into the memory; {part} at a time"
            " are computed and their gradients added up."
        )


def _needed_parts(session: Session) -> int:
    if session.device.kind == "cuda":
        return _tried_parts(session)
    size = math.ceil(session.batch_size / session.team.size)
    bytes_each = _kept_for_the_way_back(session)
    learning = sum(p.numel() * p.element_size() for p in session.learning)
    room = session.device.free_mb() * 2**20 * _SHARE - 3 * learning  # gradients and two moments
    return min(size, max(1, math.ceil(bytes_each * size / max(room, 1.0))))


def _tried_parts(session: Session) -> int:
    """Compute the first step without taking it, in ever smaller parts, until it fits."""
    before, parts = session.tensors(), 1
    order = _largest(session, session.batch_size)
    while True:
        session.chosen.parts = parts
        try:
            with session.train_feed.active():
                session.learn(list(session.train_feed.batches(session.groups(order), 0)))
        except TooLarge:
            if parts >= len(order):
                break
            parts *= 2
        else:
            break
        finally:
            session.bundle.network.zero_grad(set_to_none=True)
            give_back()
    session.load(before)  # norms have looked at the batch
    return parts


def _largest(session: Session, count: int) -> list[int]:
    """Return the places of the samples that need most memory: the longest ones, where lengths differ."""
    if not session.task.ragged:
        return session.order(0)[:count]
    samples = session.train_feed.samples
    return heapq.nlargest(count, range(len(samples)), lambda n: session.task.length(samples[n]))


def _kept_for_the_way_back(session: Session) -> float:
    """Return the bytes that one sample's way forward keeps for its way back, counted on two samples."""
    own = {t.untyped_storage().data_ptr() for t in session.bundle.network.state_dict().values()}
    kept: dict[int, int] = {}

    def count(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        # Kept itself, a tensor that an operation made would keep that operation, and this the tensor:
        # all that the way forward computed would stay in memory until the process ends.
        return tensor.detach()

    before, few = session.tensors(), _largest(session, _TRIED)
    with session.train_feed.active():
        for batch in session.train_feed.batches([few], 0):
            if batch is not None:
                session.train_feed.show(batch)
                with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
                    session.loss(batch)
    session.load(before)  # norms have looked at the batch
    return sum(kept.values()) / max(1, len(few))
