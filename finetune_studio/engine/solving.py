"""Solves a head by itself to its optimum, measured so that the objective bends alike in all directions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import astuple, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from finetune_studio.core.recipe import OptimiserChoices
from finetune_studio.engine.launch import Alone, Team

_WEAKEST, _STRONGEST = 1e-3, 0.3  # the range in which the best pull towards zero lies for features

# A slope under this counts as flat: on clothing10 the objective then lies within 0.4 % of the one found
# with a slope a hundred times smaller.
_FLAT = 1e-3
_ITERATIONS = 40

# How strongly the loss bends along a direction in which the inputs vary by one: a half at most (Böhning
# 1992), less where samples are told apart. On the data of benchmarks/head.py a tenth needed the fewest
# evaluations, 0.02 and 0.5 up to a quarter more.
_BEND = 0.1
_DIRECTIONS = 64  # more of them take longer to find than they save


class HeadSolve:
    """Solves the head to its optimum by L-BFGS (Liu and Nocedal 1989), once an epoch.

    The first epoch pulls the weights strongly towards zero, each later one more weakly, so that the
    epochs are a path from too simple to too free; validation picks the place on it. From the third on,
    each begins where the two before it point to.

    A head that is one linear layer is solved with its inputs centred, and measured along their main
    directions by how much the objective bends there. The optimum stays where it is, and is found with a
    quarter of the evaluations.

    Args:
        choices: How many epochs there are.
        network: The network, of which the head alone learns.
        team: The processes that solve it together.
    """

    whole = True
    factor = 1.0  # L-BFGS finds its own steps

    def __init__(
        self, choices: OptimiserChoices, network: nn.Module, team: Team | None = None
    ) -> None:
        self._network = network
        self._team: Team = team or Alone()
        self._learning = [p for p in network.parameters() if p.requires_grad]
        self._layer = _only_layer(network, self._learning)
        self._directions: Directions | None = None
        self._before: list[Tensor] = []
        count = max(2, choices.epochs)
        ratio = (_WEAKEST / _STRONGEST) ** (1 / (count - 1))
        self._strengths = [_STRONGEST * ratio**i for i in range(count)]

    def scaled(self, loss: Tensor) -> Tensor:
        """Return the loss itself."""
        return loss

    def step(
        self,
        learn: Callable[[], Tensor],
        step: int,
        steps: int,  # noqa: ARG002  the path's length is known from the recipe
    ) -> tuple[Tensor, dict[str, float]]:
        """Solve for this step's strength."""
        self._network.eval()  # the optimum is only defined without random dropout
        strength = self._strengths[min(step, len(self._strengths) - 1)]
        now = [p.detach().clone() for p in self._learning]
        try:
            with quick(self._layer) if self._layer else nullcontext():
                self._solve(learn, strength)
                self._clear()
                # The gradients that are left are those of the weights themselves.
                loss = learn()
        except BaseException:
            self._put(now)  # not even where it began has changed
            raise
        self._before = now if step else []  # before the first there was no solution
        return loss, {}

    def _solve(self, learn: Callable[[], Tensor], strength: float) -> None:
        """Find the optimum."""
        layer = self._layer
        if layer is None:
            plain = [p for p in self._learning if p.ndim > 1]
            self._descend(learn, strength, lambda: plain)
            return
        self._directions = self._directions or self._directions_of(layer, learn)
        self._go_ahead()
        if self._directions is None:
            self._descend(learn, strength, lambda: [layer.weight])
            return
        with self._directions.taken_by(layer, strength) as weight:
            self._descend(learn, strength, lambda: [weight()])

    def _descend(
        self,
        learn: Callable[[], Tensor],
        strength: float,
        weights: Callable[[], Sequence[Tensor]],
    ) -> None:
        """Take L-BFGS's steps, with ``weights`` pulled towards zero."""
        solver = torch.optim.LBFGS(
            self._learning,
            max_iter=_ITERATIONS,
            history_size=_ITERATIONS,
            tolerance_grad=_FLAT,
            line_search_fn="strong_wolfe",
        )

        def closure() -> Tensor:
            self._clear()
            loss = learn()
            pull = sum((w.square().sum() for w in weights()), loss.new_zeros(()))
            pulled = strength / 2 * pull
            pulled.backward()
            whole: Tensor = loss + pulled.detach()
            return whole

        solver.step(closure)

    def _clear(self) -> None:
        for parameter in self._learning:
            parameter.grad = None

    @torch.no_grad()
    def _go_ahead(self) -> None:
        """Move as far from the last solution as that lies from the one before it."""
        for parameter, before in zip(self._learning, self._before, strict=False):
            parameter.mul_(2).sub_(before)

    @torch.no_grad()
    def _put(self, values: Sequence[Tensor]) -> None:
        for parameter, value in zip(self._learning, values, strict=True):
            parameter.copy_(value)

    def _directions_of(self, layer: nn.Linear, learn: Callable[[], Tensor]) -> Directions | None:
        """Return the main directions of what arrives at the layer; None where it does so in pieces."""
        seen: list[Tensor] = []
        with quick(layer, seen):
            learn()
        self._clear()
        if self._team.any(len(seen) != 1):
            return None
        return found(seen[0], self._team, centred=layer.bias is not None)

    def state_dict(self) -> dict[str, Any]:
        """Return the solution before the last one, and the directions."""
        known = self._directions
        return {"before": self._before, "directions": list(astuple(known)) if known else []}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Know both again."""
        device = self._learning[0].device
        self._before = [own.to(device, copy=True) for own in state.get("before", [])]
        kept = [own.to(device, copy=True) for own in state.get("directions", [])]
        self._directions = Directions(*kept) if kept else None


# --- one linear layer ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Directions:
    """The main directions of what arrives at a layer.

    Attributes:
        centre: The mean of the inputs, (inputs,); zero where the layer has no bias to make up for it.
        axes: A unit vector for each direction, (inputs, directions).
        spread: The variance along each, (directions,).
        rest: The variance along any other, ().
    """

    centre: Tensor
    axes: Tensor
    spread: Tensor
    rest: Tensor

    @contextmanager
    def taken_by(self, layer: nn.Linear, strength: float) -> Iterator[Callable[[], Tensor]]:
        """Let the layer's parameters stand for its weights, evenly bent, as long as the context lasts.

        Yields what computes the weights, (outputs, inputs), from the parameters.
        """
        along = (_BEND * self.spread + strength).rsqrt()
        across = (_BEND * self.rest + strength).rsqrt()
        size = _BEND**-0.5  # of the bias, which nothing pulls
        parameters = [p for p in (layer.weight, layer.bias) if p is not None]
        before = [p.data for p in parameters]

        def weight() -> Tensor:
            return self._stretched(layer.weight, along, across)

        def bias(weight: Tensor) -> Tensor | None:
            own: Tensor | None = layer.bias
            return None if own is None else own * size - weight @ self.centre

        def scores(inputs: Tensor) -> Tensor:
            now = weight()
            return scored(inputs, now, bias(now))

        if layer.bias is not None:
            layer.bias.data = (before[1] + before[0] @ self.centre) / size
        layer.weight.data = self._stretched(before[0], 1 / along, 1 / across)
        with _answering(layer, scores):
            try:
                yield weight
                with torch.no_grad():
                    now = weight()
                    before = [t for t in (now, bias(now)) if t is not None]
            finally:
                for parameter, data in zip(parameters, before, strict=True):
                    parameter.data = data

    def _stretched(self, weight: Tensor, along: Tensor, across: Tensor) -> Tensor:
        """Return weights, (outputs, inputs), that are so many times as long along the axes, and across."""
        return weight * across + ((weight @ self.axes) * (along - across)) @ self.axes.T


def found(inputs: Tensor, team: Team, *, centred: bool) -> Directions | None:
    """Return the main directions of all processes' inputs, (..., inputs); None if some are no numbers.

    By one pass of a randomised search (Halko, Martinsson and Tropp 2011), whose numbers are always the
    same: for the measure of a direction, roughly is enough.
    """
    rows = inputs.flatten(0, -2).float()
    count, width = int(team.sum(torch.tensor(len(rows)))), rows.shape[1]
    centre = team.sum(rows.sum(0)) / count
    if not centred:
        centre = torch.zeros_like(centre)
    whole = team.sum(rows.square().sum()) / count - centre.square().sum()
    if not whole.isfinite():
        return None  # the loss will say so
    most = min(_DIRECTIONS, width, count)
    drawn = torch.randn(width, most, generator=torch.Generator().manual_seed(0)).to(rows.device)
    placed = rows @ drawn - centre @ drawn
    axes, _ = torch.linalg.qr(team.sum(rows.T @ placed - torch.outer(centre, placed.sum(0))))
    placed = rows @ axes - centre @ axes
    spread, turned = torch.linalg.eigh(team.sum(placed.T @ placed).cpu() / count)
    spread = spread.clamp(min=0.0).to(rows.device)
    rest = (whole - spread.sum()).clamp(min=0.0) / max(1, min(width, count) - most)
    return Directions(centre, axes @ turned.to(rows.device), spread, rest)


@contextmanager
def quick(layer: nn.Linear, seen: list[Tensor] | None = None) -> Iterator[None]:
    """Let a layer find its gradients in a third of the time; what arrives at it is added to ``seen``."""

    def scores(inputs: Tensor) -> Tensor:
        if seen is not None:
            seen.append(inputs.detach())
        return scored(inputs, layer.weight, layer.bias)

    with _answering(layer, scores):
        yield


@contextmanager
def _answering(layer: nn.Linear, scores: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Let a layer answer in another way as long as the context lasts."""
    before = vars(layer).get("forward")
    vars(layer)["forward"] = scores
    try:
        yield
    finally:
        if before is None:
            del vars(layer)["forward"]
        else:
            vars(layer)["forward"] = before


