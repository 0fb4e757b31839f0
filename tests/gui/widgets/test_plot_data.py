"""The pyramid under a curve draws the same as all of its points would."""

from __future__ import annotations

import numpy as np
import pytest

from finetune_studio.gui.widgets.plot_data import PlotData


def filled(y: np.ndarray) -> PlotData:
    data = PlotData()
    for x, value in enumerate(y):
        data.add(x / 100, float(value))
    return data


@pytest.mark.parametrize("count", [1, 3, 1999, 2000, 2001, 8191, 20_011])
@pytest.mark.parametrize(
    "window", [(-np.inf, np.inf), (3.333, 150.0), (19.0, 19.5), (400.0, 500.0)]
)
def test_view_keeps_the_extremes_of_the_window(count: int, window: tuple[float, float]) -> None:
    y = np.random.default_rng(count).normal(size=count).cumsum()
    data = filled(y)
    x = np.arange(count) / 100
    seen_x, seen_y = data.view(*window, most=2000)
    inside = (x >= window[0]) & (x <= window[1])
    assert len(seen_x) <= 2000
    assert (np.diff(seen_x) > 0).all()
    if inside.any():
        assert seen_y.min() <= y[inside].min()
        assert seen_y.max() >= y[inside].max()
        # The line enters and leaves the picture where the whole curve would.
        assert seen_x[0] <= x[inside][0]
        assert seen_x[-1] >= x[inside][-1]


def test_every_drawn_point_is_a_point_of_the_curve_and_each_bucket_keeps_its_range() -> None:
    y = np.random.default_rng(1).normal(size=50_000)
    data = filled(y)
    x, seen = data.view(most=500)
    places = np.rint(x * 100).astype(int)
    assert np.array_equal(seen, y[places])
    size = 1024  # the bucket that 500 points need: 4**5
    for start in range(0, len(y) - size, size):
        inside = seen[(places >= start) & (places < start + size)]
        bucket = y[start : start + size]
        assert (inside.min(), inside.max()) == (bucket.min(), bucket.max())


def test_points_added_between_two_looks_are_seen() -> None:
    y = np.random.default_rng(2).normal(size=9_000)
    slow, quick = PlotData(), filled(y)
    for place, value in enumerate(y):
        slow.add(place / 100, float(value))
        if place % 777 == 0:
            slow.view(most=50)
    for ours, theirs in zip(slow.view(most=50), quick.view(most=50), strict=True):
        assert np.array_equal(ours, theirs)


def test_a_run_that_went_back_draws_again_what_it_did_again() -> None:
    data = filled(np.arange(5_000.0))
    data.view(most=50)
    data.add(10.0, -7.0)
    assert len(data) == 1001
    assert data.y[-1] == -7.0
    assert data.view(most=50)[1].min() == -7.0
    for step in range(4_000):
        data.add(10.01 + step / 100, -8.0 - step)
    assert data.view(most=50)[1].min() == -8.0 - 3_999
    assert data.view(most=50)[1].max() == 999.0


def test_what_is_no_number_is_left_out() -> None:
    data = PlotData()
    for x, y in ((0.0, 1.0), (1.0, float("nan")), (2.0, float("inf")), (3.0, 2.0)):
        data.add(x, y)
    assert data.x.tolist() == [0.0, 3.0]


def test_nearest_point() -> None:
    data = PlotData()
    assert data.nearest(1.0) is None
    for x in (0.0, 1.0, 4.0):
        data.add(x, 10 * x)
    assert data.nearest(-5) == (0.0, 0.0)
    assert data.nearest(2.4) == (1.0, 10.0)
    assert data.nearest(2.6) == (4.0, 40.0)
    assert data.nearest(99) == (4.0, 40.0)
