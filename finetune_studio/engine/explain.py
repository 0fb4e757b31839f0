"""Why a run's network answers as it does: a sample with heat on what spoke for an answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from finetune_studio.core.catalogue import Entry
from finetune_studio.core.dataset import Dataset, Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Prediction
from finetune_studio.core.preview import Both, By, Heat, Preview, Span, Words
from finetune_studio.core.task import Batch, Bundle
from finetune_studio.engine.evaluate import loaded_run, using
from finetune_studio.insights import CATALOGUE, explainer
from finetune_studio.models import alike

One = str | Span | By | None
Wanted = One | Both
_ALIKE = 0.8  # rank correlation of two heats from which on they do not tell two answers apart


@dataclass(frozen=True)
class _Question:
    """One answer about one sample that is to be explained, with everything an insight needs."""

    row: Entry
    bundle: Bundle
    sample: Sample
    batch: Batch
    answer: Prediction
    wanted: str | Span | None

    def ask(self, insight: Any) -> Any:
        return insight(self.bundle, self.sample, self.batch, self.answer, self.wanted)


def explain(run_folder: Path, sample: Sample, wanted: Wanted, dataset: Dataset | None) -> Preview:
    """Return the sample with heat on what spoke for an answer; the insight that suits the task draws it.

    Args:
        run_folder: The run whose best network is asked; it stays loaded between calls.
        sample: What the answer is about.
        wanted: A class under today's name, also by another insight than the usual one, or a place in a
            text and what is named there; None takes the model's own answer. Both gives a preview with
            the second one ``beside`` it.
        dataset: Where today's class names are; None looks them up in the run's project.

    Raises:
        StudioError: If the sample cannot be read, the run has no such class, or nothing explains the
            answers of its task.
    """
    first = wanted.said if isinstance(wanted, Both) else wanted
    found = _explained(run_folder, sample, first, dataset)
    if not isinstance(wanted, Both):
        return found
    try:
        other = _explained(run_folder, sample, wanted.truth, dataset)
    except (
        StudioError
    ) as error:  # such as a class that came after the run: the first stays explained
        return replace(found, lines=(*found.lines, error.message))
    return replace(found, lines=(*found.lines, *compared(found, other)), beside=other)


def check(run_folder: Path, sample: Sample, wanted: Wanted, dataset: Dataset | None) -> str:
    """Return in a sentence whether an explanation depends on what the network has learnt.

    It costs several explanations, so that it is asked for after one is shown. Empty where the way of
    explaining needs no check; of two answers, the one that was said is checked.

    Raises:
        StudioError: As :func:`explain`.
    """
    first = wanted.said if isinstance(wanted, Both) else wanted
    asked = _question(run_folder, sample, first, dataset)
    if not (where := asked.row.facts.get("check")):
        return ""
    with using:
        return str(asked.ask(Entry("check", "", "", where).load()))


def compared(first: Preview, second: Preview) -> tuple[str, ...]:
    """Return a sentence where the heat for one answer is nearly that for the other."""
    one, two = _values(first), _values(second)
    if len(one) != len(two) or (agreement := alike.order(one, two)) < _ALIKE:
        return ()
    told = (
        f"The same places speak for both (agreement {agreement:.2f}), so this does not tell why it chose"
        " one of them."
    )
    return (told,)


def _values(shown: Preview) -> np.ndarray:
    """Return how much each place of a picture, or each word of a text, counted."""
    for mark in shown.marks:
        if isinstance(mark, Heat):
            return np.asarray(mark.values)[::8, ::8].ravel()
    words = [mark for mark in shown.marks if isinstance(mark, Words)]
    weights = [np.zeros(len(mark.text)) for mark in words]
    for letters, mark in zip(weights, words, strict=True):
        for start, end, weight in mark.heat:
            letters[start:end] = weight
    return np.concatenate(weights) if weights else np.zeros(0)


def _explained(run_folder: Path, sample: Sample, wanted: One, dataset: Dataset | None) -> Preview:
    asked = _question(run_folder, sample, wanted, dataset)
    with using:
        found = asked.ask(asked.row.load())
    assert isinstance(found, Preview)
    return found


def _question(run_folder: Path, sample: Sample, wanted: One, dataset: Dataset | None) -> _Question:
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
    return _Question(row, bundle, sample, batch, answer, wanted)
