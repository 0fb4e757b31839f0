"""Classes one by one: how much of each is found, and how often its name is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from finetune_studio.core.task import Pair


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One class.

    Attributes:
        samples: How many samples have this label.
        precision: Of the times the model said this class, the share that was right (0 to 1).
        recall: Of this class's samples, the share the model found (0 to 1).
        f1: The harmonic mean of the two.
        taken_for: The class it is most often taken for, and how often; empty if never.
    """

    name: str
    samples: int
    precision: float
    recall: float
    f1: float
    taken_for: str
    times: int


def per_class(pairs: Sequence[Pair]) -> list[ClassScore]:
    """Return each class that occurs, in the order of the names."""
    cells = Counter((str(sample.label), str(answer.label)) for sample, answer in pairs)
    truth: Counter[str] = Counter()
    said: Counter[str] = Counter()
    for (true, answer), count in cells.items():
        truth[true] += count
        said[answer] += count
    rows = []
    for name in sorted({*truth, *said}):
        right = cells[name, name]
        wrong = [(count, other) for (true, other), count in cells.items() if true == name != other]
        times, taken_for = max(wrong, default=(0, ""))
        rows.append(
            ClassScore(
                name,
                truth[name],
                right / said[name] if said[name] else 0.0,
                right / truth[name] if truth[name] else 0.0,
                2 * right / (truth[name] + said[name]),
                taken_for,
                times,
            )
        )
    return rows
