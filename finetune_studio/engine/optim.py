"""How the network is changed: small steps by AdamW, or the head by itself solved (``solving.py``)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from finetune_studio.core.recipe import OptimiserChoices
from finetune_studio.engine.launch import Team
from finetune_studio.engine.solving import HeadSolve
from finetune_studio.models import depths
from finetune_studio.models.depths import Part

# One cycle: the part of the run in which the rate rises, and the parts of its peak at both ends.
_RISE, _BEGIN, _END = 1 / 3, 1 / 25, 1e-4


class Method(Protocol):
    """Changes what learns, one batch at a time."""

    factor: float  # what all learning rates are multiplied by; halved when a run diverges

    @property
    def whole(self) -> bool:
        """Whether one change looks at all samples, whatever the batch size."""

    def scaled(self, loss: Tensor) -> Tensor:
        """Return what :meth:`Tensor.backward` is to be called on."""

    def step(
        self, learn: Callable[[], Tensor], step: int, steps: int
    ) -> tuple[Tensor, dict[str, float]]:
        """Change the network once; return the loss before the change and the rates by group.

        ``learn`` computes the loss, adds its gradients to the parameters', and returns it.
        """

    def state_dict(self) -> dict[str, Any]:
        """Return what must be kept to go on exactly."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what was kept."""


def method_for(
    choices: OptimiserChoices,
    network: nn.Module,
    head: str,
    *,
    can_solve: bool,
    scaler: torch.amp.GradScaler | None = None,
    parts: Sequence[Part] | None = None,
    pull: Pull | None = None,
    team: Team | None = None,
) -> Method:
    """Return the method that the recipe asks for; solving needs a cached network whose head alone learns.

    ``scaler`` enlarges losses so that small gradients survive fp16; ``parts`` says what learns how fast,
    ``pull`` where it is pulled back to; ``team`` the processes that take part.
    """
    if choices.method == "solve" and can_solve:
        return HeadSolve(choices, network, team)
    return SmallSteps(choices, network, head, scaler, parts, pull)


@dataclass(frozen=True)
class Pull:
    """Pretrained weights are pulled to their starting point instead of to zero (L2-SP, Li et al. 2018).

    As with AdamW's weight decay, the pull is beside the gradient and not in it, so that its strength means
    the same for every weight.

    Attributes:
        strength: How strongly, as weight decay is counted.
        starts: Where each pretrained parameter that learns began, by its name.
    """

    strength: float
    starts: Mapping[str, Tensor]


class SmallSteps:
    """Fused AdamW (Loshchilov and Hutter 2019) over what learns.

    The head, which starts from nothing, has its own learning rate, and other parts may have theirs. Norms,
    biases, scales of channels and tables of positions are not decayed. With a scaler (Micikevicius et al.
    2018), a step whose gradients overflow fp16 is left out, and the scale halved.
    """

    whole = False

    def __init__(
        self,
        choices: OptimiserChoices,
        network: nn.Module,
        head: str,
        scaler: torch.amp.GradScaler | None = None,
        parts: Sequence[Part] | None = None,
        pull: Pull | None = None,
    ) -> None:
        self._choices = choices
        self._scaler = scaler
        self.factor = 1.0
        self._peaks: list[float] = []
        self._pulled: list[tuple[int, list[Tensor], list[Tensor]]] = []
        self._strength = pull.strength if pull else 0.0
        groups: list[dict[str, Any]] = []
        for part in parts or depths.parts(network, head):
            rate = choices.head_learning_rate if part.head else choices.learning_rate
            self._peaks.append(rate * part.factor)
            decay = choices.weight_decay if part.decayed else 0.0
            if pull and not part.head:
                decay = 0.0
                starts = [
                    pull.starts[name].to(parameter.device)
                    for name, parameter in zip(part.names, part.parameters, strict=True)
                ]
                here: list[Tensor] = [p.data for p in part.parameters]
                self._pulled.append((len(groups), here, starts))
            about = {"name": part.name, "lr": self._peaks[-1], "weight_decay": decay}
            groups.append({"params": part.parameters, **about})
        self._learning = [p for group in groups for p in group["params"]]
        self._adam = torch.optim.AdamW(groups, fused=True)

    def scaled(self, loss: Tensor) -> Tensor:
        """Return the loss, enlarged where gradients are kept in fp16."""
        return loss if self._scaler is None else self._scaler.scale(loss)

    def step(
        self, learn: Callable[[], Tensor], step: int, steps: int
    ) -> tuple[Tensor, dict[str, float]]:
        """Take one step along the gradient, no longer than the recipe's limit."""
        rates = self._set_rates(rate_factor(self._choices, step, steps) * self.factor)
        self._adam.zero_grad(set_to_none=True)
        loss = learn()
        if self._scaler is not None:
            self._scaler.unscale_(self._adam)
        if self._choices.gradient_clip:
            torch.nn.utils.clip_grad_norm_(self._learning, self._choices.gradient_clip)
        if self._scaler is None:
            self._adam.step()
        else:
            self._scaler.step(self._adam)
            self._scaler.update()
        self._pull_back()
        return loss, rates

    def _pull_back(self) -> None:
        for place, here, starts in self._pulled:
            share = min(1.0, self._adam.param_groups[place]["lr"] * self._strength)
            torch._foreach_lerp_(here, starts, share)

    def _set_rates(self, factor: float) -> dict[str, float]:
        for group, peak in zip(self._adam.param_groups, self._peaks, strict=True):
            group["lr"] = peak * factor
        return {group["name"]: group["lr"] for group in self._adam.param_groups}

    def state_dict(self) -> dict[str, Any]:
        """Return the moments, the factor and the scale."""
        scaler = {} if self._scaler is None else self._scaler.state_dict()
        return {"adam": self._adam.state_dict(), "factor": self.factor, "scaler": scaler}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put moments, factor and scale back."""
        self._adam.load_state_dict(state["adam"])
        self.factor = state["factor"]
        if self._scaler is not None and state.get("scaler"):
            self._scaler.load_state_dict(state["scaler"])


def rate_factor(choices: OptimiserChoices, step: int, steps: int) -> float:
    """Return what the peak learning rate is multiplied by before step ``step`` of ``steps``.

    Linear warm-up, then a half cosine (Loshchilov and Hutter 2017), a straight line, or nothing; or one
    cycle (Smith and Topin 2019), which rises over the first third and falls over the rest.
    """
    if choices.schedule == "one_cycle":
        return _one_cycle(step, steps)
    warm = round(choices.warmup_share * steps)
    if step < warm:
        return (step + 1) / (warm + 1)
    done = (step - warm) / max(1, steps - warm)
    if choices.schedule == "cosine":
        return _half_cosine(1.0, 0.0, done)
    if choices.schedule == "linear":
        return max(0.0, 1.0 - done)
    return 1.0


def _one_cycle(step: int, steps: int) -> float:
    top = round((steps - 1) * _RISE)
    if step <= top:
        return _half_cosine(_BEGIN, 1.0, step / top if top else 1.0)
    return _half_cosine(1.0, _END, (step - top) / max(1, steps - 1 - top))


def _half_cosine(begin: float, end: float, done: float) -> float:
    return end + (begin - end) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
