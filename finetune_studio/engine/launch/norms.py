"""Batch norms whose statistics are those of all processes' samples together."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm


class Sums(Protocol):
    """Adds up tensors over processes, while a part of a step is taken."""

    rank: int
    size: int

    @property
    def sharing(self) -> bool:
        """Whether a part of a step is being taken."""

    def norm_sum(self, value: Tensor, number: int, *, forward: bool) -> Tensor:
        """Return the sum over all processes; those without samples add nothing."""


class SharedBatchNorm(_BatchNorm):
    """A batch norm that, while it learns, looks at the samples of all processes (Peng et al. 2018).

    Its parameters and statistics have the names of the plain one's. Unlike ``nn.SyncBatchNorm`` it runs
    on every device, and a process may have no samples at all. In evaluation, and outside a step, it is
    the plain one.
    """

    team: Sums
    number = 0  # among the shared norms of the network

    @classmethod
    def like(cls, norm: _BatchNorm, team: Sums) -> SharedBatchNorm:
        """Return a shared norm that holds the very parameters and statistics of a plain one."""
        made = cls(norm.num_features, norm.eps, norm.momentum, norm.affine, device="meta")
        made.track_running_stats = norm.track_running_stats
        made.weight, made.bias = norm.weight, norm.bias
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            setattr(made, name, getattr(norm, name))
        made.training = norm.training
        made.team = team
        return made

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002  torch's own name
        """Accept what any of the plain norms does."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  torch's own name
        """Return the samples normalised by the mean and spread of all processes' samples."""
        if not (self.training and self.team.sharing):
            return super().forward(input)
        output, rows = _Shared.apply(input, self.weight, self.bias, self)
        self.remember(rows)
        return output  # type: ignore[no-any-return]

    @torch.no_grad()
    def remember(self, rows: Tensor) -> None:
        """Move the running statistics towards those of this step, as the plain norm does."""
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        mean, spread, count = _put_together(rows)
        self.num_batches_tracked.add_(1)
        new = self.momentum
        if new is None:
            new = 1 / float(self.num_batches_tracked)
        unbiased = spread * (count / (count - 1).clamp(min=1))
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), new)
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), new)


def _put_together(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean, spread and count of all samples, without cancellation (Chan et al. 1979).

    Each process's row holds its count, the mean of each channel and the spread of each channel.
    """
    channels = rows.shape[1] // 2
    counts, means, spreads = rows.split([1, channels, channels], 1)
    shares = counts / counts.sum()
    mean = (shares * means).sum(0)
    spread = (shares * (spreads + (means - mean) ** 2)).sum(0)
    return mean, spread, counts.sum()


class _Shared(torch.autograd.Function):
    """Normalises by shared statistics; the way back adds up over processes what goes through them."""

    @staticmethod
    def forward(
        ctx: Any, values: Tensor, weight: Tensor | None, bias: Tensor | None, norm: SharedBatchNorm
    ) -> tuple[Tensor, Tensor]:
        # Each process puts its count, means and spreads into its own row; the sum is all rows.
        team, over, channels = norm.team, [0, *range(2, values.ndim)], values.shape[1]
        exact = values.float() if values.dtype in (torch.half, torch.bfloat16) else values
        spread, mean = torch.var_mean(exact, over, correction=0)
        own = torch.cat([mean.new_full((1,), values.numel() // channels), mean, spread])
        rows = own.new_zeros(team.size, own.numel())
        rows[team.rank] = own
        rows = team.norm_sum(rows, norm.number, forward=True)

        mean, spread, count = _put_together(rows)
        output = functional.batch_norm(
            values, mean, spread, weight, bias, training=False, momentum=0.0, eps=norm.eps
        )
        ctx.save_for_backward(values, weight, mean, torch.rsqrt(spread + norm.eps), count)
        ctx.norm, ctx.has_bias = norm, bias is not None
        ctx.mark_non_differentiable(rows)
        return output, rows

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: Tensor) -> Any:
        values, weight, mean, scale, count = ctx.saved_tensors
        over = [0, *range(2, values.ndim)]
        shape = (1, -1, *(1 for _ in over[1:]))
        exact = gradient.to(mean.dtype)
        unit = (values.to(mean.dtype) - mean.view(shape)) * scale.view(shape)
        straight, along = exact.sum(over), (exact * unit).sum(over)
        sums = torch.stack([straight, along])
        means = ctx.norm.team.norm_sum(sums.clone(), ctx.norm.number, forward=False) / count
        through = exact - means[0].view(shape) - unit * means[1].view(shape)
        factor = scale if weight is None else scale * weight.to(mean.dtype)
        found = (through * factor.view(shape)).to(values.dtype)
        own_weight = None if weight is None else along.to(weight.dtype)
        return found, own_weight, straight if ctx.has_bias else None, None


def share_norms(network: nn.Module, team: Sums) -> nn.Module:
    """Return the network with shared norms in place of the batch norms that learn; others stay."""
    if _is_plain(network):
        return SharedBatchNorm.like(network, team)  # type: ignore[arg-type]  # seen just now
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if _is_plain(child):
                setattr(module, name, SharedBatchNorm.like(child, team))  # type: ignore[arg-type]
    return network


def _is_plain(module: nn.Module) -> bool:
    """Whether a module is a batch norm that learns from each batch, by itself."""
    if not isinstance(module, _BatchNorm) or isinstance(module, SharedBatchNorm):
        return False
    learns = any(p.requires_grad for p in module.parameters(recurse=False))
    return learns and not getattr(module, "keeps_statistics", False)
