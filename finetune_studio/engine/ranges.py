"""What training samples put into a network, for formats that fix the ranges of their numbers by it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Never

from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.exporter import use_of
from finetune_studio.core.task import Task


class _Seen(Exception):  # noqa: N818  no error: it only leads out of what asks the network
    pass


def inputs(task: Task, folder: Path, samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """Return the network's first input for each sample, arrays by name, as the export itself makes it.

    Args:
        task: Says how the model is asked.
        folder: The export, which holds what makes inputs ready.
        samples: Some of the training split; those that cannot be read are passed over.
    """
    found: list[dict[str, Any]] = []

    def network(given: dict[str, Any]) -> Never:
        found.append(given)
        raise _Seen

    if not samples:
        return found
    use = use_of(task.outside)(folder, network, None)
    for sample in samples:
        try:
            use.ask(use.look(task.input_of(sample)))
        except (_Seen, OSError, ValueError, StudioError):
            continue
    return found
