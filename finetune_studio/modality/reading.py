"""Long texts read in windows: cut as a network takes them, and what the network says of them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from finetune_studio.core.task import Bundle
from finetune_studio.modality import text, windows
from finetune_studio.modality.windows import Window

_AT_ONCE = 64  # windows of one or several long texts that are answered together
_UNCUT = 2**30  # tokens


def cut(bundle: Bundle, words: str, overlap: int, question: str | None = None) -> list[Window]:
    """Return the windows of a text as the network takes them, at least one.

    Neighbours share ``overlap`` tokens; a question stands before each.
    """
    limit = int(bundle.processor["max_length"])
    return windows.cut(tokenizer(bundle), words, limit, overlap, question)


def tokenizer(bundle: Bundle) -> Tokenizer:
    """Return the network's tokenizer, which here cuts nothing; it is kept between calls."""
    return text.tokenizer(replace(bundle, processor={**bundle.processor, "max_length": _UNCUT}))


def encoded(bundle: Bundle, cuts: Sequence[Window]) -> list[text.Encoded]:
    """Return windows as the network takes them, to be put together by :func:`text.together`."""
    types = "token_type_ids" in bundle.processor["inputs"]
    pad = int(bundle.processor["pad_id"])
    return [text.Encoded(w.ids.tolist(), w.types.tolist() if types else None, pad) for w in cuts]


def said(network: nn.Module, inputs: dict[str, Tensor], names: Sequence[str]) -> list[Tensor]:
    """Return those of the network's outputs, each (windows, length, ...), in float32.

    The windows of long texts take turns, so that no text is too long; where something is learnt, they
    are computed again on the way back instead of being kept.
    """
    count = len(next(iter(inputs.values())))

    def answered(some: dict[str, Tensor]) -> list[Tensor]:
        answer: Any = network(**some)
        return [getattr(answer, name).float() for name in names]

    found: list[list[Tensor]] = []
    for start in range(0, count, _AT_ONCE):
        some = {name: rows[start : start + _AT_ONCE] for name, rows in inputs.items()}
        if count > _AT_ONCE and torch.is_grad_enabled():
            found.append(checkpoint(answered, some, use_reentrant=False))
        else:
            found.append(answered(some))
    return [torch.cat(parts) for parts in zip(*found, strict=True)]
