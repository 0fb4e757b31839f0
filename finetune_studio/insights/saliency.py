"""Where it looked: the part of a picture that spoke for a class."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from finetune_studio.core.dataset import Sample
from finetune_studio.core.events import Prediction
from finetune_studio.core.preview import Heat, Picture, Preview
from finetune_studio.core.task import Batch, Bundle
from finetune_studio.models import alike, places
from finetune_studio.models.shuffling import shuffled

_SHUFFLES = 3  # networks with shuffled weights that heat is compared with
_LONGEST = 512  # pixels of the heat's longer side: enough to look at, quick to paint
_COVERED = "Covered place by place: the brighter, the more of the class is lost there."
_NO_PLACES = "Its gradients show no place that speaks for it, as in most transformers. " + _COVERED
_NOTHING_LOST = (
    "No covered place costs the class anything: nothing in the picture speaks for it alone."
)


def explained(
    bundle: Bundle, sample: Sample, batch: Batch, answer: Prediction, wanted: str | None
) -> Preview:
    """Return a picture with heat where the network looked for a class, by default for its answer.

    Where gradients have no places, as in most transformers, the picture is covered place by place.
    """
    said = str(answer.label)
    name = wanted or said
    found = places.grad_cam(bundle.network, batch.inputs, output(bundle, batch, name))
    if found is None:
        return covered(bundle, sample, batch, answer, wanted, _NO_PLACES)
    values = places.as_heat(found, batch.inputs.shape[-2:])
    return _shown(bundle, sample, answer, values, f"Where it looked for “{name}”")


def covered(
    bundle: Bundle,
    sample: Sample,
    batch: Batch,
    answer: Prediction,
    wanted: str | None,
    told: str = _COVERED,
) -> Preview:
    """Return a picture with heat where covering it costs a class most (Zeiler and Fergus 2014).

    Slower than looking at gradients, and closer to the question: what must be seen for this answer?
    ``told`` says how it was found, in a sentence.
    """
    name = wanted or str(answer.label)
    found = places.occlusion(bundle.network, batch.inputs, output(bundle, batch, name))
    values = places.as_heat(found, batch.inputs.shape[-2:])
    line = told if values.any() else _NOTHING_LOST
    return _shown(bundle, sample, answer, values, f"What it needs to see for “{name}”", line)


def _shown(
    bundle: Bundle,
    sample: Sample,
    answer: Prediction,
    values: np.ndarray,
    caption: str,
    *lines: str,
) -> Preview:
    said = str(answer.label)
    marks = (
        Picture(sample.path),
        Heat(on_picture(values, _size(sample.path), bundle.processor), caption),
    )
    return Preview(
        marks, sample.label or "", said, answer.probabilities.get(said), (caption, *lines)
    )


def heat(bundle: Bundle, batch: Batch, target: int) -> np.ndarray:
    """Return how much each place spoke for an output: float32 (height, width) of the input, 0 to 1.

    Args:
        bundle: A network in evaluation mode.
        batch: A single picture, (1, 3, height, width).
        target: The number of the output.
    """
    found = places.grad_cam(bundle.network, batch.inputs, target)
    if found is None:
        found = places.occlusion(bundle.network, batch.inputs, target)
    return places.as_heat(found, batch.inputs.shape[-2:])


# --- whether it explains anything -------------------------------------------------------------------


def checked(
    bundle: Bundle,
    sample: Sample,  # noqa: ARG001  the checks share one signature
    batch: Batch,
    answer: Prediction,
    wanted: str | None,
) -> str:
    """Return what the check with shuffled weights says, in a sentence; nothing for a covered picture.

    What covering costs is measured on the answer itself, so that there is nothing to check.
    """
    target = output(bundle, batch, wanted or str(answer.label))
    values = places.grad_cam(bundle.network, batch.inputs, target)
    return "" if values is None else sentence(agreement(bundle, batch, target, values))


def sentence(found: float) -> str:
    """Return what an agreement with shuffled networks means."""
    return alike.sentence(found, "gives nearly the same picture", "give another picture", "one")


def agreement(bundle: Bundle, batch: Batch, target: int, values: torch.Tensor) -> float:
    """Return how like the heat of networks with shuffled weights is to the heat of this one, up to 1.

    The randomisation test of Adebayo et al. (2018): heat that does not depend on what was learnt shows
    the picture, not the reasons. Each tensor's weights change places among themselves; the mean rank
    correlation of three such networks is returned, at the resolution of their heat.
    """
    found = []
    for seed in range(_SHUFFLES):
        other = places.grad_cam(shuffled(bundle.network, seed), batch.inputs, target)
        if other is None:
            found.append(0.0)
            continue
        small = functional.adaptive_avg_pool2d(values[None], (other.shape[-2], other.shape[-1]))
        one, two = (part.detach().cpu().numpy() for part in (small[0], other))
        found.append(alike.order(one, two))
    return float(np.mean(found))


def output(bundle: Bundle, batch: Batch, wanted: str) -> int:
    """Return the output of a class; of classes that were merged since, the one that speaks loudest."""
    outputs = [n for n, name in enumerate(bundle.labels.names) if name == wanted]
    if len(outputs) == 1:
        return outputs[0]
    with torch.inference_mode():
        scores = places.Scores(bundle.network)(batch.inputs)[0]
    return max(outputs, key=lambda number: float(scores[number]))


# --- back on the picture ------------------------------------------------------------------------------


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
