"""Weights from a file, read without ever running code from it, and put into a network."""

from __future__ import annotations

import argparse
import pickle
import re
import warnings
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from finetune_studio.core.errors import StudioError
from finetune_studio.models.node import within

if TYPE_CHECKING:
    from pathlib import Path

State = dict[str, Tensor]

# Where training programs put the weights inside a checkpoint; averaged weights are the better ones.
_INSIDE = (
    "state_dict_ema",
    "model_ema",
    "ema_state_dict",
    "ema",
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "network",
    "net",
    "weights",
    "module",
)
_PREFIXES = ("module.", "_orig_mod.", "model.", "network.", "net.", "backbone.")
_ANOTHER = "Choose another file, or download or copy this one again."
_MAGIC = (
    (b"version https://git-lfs", "only a pointer left by git-lfs, not the weights themselves"),
    (b"<", "a web page, not weights: the download gave an error page"),
    (b"\x89HDF", "a Keras file (HDF5); weights of PyTorch are needed"),
    (b"%PDF", "a PDF document, not weights"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
)


def read(file: Path) -> State:
    """Return the tensors in a ``.pth``, ``.pt`` or ``.safetensors`` file, by name.

    What the file is, is seen from its content; wrappings such as ``{"state_dict": ...}`` and
    prefixes such as ``module.`` are taken off.

    Raises:
        StudioError: If the file is empty, cut short, no weights at all, or would have to run code.
    """
    try:
        with file.open("rb") as opened:
            start = opened.read(64)
    except OSError as error:
        raise StudioError(
            f"The weights file {file} cannot be read: {error.strerror}.", "Check its permissions."
        ) from error
    _refuse_other_kinds(file, start)
    found = _read_safetensors(file) if start[8:9] == b"{" else _read_torch(file)
    state = _without_prefix(_unwrapped(file, found))
    _refuse_not_numbers(file, state)
    return state


def read_plain(file: Path) -> State:
    """Return the tensors in a file of PyTorch under the very names that they have there.

    Raises:
        StudioError: If the file is damaged, holds no weights, or would have to run code.
    """
    with file.open("rb") as opened:
        _refuse_other_kinds(file, opened.read(64))
    state = _unwrapped(file, _read_torch(file))
    _refuse_not_numbers(file, state)
    return state


def read_own(file: Path) -> State:
    """Return the tensors of a ``.safetensors`` file that a run wrote, under their names there.

    Raises:
        StudioError: If the file is gone or damaged, or holds values that are no numbers.
    """
    if not file.is_file():
        raise StudioError(
            f"There are no weights in {file} any more.",
            "The run is damaged: choose another run or model, or bring the file back.",
        )
    state = _read_safetensors(file)
    _refuse_not_numbers(file, state)
    return state


def _refuse_other_kinds(file: Path, start: bytes) -> None:
    if not start:
        raise StudioError(f"The weights file {file} is empty.", _ANOTHER)
    if file.suffix == ".onnx" or start[4:8] == b"TFL3":
        raise StudioError(
            f"{file} is a finished model for running (ONNX or TFLite) and cannot be trained on.",
            "Choose the weights it was made from: a .pth or .safetensors file.",
        )
    head = start.lstrip().lower()
    for magic, meaning in _MAGIC:
        if head.startswith(magic.lower()):
            raise StudioError(f"{file} is {meaning}.", _ANOTHER)


def _read_safetensors(file: Path) -> State:
    try:
        return dict(load_file(file))
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise _cut_short(file, error) from error


def _read_torch(file: Path) -> Any:
    try:
        # argparse.Namespace holds plain settings; many published checkpoints carry one.
        known = torch.serialization.safe_globals([argparse.Namespace])
        with known, warnings.catch_warnings(action="ignore"):
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _refused(file, str(error)) from error
    except Exception as error:
        if "TorchScript" in str(error):
            raise _refused(file, "TorchScript") from error
        raise _cut_short(file, error) from error


def _refused(file: Path, text: str) -> StudioError:
    named = re.search(r"GLOBAL ([\w.]+)", text)
    if named is None and "TorchScript" not in text:
        return StudioError(
            f"{file} holds no weights that can be read; it may be damaged or of another kind.",
            _ANOTHER,
        )
    inside = f" ({named[1]})" if named else " (a TorchScript program)"
    return StudioError(
        f"{file} contains program code{inside}, not only weights."
        " It was not opened, because opening it would run that code.",
        "Ask its author for the weights alone: the network's state_dict, best as .safetensors.",
    )


def _cut_short(file: Path, error: Exception) -> StudioError:
    size = file.stat().st_size
    return StudioError(
        f"{file} ({size:,} bytes) is damaged or was cut short while it was copied.", _ANOTHER
    ).with_traceback(error.__traceback__)


def _unwrapped(file: Path, found: Any) -> State:
    """Return the tensors by name, wherever in the checkpoint they lie."""
    for _ in range(3):
        if not isinstance(found, dict):
            break
        tensors = {str(k): v for k, v in found.items() if isinstance(v, Tensor)}
        inner = next((found[k] for k in _INSIDE if isinstance(found.get(k), dict)), None)
        if inner is None or len(tensors) > 4:
            if tensors:
                return tensors
            break
        found = inner
    raise StudioError(
        f"{file} holds no weights: no table of named tensors was found in it.", _ANOTHER
    )


def _without_prefix(state: State) -> State:
    state = {k: v for k, v in state.items() if k != "n_averaged"}  # a counter of averaged weights
    while True:
        prefix = next((p for p in _PREFIXES if all(k.startswith(p) for k in state)), None)
        if prefix is None:
            return state
        state = {k.removeprefix(prefix): v for k, v in state.items()}


def _refuse_not_numbers(file: Path, state: State) -> None:
    for name, value in state.items():
        if value.is_floating_point() and not torch.isfinite(value.sum(dtype=torch.float64)):
            raise StudioError(
                f"The weights {name!r} in {file} hold values that are no numbers (NaN, infinity).",
                "The training that wrote the file went wrong; choose an earlier or another file.",
            )


def fit(network: nn.Module, state: State, *, head: str, file: Path, title: str) -> None:
    """Put a state into a network, all but its head, whatever that head's size was.

    With an empty ``head`` all of it is put in.

    Raises:
        StudioError: If the state belongs to another network: what differs, in words.
    """
    own = {n: value for n, value in network.state_dict().items() if not _made_new(n, head)}
    given = {n: value for n, value in state.items() if not _made_new(n, head)}
    problems = differences(
        {name: tuple(value.shape) for name, value in own.items()},
        {name: tuple(value.shape) for name, value in given.items()},
    )
    if problems:
        raise StudioError(
            f"The weights in {file} do not belong to {title}: {problems}.",
            "Leave the architecture empty to have it recognised, or choose the one it belongs to.",
        )
    network.load_state_dict(
        {name: given[name] for name in own if name in given} | _head_state(network, head),
        strict=False,
    )


def _head_state(network: nn.Module, head: str) -> State:
    return {n: value for n, value in network.state_dict().items() if _made_new(n, head)}


def _made_new(name: str, head: str) -> bool:
    return bool(head) and within(name, head)


Shapes = dict[str, tuple[int, ...]]


def differences(wanted: Shapes, given: Shapes) -> str:
    """Say in words what is missing, unexpected and of another shape; empty if all fits.

    Counters that only old files lack (``num_batches_tracked``) count nothing.
    """
    lacking = [n for n in wanted if n not in given and not n.endswith("num_batches_tracked")]
    surplus = [n for n in given if n not in wanted]
    other = [
        f"{n} is {_by(given[n])} instead of {_by(wanted[n])}"
        for n in wanted
        if n in given and wanted[n] != given[n]
    ]
    return "; ".join(
        f"{len(names)} {word} ({', '.join(names[:5])}{', …' if len(names) > 5 else ''})"
        for names, word in (
            (lacking, "missing"),
            (surplus, "unexpected"),
            (other, "of another shape"),
        )
        if names
    )


def _by(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "a single number"


def about_head(state: State, head: str) -> str:
    """Say what the file's own head was, since it is replaced."""
    weight = state.get(f"{head}.weight")
    if weight is None:
        return "The weights bring no last layer; a new one is made for your classes."
    return (
        f"The last layer for {weight.shape[0]:,} classes in the weights is left out;"
        " a new one is made for your classes."
    )
