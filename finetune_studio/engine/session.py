"""A run in memory: its network, feeds and method, and how it is kept, judged and taken back."""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from finetune_studio.core.events import CheckpointSaved
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Batch, Bundle, Task
from finetune_studio.engine import feeds, optim, run
from finetune_studio.engine.device import Device


@dataclass
class Session:
    """A run in memory.

    Attributes:
        best: The tensors of the best epoch so far, by name; only those that training may change.
        set_aside: Numbers of samples that could not be read.
        reason: Why the run ended, in words, if not because all epochs were done.
    """

    folder: Path
    task: Task
    bundle: Bundle
    recipe: Recipe
    device: Device
    method: optim.Method
    train_feed: feeds.Feed
    validation_feed: feeds.Feed
    place: run.Place
    moving: list[str]
    best: dict[str, Tensor] = field(default_factory=dict)
    set_aside: set[int] = field(default_factory=set)
    reason: str = ""

    @property
    def learning(self) -> list[nn.Parameter]:
        """Return the parameters that learn."""
        return [p for p in self.bundle.network.parameters() if p.requires_grad]

    @property
    def batch_size(self) -> int:
        """Return how many samples one step looks at."""
        return self.method.batch_size(len(self.train_feed.samples))

    @property
    def steps_an_epoch(self) -> int:
        """Return how many steps show every training sample once."""
        return math.ceil(len(self.train_feed.samples) / self.batch_size)

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, in the device's own precision."""
        with self.device.autocast():
            return self.task.loss(self.bundle, batch)

    def order(self, epoch: int) -> list[int]:
        """Return the places of the samples in the order of this epoch."""
        rng = random.Random(f"{self.recipe.seed}/{epoch}")
        count = len(self.train_feed.samples)
        if self.recipe.optimiser.balance == "sampler":
            labels = [s.label_id for s in self.train_feed.samples]
            counts = Counter(labels)
            return rng.choices(range(count), [1 / counts[label] for label in labels], k=count)
        places = list(range(count))
        rng.shuffle(places)
        return places

    def tensors(self) -> dict[str, Tensor]:
        """Return a copy of everything that training may change."""
        state = self.bundle.network.state_dict()
        return {name: state[name].detach().clone() for name in self.moving}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Put tensors back into the network."""
        if tensors:
            self.bundle.network.load_state_dict(tensors, strict=False)

    def judge(self, metrics: dict[str, float], loss: float) -> bool:
        """Keep the network if it is the best so far: by the headline, then by the loss."""
        score = metrics[self.task.headline] if metrics else -loss
        place = self.place
        known = place.best_score
        better = known is None or score > known or (score == known and loss < place.best_loss)
        if better:
            place.best_score, place.best_loss = score, loss
            place.best_epoch, place.best_metrics = float(place.epoch), dict(metrics)
            self.best = self.tensors()
        return better

    def snapshot(self) -> dict[str, Any]:
        """Return what is needed to go back to this instant, in memory."""
        return {
            "tensors": self.tensors(),
            "method": _cloned(self.method.state_dict()),
            "place": asdict(self.place),
        }

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to a snapshot."""
        self.load(snapshot["tensors"])
        self.method.load_state_dict(_cloned(snapshot["method"]))
        for name, value in snapshot["place"].items():
            setattr(self.place, name, value)

    def save(self) -> CheckpointSaved:
        """Write a checkpoint from which the run goes on exactly."""
        weights = self.tensors()
        state = {"method": self.method.state_dict()}
        place = run.save_checkpoint(self.folder, weights, self.best or weights, state, self.place)
        return CheckpointSaved(self.place.step, float(self.place.epoch), str(place))


def _cloned(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: _cloned(item) for key, item in value.items()}
    return [_cloned(item) for item in value] if isinstance(value, list) else value