def scored(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return what a linear layer says of inputs that do not learn, (..., inputs), in full precision."""
    with torch.autocast(inputs.device.type, enabled=False):
        rows = inputs.detach().flatten(0, -2).float()
        scores: Tensor = _Scores.apply(rows, weight, bias)
    return scores.reshape(*inputs.shape[:-1], -1)


class _Scores(torch.autograd.Function):
    """A linear layer whose inputs do not learn.

    PyTorch multiplies the rows' transpose with the gradient; the other way round, the same product of a
    long matrix with a narrow one takes a tenth of the time on a CPU.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(rows)
        ctx.has_bias = bias is not None
        return nn.functional.linear(rows, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        (rows,) = ctx.saved_tensors
        return None, gradient.T @ rows, gradient.sum(0) if ctx.has_bias else None


def _only_layer(network: nn.Module, learning: Sequence[nn.Parameter]) -> nn.Linear | None:
    """Return the linear layer that is all that learns, if that is so."""
    if getattr(network, "_compiled_call_impl", None) is not None:
        return None
    mine = {id(parameter) for parameter in learning}
    for module in network.modules():
        if type(module) is nn.Linear and {id(p) for p in module.parameters()} == mine:
            plain = all(p.dtype == torch.float32 for p in learning)
            return module if plain else None
    return None
