"""What stands beside Start: the words, and when a rehearsal begins, ends and is remembered."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from finetune_studio.core.events import Estimated, Noted, PhaseStarted
from finetune_studio.core.job import Control
from finetune_studio.gui.pages.train import TrainPage, rehearsals
from finetune_studio.gui.pages.train.estimate_words import WORKING, estimate_words, size
from finetune_studio.gui.pages.train.figures import figures
from finetune_studio.gui.pages.train.story import Story
from finetune_studio.gui.studio import Studio, work
from tests.gui.jobs import patient
from tests.gui.pages.ready import LONG_MS, with_photos
from tests.gui.pages.train.runs import begin, epoch, preparing

FOUND = Estimated(
    seconds=240.0,
    first_epoch_s=90.0,
    epoch_s=15.0,
    memory_mb=1331.0,
    held_mb=500.0,
    free_memory_mb=10_035.0,
    disk_mb=240.0,
    features_mb=200.0,
    free_disk_mb=50_000.0,
    device="cpu",
    why="CPU, 2 cores: this PyTorch has no CUDA",
    cached=True,
    took_s=9.0,
    parts={"load": 2.0, "features": 58.0, "steps": 180.0},
)


# --- words ----------------------------------------------------------------------------------------


def test_one_calm_line_with_the_device_and_its_reason() -> None:
    words = estimate_words(FOUND)
    assert words.text == "About 4 min at most · 1.3 GB of memory (9.8 GB free) · 240 MB on disk"
    assert words.aside == "Runs on CPU, 2 cores: this PyTorch has no CUDA."
    assert words.level == ""
    card = estimate_words(replace(FOUND, device="cuda", why="NVIDIA H100"))
    assert card.aside == "Runs on the graphics processor: NVIDIA H100."


def test_what_does_not_fit_is_a_warning_that_says_what_to_do() -> None:
    large = estimate_words(replace(FOUND, memory_mb=12_000))
    assert large.level == "warning"
    assert "11 GB more are needed, 9.8 GB are free. A smaller batch, fewer layers" in large.text
    held = estimate_words(replace(FOUND, memory_mb=10_400))  # 500 MB of that are held already
    assert held.level == ""
    full = estimate_words(replace(FOUND, free_disk_mb=400))
    assert full.level == "warning"
    assert "The disk lacks room: 240 MB will be written, 400 MB are free." in full.text
    assert "switch off computing frozen layers once" in full.text
    small = estimate_words(replace(FOUND, free_disk_mb=400, features_mb=0.0))
    assert "switch off" not in small.text


def test_sizes() -> None:
    assert [size(n) for n in (0.2, 240, 1331, 22_600)] == ["1 MB", "240 MB", "1.3 GB", "22 GB"]


def test_the_card_shows_the_estimate_until_something_is_measured() -> None:
    story = Story(FOUND)
    for event in preparing():
        story.take(event)
    before = figures(story, at_work=True, now=0.0, memory_mb=24_000)
    assert before.rows == (
        ("Time in all", "about 4 min at most"),
        ("Memory", "about 1.3 GB of 23 GB"),
    )
    story.take(begin())
    first = figures(story, at_work=True, now=0.0, memory_mb=24_000)
    assert first.aside == "about 3 min left"
    assert dict(first.rows)["Memory"] == "about 1.3 GB of 23 GB"
    for event in epoch(1, 2.0, 0.5, best=True, trained=2.1):
        story.take(event)
    measured = figures(story, at_work=True, now=0.0, memory_mb=24_000)
    assert dict(measured.rows)["Memory"] == "1.9 of 23.4 GB"
    assert measured.aside == "about 22 s left"
    assert figures(Story(), at_work=True, now=0.0, memory_mb=24_000).rows == ()


# --- the page -------------------------------------------------------------------------------------


class Rehearsed:
    """Stands for the engine: notes what is asked, and answers when it is let."""

    def __init__(self) -> None:
        self.recipes: list[Any] = []
        self.stopped = 0
        self.answer: Any = FOUND
        self.held = False

    def __call__(self, _project: Any, recipe: Any, control: Control) -> Iterator[Any]:
        self.recipes.append(recipe)
        yield PhaseStarted("rehearsal", "Estimating time and memory")
        while self.held and not control.stop.is_set():
            time.sleep(0.005)
        if control.stop.is_set():
            self.stopped += 1
        else:
            yield self.answer


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Rehearsed:
    made = Rehearsed()
    monkeypatch.setattr(work, "rehearse", made)
    monkeypatch.setattr(rehearsals, "_SETTLED_MS", 30)
    return made


@pytest.fixture
def page(studio: Studio, qtbot: QtBot, tmp_path: Path, engine: Rehearsed) -> Iterator[TrainPage]:
    made = TrainPage(with_photos(studio, qtbot, tmp_path))
    qtbot.addWidget(made)
    made.resize(1100, 800)
    made.show()
    yield made
    studio.shutdown()


def test_it_begins_by_itself_and_is_remembered(
    page: TrainPage, engine: Rehearsed, qtbot: QtBot
) -> None:
    line, studio = page.setup.estimate, page.studio
    engine.held = True
    assert line.text == ""
    page.entered()
    qtbot.waitUntil(lambda: line.text == WORKING.text, timeout=LONG_MS)
    qtbot.waitUntil(lambda: len(engine.recipes) == 1, timeout=LONG_MS)
    engine.held = False
    qtbot.waitUntil(lambda: line.text.startswith("About 4 min at most"), timeout=LONG_MS)
    assert engine.recipes == [studio.recipe]
    assert line.isVisible()
    assert line.aside.startswith("Runs on CPU")

    # Another choice is another question; the first one again is not asked anew.
    engine.answer = replace(FOUND, memory_mb=90_000)
    studio.set_recipe({"optimiser.epochs": 3})
    assert line.text == ""
    qtbot.waitUntil(lambda: line.level == "warning", timeout=LONG_MS)
    studio.set_recipe({"optimiser.epochs": engine.recipes[0].optimiser.epochs})
    qtbot.waitUntil(lambda: line.text.startswith("About 4 min") and not line.level, timeout=LONG_MS)
    assert len(engine.recipes) == 2

    # Other data: nothing that was found holds any more.
    studio.data_changed.emit()
    assert line.text == ""
    page.entered()
    qtbot.waitUntil(lambda: len(engine.recipes) == 3, timeout=LONG_MS)


def test_another_choice_ends_it(page: TrainPage, engine: Rehearsed, qtbot: QtBot) -> None:
    engine.held = True
    page.entered()
    qtbot.waitUntil(lambda: len(engine.recipes) == 1, timeout=LONG_MS)
    page.studio.set_recipe({"optimiser.epochs": 3})
    qtbot.waitUntil(lambda: engine.stopped == 1 and len(engine.recipes) == 2, timeout=LONG_MS)
    assert engine.recipes[1].optimiser.epochs == 3
    page.studio.close_project()
    assert engine.stopped == 2
    assert page.setup.estimate.text == ""


def test_start_ends_it_and_the_run_waits(
    page: TrainPage, engine: Rehearsed, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[Any] = []

    def train(_project: Any, recipe: Any, _resume: Any, _control: Control) -> Iterator[Any]:
        ran.append(recipe)
        yield from preparing()

    monkeypatch.setattr(work, "train", train)
    page.entered()
    qtbot.waitUntil(lambda: bool(page.setup.estimate.text), timeout=LONG_MS)
    qtbot.waitUntil(lambda: page.setup.estimate.text != WORKING.text, timeout=LONG_MS)
    engine.held = True
    page.studio.data_changed.emit()
    page.entered()
    qtbot.waitUntil(lambda: len(engine.recipes) == 2, timeout=LONG_MS)
    page._on_start_wanted()
    qtbot.waitUntil(lambda: engine.stopped == 1 and len(ran) == 1, timeout=LONG_MS)
    qtbot.waitUntil(lambda: not page.studio.jobs, timeout=LONG_MS)


def test_the_run_shows_what_was_foreseen(
    page: TrainPage, engine: Rehearsed, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(_project: Any, _recipe: Any, _resume: Any, control: Control) -> Iterator[Any]:
        yield from preparing()
        while not control.stop.is_set():
            time.sleep(0.005)

    monkeypatch.setattr(work, "train", train)
    page.entered()
    qtbot.waitUntil(lambda: page.setup.estimate.text.startswith("About"), timeout=LONG_MS)
    page._on_start_wanted()
    qtbot.waitUntil(
        lambda: (
            page.run_panel is not None
            and page.run_panel.progress.values().get("Time in all") == "about 4 min at most"
        ),
        timeout=LONG_MS,
    )
    page.entered()  # looked at while it works: nothing is rehearsed beside a run
    qtbot.wait(100)
    assert len(engine.recipes) == 1
    page.studio.stop_training()
    qtbot.waitUntil(lambda: not page.studio.training, timeout=LONG_MS)


def test_it_waits_for_other_work(page: TrainPage, engine: Rehearsed, qtbot: QtBot) -> None:
    page.studio.start("check", patient)
    page.entered()
    qtbot.waitUntil(lambda: page.setup.estimate.text == WORKING.text, timeout=LONG_MS)
    qtbot.wait(200)
    assert engine.recipes == []
    page.studio.stop("check")
    qtbot.waitUntil(lambda: page.setup.estimate.text.startswith("About"), timeout=LONG_MS)


def test_where_none_can_be_made_the_reason_is_said(
    page: TrainPage, engine: Rehearsed, qtbot: QtBot
) -> None:
    engine.answer = Noted("No estimate can be made. The disk is full.", "warning")
    page.entered()
    line = page.setup.estimate
    qtbot.waitUntil(lambda: line.level == "warning", timeout=LONG_MS)
    assert line.text == "No estimate can be made. The disk is full."


def test_without_data_nothing_is_estimated(
    with_project: Studio, qtbot: QtBot, engine: Rehearsed
) -> None:
    page = TrainPage(with_project)
    qtbot.addWidget(page)
    page.show()
    page.entered()
    qtbot.wait(150)
    assert engine.recipes == []
    assert page.setup.estimate.text == ""


def test_what_the_engine_refuses_is_a_note(studio: Studio, qtbot: QtBot, tmp_path: Path) -> None:
    ready = with_photos(studio, qtbot, tmp_path)
    assert ready.project is not None
    recipe = ready.recipe.with_settings({"model.source": str(tmp_path / "none.pth")})
    last = list(work.rehearse(ready.project, recipe, Control()))[-1]
    assert isinstance(last, Noted)
    assert last.text.startswith("No estimate can be made. ")
    assert last.level == "warning"
