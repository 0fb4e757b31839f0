"""Bars of lengths: everything is counted once, the limit has room, long tails do not squeeze the rest."""

from __future__ import annotations

from collections import Counter

import pytest

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.length_histogram import LengthHistogram, binned


@pytest.mark.parametrize("limit", [0, 5, 256, 100_000])
@pytest.mark.parametrize(
    "lengths", [[0], [1, 1, 1], list(range(1000)), [10] * 999 + [10**7], [0, 512], []]
)
def test_every_text_is_in_one_bar(lengths, limit):
    bins = binned(Counter(lengths), limit)
    assert sum(bins.counts) == len(lengths)
    assert len(bins.counts) <= 26
    assert bins.longest == max(lengths, default=0)


def test_one_very_long_text_does_not_squeeze_the_others():
    bins = binned(Counter([*range(100)] * 10 + [10**6]))
    assert bins.end < 200
    assert bins.beyond


def test_half_a_percent_of_long_ones_is_left_out_of_the_axis_and_no_more():
    assert binned({10: 996, 900: 4}).end < 100
    assert binned({10: 990, 900: 10}).end > 900


def test_the_limit_has_room_unless_it_is_far_beyond():
    assert binned({100: 50}, 256).end > 256
    assert binned({10: 50}, 8192).end < 100


@pytest.mark.parametrize("tone", ["light", "dark"])
def test_what_is_cut_off_has_another_colour(qtbot, qapp, tone):
    before = theme.choice() or "light"
    theme.apply(qapp, tone)
    view = LengthHistogram()
    qtbot.addWidget(view)
    view.resize(200, 100)
    view.show_lengths(Counter(range(1, 400)), "tokens", 256)
    assert view.accessibleName() == (
        "399 texts, the longest has 399 tokens; 143 are longer than 256"
    )
    image = view.grab().toImage()
    row = [image.pixelColor(x, 70).name() for x in range(image.width())]
    now = theme.tokens()
    assert row.index(now.accent.name()) < row.index(now.bad.name())
    view.show_lengths(Counter(range(1, 400)), "words")
    image = view.grab().toImage()
    assert now.bad.name() not in {image.pixelColor(x, 70).name() for x in range(image.width())}
    theme.apply(qapp, before)
