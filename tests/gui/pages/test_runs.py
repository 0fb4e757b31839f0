"""The runs page: what each run was, and what can be done with it."""

from __future__ import annotations

import json

import pytest
from PySide6.QtWidgets import QPushButton

from finetune_studio.core.events import RunFinished, RunStarted
from finetune_studio.core.recipe import Recipe
from finetune_studio.gui.pages.runs import RunsPage, list_runs
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
    assert heard.args == ["train"]
    assert with_project.recipe.optimiser.epochs == 3


def test_reopening_offers_to_go_on_only_with_what_was_cut_off(with_project):
    project = with_project.project
    assert work.unfinished_run(project) is None
    cut_off = make_run(project, finished=False)
    assert work.unfinished_run(project) == cut_off
    make_run(project)
    assert work.unfinished_run(project) is None
