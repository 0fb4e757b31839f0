"""A run in memory: its network, feeds and method, and how it is kept, judged and taken back."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import CheckpointSaved
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Batch, Bundle, Pair, Task
from finetune_studio.engine import optim, ordering, run, trouble
from finetune_studio.engine.averaged import Averaging
from finetune_studio.engine.blending import Blending
from finetune_studio.engine.cost import Meter
from finetune_studio.engine.device import Device
from finetune_studio.engine.features.filling import Means
from finetune_studio.engine.feeds import Feed
from finetune_studio.engine.launch import Team
from finetune_studio.engine.recalling import Recalling
from finetune_studio.engine.replaying import Replay
from finetune_studio.engine.supply import Chosen

_SMALL = 4 * 2**20  # bytes; a larger state to go back to lies on disk instead of in memory
_FREE_MB = 200  # of the disk; with less than that beside two checkpoints, the run ends cleanly


class TooLarge(Exception):  # noqa: N818  no fault: the step is taken again in smaller parts
    """A part of a batch did not fit into the memory."""


@dataclass
class Session:
    """A run in memory.

    Attributes:
        train: The samples to learn from, whether or not they can be read; ``validation`` likewise.
        moving: Names of the tensors that training may change, in any epoch.
        ever: Names of the parameters that learn in any epoch; ``stage`` of those that learn now.
        best: The tensors of the best epoch so far, by name; only those that training may change.
        set_aside: Numbers of samples that could not be read.
        reason: Why the run ended, in words, if not because all epochs were done.
        rollbacks: How often the run went back because it diverged.
        best_pairs: The answers of the best epoch, if it was judged since the run was loaded.
        judged_at_once: Samples of a validation batch.
        full: Whether the run ended because the disk is nearly full.
        good: The last good epoch, where it is small enough for the memory.
        blending: Lets the run learn from samples that are blended in pairs, where the recipe says so.
        meter: Counts what the run draws.
        recalling: Keeps what the original network answers, where the recipe says so.
        replay: Which samples of an earlier run each epoch shows again, where the recipe says so.
    """

    folder: Path
    means: Means
    recipe: Recipe
    method: optim.Method
    train: list[Sample]
    validation: list[Sample]
    place: run.Place
    chosen: Chosen
    moving: list[str]
    ever: frozenset[str]
    stage: frozenset[str]
    feeds: list[Feed]
    best: dict[str, Tensor] = field(default_factory=dict)
    set_aside: set[int] = field(default_factory=set)
    reason: str = ""
    rollbacks: int = 0
    best_pairs: list[Pair] = field(default_factory=list)
    judged_at_once: int = 64
    full: bool = False
    good: dict[str, Any] | None = None
    blending: Blending | None = None
    meter: Meter | None = None
    recalling: Recalling | None = None
    replay: Replay | None = None

    @property
    def task(self) -> Task:
        """Return what the network is taught."""
        return self.means.task

    @property
    def bundle(self) -> Bundle:
        """Return the network with its labels."""
        return self.means.bundle

    @property
    def device(self) -> Device:
        """Return where it runs."""
        return self.means.device

    @property
    def team(self) -> Team:
        """Return the processes that carry out the run."""
        return self.means.team

    @property
    def train_feed(self) -> Feed:
        """Return where training batches come from."""
        return self.feeds[0]

    @property
    def validation_feed(self) -> Feed:
        """Return where the batches that judge come from."""
        return self.feeds[1]

    @property
    def learning(self) -> list[nn.Parameter]:
        """Return the parameters that learn now."""
        return [p for p in self.bundle.network.parameters() if p.requires_grad]

    @property
    def samples_an_epoch(self) -> int:
        """Return how many samples an epoch sees."""
        return ordering.count(self.train_feed.samples, self.replay)

    @property
    def batch_size(self) -> int:
        """Return how many samples one step looks at."""
        count = self.samples_an_epoch
        return count if self.method.whole else min(self.chosen.batch_size, count)

    @property
    def steps_an_epoch(self) -> int:
        """Return how many steps show every training sample once, and earlier ones beside them.

        A last sample by itself joins the step before: a batch norm cannot learn from one value.
        """
        full, rest = divmod(self.samples_an_epoch, self.batch_size)
        return full + (rest > 1 or (rest == 1 and full == 0))

    @property
    def steps(self) -> int:
        """Return how many steps the whole run takes."""
        return self.steps_an_epoch * self.recipe.optimiser.epochs

    @property
    def epochs(self) -> int:
        """Return after how many epochs the run ends at the latest."""
        planned, after = self.recipe.optimiser.epochs, self.recipe.stop.after
        return min(planned, after) if after else planned

    @property
    def steps_to_take(self) -> int:
        """Return how many steps lead to its end; the schedule of rates counts on all of :attr:`steps`."""
        return self.steps_an_epoch * self.epochs

    def seed_of(self, step: int) -> int:
        """Return what the random numbers of a step come from; each process draws its own."""
        return (self.recipe.seed << 32) + step + (self.team.rank << 24)

    # --- one step ---------------------------------------------------------------------------------

    def groups(self, order: Sequence[int]) -> Iterator[Sequence[int]]:
        """Yield this process's share of each step's places, part by part: ``chosen.parts`` a step."""
        size = self.batch_size
        start = 0
        while start < len(order):
            end = start + size + (len(order) - start - size == 1)
            mine = self.team.share(order[start:end])
            start = end
            part = math.ceil(len(mine) / self.chosen.parts) or 1
            for number in range(self.chosen.parts):
                yield mine[number * part : (number + 1) * part]

    def learn(self, parts: Sequence[Batch | None]) -> Tensor:
        """Add up the gradients of a step's parts, over all processes; return the step's mean loss.

        Raises:
            TooLarge: If a part does not fit into the memory of this process or of another.
        """
        if self.blending:
            self.blending.begin(self.train_feed.border, self.place.step)
            parts = [self.blending.blended(b) if b is not None else None for b in parts]
        batches = [batch for batch in parts if batch is not None]
        weights, every = self._weights(batches)
        left = iter(weights)
        total, full = torch.zeros((), device=self.device.torch), None
        for batch in parts:
            try:
                present = batch is not None and full is None
                with self.team.taking_part(present=present):
                    if batch is None or full is not None:
                        continue
                    weight = next(left)
                    total += self._learnt(batch, weight / every)
            except (RuntimeError, MemoryError) as error:
                if not trouble.is_memory(error):
                    raise
                full = str(error)
        if self.team.any(full is not None):
            raise TooLarge(full or "")
        if self.team.size > 1:
            self.team.sum_gradients(self.learning)
        return self.team.sum(total)

    def _learnt(self, batch: Batch, share: float) -> Tensor:
        """Add a part's gradients, which count by its share of the step; return its share of the loss."""
        self.train_feed.show(batch)
        with self.blending.acting(batch) if self.blending else nullcontext():
            loss, whole = self._losses(batch)
            if share != 1.0:
                loss, whole = loss * share, whole * share
            self.method.scaled(whole).backward()
        return loss.detach()

    def _losses(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the loss that is stated, and that which is learnt from."""
        if self.recalling is None:
            loss = self.loss(batch)
            return loss, loss
        return self.recalling.loss(batch, lambda: self.loss(batch))

    def as_judged(self) -> AbstractContextManager[None]:
        """Return the context in which the network is what is judged and kept."""
        return self.method.shown() if isinstance(self.method, Averaging) else nullcontext()

    def _weights(self, batches: Sequence[Batch]) -> tuple[list[float], float]:
        """Return how much each part counts, and how much all parts of all processes do."""
        if len(batches) == 1 and self.team.size == 1:
            return [1.0], 1.0
        own = [self.task.weight(self.bundle, batch) for batch in batches]
        every = torch.tensor(sum(own), dtype=torch.float64)
        return own, float(self.team.sum(every)) or 1.0

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch, in the device's own precision."""
        with self.device.autocast():
            return self.task.loss(self.bundle, batch)

    def compute_less_at_a_time(self) -> int:
        """Compute each step in twice as many parts from now on; return the samples of a part.

        Raises:
            StudioError: If a part is a single sample already.
        """
        mine = math.ceil(self.batch_size / self.team.size)
        if self.chosen.parts >= mine:
            raise StudioError(
                "The memory is full even with one sample at a time.",
                "Choose a smaller model, fewer layers to retrain or smaller pictures, then resume.",
            )
        self.chosen.parts = min(2 * self.chosen.parts, mine)
        self.keep_chosen()
        return math.ceil(mine / self.chosen.parts)

    def keep_chosen(self) -> None:
        """Write what was chosen into the run, so that it goes on the same way."""
        if self.team.leads:
            run.keep_chosen(self.folder, asdict(self.chosen))

    def order(self, epoch: int) -> list[int]:
        """Return the places of the samples in the order of this epoch."""
        samples = self.train_feed.samples
        now = (
            0 if self.method.whole else epoch
        )  # what is solved sees the same ones in the same order
        return ordering.order(self.task, self.recipe, samples, now, self.batch_size, self.replay)

    # --- what is kept -----------------------------------------------------------------------------

    def tensors(self) -> dict[str, Tensor]:
        """Return a copy of everything that training may change."""
        state = self.bundle.network.state_dict()
        return {name: state[name].detach().clone() for name in self.moving}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Put tensors back into the network."""
        if tensors:
            self.bundle.network.load_state_dict(tensors, strict=False)

    def judge(self, metrics: dict[str, float], loss: float, pairs: list[Pair]) -> bool:
        """Keep the network if it is the best so far: by the headline, then by the loss."""
        score = metrics[self.task.headline] if metrics else -loss
        place = self.place
        known = place.best_score
        better = (
            known is None
            or self.task.better(score, known)
            or (score == known and loss < place.best_loss)
        )
        if better:
            place.best_score, place.best_loss = score, loss
            place.best_epoch, place.best_metrics = float(place.epoch), dict(metrics)
            self.best, self.best_pairs = self.tensors(), pairs
        return better

    def keep_last(self) -> None:
        """Count an epoch that nothing judges, and keep the network as it is now."""
        place = self.place
        place.epoch, place.step_in_epoch = place.epoch + 1, 0
        place.best_epoch, self.best = float(place.epoch), self.tensors()

    def mark_good(self) -> None:
        """Keep this instant, so that the run can go back to it; a resumed run can, too."""
        place, method = asdict(self.place), self.method.state_dict()
        if self.team.size > 1 or self._moving_bytes() < _SMALL:
            self.good = {"tensors": self.tensors(), "method": _cloned(method), "place": place}
            return
        self.good = None
        state = self.bundle.network.state_dict()
        tensors = {name: state[name].detach() for name in self.moving}
        self._good_file.parent.mkdir(parents=True, exist_ok=True)
        run.save_state(self._good_file, {"tensors": tensors, "method": method, "place": place})

    def take_up_good(self, kept: dict[str, Any] | None) -> None:
        """Know the last good epoch of a resumed run again; else this instant is good."""
        with suppress(StudioError):
            found = kept or run.read_state(self._good_file)
            if found["place"]["epoch"] == self.place.epoch:
                self.good = kept
                return
        self.mark_good()

    def back_to_good(self) -> None:
        """Go back to the instant that was marked."""
        good = self.good or run.read_state(self._good_file)
        self.load(good["tensors"])
        self.method.load_state_dict(_cloned(good["method"]))
        for name, value in good["place"].items():
            setattr(self.place, name, value)

    @property
    def _good_file(self) -> Path:
        return self.folder / "checkpoints" / "good.pt"

    def _moving_bytes(self) -> int:
        state = self.bundle.network.state_dict()
        return sum(state[name].numel() * state[name].element_size() for name in self.moving)

    def save(self) -> CheckpointSaved:
        """Write a checkpoint from which the run goes on exactly."""
        folder = self.folder / "checkpoints" / f"{self.place.step:08d}"
        if self.team.leads:
            weights = self.tensors()
            if self.meter is not None:
                self.meter.note(self.place)
            if self.place.done:
                self._good_file.unlink(missing_ok=True)
            method = self.method.state_dict()
            good = None if self.place.done else self.good
            state = {"method": method, "rollbacks": self.rollbacks, "good": good}
            averaged = self.method.tensors() if isinstance(self.method, Averaging) else weights
            folder = run.save_checkpoint(
                self.folder, weights, self.best or averaged, state, self.place
            )
        return CheckpointSaved(self.place.step, float(self.place.epoch), str(folder))

    def disk_nearly_full(self) -> bool:
        """Whether there is room for little more than the next checkpoint."""
        needed = 3 * 4 * self._moving_bytes() + _FREE_MB * 2**20
        return bool(
            shutil.disk_usage(self.folder).free < needed
        )  # weights, best ones and two moments


def _cloned(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: _cloned(item) for key, item in value.items()}
    return [_cloned(item) for item in value] if isinstance(value, list) else value
