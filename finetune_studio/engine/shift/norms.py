"""How far pictures lie from what a network knows, read from the statistics that its batch norms keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

_LEAST = 1e-5  # what norms add to a variance; a channel that never moves tells nothing


class Watched:
    """Sums up what reaches each batch norm of a network, channel by channel."""

    def __init__(self, network: nn.Module) -> None:
        self.norms = {name: norm for name, norm in network.named_modules() if keeps(norm)}
        self._sums: dict[str, Tensor] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look at every batch that goes through the network meanwhile."""
        hooks = [
            norm.register_forward_pre_hook(self._hook(name)) for name, norm in self.norms.items()
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _hook(self, name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def look(_module: nn.Module, args: tuple[Tensor, ...]) -> None:
            values = args[0].detach().double()
            others = [axis for axis in range(values.ndim) if axis != 1]
            count = torch.full((values.shape[1],), values.numel() / values.shape[1])
            seen = torch.stack(
                [count.to(values), values.sum(others), values.square().sum(others)]
            ).cpu()
            self._sums[name] = self._sums[name] + seen if name in self._sums else seen

        return look

    def distances(self) -> dict[str, float]:
        """Return, for each norm that ran, how far its input lies from the statistics it keeps.

        Both are taken as normal distributions a channel: the mean over channels of the root of their
        symmetrised Kullback-Leibler divergence. The root, because a few channels that hardly ever move
        would outweigh all others; its unit is then about one standard deviation.
        """
        found = {}
        for name, (count, total, squares) in self._sums.items():
            norm = self.norms[name]
            assert norm.running_mean is not None
            assert norm.running_var is not None
            mean = total / count
            spread = (squares / count - mean.square()).clamp_min(0) + _LEAST
            known = norm.running_mean.double().cpu(), norm.running_var.double().cpu() + _LEAST
            found[name] = float(symmetrised(mean, spread, *known).sqrt().mean())
        return found


def keeps(module: nn.Module) -> bool:
    """Whether a module is a batch norm that knows what it saw while it was pretrained."""
    return isinstance(module, _BatchNorm) and module.running_mean is not None


def symmetrised(mean: Tensor, spread: Tensor, other_mean: Tensor, other_spread: Tensor) -> Tensor:
    """Return KL(p, q) + KL(q, p) of normal distributions, from means and variances, in nats."""
    apart = (mean - other_mean).square() * (1 / spread + 1 / other_spread)
    return 0.5 * (spread / other_spread + other_spread / spread - 2 + apart)
