"""The processes that carry out one run together; almost always there is just one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from torch import Tensor, nn

T = TypeVar("T")


class Team(Protocol):
    """The processes of one run.

    Attributes:
        rank: This process's number; 0 leads.
        size: How many there are.
        local_rank: Which of this machine's.
    """

    rank: int
    size: int
    local_rank: int

    @property
    def leads(self) -> bool:
        """Whether this process alone writes the run and speaks."""

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """Return this process's part of a group: every ``size``-th item."""

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Add up the gradients of all processes."""

    def sum(self, value: Tensor) -> Tensor:
        """Return the sum of a value over all processes."""

    def gathered(self, items: list[T]) -> list[T]:
        """Return the items of all processes, in the order of their ranks."""

    def same(self, value: T) -> T:
        """Return the leader's value, everywhere."""

    def any(self, flag: bool) -> bool:
        """Return whether any process says so."""

    def wait(self) -> None:
        """Wait until all processes are here."""

    def prepare(self, network: nn.Module) -> nn.Module:
        """Return the network with norms that share their statistics, where they learn."""


class Alone:
    """The team of one: does nothing, and costs nothing."""

    rank = 0
    size = 1
    local_rank = 0
    leads = True

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """Return all items."""
        return items

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Leave the gradients as they are."""

    def sum(self, value: Tensor) -> Tensor:
        """Return the value."""
        return value

    def gathered(self, items: list[T]) -> list[T]:
        """Return the items."""
        return items

    def same(self, value: T) -> T:
        """Return the value."""
        return value

    def any(self, flag: bool) -> bool:
        """Return the flag."""
        return flag

    def wait(self) -> None:
        """Return at once."""

    def prepare(self, network: nn.Module) -> nn.Module:
        """Return the network as it is."""
        return network


def team() -> Team:
    """Return the team that this process belongs to."""
    return Alone()
