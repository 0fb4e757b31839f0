"""Several token sequences in one row of the network, so that hardly a place is padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from finetune_studio.modality.chat import Tokens

IGNORED = -100  # the target of a place from which nothing is learnt
_ENOUGH = 1.1  # times the fewest places
_TRIED = (5, 3)  # lengths of the two sequences that a network is tried with
_CLOSE = 1e-4


@dataclass(frozen=True)
class Packed:
    """Rows as the network takes them, and whose each place is.

    Attributes:
        ids: Tokens (row, place).
        positions: Places counted anew in each sequence; padding is a sequence of its own.
        targets: The next token where it is learnt, else ``IGNORED``.
        owners: The place of the sample in the batch; -1 for padding.
    """

    ids: Tensor
    positions: Tensor
    targets: Tensor
    owners: Tensor


def bins(lengths: Sequence[int], width: int) -> list[list[int]]:
    """Share sequences out to rows of at most ``width`` places: the longest first, each where it first fits.

    Johnson 1973. Sequences longer than that must have been cut before.
    """
    rows: list[list[int]] = []
    left: list[int] = []
    for number in sorted(range(len(lengths)), key=lambda n: (-lengths[n], n)):
        size = lengths[number]
        row = next((r for r, room in enumerate(left) if room >= size), None)
        if row is None:
            rows.append([])
            left.append(width)
            row = len(rows) - 1
        rows[row].append(number)
        left[row] -= size
    return rows


def best_bins(lengths: Sequence[int], widest: int) -> list[list[int]]:
    """Return narrow rows, at most ``widest`` places wide, with little padding.

    Of two ways the one with narrower rows is taken unless the wider ones save a tenth of the places:
    attention looks from each place at all others of its row, also at those it then passes over.
    """
    widths = [max(lengths)]
    while widths[-1] * 2 <= widest:
        widths.append(widths[-1] * 2)
    ways = [bins(lengths, width) for width in sorted({*widths, max(widest, widths[0])})]
    least = min(_places(rows, lengths) for rows in ways)
    return next(rows for rows in ways if _places(rows, lengths) <= _ENOUGH * least)


def _places(rows: list[list[int]], lengths: Sequence[int]) -> int:
    return len(rows) * max(sum(lengths[n] for n in row) for row in rows)


def packed(sequences: Sequence[tuple[int, Tokens]], widest: int, pad: int) -> Packed:
    """Put sequences, each with the place of its sample in the batch, into few full rows."""
    return _laid_out(sequences, best_bins([len(t.ids) for _, t in sequences], widest), pad)


def padded(sequences: Sequence[tuple[int, Tokens]], pad: int) -> Packed:
    """Put each sequence into a row of its own, as long as the longest."""
    return _laid_out(sequences, [[n] for n in range(len(sequences))], pad)


def _laid_out(sequences: Sequence[tuple[int, Tokens]], rows: list[list[int]], pad: int) -> Packed:
    width = max(sum(len(sequences[n][1].ids) for n in row) for row in rows)
    shape = (len(rows), width)
    ids, positions = np.full(shape, pad, np.int64), np.zeros(shape, np.int64)
    targets, owners = np.full(shape, IGNORED, np.int64), np.full(shape, -1, np.int64)
    for number, row in enumerate(rows):
        start = 0
        for one in row:
            owner, tokens = sequences[one]
            end = start + len(tokens.ids)
            own = np.asarray(tokens.ids, np.int64)
            ids[number, start:end] = own
            positions[number, start:end] = np.arange(end - start)
            owners[number, start:end] = owner
            # A place predicts the token after it; the first token of a sequence has none before it.
            targets[number, start : end - 1] = np.where(tokens.learnt[1:], own[1:], IGNORED)
            start = end
        positions[number, start:] = np.arange(width - start)
    return Packed(*(torch.from_numpy(array) for array in (ids, positions, targets, owners)))


def inputs(rows: Packed, *, together: bool) -> dict[str, Tensor]:
    """Return what the network is called with.

    Where sequences share a row no mask is given: counting places anew is how networks are told that a
    sequence ends, and :func:`possible` tries whether this one understands. In rows of a single sequence
    nothing looks at the padding behind it, and without any mask attention is quickest. Networks that
    cannot share rows get their padding masked.
    """
    if together:
        begun = ((rows.positions == 0) & (rows.owners >= 0)).sum(1)
        if bool((begun <= 1).all()):
            return {"input_ids": rows.ids}
        return {"input_ids": rows.ids, "position_ids": rows.positions}
    return {"input_ids": rows.ids, "attention_mask": (rows.owners >= 0).long()}


def few_at_once(targets: Tensor, most: int) -> Iterator[slice]:
    """Yield neighbouring rows of so many learnt tokens together at most, or one row of more."""
    counts = (targets != IGNORED).sum(1).tolist()
    start, tokens = 0, 0
    for row, count in enumerate(counts):
        if row > start and tokens + count > most:
            yield slice(start, row)
            start, tokens = row, 0
        tokens += count
    yield slice(start, len(counts))


def possible(network: nn.Module, vocabulary: int) -> bool:
    """Whether sequences that share a row do not see each other in this network, found by trying.

    Networks that keep a state along the row, or tell places from the mask, fail this and are padded.
    """
    rng = np.random.default_rng(0)
    sequences = [
        (n, Tokens(rng.integers(0, vocabulary, size).tolist(), [True] * size))
        for n, size in enumerate(_TRIED)
    ]
    where = next(network.parameters()).device
    learning = [module for module in network.modules() if module.training]
    network.eval()
    try:
        with torch.no_grad():
            shared = packed(sequences, sum(_TRIED), 0)
            one = _logits(network, inputs(shared, together=True), where)[0]
            alone = [
                _logits(network, inputs(padded([pair], 0), together=False), where)[0]
                for pair in sequences
            ]
    except (TypeError, ValueError, RuntimeError, IndexError, KeyError):
        return False
    finally:
        for module in learning:
            module.training = True
    largest = float(torch.cat(alone).abs().max()) or 1.0
    return bool(torch.allclose(one, torch.cat(alone), rtol=0, atol=_CLOSE * max(1.0, largest)))


def _logits(network: nn.Module, given: dict[str, Any], where: torch.device) -> Tensor:
    answer = network(**{name: value.to(where) for name, value in given.items()}, use_cache=False)
    logits = answer.logits
    assert isinstance(logits, Tensor)
    return logits.float()


@contextmanager
def asked_at(network: nn.Module, head: str, keep: Tensor) -> Iterator[None]:
    """Let the last layer see the kept places alone, (place, hidden)."""
    if getattr(network, "_compiled_call_impl", None) is not None:  # it would be compiled each time
        yield
        return

    def chosen(_layer: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...] | None:
        hidden = given[0]
        return (hidden[keep],) if hidden.shape[:2] == keep.shape else None

    hook = network.get_submodule(head).register_forward_pre_hook(chosen)
    try:
        yield
    finally:
        hook.remove()
