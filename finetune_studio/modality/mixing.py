"""Blends the samples of a batch in pairs, each with its counterpart from the other end, and their targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from finetune_studio.core.blend import Blend


@dataclass
class Mixture:
    """The targets of blended samples: their own, their counterparts', and how they were blended."""

    own: Tensor
    other: Tensor
    blend: Blend

    def parts(self) -> tuple[tuple[float, Tensor], tuple[float, Tensor]]:
        """Return how much both count, and the targets."""
        return (self.blend.share, self.own), (1.0 - self.blend.share, self.other)


def targets(values: Tensor, blend: Blend) -> Mixture:
    """Return the targets (batch, ...) of a batch that is blended."""
    return Mixture(values, values.flip(0), blend)


def parts_of(values: Any) -> tuple[tuple[float, Tensor], ...]:
    """Return how much each of a batch's targets counts: of a batch that is not blended all, once."""
    return values.parts() if isinstance(values, Mixture) else ((1.0, values),)


def blended(values: Tensor, blend: Blend) -> Tensor:
    """Return the blended samples (batch, ...); pieces need maps (batch, channels, height, width)."""
    other = values.flip(0)
    if blend.box is None:
        return values.lerp(other, 1.0 - blend.share)
    high, wide = values.shape[2:]
    rows = _span(blend.box.top, blend.box.side, high)
    columns = _span(blend.box.left, blend.box.side, wide)
    made = values.clone()
    made[:, :, rows, columns] = other[:, :, rows, columns]
    pasted = (rows.stop - rows.start) * (columns.stop - columns.start)
    blend.share = 1.0 - pasted / (high * wide)
    return made


def _span(begin: float, side: float, places: int) -> slice:
    first = round(begin * places)
    return slice(first, max(first, min(places, round((begin + side) * places))))
