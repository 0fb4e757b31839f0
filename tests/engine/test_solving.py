"""A head that is solved: where it ends, how many evaluations it takes, and what it leaves as it was."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from torch import Tensor, nn

from finetune_studio.core.recipe import Recipe
from finetune_studio.engine.optim import method_for
from finetune_studio.engine.solving import HeadSolve

STRENGTHS = [0.3 * (1e-3 / 0.3) ** (i / 4) for i in range(5)]


class Problem:
    """Features as a network with ReLUs makes them (all positive, a few directions long), and classes.

    Attributes:
        evaluations: How often the loss was computed.
    """

    def __init__(self, seed: int, *shape: int, bias: bool = True, hidden: int = 0) -> None:
        made = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        width, classes = shape[-1], 4
        long = torch.logspace(0.5, -1.5, width)
        self.inputs = torch.randn(*shape, generator=made) * long + 3 * long
        teacher = torch.randn(width, classes, generator=made)
        noise = torch.randn(*shape[:-1], classes, generator=made)
        self.targets = ((self.inputs - 3 * long) @ teacher + 2 * noise).argmax(-1)
        last = nn.Linear(hidden or width, classes, bias=bias)
        self.network = (
            nn.Sequential(nn.Linear(width, hidden), nn.Tanh(), last)
            if hidden
            else nn.Sequential(last)
        )
        self.evaluations = 0

    def loss(self) -> Tensor:
        scores = self.network(self.inputs)
        return nn.functional.cross_entropy(scores.flatten(0, -2), self.targets.flatten())

    def learn(self) -> Tensor:
        """Add the gradients of the loss to the parameters', as a session does."""
        self.evaluations += 1
        loss = self.loss()
        loss.backward()
        return loss.detach()

    def objective(self, strength: float) -> float:
        """Return the loss with the pull."""
        with torch.no_grad():
            pull = sum(p.square().sum() for p in self.network.parameters() if p.ndim > 1)
            return float(self.loss() + strength / 2 * pull)

    def method(self) -> HeadSolve:
        recipe = Recipe().with_settings({"optimiser.method": "solve", "optimiser.epochs": 5})
        found = method_for(recipe.optimiser, self.network, "0", can_solve=True)
        assert isinstance(found, HeadSolve)
        return found


def best(problem: Problem, strength: float) -> float:
    """Return the least objective, as scikit-learn finds it in double precision."""
    inputs = problem.inputs.double().flatten(0, -2).numpy()
    targets, layer = problem.targets.flatten().numpy(), problem.network[-1]
    assert isinstance(layer, nn.Linear)
    solver = LogisticRegression(
        C=1 / (strength * len(inputs)), fit_intercept=layer.bias is not None,
        solver="newton-cholesky", tol=1e-9, max_iter=1000,
    ).fit(inputs, targets)  # fmt: skip
    lost = log_loss(targets, solver.predict_proba(inputs))
    return float(lost + strength / 2 * (solver.coef_**2).sum())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("shape", "bias"),
    [((300, 40), True), ((30, 90), True), ((300, 40), False), ((40, 6, 90), True)],
)
def test_every_strength_ends_at_its_optimum(seed: int, shape: tuple[int, ...], bias: bool) -> None:
    problem = Problem(seed, *shape, bias=bias)
    method = problem.method()
    losses = []
    for step, strength in enumerate(STRENGTHS):
        loss, rates = method.step(problem.learn, step, 5)
        assert rates == {}
        losses.append(float(loss))
        assert float(loss) == pytest.approx(problem.objective(0.0), rel=1e-4)
        assert problem.objective(strength) < 1.02 * best(problem, strength) + 1e-3
    assert losses == sorted(losses, reverse=True)
    assert "forward" not in vars(problem.network[-1])


@pytest.mark.parametrize("seed", range(3))
def test_centred_and_measured_it_takes_half_the_evaluations(seed: int) -> None:
    def evaluations(plain: bool) -> int:
        problem = Problem(seed, 400, 120)
        method = problem.method()
        if plain:
            method._layer = None
        for step, strength in enumerate(STRENGTHS):
            method.step(problem.learn, step, 5)
            assert plain or problem.objective(strength) < 1.02 * best(problem, strength)
        return problem.evaluations

    assert evaluations(plain=False) < 0.5 * evaluations(plain=True)


def test_the_gradients_that_are_left_are_those_of_the_weights() -> None:
    problem = Problem(0, 60, 20)
    problem.method().step(problem.learn, 0, 5)
    left = [p.grad.clone() for p in problem.network.parameters() if p.grad is not None]
    wanted = torch.autograd.grad(problem.loss(), list(problem.network.parameters()))
    assert len(left) == 2
    for own, true in zip(left, wanted, strict=True):
        assert torch.allclose(own, true, atol=1e-6)


@pytest.mark.parametrize("hidden", [0, 8])
def test_going_on_from_what_was_kept_ends_bit_by_bit_the_same(hidden: int) -> None:
    def solved(stop_after: int) -> dict[str, Tensor]:
        problem = Problem(1, 80, 30, hidden=hidden)
        method = problem.method()
        for step in range(5):
            if step == stop_after:
                kept, state = method.state_dict(), dict(problem.network.state_dict())
                problem = Problem(1, 80, 30, hidden=hidden)
                problem.network.load_state_dict(state)
                method = problem.method()
                method.load_state_dict(kept)
            method.step(problem.learn, step, 5)
        return dict(problem.network.state_dict())

    whole = solved(stop_after=9)
    for stop_after in (1, 2, 4):
        for name, tensor in solved(stop_after).items():
            assert torch.equal(tensor, whole[name]), (stop_after, name)


def test_a_head_of_several_layers_is_solved_as_it_is() -> None:
    problem = Problem(0, 100, 12, hidden=6)
    method = problem.method()
    losses = [float(method.step(problem.learn, step, 5)[0]) for step in range(5)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.7 * losses[0]


def test_what_goes_wrong_while_solving_leaves_the_weights_as_they_were() -> None:
    problem = Problem(0, 50, 10)
    method = problem.method()
    for step in range(3):
        method.step(problem.learn, step, 5)
    kept = [tensor.clone() for tensor in method.state_dict()["before"]]
    before = [p.detach().clone() for p in problem.network.parameters()]

    def failing(after: int) -> Callable[[], Tensor]:
        begun = problem.evaluations

        def learn() -> Tensor:
            if problem.evaluations - begun >= after:
                raise MemoryError
            return problem.learn()

        return learn

    with pytest.raises(MemoryError):
        method.step(failing(after=2), 3, 5)
    assert "forward" not in vars(problem.network[0])
    for own, earlier in zip(problem.network.parameters(), before, strict=True):
        assert torch.equal(own, earlier)
    for own, earlier in zip(method.state_dict()["before"], kept, strict=True):
        assert torch.equal(own, earlier)


def test_inputs_that_are_no_numbers_give_a_loss_that_is_none() -> None:
    problem = Problem(0, 50, 10)
    problem.inputs[3, 4] = torch.nan
    loss, _ = problem.method().step(problem.learn, 0, 5)
    assert not loss.isfinite()


def test_inputs_in_half_precision_are_solved_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem(0, 300, 40)
    plain = problem.learn

    def learn() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return plain()

    monkeypatch.setattr(problem, "learn", learn)
    problem.method().step(problem.learn, 0, 5)
    assert problem.objective(STRENGTHS[0]) == pytest.approx(best(problem, STRENGTHS[0]), rel=0.01)
