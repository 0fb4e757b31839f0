"""A running average of the weights: what a run then judges, keeps and exports (Polyak and Juditsky 1992)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from finetune_studio.engine.optim import Method


class Averaging:
    """A method that also keeps an exponential average of all that training may change.

    Early on the average follows quickly, so that it does not remember how the run began: the share that
    it keeps of itself in step t is at most (1 + t) / (10 + t).

    Args:
        method: What changes the network.
        network: The network.
        moving: Names of the tensors that training may change.
        decay: The share of itself that the average keeps in a step.
    """

    def __init__(
        self, method: Method, network: nn.Module, moving: Sequence[str], decay: float
    ) -> None:
        self._method = method
        self.whole = method.whole
        self._decay = decay
        self._taken = 0
        state = network.state_dict()
        self._now = {name: state[name].detach() for name in moving}
        self._mean = {name: tensor.clone() for name, tensor in self._now.items()}

    @property
    def factor(self) -> float:
        """Return what all learning rates are multiplied by."""
        return self._method.factor

    @factor.setter
    def factor(self, value: float) -> None:
        self._method.factor = value

    def scaled(self, loss: Tensor) -> Tensor:
        """Return what is to be differentiated."""
        return self._method.scaled(loss)

    def step(
        self, learn: Callable[[], Tensor], step: int, steps: int
    ) -> tuple[Tensor, dict[str, float]]:
        """Change the network once, and let the average follow."""
        found = self._method.step(learn, step, steps)
        keep = min(self._decay, (1 + self._taken) / (10 + self._taken))
        self._taken += 1
        means, values = [], []
        for name, mean in self._mean.items():
            if mean.is_floating_point():
                means.append(mean)
                values.append(self._now[name])
            else:
                mean.copy_(self._now[name])  # a count
        if means:
            torch._foreach_lerp_(means, values, 1.0 - keep)
        return found

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Let the network be the average as long as the context lasts."""
        own = {name: tensor.clone() for name, tensor in self._now.items()}
        self._put(self._mean)
        try:
            yield
        finally:
            self._put(own)

    @torch.no_grad()
    def _put(self, tensors: dict[str, Tensor]) -> None:
        for name, tensor in tensors.items():
            self._now[name].copy_(tensor)

    def tensors(self) -> dict[str, Tensor]:
        """Return a copy of the average."""
        return {name: tensor.clone() for name, tensor in self._mean.items()}

    def state_dict(self) -> dict[str, Any]:
        """Return the average, how many steps it took, and what the method keeps."""
        average = {"mean": dict(self._mean), "taken": self._taken}
        return {**self._method.state_dict(), "average": average}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what was kept."""
        self._method.load_state_dict(state)
        self._taken = int(state["average"]["taken"])
        for name, tensor in state["average"]["mean"].items():
            self._mean[name].copy_(tensor)
