"""What the layer tree shows of how fast and since when a module learns: its own or taken over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from PySide6.QtCore import QCoreApplication

from finetune_studio.models.node import within

LEAST, MOST = 0.01, 100.0


@dataclass(frozen=True, slots=True)
class Rates:
    """The multipliers of what learns.

    Attributes:
        factors: By the name of each parameter that learns.
        own: By the name of each module that was given one.
        begins: By the name of each parameter that learns the epoch in which it begins to.
    """

    factors: Mapping[str, float] = field(default_factory=dict)
    own: Mapping[str, float] = field(default_factory=dict)
    begins: Mapping[str, int] = field(default_factory=dict)

    def since(self, module: str) -> str:
        """Return since when a module learns, as a sentence; empty if from the start or never."""
        found = sorted({at for name, at in self.begins.items() if within(name, module)})
        if not found or found == [1]:
            return ""
        if len(found) == 1:
            return _tr("It learns from epoch {n} on.").format(n=found[0])
        return _tr("Its parts begin to learn from epoch {first} to epoch {last}.").format(
            first=found[0], last=found[-1]
        )

    def within(self, module: str) -> list[float]:
        """Return the multipliers in a module, each once, the smallest first; none if nothing learns."""
        return sorted({rate for name, rate in self.factors.items() if within(name, module)})

    def is_own(self, module: str) -> bool:
        """Whether the module was given a rate by itself."""
        return module in self.own

    def text(self, module: str) -> str:
        """Return the multiplier of a module, from the smallest to the largest where they differ."""
        found = self.within(module)
        if not found:
            return ""
        if len(found) == 1:
            return f"×{short_rate(found[0])}"
        return f"×{found[0]:.1g}–{found[-1]:.1g}"

    def tip(self, module: str) -> str:
        """Return where the multiplier comes from, and how it is changed."""
        if not self.within(module):
            return _tr("It does not learn.")
        whence = (
            _tr("Given to this layer. Empty it to let the layer learn like what it lies in.")
            if self.is_own(module)
            else _tr(
                "Taken over from what it lies in, or from how much slower deeper layers learn."
            )
        )
        return _tr("What the learning rate is multiplied by.") + "\n" + whence


def rate_in(text: str) -> float | None:
    """Return the multiplier that the user typed (``0.1``, ``×0,5``); None if it is none."""
    try:
        rate = float(text.strip().lstrip("×x").replace(",", "."))
    except ValueError:
        return None
    return rate if LEAST <= rate <= MOST else None


def short_rate(rate: float) -> str:
    """Return a multiplier with as many digits as it is worth."""
    return f"{rate:.2g}" if rate < 100 else f"{rate:.0f}"


def with_rate(known: Mapping[str, float], module: str, rate: float | None) -> dict[str, float]:
    """Return the rates of single layers after one was given another, or None: those inside it follow."""
    kept = {name: own for name, own in known.items() if not within(name, module)}
    return kept if rate is None or not module else kept | {module: rate}


def _tr(text: str) -> str:
    return QCoreApplication.translate("Rates", text)
