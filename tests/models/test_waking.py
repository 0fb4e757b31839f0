"""When stages wake: named ways of gradual unfreezing, as plain values."""

from __future__ import annotations

import pytest

from finetune_studio.models.waking import schedule

STAGES = [("Stem", ["stem"]), ("Stage 1", ["a.0", "a.1"]), ("Stage 2", ["b"]), ("Head", ["head"])]
ALL = ["stem", "a", "b", "head"]


def test_one_stage_more_wakes_each_epoch_from_the_top() -> None:
    assert schedule(STAGES, ALL, 10, "top_down") == {"b": 2, "a.0": 3, "a.1": 3, "stem": 4}


def test_a_short_run_wakes_several_at_a_time_and_all_in_its_first_half() -> None:
    found = schedule(STAGES, ALL, 4, "top_down")
    assert found == {"b": 2, "a.0": 3, "a.1": 3, "stem": 3}
    for epochs in range(2, 40):
        many = [(f"Layer {n}", [f"layer.{n}"]) for n in range(12)] + [("Head", ["head"])]
        begins = schedule(many, ["layer", "head"], epochs, "top_down")
        assert len(begins) == 12
        ordered = [begins[f"layer.{n}"] for n in range(12)]
        assert ordered == sorted(ordered, reverse=True)
        assert ordered[-1] == 2
        assert max(ordered) <= 1 + max(1, epochs // 2) <= epochs


@pytest.mark.parametrize(("epochs", "since"), [(2, 2), (10, 2), (30, 4)])
def test_the_head_learns_alone_for_a_tenth_of_the_run(epochs: int, since: int) -> None:
    assert set(schedule(STAGES, ALL, epochs, "head_then_all").values()) == {since}


def test_only_what_learns_wakes() -> None:
    assert schedule(STAGES, ["b.conv.weight", "head"], 9, "top_down") == {"b": 2}
    assert schedule(STAGES, ["head"], 9, "top_down") == {}
    assert schedule(STAGES, ALL, 9, "none") == {}
    assert schedule(STAGES, ALL, 1, "top_down") == {}
