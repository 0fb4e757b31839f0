"""How the network is changed: which parameters at which rate, and how the rates rise and fall."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn

from finetune_studio.core.recipe import Recipe
from finetune_studio.engine.optim import Pull, SmallSteps, rate_factor
from finetune_studio.models import zoo


def choices(**changes: object) -> Recipe:
    return Recipe().with_settings({f"optimiser.{name}": value for name, value in changes.items()})


def learnt(loss_of: Callable[[], torch.Tensor]) -> torch.Tensor:
    """Add the gradients of a loss to the parameters', as a session does."""
    loss = loss_of()
    loss.backward()
    return loss.detach()


def groups_of(network: nn.Module, method: SmallSteps) -> dict[str, tuple[str, float]]:
    """Return the part and the decay of each parameter that learns, by name."""
    names = {id(p): name for name, p in network.named_parameters()}
    return {
        names[id(parameter)]: (group["name"], group["weight_decay"])
        for group in method._adam.param_groups
        for parameter in group["params"]
    }


@pytest.mark.parametrize(
    ("builder", "head", "never"),
    [
        ("vit_b_16", "heads.head", ("pos_embedding", "class_token", "ln")),
        ("convnext_tiny", "classifier.2", ("layer_scale",)),
        ("resnet18", "fc", ("bn",)),
    ],
)
def test_only_real_weights_are_decayed(builder: str, head: str, never: tuple[str, ...]) -> None:
    kwargs = {"image_size": 32} if builder == "vit_b_16" else {}
    network = zoo.rebuild(
        {"library": "torchvision", "builder": builder, "kwargs": kwargs, "head": head}, 3
    )
    for parameter in network.parameters():
        parameter.requires_grad_(True)
    found = groups_of(network, SmallSteps(choices(weight_decay=0.1).optimiser, network, head))
    assert found.keys() == dict(network.named_parameters()).keys()
    for name, (part, decay) in found.items():
        assert part == ("head" if name.startswith(head) else "body")
        if name.endswith("bias") or any(word in name for word in never):
            assert decay == 0.0, name
    assert {decay for _, decay in found.values()} == {0.0, 0.1}
    assert found[f"{head}.weight"] == ("head", 0.1)


def test_head_and_body_have_their_own_rates_and_frozen_parts_none() -> None:
    network = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2))
    network[0].requires_grad_(False)
    recipe = choices(learning_rate=0.01, head_learning_rate=0.1, warmup_share=0.0)
    method = SmallSteps(recipe.optimiser, network, "2")
    before = [p.detach().clone() for p in network.parameters()]
    learn = partial(learnt, lambda: network(torch.ones(2, 4)).square().mean())
    loss, rates = method.step(learn, 0, 10)
    assert float(loss) > 0
    assert rates == {"head": pytest.approx(0.1), "body": pytest.approx(0.01)}
    moved = [not torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True)]
    assert moved == [False, False, True, True, True, True]
    method.factor /= 2
    _, halved = method.step(learn, 0, 10)
    assert halved == {"head": pytest.approx(0.05), "body": pytest.approx(0.005)}


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_rates_rise_in_the_warm_up_and_never_again(schedule: str) -> None:
    recipe = choices(schedule=schedule, warmup_share=0.1).optimiser
    found = [rate_factor(recipe, step, 100) for step in range(100)]
    assert found[:10] == sorted(found[:10])
    assert found[10] == 1.0
    assert found[10:] == sorted(found[10:], reverse=True)
    assert all(0 < factor <= 1 for factor in found)
    assert (found[-1] < 0.05) == (schedule != "constant")


@pytest.mark.parametrize("steps", [3, 10, 300])
def test_one_cycle_rises_for_a_third_and_falls_to_nearly_nothing(steps: int) -> None:
    recipe = choices(schedule="one_cycle", warmup_share=0.4).optimiser
    found = [rate_factor(recipe, step, steps) for step in range(steps)]
    top = found.index(1.0)
    assert top == round((steps - 1) / 3)
    assert found[: top + 1] == sorted(found[: top + 1])
    assert found[top:] == sorted(found[top:], reverse=True)
    assert found[0] <= 0.05
    assert found[-1] < 0.001
    assert rate_factor(recipe, 0, 1) == 1.0


@pytest.mark.parametrize("falling", ["one_cycle", "cosine", "linear"])
def test_steps_that_become_smaller_settle_where_constant_ones_never_do(falling: str) -> None:
    def end(schedule: str) -> float:
        """Return how wrong a small network is after a noisy run at a high rate."""
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 1))
        true = torch.randn(6, 1)
        recipe = choices(
            schedule=schedule, warmup_share=0.0, learning_rate=0.2, head_learning_rate=0.2
        )
        method = SmallSteps(recipe.optimiser, network, "2")
        for step in range(150):
            inputs = torch.randn(8, 6)
            wanted = (inputs @ true).tanh() + 0.3 * torch.randn(8, 1)
            method.step(
                partial(learnt, lambda x=inputs, y=wanted: (network(x) - y).square().mean()),
                step,
                150,
            )
        inputs = torch.randn(2000, 6)
        with torch.no_grad():
            return float((network(inputs) - (inputs @ true).tanh()).square().mean())

    assert end(falling) < 0.7 * end("constant")


def test_a_gradient_limit_keeps_one_wild_sample_from_stalling_what_follows() -> None:
    """AdamW remembers how long gradients were: a single huge one makes its next steps tiny."""

    def moved(limit: float) -> float:
        network = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
        recipe = choices(
            schedule="constant",
            warmup_share=0.0,
            weight_decay=0.0,
            head_learning_rate=0.01,
            gradient_clip=limit,
        )
        method = SmallSteps(recipe.optimiser, network, "1")
        weight = network[1].weight
        for step in range(40):
            wild = 1e4 if step == 5 else 1.0
            method.step(partial(learnt, lambda wild=wild: (wild * weight).sum()), step, 40)
            if step == 5:
                before = float(weight.detach())
        return before - float(weight.detach())

    assert moved(1.0) > 5 * moved(0.0)


def test_what_is_pulled_back_lands_where_it_began() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    starts = {f"0.{n}": p.detach().clone() + 1.0 for n, p in network[0].named_parameters()}
    recipe = choices(learning_rate=0.1, warmup_share=0.0, schedule="constant", weight_decay=0.5)
    method = SmallSteps(recipe.optimiser, network, "1", pull=Pull(5.0, starts))
    assert {group["weight_decay"] for group in method._adam.param_groups[2:]} == {0.0}
    before = network[0].weight.detach().clone()
    method.step(partial(learnt, lambda: network(torch.zeros(1, 2)).sum() * 0.0), 0, 10)
    # The gradient is nothing; half of the way back is 0.1 x 5.
    assert torch.allclose(network[0].weight, before + 0.5)


def test_one_step_is_a_whole_run() -> None:
    assert rate_factor(choices(warmup_share=0.5).optimiser, 0, 1) == 1.0
