"""A run that goes on, built from its own files alone: what it was begun from may be gone by then."""

from __future__ import annotations

from finetune_studio.core.task import Bundle
from finetune_studio.engine.run import Run
from finetune_studio.models import weights, zoo


def bundle_of(run: Run) -> Bundle | None:
    """Return a run's network with the weights that never change; None before its first checkpoint.

    What learns is random until the checkpoint is restored.

    Raises:
        StudioError: If one of the run's files is damaged.
    """
    model, labels = run.model, run.labels
    if not model or not run.checkpoints.get("last"):
        return None
    network = zoo.rebuild(model["architecture"], len(labels))
    frozen = weights.read_own(run.folder / "frozen.safetensors")
    network.load_state_dict(frozen, strict=False)
    return Bundle(
        network,
        labels,
        model["processor"],
        model["architecture"],
        model["head"],
        model.get("origin", ""),
        run.recipe,
        line=tuple(model.get("line", ())),
        files=run.processor_files(),
    )
