"""The processes that carry out one run together; almost always there is just one.

Started by ``torchrun`` or ``accelerate launch``, which say in the environment how many processes there
are and where they meet. Without those words no socket is opened and nothing here costs anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from finetune_studio.core.errors import StudioError

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Alone", "Team", "follows", "team"]

T = TypeVar("T")


class Team(Protocol):
    """The processes of one run; leaving its context tells the others how it went.

    Whatever adds up, gathers or waits must be called by all processes, in the same order.

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
        """Add up the gradients of all processes; a parameter that has none anywhere keeps none."""

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

    def taking_part(self, *, present: bool) -> AbstractContextManager[None]:
        """Return the context in which one part of a step goes forward and back.

        Norms share their statistics in it. A process that has no samples (``present`` False), or whose
        memory is full, answers the others' norms until they are through.
        """

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


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

    def taking_part(self, *, present: bool) -> AbstractContextManager[None]:  # noqa: ARG002
        """Return a context that changes nothing."""
        return nullcontext()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Do nothing."""


def team() -> Team:
    """Return the team that this process belongs to.

    Raises:
        StudioError: If the environment speaks of several processes, but not of where they meet, or if
            they do not come together.
    """
    if _number("WORLD_SIZE", 1) <= 1:
        return Alone()
    needed = ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
    if missing := [name for name in needed if not os.environ.get(name)]:
        raise StudioError(
            f"WORLD_SIZE says that several processes share the work, but {missing[0]} is not set.",
            "Start them with torchrun or accelerate launch, or unset WORLD_SIZE.",
        )
    from finetune_studio.engine.launch.together import Together

    return Together()


def follows() -> bool:
    """Whether another process of this run leads, and speaks."""
    return _number("WORLD_SIZE", 1) > 1 and _number("RANK", 0) > 0


def _number(name: str, otherwise: int) -> int:
    text = os.environ.get(name, "").strip()
    if not text:
        return otherwise
    if not text.isdigit():
        raise StudioError(
            f"The environment says {name}={text}, which is no number.",
            f"Start with torchrun or accelerate launch, or unset {name}.",
        )
    return int(text)
