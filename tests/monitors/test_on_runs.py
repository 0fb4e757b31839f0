"""Monitors hear real runs: some that really go wrong, and healthy ones that they leave alone."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, RunFinished
from finetune_studio.core.project import Project
from finetune_studio.core.watching import Heated, MonitorSpoke, WatchBegun, Watched
from finetune_studio.engine import watching
from finetune_studio.engine.run import Run
from tests import tiny
from tests.engine.conftest import draw, run_all, settings

ALARM = ("warning", "bad")


def spoken(events: list[Event]) -> dict[str, list[MonitorSpoke]]:
    found: dict[str, list[MonitorSpoke]] = {}
    for event in events:
        if isinstance(event, MonitorSpoke):
            found.setdefault(event.monitor, []).append(event)
    return found


def alarms(events: list[Event]) -> set[str]:
    return {e.monitor for e in events if isinstance(e, MonitorSpoke) and e.severity in ALARM}


def filled(folder: Path, rows: list[Row], data: Path) -> Project:
    made = Project(folder / "project", "image_classification")
    made.dataset.fill(rows, root=data)
    return made


@pytest.fixture
def striped(tmp_path: Path) -> Iterator[Project]:
    data = tmp_path / "photos"
    made = filled(tmp_path, draw(data, 16), data)
    yield made
    made.close()


@pytest.fixture
def senseless(tmp_path: Path) -> Iterator[Project]:
    """Pictures whose classes were dealt at random: they can only be learnt by heart."""
    data = tmp_path / "photos"
    rows = draw(data, 32)
    names = [row.label for row in rows]
    random.Random(1).shuffle(names)
    shuffled = [replace(row, label=name) for row, name in zip(rows, names, strict=True)]
    made = filled(tmp_path, shuffled, data)
    yield made
    made.close()


BY_HEART = {
    "optimiser__epochs": 24,
    "layers__amount": "everything",
    "optimiser__learning_rate": 1e-3,
    "optimiser__head_learning_rate": 1e-3,
    "optimiser__method": "steps",
}


@pytest.mark.usefixtures("lively_model")
def test_learning_by_heart_is_heard_and_replayed_from_the_log(senseless: Project) -> None:
    events = run_all(senseless, settings(**BY_HEART))
    heard = spoken(events)
    assert "overfitting" in heard
    first = heard["overfitting"][0]
    assert "by heart" in first.text
    assert first.settings == {"layers.amount": "later_half"}
    assert isinstance(events[-1], RunFinished)

    # Each state is told once, and the log alone says the same.
    said = [(e.monitor, e.state) for e in events if isinstance(e, MonitorSpoke)]
    assert all(one != other for one, other in pairwise(said))
    run = Run(Path(events[-1].run))
    log = list(run.events())
    assert spoken(log).keys() == heard.keys()
    again = watching.replayed(run.recipe, log)
    assert [(e.monitor, e.text) for e in again if isinstance(e, MonitorSpoke)] == [
        (e.monitor, e.text) for e in log if isinstance(e, MonitorSpoke)
    ]


@pytest.mark.usefixtures("lively_model", "every_step_stated")
def test_a_resumed_run_tells_the_same_story(senseless: Project) -> None:
    whole = run_all(senseless, settings(**BY_HEART))

    def stop_after_five(event: Event, control: Any) -> None:
        if isinstance(event, Watched) and event.epoch == 5:
            control.ask_stop()

    half = run_all(senseless, settings(**BY_HEART), on_event=stop_after_five)
    last = half[-1]
    assert isinstance(last, RunFinished)
    assert last.stopped
    rest = run_all(senseless, settings(**BY_HEART), resume=Path(last.run))
    for kind in (Watched, MonitorSpoke, Heated):
        told = [_plain(e) for e in whole if isinstance(e, kind)]
        assert [_plain(e) for e in (*half, *rest) if isinstance(e, kind)] == told
        assert told


def _plain(event: Event) -> dict[str, Any]:
    return {k: v for k, v in event.as_json().items() if k not in ("time", "seconds")}


@pytest.mark.usefixtures("lively_model")
def test_divergence_is_heard(striped: Project) -> None:
    wild = settings(
        layers__amount="everything",
        optimiser__learning_rate=30.0,
        optimiser__head_learning_rate=30.0,
        optimiser__gradient_clip=0.0,
        optimiser__method="steps",
        optimiser__epochs=2,
    )
    heard: list[Event] = []
    with suppress(StudioError):  # it gives up after going back three times
        run_all(striped, wild, on_event=lambda event, _: heard.append(event))
    found = spoken(heard)
    assert "divergence" in found or "rate_too_high" in found
    assert any("optimiser.learning_rate" in e.settings for some in found.values() for e in some)


@pytest.mark.usefixtures("lively_model")
def test_a_run_that_stands_still_is_heard(striped: Project) -> None:
    slow = settings(
        optimiser__epochs=4,
        layers__amount="everything",
        optimiser__method="steps",
        optimiser__learning_rate=1e-7,
        optimiser__head_learning_rate=1e-7,
    )
    heard = spoken(run_all(striped, slow))
    assert heard["underfitting"][0].state == "stuck"
    assert heard["underfitting"][0].settings["optimiser.learning_rate"] == 1e-6


@pytest.mark.usefixtures("lively_model")
def test_planted_copies_are_heard_before_the_first_step(tmp_path: Path) -> None:
    data = tmp_path / "photos"
    rows = draw(data, 16)
    for number, row in enumerate([r for r in rows if r.split == "train"][:6]):
        name = f"copies/{number}.png"
        (data / "copies").mkdir(exist_ok=True)
        shutil.copyfile(data / row.path, data / name)
        rows.append(Row(name, row.label, "validation"))
    with filled(tmp_path, rows, data) as project:
        events = run_all(project, settings(optimiser__epochs=1))
    heard = spoken(events)["leakage"][0]
    assert heard.severity == "bad"
    assert heard.text.startswith("6 of 18 validation samples stand in training too")
    assert heard.page == "data"
    assert next(e for e in events if isinstance(e, WatchBegun)).copies == 6


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("shapes")
    return tiny.image_classification(place, classes=3, per_class=20)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("amount", ["head_only", "last_stage"])
def test_healthy_runs_raise_no_alarm(shapes: Path, tmp_path: Path, amount: str, seed: int) -> None:
    files = sorted(shapes.rglob("*.png"))
    rows = [
        Row(str(file), file.parent.name, "validation" if place % 4 == seed else "train")
        for place, file in enumerate(files)
    ]
    healthy = settings(
        seed=seed,
        layers__amount=amount,
        optimiser__epochs=6,
        optimiser__batch_size=16,
        optimiser__method="steps",
    )
    with filled(tmp_path, rows, shapes) as project:
        events = run_all(project, healthy)
    assert alarms(events) == set()
    assert sum(isinstance(event, Watched) for event in events) == 6
