"""A network that takes the bytes of pictures and brings them to the range it learnt with by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

# What an export's preprocessing.json says, so that nobody does it twice.
INSIDE = {"normalised_inside": True}


class FromBytes(nn.Module):
    """Normalises as :func:`preprocess.normalised` does, then asks the network.

    Args:
        network: Takes normalised float32, (batch, 3, height, width).
        processor: ``mean`` and ``std``, three numbers each.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, network: nn.Module, processor: dict[str, Any]) -> None:
        super().__init__()
        self.network = network
        mean, std = (np.asarray(processor[name], dtype=np.float32) for name in ("mean", "std"))
        for name, values in (("scale", 1.0 / (255.0 * std)), ("shift", mean / std)):
            made = torch.from_numpy(np.asarray(values, dtype=np.float32)).view(1, 3, 1, 1)
            self.register_buffer(name, made)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return what the network answers to uint8 (batch, height, width, 3)."""
        values = pixels.permute(0, 3, 1, 2).to(torch.float32) * self.scale - self.shift
        said: Tensor = self.network(values)
        return said
