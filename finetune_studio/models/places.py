"""Where in a picture a network's answer comes from: Grad-CAM and covering, as plain tensors."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

_OCCLUDED = 6  # the picture is covered in a grid of so many by so many places
_TOGETHER = 8  # covered pictures that go through the network together


class Scores(nn.Module):
    """A network whose answer is always the plain tensor of scores."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the scores (batch, classes) of pictures (batch, 3, height, width)."""
        answer = self.network(pixels)
        found = answer if isinstance(answer, Tensor) else answer.logits
        assert isinstance(found, Tensor)
        return found


def as_heat(values: Tensor, size: torch.Size) -> np.ndarray:
    """Return values at the network's places as heat of the input's size, float32 from 0 to 1."""
    values = values.clamp(min=0)
    top = float(values.max())
    wide = functional.interpolate(
        values[None, None], size=size, mode="bilinear", align_corners=False
    )
    return np.asarray((wide[0, 0] / top if top > 0 else wide[0, 0]).cpu(), dtype=np.float32)


def last_place(network: nn.Module, pixels: Tensor) -> str | None:
    """Return the dotted name of the last module whose output still has places in the picture.

    None where the picture is taken apart into tokens after it that have no places any more, as in
    transformers with several tokens for the whole picture: what came before says little of the answer.
    """
    found: list[str] = []
    hooks = []

    def watch(name: str) -> None:
        def hook(_: nn.Module, __: object, answer: object) -> None:
            if not isinstance(answer, Tensor):
                return
            if as_places(answer) is not None:
                found.append(name)
            elif answer.ndim == 3:
                found.clear()

        hooks.append(network.get_submodule(name).register_forward_hook(hook))

    for name, _ in network.named_modules():
        if name:
            watch(name)
    try:
        with torch.no_grad():
            network(pixels)
    finally:
        for hook in hooks:
            hook.remove()
    return found[-1] if found else None


def as_places(values: Tensor) -> Tensor | None:
    """Return (batch, channels, rows, columns) of an output that has places; None if it has none.

    Convolutions answer so; Swin has its channels last; ViT gives a token a place, with one or no token
    for the whole picture before them.
    """
    if values.ndim == 4:
        if values.shape[1] == values.shape[2] and values.shape[3] > values.shape[1] > 1:
            return values.permute(0, 3, 1, 2)
        return values if min(values.shape[2:]) > 1 else None
    if values.ndim == 3:
        for extra in (1, 0):
            side = round((values.shape[1] - extra) ** 0.5)
            if side > 1 and side * side == values.shape[1] - extra:
                places = values[:, extra:].transpose(1, 2)
                return places.reshape(values.shape[0], values.shape[2], side, side)
    return None


def grad_cam(network: nn.Module, pixels: Tensor, target: int) -> Tensor | None:
    """Return how much each place spoke for an output, (rows, columns); None where gradients say nothing.

    Grad-CAM (Selvaraju et al. 2017) on the last module whose output still has places. A transformer that
    answers by a token for the whole picture has none: no gradient reaches its other tokens.
    """
    if (name := last_place(network, pixels)) is None:
        return None
    found = _grad_cam(Scores(network), network.get_submodule(name), pixels, target)
    return found if found is not None and float(found.max()) > 0 else None


def _grad_cam(network: Scores, module: nn.Module, pixels: Tensor, target: int) -> Tensor | None:
    """Return (rows, columns); None where the module has no part in the answer."""
    from captum.attr import LayerActivation, LayerGradCam

    with torch.enable_grad():
        pixels = pixels.detach().clone().requires_grad_()
        answer = LayerActivation(network, module).attribute(pixels)
        if as_places(answer) is answer:  # places last, as convolutions answer
            found = LayerGradCam(network, module).attribute(pixels, target, relu_attributions=True)
            places: Tensor = found.detach()[0].mean(0)
            return places
        return _token_cam(network, module, pixels, target)


def _token_cam(network: Scores, module: nn.Module, pixels: Tensor, target: int) -> Tensor | None:
    """Grad-CAM for modules whose places are not the last two dimensions, as in transformers."""
    kept: list[Tensor] = []
    hook = module.register_forward_hook(lambda _, __, answer: kept.append(answer))
    try:
        score = network(pixels)[0, target]
    finally:
        hook.remove()
    gradient = torch.autograd.grad(score, kept[0], allow_unused=True)[0]
    values = as_places(kept[0].detach())
    slopes = None if gradient is None else as_places(gradient)
    if values is None or slopes is None:
        return None
    return (values * slopes.mean((2, 3), keepdim=True)).sum(1)[0].clamp(min=0)


def occlusion(network: nn.Module, pixels: Tensor, target: int) -> Tensor:
    """Return how much of an output is lost where a place is covered, (height, width), 0 for nothing.

    Occlusion (Zeiler and Fergus 2014): true of any network, whatever it is made of.
    """
    from captum.attr import Occlusion

    side = max(1, pixels.shape[-1] // _OCCLUDED)
    with torch.no_grad():
        found = Occlusion(Scores(network)).attribute(
            pixels.detach(),
            sliding_window_shapes=(3, side, side),
            strides=(3, max(1, side // 2), max(1, side // 2)),
            target=target,
            perturbations_per_eval=_TOGETHER,
        )
    places: Tensor = found[0].mean(0).clamp(min=0)
    return places
