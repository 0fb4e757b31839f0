"""The runs page: what each run was, and what can be done with it."""

from __future__ import annotations

import json

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QPushButton

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import RunFinished, RunStarted
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.watching import MonitorSpoke, WatchBegun
from finetune_studio.gui.pages import model_rows
from finetune_studio.gui.pages.runs import RunsPage, list_runs
from finetune_studio.gui.pages.runs.rows import to_continue
from finetune_studio.gui.pages.train.outlook_words import subtitle
from finetune_studio.gui.studio import work


def make_run(project, *, finished: bool = True, network: bool = True):
    folder = project.new_run()
    Recipe().with_settings({"optimiser.epochs": 3}).save(folder / "recipe.toml")
    number = folder.name
    events = [
        RunStarted(
            number, "p", "image_classification", "starter", 3, 9, {}, "cpu", 9, 1, "accuracy"
        )
    ]
    if finished:
        events.append(
            RunFinished(number, "p", "image_classification", {"accuracy": 0.9}, 2.0, 5.0, False)
        )
    lines = "".join(json.dumps(event.as_json()) + "\n" for event in events)
    (folder / "events.jsonl").write_text(lines)
    if network:
        (folder / "checkpoints").mkdir()
        (folder / "checkpoints" / "index.json").write_text('{"last": "1", "best": "1"}')
    return folder


@pytest.fixture
def page(with_project, qtbot):
    made = RunsPage(with_project)
    qtbot.addWidget(made)
    return made


def test_every_run_is_listed_even_a_damaged_one(with_project):
    project = with_project.project
    make_run(project)
    make_run(project, finished=False, network=False)
    broken = project.new_run()
    first, second, third = list_runs(project)
    assert (first.score, first.state, first.has_network) == (0.9, "finished", True)
    assert first.retrained == "head only"
    assert (second.score, second.state, second.has_network) == (None, "interrupted", False)
    assert (third.folder, third.state) == (str(broken), "damaged")


def spoke(monitor: str, severity: str, text: str, state: str = "x") -> MonitorSpoke:
    return MonitorSpoke(monitor, severity, text, 2.0, 2.0, state)


def test_the_last_word_of_each_monitor_stands_under_the_table(with_project, page, qtbot):
    quiet, loud = make_run(with_project.project), make_run(with_project.project)
    began = WatchBegun(2, 0)
    said = [
        began,
        spoke("overfitting", "warning", "It learns by heart."),
        spoke("divergence", "bad", "The loss grows."),
        spoke("divergence", "ok", "It falls again.", ""),
    ]
    for folder, events in ((quiet, [began]), (loud, said)):
        with (folder / "events.jsonl").open("a") as log:
            log.writelines(json.dumps(event.as_json()) + "\n" for event in events)
    page.resize(900, 600)
    page.show()
    page.entered()
    qtbot.waitUntil(lambda: page._table.chosen() is not None, timeout=10_000)
    assert page._table.chosen().number == 2
    assert page.monitors.sentence == "Run 2: Overfitting: It learns by heart."
    assert page.monitors.level == "warning"
    page._table.selectRow(1)
    assert page.monitors.sentence == "Run 1: The monitors see nothing wrong."
    assert page.monitors.level == "ok"


def test_a_run_is_opened(with_project, page, qtbot):
    folder = make_run(with_project.project)
    page.entered()
    qtbot.waitUntil(lambda: page._table.chosen() is not None, timeout=10_000)
    with qtbot.waitSignal(page.page_wanted) as heard:
        page.findChild(QPushButton, "open_run").click()
    assert heard.args == ["inspect"]
    assert with_project.run_folder == folder


def test_a_run_is_deleted_only_after_a_second_click(with_project, page, qtbot):
    folder = make_run(with_project.project)
    with_project.choose_run(folder)
    page.show()
    page.entered()
    qtbot.waitUntil(lambda: page._table.chosen() is not None, timeout=10_000)
    page.findChild(QPushButton, "delete_run").click()
    assert folder.is_dir()
    page.findChild(QPushButton, "confirm_delete").click()
    assert not folder.exists()
    assert with_project.run_folder is None
    qtbot.waitUntil(lambda: page._table.chosen() is None, timeout=10_000)


def test_settings_are_used_again(with_project, page, qtbot):
    make_run(with_project.project)
    with_project.set_recipe({"optimiser.epochs": 50})
    page.entered()
    qtbot.waitUntil(lambda: page._table.chosen() is not None, timeout=10_000)
    with qtbot.waitSignal(page.page_wanted) as heard:
        page.findChild(QPushButton, "use_again").click()
    assert heard.args == ["train/setup"]
    assert with_project.recipe.optimiser.epochs == 3


def test_reopening_offers_to_go_on_only_with_what_was_cut_off(with_project):
    project = with_project.project
    assert work.unfinished_run(project) is None
    cut_off = make_run(project, finished=False)
    assert work.unfinished_run(project) == cut_off
    make_run(project)
    assert work.unfinished_run(project) is None


