"""Where it looked: the part of a picture that spoke for a class."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from finetune_studio.core.dataset import Sample
from finetune_studio.core.events import Prediction
from finetune_studio.core.preview import Heat, Picture, Preview
from finetune_studio.core.task import Batch, Bundle

_OCCLUDED = 6  # the picture is covered in a grid of so many by so many places
_SHUFFLES = 3  # networks with shuffled weights that heat is compared with
_SAME = 0.6  # rank correlation above which heat says nothing about what was learnt
_LONGEST = 512  # pixels of the heat's longer side: enough to look at, quick to paint


def explained(
    bundle: Bundle, sample: Sample, batch: Batch, answer: Prediction, wanted: str | None
) -> Preview:
    """Return a picture with heat where the network looked for a class, by default for its answer."""
    said = str(answer.label)
    name = wanted or said
    target = _output(bundle, batch, name)
    values = heat(bundle, batch, target)
    shown = on_picture(values, _size(sample.path), bundle.processor)
    caption = f"Where it looked for “{name}”"
    marks = (Picture(sample.path), Heat(shown, caption))
    lines = (caption, checked(agreement(bundle, batch, target, values)))
    return Preview(marks, sample.label or "", said, answer.probabilities.get(said), lines)


def covered(
    bundle: Bundle, sample: Sample, batch: Batch, answer: Prediction, wanted: str | None
) -> Preview:
    """Return a picture with heat where covering it costs a class most (Zeiler and Fergus 2014).

    Slower than looking at gradients, and closer to the question: what must be seen for this answer?
    """
    said = str(answer.label)
    name = wanted or said
    values = _occlusion(_Scores(bundle.network), batch.inputs, _output(bundle, batch, name))
    shown = on_picture(
        _as_heat(values, batch.inputs.shape[-2:]), _size(sample.path), bundle.processor
    )
    caption = f"What it needs to see for “{name}”"
    marks = (Picture(sample.path), Heat(shown, caption))
    lines = (caption, "Covered place by place: the brighter, the more of the class is lost there.")
    return Preview(marks, sample.label or "", said, answer.probabilities.get(said), lines)


def checked(found: float) -> str:
    """Return what the check with shuffled weights says, in a sentence."""
    if found > _SAME:
        return (
            f"A network with shuffled weights gives nearly the same picture (agreement {found:.2f}): this"
            " one explains nothing."
        )
    return f"Checked: shuffled weights give another picture (agreement {found:.2f})."


def agreement(bundle: Bundle, batch: Batch, target: int, values: np.ndarray) -> float:
    """Return how like the heat of networks with shuffled weights is to the heat of this one, up to 1.

    The randomisation test of Adebayo et al. (2018): heat that does not depend on what was learnt shows
    the picture, not the reasons. Each tensor's weights change places among themselves; the mean rank
    correlation of three such networks is returned, at the resolution of their heat.
    """
    found = []
    for seed in range(_SHUFFLES):
        network = copy.deepcopy(bundle.network)
        source = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in network.parameters():
                if parameter.ndim > 1:
                    order = torch.randperm(parameter.numel(), generator=source)
                    flat = parameter.flatten()[order.to(parameter.device)]
                    parameter.copy_(flat.view_as(parameter))
        found.append(_correlation(network, batch.inputs.detach().clone(), target, values))
    return float(np.mean(found))


def _correlation(network: nn.Module, pixels: Tensor, target: int, values: np.ndarray) -> float:
    """Return the rank correlation of a network's heat with another; 0 where it has none."""
    if (name := last_place(network, pixels)) is None:
        return 0.0
    other = _grad_cam(_Scores(network), network.get_submodule(name), pixels, target)
    if other is None or not float(other.max()) > 0:
        return 0.0
    places = (int(other.shape[-2]), int(other.shape[-1]))
    small = functional.adaptive_avg_pool2d(torch.from_numpy(values)[None], places)
    one, two = (_ranks(part.detach().cpu().numpy().ravel()) for part in (small[0], other))
    if not one.std() or not two.std():
        return 0.0
    return float(np.corrcoef(one, two)[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return the rank of each value, equal ones sharing theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[place], np.float64)


def _output(bundle: Bundle, batch: Batch, wanted: str) -> int:
    """Return the output of a class; of classes that were merged since, the one that speaks loudest."""
    outputs = [n for n, name in enumerate(bundle.labels.names) if name == wanted]
    if len(outputs) == 1:
        return outputs[0]
    with torch.inference_mode():
        scores = _Scores(bundle.network)(batch.inputs)[0]
    return max(outputs, key=lambda number: float(scores[number]))


def on_picture(values: np.ndarray, size: tuple[int, int], processor: dict[str, Any]) -> np.ndarray:
    """Put heat of the network's square back where the square was cut from the picture.

    Args:
        values: (crop, crop), from 0 to 1.
        size: Width and height of the picture in pixels.
        processor: How the network's input was prepared (``preprocess.prepare``).

    Returns:
        float32 in the picture's proportions, zero where the network saw nothing.
    """
    width, height = size
    scale = min(1.0, _LONGEST / max(size))
    wide, high = max(1, round(width * scale)), max(1, round(height * scale))
    crop, fit = int(processor["crop"]), processor.get("fit", "crop")
    square = Image.fromarray(values.astype(np.float32))
    if fit == "stretch":
        spread = square.resize((wide, high), Image.Resampling.BILINEAR)
        return np.asarray(spread).clip(0, 1)
    side = max(wide, high)
    if fit == "crop":
        side = max(1, round(min(wide, high) * crop / max(int(processor["resize"]), crop)))
    square = square.resize((side, side), Image.Resampling.BILINEAR)
    left, top = (wide - side) // 2, (high - side) // 2  # below zero where the square has bars
    box = (-left, -top, wide - left, high - top)
    return np.asarray(square.crop(box)).clip(0, 1)  # beyond the square: zero


def _size(path: str) -> tuple[int, int]:
    """Return width and height as the eye sees them, upright."""
    with Image.open(path) as picture:
        turned = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
        return (picture.height, picture.width) if turned else picture.size


def heat(bundle: Bundle, batch: Batch, target: int) -> np.ndarray:
    """Return how much each place spoke for an output: float32 (height, width) of the input, 0 to 1.

    Grad-CAM (Selvaraju et al. 2017) on the last module whose output still has places; where there is
    none, or it says nothing, the picture is covered place by place (Zeiler and Fergus 2014).

    Args:
        bundle: A network in evaluation mode.
        batch: A single picture, (1, 3, height, width).
        target: The number of the output.
    """
    network = _Scores(bundle.network)
    pixels = batch.inputs.detach().clone()
    size = pixels.shape[-2:]
    values: Tensor | None = None
    if (name := last_place(bundle.network, pixels)) is not None:
        values = _grad_cam(network, bundle.network.get_submodule(name), pixels, target)
    if values is None or float(values.max()) <= 0:
        values = _occlusion(network, pixels, target)
    return _as_heat(values, size)


def _as_heat(values: Tensor, size: torch.Size) -> np.ndarray:
    """Return values at the network's places as heat of the input's size, 0 to 1."""
    values = values.clamp(min=0)
    top = float(values.max())
    wide = functional.interpolate(
        values[None, None], size=size, mode="bilinear", align_corners=False
    )
    return np.asarray(wide[0, 0] / top if top > 0 else wide[0, 0], dtype=np.float32)


class _Scores(nn.Module):
    """A network whose answer is always the plain tensor of scores."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        answer = self.network(pixels)
        found = answer if isinstance(answer, Tensor) else answer.logits
        assert isinstance(found, Tensor)
        return found


def last_place(network: nn.Module, pixels: Tensor) -> str | None:
    """Return the dotted name of the last module whose output still has places in the picture."""
    found: list[str] = []
    hooks = []

    def watch(name: str) -> None:
        def hook(_: nn.Module, __: object, answer: object) -> None:
            if isinstance(answer, Tensor) and _as_places(answer) is not None:
                found.append(name)

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


def _as_places(values: Tensor) -> Tensor | None:
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


def _grad_cam(network: _Scores, module: nn.Module, pixels: Tensor, target: int) -> Tensor | None:
    """Return (rows, columns); None where the module has no part in the answer."""
    from captum.attr import LayerActivation, LayerGradCam

    with torch.enable_grad():
        pixels = pixels.requires_grad_()
        answer = LayerActivation(network, module).attribute(pixels)
        if _as_places(answer) is answer:  # places last, as convolutions answer
            found = LayerGradCam(network, module).attribute(pixels, target, relu_attributions=True)
            places: Tensor = found.detach()[0].mean(0)
            return places
        return _token_cam(network, module, pixels, target)


def _token_cam(network: _Scores, module: nn.Module, pixels: Tensor, target: int) -> Tensor | None:
    """Grad-CAM for modules whose places are not the last two dimensions, as in transformers."""
    kept: list[Tensor] = []
    hook = module.register_forward_hook(lambda _, __, answer: kept.append(answer))
    try:
        score = network(pixels)[0, target]
    finally:
        hook.remove()
    gradient = torch.autograd.grad(score, kept[0], allow_unused=True)[0]
    values = _as_places(kept[0].detach())
    slopes = None if gradient is None else _as_places(gradient)
    if values is None or slopes is None:
        return None
    return (values * slopes.mean((2, 3), keepdim=True)).sum(1)[0].clamp(min=0)


def _occlusion(network: _Scores, pixels: Tensor, target: int) -> Tensor:
    from captum.attr import Occlusion

    side = max(1, pixels.shape[-1] // _OCCLUDED)
    with torch.no_grad():
        found = Occlusion(network).attribute(
            pixels.detach(),
            sliding_window_shapes=(3, side, side),
            strides=(3, max(1, side // 2), max(1, side // 2)),
            target=target,
        )
    places: Tensor = found[0].mean(0).clamp(min=0)
    return places
