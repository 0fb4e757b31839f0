"""The limit of full fine-tuning: a bare loop over batches that lie in memory as the network likes them."""

from __future__ import annotations

import rival
import torch
from measure import THREADS, Took, timed
from ours import Size
from torch import Tensor, nn
from torch.nn import functional


class BareLoop:
    """Forward, loss, backward, fused AdamW on batches that lie in memory as the network likes them."""

    def __init__(self, size: Size) -> None:
        photos = rival.Photos(size.full / "train")
        examples = [photos[i] for i in range(len(photos))]
        pixels = torch.stack([one["pixel_values"] for one in examples])
        labels = torch.tensor([one["labels"] for one in examples])
        self._batches = [
            (x.contiguous(memory_format=torch.channels_last).to(size.device), y.to(size.device))
            for x, y in zip(pixels.split(size.batch), labels.split(size.batch), strict=True)
        ]
        network = rival.network(len(photos.classes), "everything").to(size.device)
        self._network = network.to(memory_format=torch.channels_last).train()
        self._adam = torch.optim.AdamW(self._network.parameters(), lr=2e-4, fused=True)

    def epoch(self) -> Took:
        """Take the steps of an epoch."""
        torch.set_num_threads(THREADS)
        return timed(lambda: [learn(self._network, self._adam, x, y) for x, y in self._batches])[1]


def learn(
    network: nn.Module, adam: torch.optim.Optimizer, inputs: Tensor, targets: Tensor
) -> float:
    """Take one step; return its loss."""
    adam.zero_grad(set_to_none=True)
    loss = functional.cross_entropy(network(inputs), targets)
    loss.backward()
    adam.step()
    return float(loss.detach())  # waits for the device, as a loop that shows its loss does
