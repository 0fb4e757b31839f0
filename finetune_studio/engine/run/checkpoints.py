"""Checkpoints of a run: written beside the old one, then pointed at, so that one is always whole."""

from __future__ import annotations

import errno
import json
import os
import pickle
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune_studio.core import files
from finetune_studio.core.errors import StudioError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class Place:
    """Where a run is: everything that must be known to go on exactly."""

    step: int = 0
    epoch: int = 0
    step_in_epoch: int = 0
    seconds: float = 0.0
    best_score: float | None = None
    best_loss: float = float("inf")
    best_epoch: float = 0.0
    best_metrics: dict[str, float] = field(default_factory=dict)
    epochs_without_gain: int = 0
    first_loss: float | None = None
    done: bool = False
    blended: bool = False  # with the original, as the recipe asks for at the end
    energy_wh: float = 0.0
    processor_s: float = 0.0


def read_json(path: Path) -> dict[str, Any]:
    """Return a file of the run, nothing where it is missing.

    Raises:
        StudioError: If it is damaged.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise StudioError(
            f"{path} is damaged: {error}.", "Delete this run and train again."
        ) from error
    return dict(found)


def index_of(folder: Path) -> dict[str, str]:
    """Return the names of the run's checkpoints: the last, the one with the best weights, the one before."""
    return read_json(folder / "checkpoints" / "index.json")


def save_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write tensors atomically as safetensors."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    plain = {n: t.detach().to("cpu").contiguous().clone() for n, t in tensors.items()}
    with files.replacing(path) as temporary:
        try:
            save_file(plain, temporary)
        except SafetensorError as error:  # it says why only in its text
            number = re.search(r"os error (\d+)", str(error))
            code = int(number[1]) if number else errno.EIO
            raise OSError(code, os.strerror(code), str(path)) from error


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write tensors among plain values atomically."""
    import torch

    with files.replacing(path) as temporary, temporary.open("wb") as file:
        torch.save(state, file)  # into a file of ours: its errors are clear


def read_state(path: Path) -> dict[str, Any]:
    """Return what :func:`save_state` wrote, on the CPU; only plain values and tensors are read."""
    import torch

    with damage_explained(path):
        return dict(torch.load(path, weights_only=True, map_location="cpu"))


def save_checkpoint(
    folder: Path,
    weights: dict[str, Tensor],
    best: dict[str, Tensor],
    state: dict[str, Any],
    place: Place,
) -> Path:
    """Write a checkpoint beside the old ones, then point at it, then remove all but the one before."""
    name = f"{place.step:08d}"
    while (folder / "checkpoints" / name).exists():
        name += "b"  # the same step again: the one that the index names must stay whole
    target = folder / "checkpoints" / name
    with files.explained(target):
        fresh = folder / "checkpoints" / f".{name}"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        save_tensors(fresh / "weights.safetensors", weights)
        save_tensors(fresh / "best.safetensors", best)
        save_state(fresh / "state.pt", {**state, "place": asdict(place)})
        os.rename(fresh, target)  # noqa: PTH104  Path.rename would do the same with a longer name
    before = index_of(folder).get("last", "")
    index = {"last": name, "best": name}
    if before not in ("", name) and not place.done:
        index["before"] = before  # for a drive that loses what it said was written
    files.write_json(folder / "checkpoints" / "index.json", index)
    for old in (folder / "checkpoints").iterdir():
        if old.is_dir() and old.name not in index.values():
            shutil.rmtree(old, ignore_errors=True)
    return target


def load_checkpoint(
    folder: Path,
) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Any]] | None:
    """Return the last checkpoint's weights, best weights and state; None if there is none.

    Where the last one is damaged, the one before it is taken, and ``state["damaged"]`` says so.

    Raises:
        StudioError: If no checkpoint is whole.
    """
    index = index_of(folder)
    if not index.get("last"):
        return None
    try:
        return _whole_checkpoint(folder / "checkpoints" / index["last"], "")
    except StudioError as error:
        if not index.get("before"):
            raise
        words = f"{error.message} The checkpoint before it is whole, so the run goes on from there."
        return _whole_checkpoint(folder / "checkpoints" / index["before"], words)


def _whole_checkpoint(
    place: Path, damaged: str
) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Any]]:
    state = read_state(place / "state.pt")
    with damage_explained(place):
        tensors = [read_tensors(place / f"{name}.safetensors") for name in ("weights", "best")]
        return tensors[0], tensors[1], {**state, "damaged": damaged}


_HOLDS = {
    "frozen.safetensors": "the layers that training left as they were",
    "weights.safetensors": "the layers that were trained",
    "best.safetensors": "the layers that were trained, as of the best epoch",
    "pretrained.safetensors": "the trained layers as they were before",
    "state.pt": "where the training stood",
}


@contextmanager
def damage_explained(place: Path) -> Iterator[None]:
    """Turn what damaged files make libraries raise into words that name the place."""
    from safetensors import SafetensorError

    try:
        yield
    except FileNotFoundError as error:
        told = str(error).rpartition(": ")[2]
        missing = Path(str(error.filename or told)).name
        holds = f", which holds {_HOLDS[missing]}" if missing in _HOLDS else ""
        raise StudioError(
            f"A file of the run is not in its folder any more: {place / missing}{holds}.",
            "Put it back from wherever the run was moved, copied or restored from (a run is copied as a whole"
            " folder), or train anew with the same recipe.",
        ) from error
    except (
        *(OSError, RuntimeError, ValueError, KeyError),
        *(SafetensorError, EOFError, pickle.UnpicklingError),
    ) as error:
        why = str(error).partition("\n")[0][:200].rstrip(".")
        raise StudioError(
            f"The weights in {place} are damaged: {why}.", "Start a new run with the same recipe."
        ) from error


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, on the CPU."""
    from safetensors.torch import load_file

    return dict(load_file(path))


def best_tensors(folder: Path) -> dict[str, Tensor]:
    """Return the best weights; of the checkpoint before, where the last one is damaged.

    Raises:
        StudioError: If no checkpoint is whole.
    """
    index = index_of(folder)
    last, before = index["best"], index.get("before")
    try:
        with damage_explained(folder / "checkpoints" / last):
            return read_tensors(folder / "checkpoints" / last / "best.safetensors")
    except StudioError:
        if not before:
            raise
        with damage_explained(folder / "checkpoints" / before):
            return read_tensors(folder / "checkpoints" / before / "best.safetensors")
