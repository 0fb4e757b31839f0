"""What is taken for what in the report, where there are few, many and very many classes."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from finetune_studio.core.dataset import Sample
from finetune_studio.core.events import Prediction
from finetune_studio.engine.report import results
from finetune_studio.insights.per_class import per_class


def known(classes: int, wrong: set[int]) -> Any:
    """Return answers of four samples a class; one of those in ``wrong`` is taken for the next class."""
    names = [f"class {number:03}" for number in range(classes)]
    pairs = []
    for number in range(4 * classes):
        place = number // 4
        said = names[(place + (place in wrong and number % 4 < 2)) % classes]
        pairs.append(
            (
                Sample(number, f"{number}.png", names[place], None, "validation"),
                Prediction(said, {said: 1.0}),
            )
        )
    return SimpleNamespace(pairs=pairs, rows=per_class(pairs))


def rows(page: str) -> list[str]:
    return re.findall(r"<th class='row'>([^<]*)", page)


@pytest.mark.parametrize("classes", [3, 40])
def test_up_to_forty_classes_are_all_shown(classes: int) -> None:
    page = results.matrix(known(classes, {1}))
    assert len(rows(page)) == classes
    assert "class 001 is taken for class 002: 2 of 4 times." in page


def test_of_a_hundred_classes_those_confused_most_are_shown_and_that_is_said() -> None:
    wrong = set(range(0, 100, 2))
    page = results.matrix(known(100, wrong))
    assert len(rows(page)) == 30
    assert "Of 100 classes, these 30 are confused most" in page
    assert page.count("<li>") == 15
    some = results.matrix(known(100, {7}))
    assert rows(some) == ["class 007", "class 008"]
    assert ">2</td>" in some  # the share is of all that the class has, and so is the figure


def test_where_nothing_is_confused_no_empty_matrix_is_drawn() -> None:
    page = results.matrix(known(60, set()))
    assert "No two classes were confused." in page
    assert not rows(page)
