"""Words beside the marks of a plot never lie over other words, other marks or the plot's ends."""

from __future__ import annotations

from itertools import combinations

from finetune_studio.gui.widgets.mark_places import Placed, PlotMark, Room, placed

SIDE, LETTER = 12.0, 7.0


def mark(x: float, title: str) -> PlotMark:
    return PlotMark(x, "warning", f"{title}.", title)


def place(marks: list[PlotMark], width: float = 400.0, rows: int = 3) -> list[Placed]:
    return placed(
        marks, lambda x: x * width / 8, lambda t: len(t) * LETTER, Room(width, rows, SIDE)
    )


def stretch(one: Placed, width: float = 400.0) -> tuple[float, float]:
    x, wide = one.mark.x * width / 8, len(one.words) * LETTER
    return (x - SIDE / 2 - wide * one.left, x + SIDE / 2 + wide * (not one.left))


def test_words_stand_at_the_right_and_at_the_end_at_the_left() -> None:
    first, last = place([mark(1, "Overfitting"), mark(8, "Plateau")])
    assert (first.row, first.words, first.left) == (0, "Overfitting", False)
    assert (last.row, last.words, last.left) == (0, "Plateau", True)


def test_what_is_near_goes_into_a_row_below_and_nothing_overlaps() -> None:
    marks = [mark(3, "Underfitting"), mark(4, "A class that is never named"), mark(5, "Plateau")]
    found = place(marks)
    assert [one.words for one in found] == [one.title for one in marks]
    assert [one.row for one in found] == [0, 1, 0]
    for one, other in combinations(found, 2):
        (a, b), (c, d) = stretch(one), stretch(other)
        assert one.row != other.row or b <= c or d <= a


def test_what_is_said_again_is_a_mark_alone() -> None:
    found = place([mark(2, "Overfitting"), mark(6, "Overfitting")])
    assert [one.words for one in found] == ["Overfitting", ""]


def test_what_has_no_room_keeps_its_mark() -> None:
    titles = ["Overfitting", "Plateau", "Leakage", "Forgetting", "Divergence"]
    found = place([mark(4, title) for title in titles], width=90.0, rows=2)
    assert len(found) == 5
    assert all(one.row < 2 for one in found)
    assert sum(bool(one.words) for one in found) <= 2


def test_words_that_found_no_room_are_said_the_next_time() -> None:
    crowd = [mark(0, "Plateau, with a long title"), mark(0.5, "Leakage"), mark(5, "Leakage")]
    found = place(crowd, rows=1)
    assert [one.words for one in found][1:] == ["", "Leakage"]


def test_no_word_sticks_out_of_the_plot() -> None:
    """Words were let out by a mark's width, where the plot cuts them off."""
    for tenth in range(81):
        (found,) = place([mark(tenth / 10, "Plateau")], width=120.0)
        start, end = stretch(found, 120.0)
        if found.words:
            assert start >= 0 or not found.left
            assert end <= 120 or found.left
    assert place([mark(7, "Plateau")], width=400.0)[0].left
