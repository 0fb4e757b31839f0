"""Text made ready for a network, with numpy and tokenizers alone; copied as it is into every text export."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Encoding, Tokenizer

_ENDINGS = (
    r"\.(txt|text|md|json|jsonl|csv|tsv|htm|html|xml|log|rst|tex|pdf|docx?|odt|rtf|xlsx?|pptx?"
    r"|png|jpe?g|gif|bmp|tiff?|webp|wav|mp3|flac|ogg|m4a|mp4|zip|exe)"
)
# How files begin that hold no plain text, even where no byte in them is zero.
_BEGINNINGS = (
    (b"%PDF-", "a PDF"),
    (b"{\\rtf", "a formatted document (RTF)"),
    (b"PK\x03\x04", "a zip or an office document"),
    (b"\xd0\xcf\x11\xe0", "an office document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF87a", "a picture"),
    (b"GIF89a", "a picture"),
    (b"ID3", "sound"),
    (b"OggS", "sound"),
    (b"fLaC", "sound"),
    (b"\x1f\x8b", "a packed file"),
)
# A name without spaces; a file in a folder, which begins with a few words at most; a few words that end so.
_FILE_NAME = re.compile(
    rf"\S+{_ENDINGS}|([^\s/\\]+ ){{0,3}}[^\s/\\]*[/\\][^\r\n]{{0,1000}}{_ENDINGS}"
    r"|(\S+ ){1,3}\S+\.(txt|md|json|csv)",
    re.IGNORECASE,
)


def open_tokenizer(content: bytes, max_length: int, stride: int = 0) -> Tokenizer:
    """Return the tokenizer in the text of a ``tokenizer.json``.

    Args:
        content: The file's bytes.
        max_length: Longer texts are cut to so many tokens, those that mark start and end included.
        stride: Where a text is cut into windows, so many tokens of the one stand again in the next.
    """
    tokenizer = Tokenizer.from_buffer(content)
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length, stride=stride)
    return tokenizer


def uncut_tokenizer(content: bytes) -> Tokenizer:
    """Return the tokenizer in the text of a ``tokenizer.json``, which neither cuts nor fills up."""
    tokenizer = Tokenizer.from_buffer(content)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def padded(rows: Sequence[Sequence[int]], filler: int) -> np.ndarray:
    """Return rows of different length as one table, int64 (rows, longest)."""
    table = np.full((len(rows), max(map(len, rows), default=0)), filler, np.int64)
    for number, row in enumerate(rows):
        table[number, : len(row)] = row
    return table


def inputs_of(
    encodings: Sequence[Encoding], names: Sequence[str], pad_id: int
) -> dict[str, np.ndarray]:
    """Return what the network takes, by name: int64 (texts, longest).

    Args:
        encodings: What the tokenizer made of each text.
        names: Which of ``input_ids``, ``attention_mask`` and ``token_type_ids`` the network takes.
        pad_id: The token that fills up shorter texts.
    """
    return rows_of([e.ids for e in encodings], [e.type_ids for e in encodings], names, pad_id)


def rows_of(
    ids: Sequence[Sequence[int]], types: Sequence[Sequence[int]], names: Sequence[str], pad_id: int
) -> dict[str, np.ndarray]:
    """Return what the network takes, by name: int64 (rows, longest).

    Args:
        ids: The tokens of each row.
        types: To which of two texts each belongs.
        names: Which of ``input_ids``, ``attention_mask`` and ``token_type_ids`` the network takes.
        pad_id: The token that fills up shorter rows.
    """
    every = {
        "input_ids": padded(ids, pad_id),
        "attention_mask": padded([[1] * len(row) for row in ids], 0),
        "token_type_ids": padded(types, 0),
    }
    return {name: every[name] for name in names}


def shares(found: dict[str, np.ndarray], *, several: bool = False) -> np.ndarray:
    """Return probabilities over the last axis, from the network or from the scores that it gives.

    Args:
        found: ``probabilities``, or ``logits``, by name.
        several: Whether each stands alone, as where several labels fit.
    """
    if "probabilities" in found:
        return found["probabilities"]
    scores = found["logits"].astype(np.float32)
    if several:
        return np.asarray(1 / (1 + np.exp(-scores)))
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    return np.asarray(scores / scores.sum(-1, keepdims=True))


def losses(scores: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return how much less than certain each true token was, (tokens,), in nats."""
    top = scores.max(-1, keepdims=True)
    whole = np.log(np.exp(scores - top).sum(-1, dtype=np.float64)) + top[..., 0]
    return np.asarray(whole - scores[np.arange(len(true)), true])


def text_of(given: str) -> str:
    """Return the text in a file of that path, or the given text itself where there is no such file.

    Raises:
        ValueError: If the file holds no text, or nothing at all.
        OSError: If it is a folder or cannot be read, or looks like the name of a file that is not there.
    """
    file = file_of(given)
    if file is None and is_folder(given):
        raise IsADirectoryError("it is a folder")
    if file is None and _FILE_NAME.fullmatch(given.strip()):
        raise FileNotFoundError("there is no such file")
    text = decoded(file.read_bytes()) if file else given
    if "\0" in text:
        raise ValueError("it holds zero bytes, so it is no text")
    if not text.strip():
        raise ValueError("there is no text in it")
    return text


def file_of(given: str) -> Path | None:
    """Return the file of that path, if there is one."""
    try:
        return Path(given) if Path(given).is_file() else None
    except (OSError, ValueError):  # too long for a path: a text
        return None


def is_folder(given: str) -> bool:
    """Whether there is a folder of that path."""
    try:
        return bool(given.strip()) and Path(given).is_dir()
    except (OSError, ValueError):  # too long for a path: a text
        return False


def reason(error: Exception) -> str:
    """Say in words why a text cannot be answered."""
    if isinstance(error, PermissionError):
        return "you may not read it"
    if isinstance(error, OSError):
        return f"the computer refused it ({error.strerror})" if error.strerror else str(error)
    return str(error) or type(error).__name__


def decoded(content: bytes) -> str:
    """Return the text in a file's bytes: UTF-8, UTF-16 with its mark, or Windows' western letters.

    Raises:
        ValueError: If there are zero bytes in it, as no text has, or it begins as a PDF, an office
            document, a picture or sound does.
    """
    kind = next((kind for begin, kind in _BEGINNINGS if content.startswith(begin)), "")
    if kind:
        raise ValueError(f"it is {kind}, no plain text: save its text as a .txt file")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    if b"\0" in content:
        raise ValueError("it holds zero bytes, so it is no text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")
