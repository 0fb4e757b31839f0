"""How the samples of a batch are blended in pairs: a share, or a piece of one pasted into the other."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import NamedTuple


class Box(NamedTuple):
    """A piece of a picture: its upper left corner and its sides, from 0 to 1."""

    top: float
    left: float
    side: float


@dataclass
class Blend:
    """How each sample is blended with the one that lies as far from the batch's other end.

    Attributes:
        share: How much of a sample is its own, from 0 to 1; whoever pastes a piece sets it to what is left
            in whole pixels.
        box: The piece of the other that is pasted in; None where both are mixed everywhere.
    """

    share: float
    box: Box | None = None


def drawn(rng: random.Random, mixup: float, cutmix: float) -> Blend | None:
    """Draw how to blend: by mixup (Zhang et al. 2018), by cutmix (Yun et al. 2019), or one of both.

    Args:
        rng: Where the random numbers come from.
        mixup: How even the shares are (both numbers of their beta distribution); 0 for no mixup.
        cutmix: The same for the pieces.
    """
    alphas = [("mix", mixup)] * (mixup > 0) + [("cut", cutmix)] * (cutmix > 0)
    if not alphas:
        return None
    way, alpha = rng.choice(alphas)
    share = rng.betavariate(alpha, alpha)
    if way == "mix":
        return Blend(share)
    side = (1.0 - share) ** 0.5
    return Blend(share, Box(rng.random() * (1 - side), rng.random() * (1 - side), side))
