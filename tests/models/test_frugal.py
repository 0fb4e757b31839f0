"""A ReLU6 that keeps its result computes the same as PyTorch's, in less memory."""

from __future__ import annotations

import copy
import io

import pytest
import torch
from torch import Tensor, nn

from finetune_studio.models import build, frugal, trace

EDGES = [-float("inf"), -1.0, -0.0, 0.0, 1e-45, 3.0, 6.0, 6.000001, float("inf"), float("nan")]


def both(inplace: bool) -> tuple[nn.Module, nn.Module]:
    plain = nn.Sequential(nn.ReLU6(inplace=inplace))
    ours = copy.deepcopy(plain)
    frugal.keep_results(ours)
    return plain, ours


def there_and_back(layer: nn.Module, values: Tensor) -> list[Tensor]:
    given = values.clone().requires_grad_()
    answer = layer(given * 1.0)
    (answer * torch.arange(1.0, 1 + answer.numel())).sum().backward()
    assert given.grad is not None
    return [answer.detach(), given.grad]


@pytest.mark.parametrize("inplace", [True, False])
def test_results_and_gradients_are_the_same_bit_by_bit(inplace: bool) -> None:
    values = torch.cat([torch.tensor(EDGES), 20 * torch.rand(5000) - 7])
    plain, ours = (there_and_back(layer, values) for layer in both(inplace))
    for one, other in zip(plain, ours, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)
    assert ours[1][2:4].tolist() == [0.0, 0.0]  # an end itself learns nothing


def test_another_range_is_kept_too() -> None:
    plain = nn.Hardtanh(-2.0, 3.0)
    ours = copy.deepcopy(plain)
    frugal.keep_results(ours)
    values = torch.linspace(-4, 4, 65)
    for one, other in zip(there_and_back(plain, values), there_and_back(ours, values), strict=True):
        assert torch.equal(one, other)


def test_a_mobilenet_keeps_a_third_less_and_learns_the_same() -> None:
    from torchvision.models import mobilenet_v2

    torch.manual_seed(0)
    plain = mobilenet_v2(num_classes=3, dropout=0.0)
    ours = build.rebuild(build.describe("mobilenet_v2", {"dropout": 0.0}), 3)
    ours.load_state_dict(plain.state_dict())
    inputs = torch.rand(2, 3, 64, 64)
    kept = [sum(trace.saved_bytes(n, inputs).values()) for n in (plain, ours)]
    assert kept[1] < 0.72 * kept[0]
    for network in (plain, ours):
        network.train()
        network(inputs).logsumexp(1).sum().backward()
    pairs = zip(plain.named_parameters(), ours.parameters(), strict=True)
    assert all(torch.equal(p.grad, q.grad) for (_, p), q in pairs if p.grad is not None)
    assert all(torch.equal(p, q) for p, q in zip(plain.buffers(), ours.buffers(), strict=True))


def test_it_is_exported_and_copied_as_a_plain_one() -> None:
    _, ours = both(inplace=True)
    given = torch.linspace(-3, 9, 12)
    exported = torch.export.export(copy.deepcopy(ours), (given,))
    names = {str(node.target) for node in exported.graph.nodes if node.op == "call_function"}
    assert names <= {"aten.hardtanh_.default", "aten.clamp_.default", "aten.relu6_.default"}
    stored = io.BytesIO()
    torch.export.save(exported, stored)
    assert torch.equal(exported.module()(given.clone()), given.clamp(0, 6))
    assert isinstance(ours[0], nn.ReLU6)
