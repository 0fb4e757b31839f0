"""Drawing takes a small share of the time, however long a frame takes."""

from __future__ import annotations

import pytest

from finetune_studio.gui.widgets.frame_pace import FramePace


def test_quick_frames_come_about_five_times_a_second_and_not_all_at_once():
    paces = [FramePace() for _ in range(3)]
    assert all(200 <= pace.wait_ms <= 266 for pace in paces)
    assert len({pace.wait_ms for pace in paces}) == 3


@pytest.mark.parametrize("milliseconds", [1, 8, 14, 20])
def test_slow_frames_take_no_more_than_a_fortieth_of_the_time(milliseconds):
    pace = FramePace()
    pace.take(milliseconds / 1000)
    assert milliseconds <= pace.wait_ms / 40 + 0.1


def test_a_slow_frame_is_forgotten_and_none_is_waited_for_longer_than_a_second():
    pace = FramePace()
    first = pace.wait_ms
    pace.take(2.0)
    assert pace.wait_ms == 1000
    pace.take(0.001)
    assert pace.wait_ms == first