def test_a_run_is_continued_and_named_everywhere(with_project, page, qtbot):
    folder = make_run(with_project.project)
    with_project.set_recipe({"model.image_size": 128, "optimiser.epochs": 50})
    page.entered()
    qtbot.waitUntil(lambda: page._table.chosen() is not None, timeout=10_000)
    with qtbot.waitSignal(page.page_wanted) as heard:
        page.findChild(QPushButton, "continue_from").click()
    assert heard.args == ["train/setup"]
    chosen = with_project.recipe
    assert (chosen.model.source, chosen.model.image_size) == (str(folder), 0)
    assert chosen.optimiser.epochs == 50  # the other choices stay
    assert subtitle(chosen, with_project.project) == "Balanced · Run 1 of this project · head only"
    second = make_run(with_project.project)
    chosen.save(second / "recipe.toml")
    assert list_runs(with_project.project)[1].model == "Run 1"
    own = model_rows.rows(chosen, with_project.project)[0]
    assert (own.title, own.local) == ("Run 1 of this project", True)


def test_layers_chosen_by_name_stay_only_for_the_same_network(with_project):
    folder = make_run(with_project.project)
    own = {"layers.amount": "custom", "layers.trainable": ["features.17"]}
    same = Recipe().with_settings(own)
    assert to_continue(same, folder).keys() == {
        "model.source",
        "model.architecture",
        "model.image_size",
    }
    other = Recipe().with_settings(own | {"model.source": "resnet18"})
    assert to_continue(other, folder)["layers.amount"] == "last_stage"


def test_a_run_without_a_network_cannot_be_continued(with_project, page, qtbot):
    make_run(with_project.project, finished=False, network=False)
    page.entered()
    qtbot.waitUntil(lambda: page._table.chosen() is not None, timeout=10_000)
    assert not page.findChild(QPushButton, "continue_from").isEnabled()


def test_deleting_a_run_that_a_waiting_one_needs_is_warned_of(with_project, page, qtbot):
    folder = make_run(with_project.project)
    page.show()
    page.entered()
    qtbot.waitUntil(lambda: page._table.chosen() is not None, timeout=10_000)
    click(page, qtbot, "delete_run")
    assert "queue" not in page._ask_text.text()
    with_project.queue.add(Recipe().with_settings({"model.source": str(folder)}))
    click(page, qtbot, "delete_run")
    assert "waits in the queue begins with it, and would fail" in page._ask_text.text()


def queued(studio, *epochs):
    for number in epochs:
        studio.queue.add(Recipe().with_settings({"optimiser.epochs": number}))


def waiting(studio):
    return [one.recipe.optimiser.epochs for one in studio.queue.waiting]


def click(page, qtbot, name):
    QApplication.processEvents()  # what was shown since has its place before the mouse goes there
    qtbot.mouseClick(page.findChild(QPushButton, name), Qt.MouseButton.LeftButton)


def test_the_queue_is_put_in_order_by_clicking(with_project, page, qtbot):
    page.show()
    page.entered()
    card = page._queue
    assert card.isHidden()
    queued(with_project, 1, 2, 3)
    assert card.isVisible()
    rows = [row.text for row in card.list._rows.rows]
    assert rows[0].startswith("Balanced · ")
    assert rows[0].endswith(" · head only · 1 epoch")
    assert rows[1].endswith(" · 2 epochs")
    assert not page.findChild(QPushButton, "move_up").isEnabled()
    click(page, qtbot, "move_down")
    assert waiting(with_project) == [2, 1, 3]
    assert card.list.chosen().id == with_project.queue.waiting[1].id  # it stays chosen
    click(page, qtbot, "move_down")
    assert waiting(with_project) == [2, 3, 1]
    assert not page.findChild(QPushButton, "move_down").isEnabled()
    qtbot.keyClick(card.list, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert waiting(with_project) == [2, 1, 3]
    click(page, qtbot, "remove_waiting")
    assert waiting(with_project) == [2, 3]
    qtbot.keyClick(card.list, Qt.Key.Key_Delete)
    assert waiting(with_project) == [2]
    qtbot.keyClick(card.list, Qt.Key.Key_Delete)
    assert card.isHidden()


def test_a_waiting_run_is_duplicated_and_changed(with_project, page, qtbot):
    page.show()
    queued(with_project, 7)
    with qtbot.waitSignal(page.page_wanted) as heard:
        click(page, qtbot, "copy_waiting")
    assert heard.args == ["train/setup"]
    assert with_project.recipe.optimiser.epochs == 7
    assert waiting(with_project) == [7]


def test_the_queue_is_started_held_and_its_errors_are_shown(with_project, page, qtbot, monkeypatch):
    def fail(project, recipe, resume, control):
        yield from ()
        if recipe.optimiser.epochs > 5:
            control.stop.wait(20)
            return
        raise StudioError("The model is gone.", "Choose another one.")

    monkeypatch.setattr(work, "train", fail)
    page.show()
    page.entered()
    queued(with_project, 1, 9, 2)
    states = [label.text() for label in page._queue.findChildren(QLabel)]
    assert "Held: none begins until you start the queue." in states
    click(page, qtbot, "start_queue")
    qtbot.waitUntil(lambda: waiting(with_project) == [2], timeout=10_000)
    assert not page.findChild(QPushButton, "start_queue").isVisible()
    assert "ended with an error: The model is gone." in page._queue._trouble.text
    click(page, qtbot, "hold_queue")
    assert not with_project.queue.going
    with_project.stop_training()
    qtbot.waitUntil(lambda: not with_project.busy, timeout=10_000)
    assert waiting(with_project) == [2]
    click(page, qtbot, "forget_failures")
    assert page._queue._trouble.text == ""
    with_project.queue.remove(with_project.queue.waiting[0].id)
    assert page._queue.isHidden()
