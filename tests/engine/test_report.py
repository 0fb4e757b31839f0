"""The report stands alone, says what the run found, and shows text from data as text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from finetune_studio.core.events import RunFinished
from finetune_studio.core.project import Project
from finetune_studio.engine import charts
from finetune_studio.engine.report import summary, write_report
from tests.engine.conftest import run_all, settings

VOID = {"meta", "img", "br", "line", "polyline"}


class Balance(HTMLParser):
    """Checks that every element that opens is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.usefixtures("small_model")
def test_report(project: Project) -> None:
    project.dataset.rename_class("class1", "<script>alert(1)</script>")
    last = run_all(project, settings())[-1]
    assert isinstance(last, RunFinished)
    page = write_report(project, Path(last.run)).read_text(encoding="utf-8")
    found = Balance()
    found.feed(page)
    assert found.open == []
    assert "script" not in found.names
    assert "&lt;script&gt;" in page
    assert not re.findall(r"(?:https?:)?//[\w.]", re.sub(r'src="data:[^"]*"', "", page))
    assert f"{last.metrics['accuracy']:.3f}" in page
    assert "95 % interval" in page
    assert page.count("<svg") == 2
    assert "always saying" in page
    assert "data:image/jpeg;base64," in page


@pytest.mark.usefixtures("small_model")
def test_report_is_written_where_the_photos_have_gone(project: Project, tmp_path: Path) -> None:
    last = run_all(project, settings())[-1]
    assert isinstance(last, RunFinished)
    (tmp_path / "photos").rename(tmp_path / "elsewhere")
    assert write_report(project, Path(last.run)).stat().st_size > 5000


def test_summary_says_when_little_can_be_said() -> None:
    from finetune_studio.core.events import Evaluated

    scored = Evaluated(
        "r",
        "validation",
        {"accuracy": 0.6},
        20,
        intervals={"accuracy": [0.4, 0.8]},
        baseline={"text": "always saying a", "metric": "accuracy", "value": 0.5},
    )
    text = summary(scored)
    assert "not clearly better" in text
    assert "interval is wide" in text
    assert "no validation samples" in summary(Evaluated("r", "validation", {}, 0))


def test_ticks_are_round_and_within_bounds() -> None:
    assert charts.ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert charts.ticks(0, 10) == [0, 2, 4, 6, 8, 10]
    assert charts.ticks(0, 0.013) == [0, 0.005, 0.01]


def test_long_curves_are_thinned_without_losing_their_course() -> None:
    points = [(float(i), float(i)) for i in range(10_000)]
    kept = charts.thinned(points)
    assert len(kept) <= 400
    assert all(abs(x - y) < 1e-9 for x, y in kept)
