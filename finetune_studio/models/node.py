"""A network's layers as plain values, and counting over them without loading any library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LayerNode:
    """One module of a network.

    Attributes:
        name: Its dotted name; empty for the network itself.
        kind: What it is, in plain words.
        class_name: What its class is called.
        shape: What it gives out for one sample, without the batch; None if that is no tensor.
        own: Numbers that it holds itself.
        parameters: Numbers that it and everything below it hold.
        depth: 0 for the network itself.
        children: The modules inside it, in the order in which they are written.
        is_head: Whether it is the new last layer, or lies in it.
        tables: Its own parameters, each with its name and how many numbers it holds.
        order: When it runs, counted from 0; -1 if it was not seen to run.
        saved_bytes: What it keeps of one sample for the way back while it learns.
    """

    name: str
    kind: str
    class_name: str
    shape: tuple[int, ...] | None
    own: int
    parameters: int
    depth: int
    children: tuple[LayerNode, ...] = ()
    is_head: bool = False
    tables: tuple[tuple[str, int], ...] = ()
    order: int = -1
    saved_bytes: int = 0

    @property
    def title(self) -> str:
        """Return the last part of the name, as it stands in a tree."""
        return self.name.rpartition(".")[2]

    def walk(self) -> Iterator[LayerNode]:
        """Yield this node and everything below it, from the top."""
        yield self
        for child in self.children:
            yield from child.walk()

    def owned(self) -> Iterator[tuple[str, int]]:
        """Yield every parameter here and below: its dotted name and how many numbers it holds."""
        for node in self.walk():
            for table, count in node.tables:
                yield (f"{node.name}.{table}" if node.name else table), count


def within(name: str, module: str) -> bool:
    """Return whether a name is the module's own or lies in it; the empty name is all."""
    return not module or name == module or name.startswith(f"{module}.")


def count(root: LayerNode, names: Sequence[str]) -> int:
    """Return how many numbers the named modules and parameters hold together."""
    return sum(size for name, size in root.owned() if any(within(name, n) for n in names))


def state(node: LayerNode, names: Sequence[str]) -> str:
    """Return how much of a node is named: all, some or none of it; empty if it holds nothing."""
    chosen = [any(within(name, n) for n in names) for name, _ in node.owned()]
    if not chosen:
        return "empty"
    return "all" if all(chosen) else "some" if any(chosen) else "none"


def ticked(root: LayerNode, names: Sequence[str], changed: str, *, on: bool) -> tuple[str, ...]:
    """Return the names after a box of the tree was ticked or cleared, as short as they can be."""
    chosen = {
        name
        for name, _ in root.owned()
        if (on if within(name, changed) else any(within(name, n) for n in names))
    }
    return tuple(_shortest(root, chosen))


def _shortest(node: LayerNode, chosen: set[str]) -> Iterator[str]:
    owned = [name for name, _ in node.owned()]
    if node.name and owned and all(name in chosen for name in owned):
        yield node.name
        return
    for table, _ in node.tables:
        name = f"{node.name}.{table}" if node.name else table
        if name in chosen:
            yield name
    for child in node.children:
        yield from _shortest(child, chosen)
