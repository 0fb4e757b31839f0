"""The files that make a model's tokenizer, and what of it must be known to feed the network."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune_studio.core.errors import StudioError
from finetune_studio.models import library
from finetune_studio.models.quiet import quiet
from finetune_studio.models.text import networks

if TYPE_CHECKING:
    from torch import nn

_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
)
_OTHERS = (
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "spm.model",
    "tokenizer.model",
    "sentencepiece.bpe.model",
)
_LONGEST = {networks.REWRITE: 1024, networks.WRITE: 1024}
_LONGEST_READ = 512
_NO_LIMIT = 10**9  # transformers writes 10^30 where a tokenizer sets none
_SPECIAL = ("pad", "eos", "bos", "cls", "sep", "unk", "mask")
_AGAIN = "Download or copy the folder again, with all files of its tokenizer."


def read(place: Path) -> dict[str, bytes]:
    """Return the files of a folder's tokenizer by name; ``tokenizer.json`` is always among them.

    One that is stored in an older form is converted.

    Raises:
        StudioError: If there is none, or none that can be used without slow code of its own.
    """
    files = {name: (place / name).read_bytes() for name in _FILES if (place / name).is_file()}
    template = place / "chat_template.json"  # an older form of the same
    if "chat_template.jinja" not in files and template.is_file():
        files["chat_template.jinja"] = _json(template.read_bytes(), template)[
            "chat_template"
        ].encode()
    if "tokenizer.json" not in files:
        files = _converted(place) | files
    _opened(files["tokenizer.json"], place)
    return files


def _converted(place: Path) -> dict[str, bytes]:
    """Let transformers read an older form and write the one form that all programs read."""
    if not any((place / name).is_file() for name in _OTHERS):
        raise StudioError(
            f"There is no tokenizer in {place}: tokenizer.json is missing.",
            "A text model needs the tokenizer that it was pretrained with. " + _AGAIN,
        )
    try:
        with quiet(), tempfile.TemporaryDirectory() as made:
            library.load()
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained(
                str(place), use_fast=True, local_files_only=True, trust_remote_code=False
            )
            if tokenizer.is_fast:
                tokenizer.save_pretrained(made)
                return {
                    name: (Path(made) / name).read_bytes()
                    for name in _FILES
                    if (Path(made) / name).is_file()
                }
    except Exception as error:  # whatever a foreign file makes the library raise
        why = str(error).strip().splitlines()
        raise StudioError(
            f"The tokenizer in {place} cannot be converted: {why[0] if why else error!r}.",
            "Choose a copy of the model that brings tokenizer.json.",
        ) from error
    raise StudioError(
        f"The tokenizer in {place} exists only in a slow form that this program does not run.",
        "Choose a copy of the model that brings tokenizer.json.",
    )


def _opened(content: bytes, place: Path) -> Any:
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_str(content.decode("utf-8"))
    except Exception as error:  # the library raises the bare class
        raise StudioError(f"{place / 'tokenizer.json'} is damaged: {error}.", _AGAIN) from error


def _json(content: bytes, file: Path) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError as error:
        raise StudioError(f"{file} cannot be read: {error}.", _AGAIN) from error
    return found if isinstance(found, dict) else {}


def processor(
    files: dict[str, bytes], network: nn.Module, auto: str, place: Path
) -> dict[str, Any]:
    """Return what must be known to feed texts to a network, as plain values.

    ``max_length`` is how many tokens are read of a text, ``limit`` how many the network could see
    (0 where it sets no limit), ``pad_id`` what shorter texts are filled up with, ``inputs`` the names
    that the network takes, ``tokenizer`` the SHA-256 of ``tokenizer.json``; ``eos_id``, ``cls_id`` and
    so on are the numbers of the special tokens that there are.

    Raises:
        StudioError: If the tokenizer knows more tokens than the network.
    """
    config: Any = network.config
    opened = _opened(files["tokenizer.json"], place)
    _refuse_larger(opened, int(config.vocab_size), place)
    own = _json(files.get("tokenizer_config.json", b"{}"), place / "tokenizer_config.json")
    found = special_ids(files, opened, config, place)
    limits = [networks.longest(network), own.get("model_max_length")]
    known = [int(v) for v in limits if isinstance(v, int | float) and 0 < v < _NO_LIMIT]
    return {
        "max_length": read_at_most(auto, min(known, default=0)),
        "limit": min(known, default=0),
        "tokenizer": hashlib.sha256(files["tokenizer.json"]).hexdigest(),
        "pad_id": found.pop("pad_id", found.get("eos_id", found.get("unk_id", 0))),
        "inputs": networks.inputs_of(network),
        **found,
    }


def read_at_most(auto: str, limit: int) -> int:
    """Return how many tokens of a text are read by default, where the network allows so many."""
    usual = _LONGEST.get(auto, _LONGEST_READ)
    return min(limit, usual) if limit else usual


def _refuse_larger(opened: Any, places: int, place: Path) -> None:
    most = max(opened.get_vocab(with_added_tokens=True).values(), default=0)
    if most >= places:
        raise StudioError(
            f"The tokenizer in {place} knows {most + 1:,} tokens, but the network only {places:,}.",
            "They do not belong together. " + _AGAIN,
        )


def special_ids(files: dict[str, bytes], opened: Any, config: Any, place: Path) -> dict[str, int]:
    """Return the numbers of the special tokens that a tokenizer has: ``pad_id``, ``eos_id`` ..."""
    own = _json(files.get("special_tokens_map.json", b"{}"), place / "special_tokens_map.json")
    own |= _json(files.get("tokenizer_config.json", b"{}"), place / "tokenizer_config.json")
    found: dict[str, int] = {}
    for name in _SPECIAL:
        token = own.get(f"{name}_token")
        text = token.get("content") if isinstance(token, dict) else token
        number = opened.token_to_id(text) if isinstance(text, str) else None
        if number is None:
            kept = getattr(config, f"{name}_token_id", None)
            number = kept[0] if isinstance(kept, list) and kept else kept
        if isinstance(number, int) and 0 <= number < int(config.vocab_size):
            found[f"{name}_id"] = number
    return found
