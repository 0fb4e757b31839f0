"""The team: what two real processes over gloo do together equals what one does alone."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from finetune_studio.core.errors import FailedElsewhere, StudioError
from finetune_studio.engine import launch
from tests.engine.pair import Pair

Act = Callable[[launch.Team], Any]


def in_team(act: Act) -> Any:
    with launch.team() as team:
        return act(team)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.close()


# --- what all do at the same time -----------------------------------------------------------------


def test_alone_without_the_words_of_a_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    team = launch.team()
    assert isinstance(team, launch.Alone)
    assert team.leads
    assert not launch.follows()
    assert team.share([1, 2, 3]) == [1, 2, 3]
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert isinstance(launch.team(), launch.Alone)


def test_half_an_environment_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(StudioError, match="RANK is not set") as caught:
        launch.team()
    assert "torchrun" in caught.value.hint
    monkeypatch.setenv("WORLD_SIZE", "two")
    with pytest.raises(StudioError, match="no number"):
        launch.team()


def everything(team: launch.Team) -> dict[str, Any]:
    slow = 0.3 * team.rank
    time.sleep(slow)
    team.wait()
    return {
        "place": (team.rank, team.size, team.local_rank, team.leads),
        "share": (list(team.share(range(5))), team.share([7])),
        "sum": team.sum(torch.tensor([1.5, team.rank], dtype=torch.float64)).tolist(),
        "gathered": team.gathered([f"{team.rank}a", f"{team.rank}b"][: 1 + team.rank]),
        "same": team.same({"folder": team.rank}),
        "any": (team.any(False), team.any(team.rank == 1), team.any(True)),
        "loop": os.environ.get("GLOO_SOCKET_IFNAME"),
    }


def test_each_exchange_gives_what_it_says(pair: Pair) -> None:
    first, second = pair(partial(in_team, everything))
    assert first["place"] == (0, 2, 0, True)
    assert second["place"] == (1, 2, 1, False)
    assert first["share"] == ([0, 2, 4], [7])
    assert second["share"] == ([1, 3], [])
    for said in (first, second):
        assert said["sum"] == [3.0, 1.0]
        assert said["gathered"] == ["0a", "1a", "1b"]
        assert said["same"] == {"folder": 0}
        assert said["any"] == (False, True, True)
        assert said["loop"]  # nothing listens to the network


def gradients(team: launch.Team) -> list[Any]:
    values = [(3, 3, 1, 1), (4,), (2, 5), (6,)]
    parameters = [nn.Parameter(torch.zeros(shape)) for shape in values]
    parameters[1].data = parameters[1].data.double()
    both, own, none, laid = parameters[2], parameters[1], parameters[3], parameters[0]
    both.grad = torch.arange(10.0).view(2, 5) * (team.rank + 1)
    laid.grad = torch.full((3, 3, 1, 1), 2.0).contiguous(memory_format=torch.channels_last)
    if team.rank == 1:
        own.grad = torch.full((4,), 0.1, dtype=torch.float64)
    team.sum_gradients(parameters)
    assert none.grad is None
    return [None if p.grad is None else p.grad.tolist() for p in (both, own, laid)]


def test_gradients_add_up_also_where_one_process_has_none(pair: Pair) -> None:
    first, second = pair(partial(in_team, gradients))
    assert first == second
    assert first[0] == (torch.arange(10.0).view(2, 5) * 3).tolist()
    assert first[1] == [0.1] * 4
    assert first[2] == torch.full((3, 3, 1, 1), 4.0).tolist()


# --- norms ----------------------------------------------------------------------------------------


class Small(nn.Module):
    """Convolutions and norms: one learns, one is frozen, one has no momentum."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.body = nn.Sequential(
            nn.Conv2d(3, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(),
            nn.Conv2d(6, 5, 3), nn.BatchNorm2d(5, momentum=None), nn.ReLU(),
        )  # fmt: skip
        self.frozen = nn.BatchNorm2d(5).requires_grad_(False).eval()
        self.head = nn.Linear(5, 3)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.head(self.frozen(self.body(pictures)).mean((2, 3)))


