"""What the benchmarks share: turns, medians, verdicts and subsets are what they say."""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def measure():
    spec = importlib.util.spec_from_file_location("measure", FOLDER / "measure.py")
    made = importlib.util.module_from_spec(spec)
    sys.modules["measure"] = made  # dataclasses look their module up
    spec.loader.exec_module(made)
    yield made
    del sys.modules["measure"]


def test_sides_take_turns_and_the_first_one_changes(measure):
    order = []

    def side(name, wall):
        def work():
            order.append(name)
            return measure.Took(wall, 0.0)

        return work

    found = measure.interleaved({"a": side("a", 1.0), "b": side("b", 2.0)}, 2, warm=1)
    assert "".join(order) == "ba" + "ab" + "ba"
    assert [t.wall for t in found["a"]] == [1.0, 1.0]  # the warm round is thrown away
    assert [t.wall for t in found["b"]] == [2.0, 2.0]


def test_processor_seconds_are_told_from_waiting(measure):
    _, slept = measure.timed(lambda: time.sleep(0.2))
    assert slept.wall >= 0.2
    assert slept.cpu < 0.1
    said, took = measure.child("-c", "print(sum(i * i for i in range(3_000_000)))")
    assert int(said) > 0
    assert took.cpu > 0.05  # an ended child's work counts


def test_a_failing_child_says_why(measure):
    with pytest.raises(SystemExit, match="no such luck"):
        measure.child("-c", "raise ValueError('no such luck')")


def test_medians_and_verdicts(measure, capsys):
    def took(*walls):
        return [measure.Took(wall, wall / 2) for wall in walls]

    row = measure.faster("work", took(1, 9, 2), took(20, 24, 500), 10, 15)
    assert (row.ratio, row.cpu, row.verdict) == (12, 12, "reached")
    assert measure.faster("work", took(1), took(15), 10, 15).verdict == "aim reached"
    assert measure.faster("work", took(1), took(9), 10, 15).verdict == "MISSED"
    least = measure.longer("work", took(3), took(2), 1.8, 1.3)
    assert (least.ratio, least.verdict) == (1.5, "reached")
    assert measure.longer("work", took(4), took(2), 1.8, 1.3).verdict == "MISSED"
    assert measure.longer("work", took(4), took(2), None, None).verdict == ""
    measure.table([row])
    line = capsys.readouterr().out.splitlines()[-1]
    assert line == "| work | 2.00 s (1.00) | 24.00 s (12.00) | 12.00 | 12.00 | 10 | 15 | reached |"


def test_a_subset_has_every_class_and_is_always_the_same(measure, tmp_path):
    for name, count in (("rare", 2), ("usual", 30)):
        (tmp_path / "all" / "train" / name).mkdir(parents=True)
        for number in range(count):
            (tmp_path / "all" / "train" / name / f"{number}.png").write_bytes(b"x")
    taken = [
        [p.relative_to(folder) for p in measure.pictures(folder)]
        for folder in (
            measure.subset(tmp_path / "all", tmp_path / "one", train=8),
            measure.subset(tmp_path / "all", tmp_path / "two", train=8),
        )
    ]
    assert taken[0] == taken[1]
    assert len(taken[0]) == 8
    assert [p.parent.name for p in taken[0]].count("rare") == 2
