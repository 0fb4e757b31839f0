"""The choices before a run stand in two columns of about the same length, and each stands once."""

from __future__ import annotations

from finetune_studio.core import recipe as recipes
from finetune_studio.gui.pages.train.choices import GROUPS
from finetune_studio.gui.pages.train.setup_panel import _LEFT


def test_the_columns_are_about_as_long_so_that_no_card_stands_half_empty() -> None:
    rows = [len(names) + 1.5 for _, names in GROUPS]  # a title takes the room of a row and a half
    assert abs(sum(rows[:_LEFT]) - sum(rows[_LEFT:])) <= 2


def test_each_choice_stands_once() -> None:
    names = [name for _, group in GROUPS for name in group]
    assert len(names) == len(set(names))
    assert set(names) <= set(recipes.fields())