def steps(team: launch.Team, sizes: tuple[int, ...], full_at: int = -1) -> dict[str, Any]:
    """Take steps by plain descent on groups of these sizes; return losses, gradients and state."""
    network = team.prepare(Small().to(memory_format=torch.channels_last))
    network.train()
    network.frozen.eval()
    names = [type(m).__name__ for m in network.modules()]
    generator = torch.Generator().manual_seed(5)
    losses, kept = [], {}
    for number, size in enumerate(sizes):
        pictures = torch.randn(size, 3, 9, 9, generator=generator) * 3 + 50
        labels = torch.arange(size) % 3
        mine = team.share(range(size))
        network.zero_grad(set_to_none=True)
        total = torch.zeros(())
        failed = False
        try:
            with team.taking_part(present=bool(mine)):
                if mine:
                    said = network(pictures[mine].contiguous(memory_format=torch.channels_last))
                    if number == full_at and team.rank == 1:
                        raise RuntimeError("out of memory, says a test")
                    loss = nn.functional.cross_entropy(said, labels[mine]) * len(mine) / size
                    loss.backward()
                    total = loss.detach()
        except RuntimeError:
            failed = True
        if team.any(failed):
            losses.append(None)
            continue
        learning = [p for p in network.parameters() if p.requires_grad]
        team.sum_gradients(learning)
        losses.append(float(team.sum(total)))
        kept = {n: p.grad.clone() for n, p in network.named_parameters() if p.grad is not None}
        with torch.no_grad():
            for parameter in learning:
                parameter.sub_(parameter.grad, alpha=0.1)
    state = {name: value.clone() for name, value in network.state_dict().items()}
    network.eval()
    answer = network(torch.ones(1, 3, 9, 9)).detach()
    return {"losses": losses, "grads": kept, "state": state, "names": names, "answer": answer}


def uneven(team: launch.Team) -> dict[str, Any]:
    return steps(team, (7, 8, 5, 1, 6))


def test_shared_norms_equal_one_process_with_the_whole_batch(pair: Pair) -> None:
    alone = uneven(launch.Alone())
    for said in pair(partial(in_team, uneven)):
        assert said["names"].count("SharedBatchNorm") == 2
        assert said["names"].count("BatchNorm2d") == 1
        assert said["losses"] == pytest.approx(alone["losses"], abs=1e-6)
        for kind in ("grads", "state"):
            assert said[kind].keys() == alone[kind].keys()
            for name, value in alone[kind].items():
                torch.testing.assert_close(said[kind][name], value, rtol=2e-5, atol=2e-6)
        torch.testing.assert_close(said["answer"], alone["answer"], rtol=1e-5, atol=1e-5)


def full(team: launch.Team) -> dict[str, Any]:
    return steps(team, (6, 6, 6), full_at=1)


def test_a_full_memory_amid_norms_stops_the_step_everywhere(pair: Pair) -> None:
    for said in pair(partial(in_team, full)):
        assert said["losses"][1] is None
        assert None not in said["losses"][::2]


# --- errors ---------------------------------------------------------------------------------------


def one_fails(team: launch.Team) -> None:
    team.wait()
    if team.rank == 1:
        raise StudioError("The file is not there.", "Find it.")
    team.same("waits for the other")


def leader_fails(team: launch.Team) -> None:
    team.wait()
    if team.leads:
        raise ValueError("a bug")
    team.sum(torch.ones(3))


def both_fail(team: launch.Team) -> None:
    raise StudioError("The recipe is wrong.", "Mend it.")


def interrupted(team: launch.Team) -> None:
    if team.leads:
        raise KeyboardInterrupt
    team.gathered([1])


def astray(team: launch.Team) -> None:
    if team.leads:
        team.wait()
    else:
        team.sum(torch.ones(2))


@pytest.mark.parametrize(
    ("act", "kind", "own"),
    [
        (one_fails, "mendable", StudioError),
        (leader_fails, "bug", ValueError),
        (both_fail, "mendable", StudioError),
        (interrupted, "interrupted", KeyboardInterrupt),
        (astray, "bug", RuntimeError),
    ],
)
def test_an_error_ends_all_and_one_speaks(
    pair: Pair, act: Act, kind: str, own: type[BaseException]
) -> None:
    began = time.monotonic()
    said = pair(partial(in_team, act))
    assert time.monotonic() - began < 10
    told = [error for error in said if isinstance(error, FailedElsewhere)]
    speaks = [error for error in said if not isinstance(error, FailedElsewhere)]
    assert [error.kind for error in told] == [kind]
    assert [type(error) for error in speaks] == [own]
    if isinstance(speaks[0], StudioError):
        assert (told[0].message, told[0].hint) == (speaks[0].message, speaks[0].hint)
    assert pair(partial(in_team, everything))[0]["same"] == {"folder": 0}  # a new team can form


def dies(team: launch.Team) -> None:
    team.wait()
    if team.rank == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    team.any(False)


def test_a_killed_leader_is_missed(pair: Pair) -> None:
    """Comes last: only one of the two processes is left."""
    began = time.monotonic()
    (said,) = pair(partial(in_team, dies), answers=1)
    assert time.monotonic() - began < 10
    assert isinstance(said, StudioError)
    assert not isinstance(said, FailedElsewhere)
    assert "without a word" in said.message
