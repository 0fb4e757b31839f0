"""How sure the model was of each thing that it said, and whether it was right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from finetune_studio.core.events import Prediction
from finetune_studio.core.task import Pair
from finetune_studio.modality.answers import normalised


@dataclass(frozen=True)
class Claims:
    """Everything that was said, with numbers for each.

    Attributes:
        certainty: From 0 to 1.
        right: 1 where it is right, else 0.
        samples: The number of the sample that it was said of.
    """

    certainty: np.ndarray
    right: np.ndarray
    samples: np.ndarray

    def __len__(self) -> int:
        return len(self.certainty)


def claims(pairs: Sequence[Pair]) -> Claims:
    """Return what answers claim: a class a sample, each of several classes, each span, each answer.

    What has no certainty, as a text that was written, claims nothing.
    """
    found = [claim for pair in pairs for claim in _of(pair)]
    certainty, right, samples = zip(*found, strict=True) if found else ((), (), ())
    return Claims(
        np.clip(np.array(certainty, float), 0, 1), np.array(right, float), np.array(samples, int)
    )


def _of(pair: Pair) -> Iterator[tuple[float, bool, int]]:
    sample, answer = pair
    if "labels" in answer.answer:
        true = set(sample.names)
        yield from (
            (share, name in true, sample.id) for name, share in answer.probabilities.items()
        )
    elif answer.probabilities:
        said = str(answer.label)
        yield answer.probabilities.get(said, 0.0), said == str(sample.label), sample.id
    elif isinstance(answer.answer.get("spans"), list):
        yield from _spans(sample.fields.get("spans") or (), answer, sample.id)
    elif isinstance(answer.answer.get("certainty"), float):
        true_answers = {normalised(str(a["text"])) for a in sample.fields.get("answers") or ()}
        text = normalised(str(answer.answer.get("text") or ""))
        right = text in true_answers if true_answers - {""} else not text
        yield float(answer.answer["certainty"]), right, sample.id


def _spans(
    true: Iterable[Sequence[object]], answer: Prediction, number: int
) -> Iterator[tuple[float, bool, int]]:
    known = {(int(str(s[0])), int(str(s[1])), str(s[2])) for s in true}
    for start, end, kind, *rest in answer.answer["spans"]:
        if rest and rest[0] is not None:
            yield float(rest[0]), (int(start), int(end), str(kind)) in known, number
