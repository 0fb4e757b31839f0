"""What the Train page shows for those who watch: alarms that act, marks, the same samples, heat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from finetune_studio.core.dataset import Sample
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.watching import Heated, MonitorSpoke, Watched
from finetune_studio.gui.pages.train import TrainPage
from finetune_studio.gui.pages.train.follow_card import strip_items
from finetune_studio.gui.pages.train.heat_card import heat_rows
from finetune_studio.gui.pages.train.old_run import heard
from finetune_studio.gui.pages.train.run_panel import RunPanel
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets.sample_strip import second_line
from tests.gui.pages.ready import LONG_MS, with_photos
from tests.gui.pages.train.runs import begin, end, epoch, improving
from tests.gui.pages.train.test_page import button, open_page

LEFT = Qt.MouseButton.LeftButton
OVERFITS = MonitorSpoke(
    "overfitting",
    "warning",
    "Since epoch 4 the validation loss rises.",
    6.0,
    4.0,
    "begins",
    "Retrain the head only",
    {"layers.amount": "head_only"},
)
LEAKS = MonitorSpoke("leakage", "bad", "Copies.", 0.0, 0.0, "copies", "Move copies out", {}, "data")


def answers(*said: str) -> list[dict[str, Any]]:
    return [
        {
            "id": number,
            "answer": text,
            "certainty": 0.75,
            "right": text == "ash",
            "score": 1.0,
            "truth": "ash",
        }
        for number, text in enumerate(said, 1)
    ]


@pytest.fixture
def panel(qtbot: QtBot) -> Iterator[RunPanel]:
    thumbnails = Thumbnails()

    def lookup(numbers: Any) -> dict[int, Sample]:
        return {
            n: Sample(n, "", None, None, "validation", fields={"text": f"text {n}"})
            for n in numbers
        }

    made = RunPanel(thumbnails, lookup)
    qtbot.addWidget(made)
    made.resize(900, 900)
    made.show()
    yield made
    thumbnails.shutdown()


def test_an_alarm_stands_there_with_its_sentence_and_on_the_plot(panel: RunPanel) -> None:
    panel.begin([*improving(6), OVERFITS])
    panel.refresh(at_work=True, recipe=Recipe())
    bar = panel.alarms.bars["overfitting"]
    assert bar.sentence == "Overfitting. Since epoch 4 the validation loss rises."
    assert panel.lamps.words["Overfitting"] == "since epoch 4"
    assert panel.bar.sentence.startswith("Overfitting. Best so far:")
    (mark,) = panel.marks.at(6.0)
    assert mark.text == "Overfitting, epoch 6. Since epoch 4 the validation loss rises."

    # When it is over, the bar goes; the mark stays where it was spoken.
    panel.take(MonitorSpoke("overfitting", "ok", "No longer.", 7.0, 7.0), 1.0)
    panel.refresh(at_work=True, recipe=Recipe())
    assert panel.alarms.bars == {}
    assert not panel.alarms.isVisible()
    assert panel.lamps.words["Overfitting"] == "no"
    assert len(panel.marks.marks) == 1
    panel.begin([])
    assert panel.marks.marks == []


def test_while_a_run_works_its_button_asks_when(panel: RunPanel, qtbot: QtBot) -> None:
    panel.begin([*improving(6), OVERFITS, LEAKS])
    recipe = Recipe().with_settings({"layers.amount": "everything"})
    panel.refresh(at_work=True, recipe=recipe)
    assert list(panel.alarms.bars) == ["leakage", "overfitting"]  # the worst first
    act = panel.alarms.findChild(QPushButton, "act_overfitting")
    assert act is not None
    assert "For the next run: Only the new last layer learns." in act.toolTip()
    menu = act.menu()
    assert menu is not None
    stop, later = menu.actions()
    for action, wanted in ((stop, True), (later, False)):
        with qtbot.waitSignal(panel.alarms.acted) as caught:
            action.trigger()
        assert caught.args == [OVERFITS, wanted]
    with qtbot.waitSignal(panel.alarms.page_wanted) as page:
        qtbot.mouseClick(panel.alarms.findChild(QPushButton, "act_leakage"), LEFT)
    assert page.args == ["data"]

    # What the next run has already is not offered again.
    panel.refresh(at_work=True, recipe=Recipe().with_settings(OVERFITS.settings))
    assert panel.alarms.findChild(QPushButton, "act_overfitting") is None or not any(
        b.isVisible() for b in panel.alarms.findChildren(QPushButton, "act_overfitting")
    )


def test_the_same_samples_can_be_looked_back_to(panel: RunPanel) -> None:
    told = [Watched(1.0, answers("oak", "oak")), Watched(2.0, answers("ash", "oak"))]
    panel.begin([begin(), *epoch(1, 1.0, 0.5, best=True, trained=1.0), told[0]])
    panel.refresh(at_work=True)
    card = panel.followed
    assert card.isVisible()
    assert card.title.text() == "The same validation photos, as the model sees them"
    assert card.summary.text() == "0 of 2 right"
    assert not card.slider.isEnabled()
    panel.take(told[1], 1.0)
    panel.refresh(at_work=True)
    assert card.when.text() == "epoch 2 of 2"
    assert card.summary.text() == "1 of 2 right, 1 changed since epoch 1"
    first, second = card.strip.items
    assert (first.answer, first.level, first.before) == ("ash", "ok", "oak")
    assert (second.answer, second.level, second.before) == ("oak", "bad", "")
    assert second_line(second) == "is ash"  # what is right stands below what is wrong
    assert second_line(first) == "was oak"
    assert "said ash, right, 75 %, labelled ash" in card.strip.accessibleName()

    # Looking back stays there, whatever comes; at the end it follows again.
    card.slider.setValue(0)
    assert card.when.text() == "epoch 1 of 2"
    panel.take(Watched(3.0, answers("ash", "ash")), 1.0)
    panel.refresh(at_work=True)
    assert card.when.text() == "epoch 1 of 3"
    card.slider.setValue(2)
    assert card.summary.text() == "2 of 2 right, 1 changed since epoch 2"
    boxes = card.strip.boxes()
    assert not boxes[0].intersects(boxes[1])
    assert not card.strip.grab().isNull()


def test_answers_that_are_only_close_show_how_close() -> None:
    close = {"id": 1, "answer": "short", "certainty": None, "right": None, "score": 0.41}
    (item,) = strip_items([close], [], {}, "rouge_l")
    assert (item.level, item.note) == ("", "ROUGE-L 0.41")
    assert item.text == "This sample is not in the project any more."


def test_heat_by_stage_with_numbers_on_hover(panel: RunPanel) -> None:
    rows = [
        _row("Stem", "features.0", 0, None, None, None),
        _row("Stage 1", "features.1", 100, 0.3, 0.1, 3.0),
        _row("Stage 1", "features.2", 100, 0.4, 0.0, 4.0),
        _row("Head", "classifier", 30, 1.5, None, None),
    ]
    stem, stage, head = heat_rows(rows)
    assert (stem.note, stem.gradient, stem.drift) == ("frozen", None, None)
    assert stage.gradient == pytest.approx(0.5)
    assert stage.drift == pytest.approx(0.06)  # 0.3 moved of a length of 5
    assert [child.title for child in stage.children] == ["features.1", "features.2"]
    assert (head.note, head.gradient) == ("new", 1.5)
    panel.begin([begin(), Heated(1.0, rows, 1.6, 0.06)])
    panel.refresh(at_work=True)
    assert panel.heat.isVisible()
    item = panel.heat.tree.topLevelItem(1)
    assert item is not None
    assert [item.text(column) for column in range(3)] == ["Stage 1", "0.5", "6 %"]
    assert "200 numbers learn; gradient 0.5 in the last step, moved by 6 %" in item.toolTip(2)
    lamp = next(one for one in panel.lamps.lamps if one.title == "Forgetting")
    assert (lamp.level, lamp.word) == (
        "info",
        "moved 6.0 %",
    )  # whether that costs much is not known
    assert "The Forgetting tab of Inspect measures what it still knows." in lamp.help


def _row(
    stage: str,
    name: str,
    learn: int,
    gradient: float | None,
    drift: float | None,
    size: float | None,
) -> dict[str, Any]:
    return {
        "stage": stage,
        "name": name,
        "learn": learn,
        "gradient": gradient,
        "drift": drift,
        "size": size,
    }


def test_runs_of_before_are_heard_afterwards() -> None:
    past = [
        *improving(),
        *epoch(8, 0.38, 0.89, best=False, trained=0.2, without=1),
        *epoch(9, 0.42, 0.88, best=False, trained=0.1, without=2),
        end(),
    ]
    found = heard(Recipe(), past)
    assert [e.monitor for e in found if isinstance(e, MonitorSpoke)] == ["overfitting"]
    assert found[-1] == past[-1]


@pytest.fixture
def page(studio: Studio, qtbot: QtBot, tmp_path: Path) -> Iterator[TrainPage]:
    yield open_page(with_photos(studio, qtbot, tmp_path), qtbot)
    studio.shutdown()  # before the page goes, as when the window closes


def test_a_run_fills_strip_and_heat_and_a_proposal_changes_the_next_run(
    page: TrainPage, qtbot: QtBot
) -> None:
    studio = page.studio
    studio.set_recipe(
        {"optimiser.epochs": 2, "layers.amount": "head_only", "augment.strength": "none"}
    )
    qtbot.mouseClick(button(page, "start"), LEFT)
    qtbot.waitUntil(lambda: studio.training, timeout=LONG_MS)
    qtbot.waitUntil(lambda: not studio.training, timeout=LONG_MS)
    panel = page.run_panel
    assert panel is not None
    qtbot.waitUntil(lambda: len(panel.followed.strip.items) > 0, timeout=LONG_MS)
    assert all(item.path.endswith(".png") for item in panel.followed.strip.items)
    assert panel.heat.tree.topLevelItemCount() > 2

    told: list[str] = []
    studio.noticed.connect(lambda text, level: told.append(f"{level}: {text}"))
    page.show_inside("run")
    panel.take(replace(OVERFITS, settings={"augment.strength": "light"}), 1.0)
    panel.refresh(at_work=False, recipe=studio.recipe)
    act = panel.alarms.findChild(QPushButton, "act_overfitting")
    assert act is not None
    assert act.menu() is None  # nothing works that could be stopped
    qtbot.mouseClick(act, LEFT)
    assert studio.recipe.augment.strength == "light"
    assert told == ["ok: For the next run: Pictures are varied a little."]
    assert not studio.training


def test_after_an_epoch_the_panel_is_brought_up_to_date_in_parts(panel: RunPanel) -> None:
    """All at once held the window for longer than a frame beside a training."""

    def shown() -> tuple[object, ...]:
        log, lamps = tuple(panel.log.texts), tuple(panel.lamps.words.items())
        return panel.followed.isHidden(), lamps, tuple(panel.progress.values().items()), log

    panel.begin([begin(), *epoch(1, 2.0, 0.5, best=True, trained=2.1)])
    panel.refresh(at_work=True)
    before = shown()
    second = epoch(2, 1.5, 0.75, best=False, trained=1.6, without=1)
    for event in (*second, Watched(2.0, answers("ash", "oak")), OVERFITS):
        panel.take(event, 1.0)
    changed = []
    for _ in range(6):
        was = shown()
        panel.refresh_next(at_work=True)
        changed.append(sum(one != other for one, other in zip(was, shown(), strict=True)))
    assert max(changed) == 1
    after = shown()
    assert all(one != other for one, other in zip(before, after, strict=True))
    panel.refresh(at_work=True)
    assert shown() == after


def test_what_monitors_say_stands_on_the_plot(panel: RunPanel, qtbot: QtBot) -> None:
    panel.begin([*improving(6), LEAKS, OVERFITS])
    panel.refresh(at_work=True)

    def words() -> list[str]:
        return [item.toPlainText() for item in panel.marks._words]

    qtbot.waitUntil(lambda: words() == ["Leakage", "Overfitting"])  # when its axis is drawn
    panel.begin([])
    assert words() == []


def test_words_on_the_plot_have_room_above_the_curves(panel: RunPanel, qtbot: QtBot) -> None:
    def height() -> float:
        """Return how much of the plot the highest point of the curves reaches."""
        panel.loss.redraw()
        (_, high) = panel.loss._box.viewRange()[1]
        return float(max(data.y.max() for data in panel.loss.data.values() if len(data))) / high

    panel.begin([*improving(6)])
    assert height() > 0.9
    panel.take(OVERFITS, 1.0)
    assert height() < 0.7
    panel.begin([*improving(6)])
    assert height() > 0.9
