"""Why a run's network answers as it does: a sample with heat on what spoke for an answer."""

from __future__ import annotations

from pathlib import Path

from finetune_studio.core.dataset import Dataset, Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.preview import By, Preview, Span
from finetune_studio.engine.evaluate import loaded_run, using
from finetune_studio.insights import CATALOGUE, explainer

Wanted = str | Span | By | None


def explain(run_folder: Path, sample: Sample, wanted: Wanted, dataset: Dataset | None) -> Preview:
    """Return the sample with heat on what spoke for an answer; the insight that suits the task draws it.

    Args:
        run_folder: The run whose best network is asked; it stays loaded between calls.
        sample: What the answer is about.
        wanted: A class under today's name, also by another insight than the usual one, or a place in a
            text and what is named there; None takes the model's own answer.
        dataset: Where today's class names are; None looks them up in the run's project.

    Raises:
        StudioError: If the sample cannot be read, the run has no such class, or nothing explains the
            answers of its task.
    """
    import torch

    from finetune_studio.engine.loaders import batch_of

    task, bundle = loaded_run(run_folder, dataset)
    row = explainer(task.name)
    if isinstance(wanted, By):
        row, wanted = CATALOGUE[wanted.way], wanted.name
    if row is None or task.name not in row.facts["tasks"]:
        raise StudioError(
            "Nothing shows yet why a model of this kind answers as it does.",
            "Look at its answers themselves.",
        )
    batch = batch_of(task, bundle, [sample])
    with using, torch.inference_mode():
        answer = task.predict(bundle, batch)[0]
    if isinstance(wanted, str) and wanted not in bundle.labels.names:
        raise StudioError(
            f"The model of run {Path(run_folder).name} does not know the class {wanted!r}.",
            "Train again with today's classes.",
        )
    with using:
        found = row.load()(bundle, sample, batch, answer, wanted)
    assert isinstance(found, Preview)
    return found
