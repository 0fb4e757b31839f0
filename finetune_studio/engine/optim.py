"""Optimiser and learning-rate schedule as the recipe says."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from finetune_studio.core.recipe import OptimiserChoices


def make_optimiser(
    choices: OptimiserChoices, network: nn.Module, head: str
) -> torch.optim.Optimizer:
    """Return fused AdamW (Loshchilov and Hutter 2019) over what learns.

    The head, which starts from nothing, has its own learning rate; norms and biases are not decayed.
    """
    parts: dict[tuple[str, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            part = "head" if name == head or name.startswith(f"{head}.") else "body"
            parts.setdefault((part, parameter.ndim > 1), []).append(parameter)
    rates = {"head": choices.head_learning_rate, "body": choices.learning_rate}
    groups: list[dict[str, Any]] = [
        {
            "params": parameters,
            "name": part,
            "lr": rates[part],
            "peak": rates[part],
            "weight_decay": choices.weight_decay if decayed else 0.0,
        }
        for (part, decayed), parameters in sorted(parts.items(), key=lambda item: item[0])
    ]
    return torch.optim.AdamW(groups, fused=True)


def rate_factor(choices: OptimiserChoices, step: int, steps: int) -> float:
    """Return what the peak learning rate is multiplied by before step ``step`` of ``steps``.

    Linear warm-up, then a half cosine (Loshchilov and Hutter 2017), a straight line, or nothing.
    """
    warm = round(choices.warmup_share * steps)
    if step < warm:
        return (step + 1) / (warm + 1)
    done = (step - warm) / max(1, steps - warm)
    if choices.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
    if choices.schedule == "linear":
        return max(0.0, 1.0 - done)
    return 1.0


def set_rates(optimiser: torch.optim.Optimizer, factor: float) -> dict[str, float]:
    """Set the learning rates for the next step and return them by group."""
    rates: dict[str, float] = {}
    for group in optimiser.param_groups:
        group["lr"] = group["peak"] * factor
        rates[group["name"]] = group["lr"]
    return rates
