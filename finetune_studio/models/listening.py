"""A network that also says what its last layer is told, so that other programs can tell unlike inputs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from finetune_studio.core.task import Signature

FEATURES = "features"


def pooled(values: Tensor) -> Tensor:
    """Return (samples, features): of pictures the mean over places, of texts that over tokens."""
    if values.ndim == 4:
        return values.mean((2, 3))
    return values.mean(1) if values.ndim == 3 else values


def with_features(signature: Signature, layer: nn.Module) -> Signature:
    """Return a signature whose network also says its features: what ``layer`` in it is given."""
    network = _WithFeatures(signature.network, layer)
    return replace(signature, network=network, outputs=(*signature.outputs, FEATURES))


class _WithFeatures(nn.Module):
    """The network's outputs, then what one of its layers was given, (samples, features)."""

    def __init__(self, network: nn.Module, layer: nn.Module) -> None:
        super().__init__()
        self.network = network
        self._layer = [layer]  # in a list, or its weights would have a second name

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Ask the network, and listen at the layer while it answers."""
        heard: list[Tensor] = []

        def hear(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            heard.append(next(v for v in (*args, *kwargs.values()) if isinstance(v, Tensor)))

        hook = self._layer[0].register_forward_pre_hook(hear, with_kwargs=True)
        try:
            said = self.network(*inputs)
        finally:
            hook.remove()
        outputs = said if isinstance(said, tuple) else (said,)
        return (*outputs, pooled(heard[0]).float())
