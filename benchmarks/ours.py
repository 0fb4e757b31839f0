"""Our side of the measurements: runs of the product in this process, whole or an epoch at a time."""

from __future__ import annotations

import gc
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from measure import MOBILENET, THREADS, Took, now, timed

from finetune_studio.core.events import CheckpointSaved, Event, PhaseStarted, StepDone, Validated
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes:
        data: Pictures for runs on frozen layers; ``full`` for full fine-tuning, ``head`` for steps of a head.
        room: A folder for whatever is written.
        rounds: Whole runs a side; ``blocks`` are epochs a side where only steps are compared.
    """

    data: Path
    full: Path
    head: Path
    room: Path
    epochs: int
    rounds: int
    blocks: int
    batch: int
    device: str


class Ours:
    """A project of ours on some data, in a home where nothing was computed before."""

    def __init__(
        self, size: Size, data: Path, task: str = "image_classification", **settings: object
    ) -> None:
        self._size = size
        self._folder = Path(tempfile.mkdtemp(dir=size.room))
        self._settings = {
            "data.path": str(data),
            "model.source": str(MOBILENET),
            "optimiser.epochs": size.epochs,
            "optimiser.batch_size": size.batch,
            "augment.strength": "none",
            "stop.early": False,
            "compute.device": size.device,
            "compute.threads": THREADS,
            "task": task,
            **{name.replace("__", "."): value for name, value in settings.items()},
        }
        self._project = Project(self._folder / "project", task)
        from finetune_studio.engine import curate

        choices = Recipe().with_settings(self._settings)
        list(curate.import_data(self._project, choices.data, 0, Control()))

    def run(self, **settings: object) -> Iterator[Event]:
        """Return the events of a run; double underscores stand for dots."""
        import torch

        from finetune_studio.engine.train import train

        torch.set_num_threads(THREADS)
        os.environ["FINETUNE_STUDIO_HOME"] = str(self._folder / "home")
        own = {name.replace("__", "."): value for name, value in settings.items()}
        recipe = Recipe().with_settings(self._settings | own)
        return train(self._project, recipe, Control())

    def whole(self, **settings: object) -> Took:
        """Carry out a run; return what it took."""
        gc.collect()
        return timed(lambda: list(self.run(**settings)))[1]

    def weights(self, **settings: object) -> dict[str, object]:
        """Carry out a run; return its last weights."""
        from safetensors.torch import load_file

        last = list(self.run(**settings))[-1]
        checkpoints = Path(last.run) / "checkpoints"
        name = json.loads((checkpoints / "index.json").read_text())["last"]
        return load_file(checkpoints / name / "weights.safetensors")


class Turns:
    """Takes a run of ours an epoch at a time."""

    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events
        self.saves: list[float] = []
        for event in events:
            if isinstance(event, PhaseStarted) and event.phase == "train":
                break

    def epoch(self) -> Took:
        """Take the steps of an epoch, then judge it; return what the steps took.

        The clock of a run goes on while the other side has its turn, so that a checkpoint is due far too
        often; checkpoints are left out here and told apart.
        """
        began = last = now()
        saving = Took(0.0, 0.0)
        took = None
        for event in self._events:
            at = now()
            if isinstance(event, CheckpointSaved) and took is None:
                saving += at - last
                self.saves.append((at - last).wall)
            if isinstance(event, StepDone) and event.epoch.is_integer():
                took = at - began - saving
            if isinstance(event, Validated):
                break
            last = at
        assert took is not None
        return took
