"""Text to batches: encoding with a network's own tokenizer, padding, and texts from files."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from tokenizers import Tokenizer
from torch import Tensor

from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.task import Bundle
from finetune_studio.modality import text_inputs

NOT_READ = "what stands behind these is not read"  # of a text that is cut, for a task to say
_PAD = -100  # what torch's losses ignore


class Encoded(NamedTuple):
    """A text (or a window of one) as numbers.

    Attributes:
        ids: Its tokens.
        types: To which of two texts each belongs; None where the network does not ask.
        pad: What fills shorter texts up.
    """

    ids: list[int]
    types: list[int] | None
    pad: int


def tokenizer(bundle: Bundle, stride: int = 0) -> Tokenizer:
    """Return the network's tokenizer, which cuts longer texts; it is kept between calls."""
    content = bundle.files["tokenizer.json"]
    digest = str(bundle.processor.get("tokenizer") or hashlib.sha256(content).hexdigest())
    return _opened(digest, int(bundle.processor["max_length"]), stride, _Content(content))


class _Content:
    """Bytes that are not compared: their digest beside them says which they are."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Content)


@functools.lru_cache(maxsize=8)
def _opened(digest: str, max_length: int, stride: int, content: _Content) -> Tokenizer:  # noqa: ARG001  part of the key
    return text_inputs.open_tokenizer(content.content, max_length, stride)


def encode(bundle: Bundle, text: str, pair: str | None = None) -> Encoded:
    """Return a text, or a pair of texts, as the network takes it; what is too long is cut off."""
    found = tokenizer(bundle).encode(text, pair)
    types = found.type_ids if "token_type_ids" in bundle.processor["inputs"] else None
    return Encoded(found.ids, types, int(bundle.processor["pad_id"]))


def together(rows: Sequence[Encoded]) -> dict[str, Tensor]:
    """Return texts as one batch, padded to the longest: int64 (texts, length) by name."""
    ids = text_inputs.padded([row.ids for row in rows], rows[0].pad)
    mask = text_inputs.padded([[1] * len(row.ids) for row in rows], 0)
    found = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
    types = [row.types for row in rows if row.types is not None]
    if types:
        found["token_type_ids"] = torch.from_numpy(text_inputs.padded(types, 0))
    return found


def padded_targets(rows: Sequence[Sequence[int]]) -> Tensor:
    """Return a target a token, (texts, length), filled up with what the loss ignores (-100)."""
    return torch.from_numpy(text_inputs.padded(rows, _PAD))


def limit(bundle: Bundle, longest: int) -> None:
    """Let texts be cut after so many tokens, where the network allows as many (0: as it allows)."""
    own = int(bundle.processor["max_length"])
    bundle.processor["max_length"] = min(own, longest) if longest else own


def sample_of(given: str, **fields: object) -> Sample:
    """Return what the user typed, or the text in the file that was named, as a sample.

    Raises:
        StudioError: If the file holds no text, is a folder, or is not there.
    """
    path = os.path.expanduser(given)  # noqa: PTH111  a Path raises on texts too long for a name
    file = text_inputs.file_of(path) is not None
    there = file or text_inputs.is_folder(path)
    try:
        text = text_inputs.text_of(path if there else given)
    except (OSError, ValueError) as error:
        name = f"{given} cannot be read" if there else "There is nothing to read"
        reason = getattr(error, "strerror", None) or error
        raise StudioError(f"{name}: {reason}.", "Give a text, or a file that holds one.") from error
    place = str(Path(path).resolve()) if file else ""
    return Sample(0, place, None, None, "", fields={"text": text, **fields})


def text_in(sample: Sample, name: str = "text") -> str:
    """Return one of a sample's texts.

    Raises:
        StudioError: If it has none, or an empty one.
    """
    found = sample.fields.get(name)
    if not isinstance(found, str) or not found.strip():
        raise StudioError(f"{sample.place}: there is no {name}.", "Exclude the sample.")
    return found
