"""Studies on the Runs page: their tables, the best recipe with one click, going on and deleting."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QPushButton

from finetune_studio.core import study
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.study import Part, Study
from finetune_studio.gui.pages.runs import RunsPage
from finetune_studio.gui.pages.runs.study_rows import list_studies, study_at_work
from finetune_studio.gui.studio import work
from finetune_studio.gui.studio.offers import offer
from finetune_studio.gui.widgets.figures_table import Cell, FiguresItemModel, FiguresTable


@pytest.fixture
def page(with_project, qtbot):
    made = RunsPage(with_project)
    qtbot.addWidget(made)
    made.resize(1000, 700)
    made.show()
    return made


def folds(project, scores=(0.90, 0.94, 0.92), *, finished: bool = True) -> Study:
    recipe = Recipe().with_settings({"crossval.folds": len(scores)})
    made = Study.begin(project, study.CROSSVAL, recipe, 1.0, headline="accuracy")
    for number, score in enumerate(scores, 1):
        metrics = {"accuracy": score, "macro_f1": score - 0.1}
        made.parts.append(Part(number, {}, "finished", score, metrics, 3.0, 5, 9.0))
    made.run, made.finished = ("4", True) if finished else ("", False)
    made.keep()
    return made


def trials(project) -> Study:
    recipe = Recipe().with_settings({"search.trials": 4, "optimiser.epochs": 7})
    made = Study.begin(project, study.SEARCH, recipe, 2.0, headline="accuracy")
    better = {"optimiser.learning_rate": 6e-4, "layers.amount": "later_half"}
    made.parts = [
        Part(1, {}, "finished", 0.81, {"accuracy": 0.81}, 3.0, 5, 9.0),
        Part(2, better, "finished", 0.93, {"accuracy": 0.93}, 4.0, 7, 20.0),
        Part(3, {"augment.strength": "strong"}, "pruned", 0.4, {"accuracy": 0.4}, 2.0, 2, 4.0),
        Part(4, {"layers.amount": "last_stage"}, "failed", reason="It does not fit."),
    ]
    made.run, made.finished = "5", True
    made.keep()
    return made


def test_folds_are_a_table_with_mean_and_spread(with_project) -> None:
    folds(with_project.project)
    (view,) = list_studies(with_project.project)
    assert view.titles == ("Score", "Mean ± spread", "Fold 1", "Fold 2", "Fold 3")
    texts = [[cell.text for cell in row] for row in view.rows]
    assert texts[0] == ["Accuracy", "0.920 ± 0.020", "0.900", "0.940", "0.920"]
    assert texts[1][:2] == ["Macro-F1", "0.820 ± 0.020"]
    assert "Run 4 learnt from all of them." in view.text
    assert not view.can_resume
    folds(with_project.project, (0.9, 0.8), finished=False)
    newest = list_studies(with_project.project)[0]
    assert newest.can_resume
    at_work = list_studies(with_project.project, newest.folder)[0]
    assert "at work" in at_work.title
    assert not at_work.can_resume


def test_one_trial_is_not_called_trials(with_project) -> None:
    made = trials(with_project.project)
    assert "Search, 4 trials ·" in list_studies(with_project.project)[0].title
    made.parts, made.finished, made.run = made.parts[:1], False, ""
    made.keep()
    assert "Search, 1 trial ·" in list_studies(with_project.project)[0].title


def test_a_single_trial_is_the_best_of_nothing_and_the_end_of_time_is_named(with_project) -> None:
    made = trials(with_project.project)
    late = Part(2, {}, "pruned", reason="The time for the search was over.", seconds=3.0)
    made.parts = [made.parts[0], late]
    made.keep()
    (view,) = list_studies(with_project.project)
    assert view.text.startswith("Trial 1 is the only one that was judged.")
    assert view.warning == ""
    assert [row[-1].text for row in view.rows] == ["finished", "out of time"]


def test_trials_are_sorted_and_the_best_recipe_taken_with_one_click(
    with_project, page, qtbot
) -> None:
    trials(with_project.project)
    page.entered()
    table = page.studies.table
    qtbot.waitUntil(page.studies.isVisible, timeout=10_000)
    assert [row[0] for row in table.texts()] == ["2 (best)", "1", "3", "4"]
    assert table.texts()[0] == [
        *("2 (best)", "6e-4", "later half", "light", "0.930", "7", "20 s", "finished")
    ]
    assert table.texts()[3][-1] == "failed"
    table.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    assert [row[1] for row in table.texts()] == ["2e-4", "2e-4", "2e-4", "6e-4"]
    with qtbot.waitSignal(page.page_wanted) as heard:
        page.findChild(QPushButton, "use_best_recipe").click()
    assert heard.args == ["train/setup"]
    chosen = with_project.recipe
    assert (chosen.optimiser.learning_rate, chosen.layers.amount) == (6e-4, "later_half")
    assert (chosen.search.trials, chosen.optimiser.epochs) == (0, 7)


def test_a_study_is_deleted_after_a_second_click_and_its_run_stays(
    with_project, page, qtbot
) -> None:
    made = folds(with_project.project)
    page.entered()
    qtbot.waitUntil(page.studies.isVisible, timeout=10_000)
    page.findChild(QPushButton, "delete_study").click()
    assert made.folder.is_dir()
    page.findChild(QPushButton, "delete_study").click()
    assert not made.folder.exists()
    qtbot.waitUntil(lambda: not page.studies.isVisible(), timeout=10_000)


def test_the_study_at_work_is_found_by_its_run(with_project) -> None:
    made = folds(with_project.project)
    assert study_at_work(made.folder / "runs" / "2") == str(made.folder)
    run = with_project.project.new_run()
    assert study_at_work(run) == ""
    (run / "study.json").write_text('{"study": 1, "kind": "final"}')
    assert study_at_work(run) == str(made.folder)
    assert study_at_work(None) == ""


def test_the_figures_table_is_a_sound_model(qtbot, tmp_path: Path) -> None:
    model = FiguresItemModel()
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.set_content(["a", "b"], [[Cell("x"), Cell("1", 1.0, right=True)]])
    model.set_content(["a"], [])
    table = FiguresTable()
    qtbot.addWidget(table)
    rows = [[Cell(str(n), n, right=True)] for n in (9, 10, 2)]
    table.show_figures(["n"], rows, wide=0, sorted_by=(0, Qt.SortOrder.AscendingOrder))
    assert table.texts() == [["2"], ["9"], ["10"]]
    table.show_figures(["n"], rows, wide=0)
    assert table.texts() == [["9"], ["10"], ["2"]]


def test_reopening_offers_to_go_on_with_a_study_that_was_cut_off(with_project) -> None:
    project = with_project.project
    cut_off = folds(project, finished=False)
    assert work.unfinished_run(project) == cut_off.folder
    assert offer("1", 0, study=True).text.startswith("Study 1 did not come to its end.")
    cut_off.note_stop(stopped=True)
    assert work.unfinished_run(project) is None
    work.note_closed_over(project)
    assert work.unfinished_run(project) == cut_off.folder
