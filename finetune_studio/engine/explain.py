"""Where a run's network looked in a picture, as a preview with heat on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from finetune_studio.core.dataset import Dataset, Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.preview import Heat, Picture, Preview
from finetune_studio.core.task import Batch, Bundle
from finetune_studio.engine.evaluate import loaded_run

_LONGEST = 512  # pixels of the heat's longer side: enough to look at, quick to paint


def explain(
    run_folder: Path, sample: Sample, label: str | None, dataset: Dataset | None
) -> Preview:
    """Return the sample's picture with heat where the network looked for a class.

    Args:
        run_folder: The run whose best network is asked; it stays loaded between calls.
        sample: A picture.
        label: The class, under today's name; None takes the model's own answer.
        dataset: Where today's class names are; None looks them up in the run's project.

    Raises:
        StudioError: If the picture cannot be read or the run has no such class.
    """
    import torch

    from finetune_studio.engine.loaders import batch_of
    from finetune_studio.insights.saliency import heat

    task, bundle = loaded_run(run_folder, dataset)
    batch = batch_of(task, bundle, [sample])
    with torch.inference_mode():
        answer = task.predict(bundle, batch)[0]
    wanted = label or str(answer.label)
    if wanted not in bundle.labels.names:
        raise StudioError(
            f"The model of run {Path(run_folder).name} does not know the class {wanted!r}.",
            "Train again with today's classes.",
        )
    values = heat(bundle, batch, _output(bundle, batch, wanted))
    picture = Picture(sample.path)
    shown = on_picture(values, _size(sample.path), bundle.processor)
    preview = task.preview(sample, answer)
    return Preview(
        (picture, Heat(shown, f"Where it looked for “{wanted}”")),
        preview.truth,
        preview.said,
        preview.certainty,
    )


def _output(bundle: Bundle, batch: Batch, wanted: str) -> int:
    """Return the output of a class; of classes that were merged since, the one that speaks loudest."""
    import torch

    outputs = [n for n, name in enumerate(bundle.labels.names) if name == wanted]
    if len(outputs) == 1:
        return outputs[0]
    with torch.inference_mode():
        answer = bundle.network(batch.inputs)
        scores = getattr(answer, "logits", answer)[0]
    return max(outputs, key=lambda number: float(scores[number]))


def on_picture(values: np.ndarray, size: tuple[int, int], processor: dict[str, int]) -> np.ndarray:
    """Put heat of the network's square back where the square was cut from the picture.

    Args:
        values: (crop, crop), from 0 to 1.
        size: Width and height of the picture in pixels.
        processor: ``resize`` and ``crop`` in pixels, as the network's input was prepared.

    Returns:
        float32 in the picture's proportions, zero where the network saw nothing.
    """
    width, height = size
    scale = min(1.0, _LONGEST / max(size))
    wide, high = max(1, round(width * scale)), max(1, round(height * scale))
    crop = int(processor["crop"])
    seen = min(wide, high) * crop / max(int(processor["resize"]), crop)
    side = max(1, round(seen))
    square = Image.fromarray(values.astype(np.float32)).resize(
        (side, side), Image.Resampling.BILINEAR
    )
    left, top = (wide - side) // 2, (high - side) // 2
    shown = np.zeros((high, wide), np.float32)
    shown[top : top + side, left : left + side] = np.asarray(square)[:high, :wide]
    return shown.clip(0, 1)


def _size(path: str) -> tuple[int, int]:
    """Return width and height as the eye sees them, upright."""
    with Image.open(path) as picture:
        turned = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
        return (picture.height, picture.width) if turned else picture.size
