"""The state of the window, without a widget: projects, choices, edits, jobs and questions."""

from __future__ import annotations

import threading
import time

import pytest
from PIL import Image

from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Noted, RunPaused, RunStarted, StepDone
from finetune_studio.core.recipe import Recipe
from finetune_studio.gui.studio import Studio, work
from tests.gui.jobs import patient, talkative


def test_a_new_project_is_remembered_under_its_name(with_project: Studio):
    folder = with_project.project.folder
    assert with_project.project.name == "My leaves"
    assert with_project.settings.recent[0] == str(folder)
    with_project.close_project()
    assert with_project.project is None
    assert with_project.open_project(folder)
    assert with_project.project.name == "My leaves"


def test_a_folder_without_a_project_is_refused_in_words(studio: Studio, tmp_path, qtbot):
    with qtbot.waitSignal(studio.troubled) as heard:
        assert not studio.open_project(tmp_path)
    assert str(tmp_path) in heard.args[0].message
    assert list(tmp_path.iterdir()) == []


def test_a_new_project_never_takes_the_place_of_another(with_project: Studio, qtbot):
    folder = with_project.project.folder
    with_project.close_project()
    with qtbot.waitSignal(with_project.troubled):
        assert not with_project.new_project(folder, "image_classification")


def test_choices_are_kept_and_wrong_ones_refused(with_project: Studio, qtbot):
    with qtbot.waitSignal(with_project.recipe_changed):
        assert with_project.set_recipe({"optimiser.epochs": 7})
    with qtbot.waitSignal(with_project.troubled) as heard:
        assert not with_project.set_recipe(**{"optimiser.epochs": 0})
    assert "optimiser.epochs" in heard.args[0].message
    assert with_project.recipe.optimiser.epochs == 7
    assert with_project.project.recipe().optimiser.epochs == 7


def test_settings_used_again_leave_the_data_alone(with_project: Studio):
    with_project.set_recipe({"data.path": "here"})
    other = Recipe().with_settings({"data.path": "elsewhere", "optimiser.epochs": 3, "seed": 5})
    assert with_project.use_recipe(other)
    assert with_project.recipe.data.path == "here"
    assert (with_project.recipe.optimiser.epochs, with_project.recipe.seed) == (3, 5)


def test_edits_are_undone_and_done_again(with_project: Studio, tmp_path, qtbot):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    dataset = with_project.project.dataset
    dataset.fill([Row("a.png", "x")], root=tmp_path)
    number = dataset.samples()[0].id
    with qtbot.waitSignal(with_project.data_changed):
        assert with_project.do_edit(lambda: dataset.relabel([number], "y"))
    with qtbot.waitSignal(with_project.replayed) as heard:
        with_project.undo()
    assert heard.args == ["Undone: Label of 1 photo → y", "info", "redo"]
    assert dataset.sample(number).label == "x"
    with qtbot.waitSignal(with_project.replayed) as heard:
        with_project.redo()
    assert heard.args == ["Done again: Label of 1 photo → y", "info", "undo"]
    assert dataset.sample(number).label == "y"
    with qtbot.waitSignal(with_project.replayed) as heard:
        with_project.redo()
    assert heard.args == ["There is nothing to redo.", "info", ""]


def test_the_window_does_not_wait_while_an_edit_is_undone(with_project: Studio, tmp_path, qtbot):
    """Undoing an edit of 100,000 samples held the window for half a second, a second beside a check."""
    dataset = with_project.project.dataset
    dataset.fill([Row("a.png", "x")], root=tmp_path)
    dataset.relabel([1], "y")
    changing, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with dataset._store.change():
            changing.set()
            go_on.wait(20)

    with_project.ask(hold, lambda _: None)
    assert changing.wait(20)
    with_project.undo()  # came back only when the other change was done
    assert dataset.sample(1).label == "y"
    with qtbot.waitSignal(with_project.data_changed):
        go_on.set()
    assert dataset.sample(1).label == "x"


def test_a_refused_edit_becomes_a_notice(with_project: Studio, qtbot):
    def refuse():
        raise StudioError("No.", "Because.")

    with qtbot.waitSignal(with_project.troubled) as heard:
        assert not with_project.do_edit(refuse)
    assert heard.args[0].hint == "Because."


def test_a_job_tells_its_events_and_its_end(studio: Studio, qtbot):
    heard, done = [], []
    with qtbot.waitSignal(studio.job_finished, timeout=10_000) as finished:
        studio.start("count", talkative(10), heard.append, lambda: done.append(True))
        assert studio.jobs == ["count"]
    assert finished.args == ["count"]
    assert [event.text for event in heard] == [str(number) for number in range(10)]
    assert done == [True]
    assert not studio.busy


def test_a_second_start_of_the_same_name_follows_the_first(studio: Studio, qtbot):
    first, second = [], []
    studio.start("look", patient, first.append)
    qtbot.waitUntil(lambda: bool(first), timeout=10_000)
    with qtbot.waitSignal(studio.job_finished, timeout=10_000):
        studio.start("look", talkative(1), second.append)
    assert [event.text for event in first] == ["begun"]
    assert [event.text for event in second] == ["0"]
    qtbot.waitUntil(lambda: not studio.busy, timeout=10_000)


def test_a_failed_job_is_told_by_name(studio: Studio, qtbot):
    def job(control):
        yield Noted("begun")
        raise MemoryError

    with qtbot.waitSignals([studio.job_failed, studio.troubled], timeout=10_000):
        studio.start("greedy", job)
    assert not studio.busy


def test_answers_arrive_in_the_windows_thread_or_as_errors(studio: Studio, qtbot):
    answers, errors = [], []
    studio.ask(lambda: 6 * 7, answers.append)
    studio.ask(lambda: 1 / 0, answers.append, errors.append)
    qtbot.waitUntil(lambda: len(answers) == 1 and len(errors) == 1, timeout=10_000)
    assert answers == [42]
    assert "ZeroDivisionError" in errors[0].details


def test_answers_about_a_closed_project_are_dropped(with_project: Studio, qtbot):
    answers, lasting = [], []
    with_project.ask(lambda: time.sleep(0.05), answers.append)
    with_project.ask(lambda: "still wanted", lasting.append, lasting=True)
    with_project.close_project()
    qtbot.waitUntil(lambda: lasting == ["still wanted"], timeout=10_000)
    with_project.shutdown()
    assert answers == []


def test_shutdown_ends_a_job_that_waits(studio: Studio, qtbot):
    heard = []
    studio.start("training", patient, heard.append)
    qtbot.waitUntil(lambda: bool(heard), timeout=10_000)
    studio.pause_training()
    studio.shutdown()
    assert not studio.busy


def test_a_paused_run_says_so(with_project: Studio, qtbot):
    def job(control):
        yield _started()
        yield RunPaused(3)
        control.stop.wait(10)

    with_project.start("training", job, on_event=with_project._on_run_event)
    qtbot.waitUntil(lambda: with_project.paused, timeout=10_000)
    assert with_project.training
    with_project.stop_training()
    qtbot.waitUntil(lambda: not with_project.training, timeout=10_000)
    assert not with_project.paused
    assert [type(event) for event in with_project.run_events] == [RunStarted, RunPaused]


def test_a_long_history_is_thinned_but_keeps_its_facts():
    steps = [StepDone(n, n / 10, 1.0, {}, 1.0, 1.0, 1.0) for n in range(10)]
    kept = work.thinned([_started(), *steps, RunPaused(9)])
    assert isinstance(kept[0], RunStarted)
    assert isinstance(kept[-1], RunPaused)
    assert [event.step for event in kept[1:-1]] == [1, 3, 5, 7, 9]


def test_the_sample_is_read_where_it_lies(studio: Studio, leaves, qtbot):
    with qtbot.waitSignal(studio.data_changed, timeout=60_000):
        assert studio.open_sample()
    dataset = studio.project.dataset
    assert len(dataset) == 240
    assert dataset.root == leaves
    assert studio.project.name == "Sample: leaves"
    assert not any(studio.project.folder.rglob("*.jpg"))
    studio.close_project()
    dataset_moved = studio.settings.projects_folder / "Sample - leaves"
    assert studio.open_project(dataset_moved)


def _started() -> RunStarted:
    return RunStarted("1", "p", "image_classification", "m", 3, 30, {}, "cpu", 10, 1, "accuracy")


def test_choices_of_another_run_are_taken_over_with_lists_and_tables(
    with_project: Studio,
) -> None:
    other = with_project.recipe.with_settings(
        {"layers.unfreeze_at": {"features.3": 2}, "layers.head_first": 1, "seed": 9}
    )
    assert with_project.use_recipe(other)
    assert with_project.recipe.layers.unfreeze_at == {"features.3": 2}
    assert (with_project.recipe.layers.head_first, with_project.recipe.seed) == (1, 9)


def test_an_answer_that_comes_after_the_window_is_gone_is_dropped(qapp):
    from shiboken6 import delete

    from finetune_studio.gui.studio.jobs import Jobs, _Asking

    jobs = Jobs()
    late = _Asking(lambda: "late", 0, jobs)
    delete(jobs)
    late.run()  # raised from a thread of the pool when a window was closed early
    qapp.processEvents()


def test_questions_that_a_closed_project_leaves_open_are_not_waited_for(studio, qtbot):
    """Those that had not begun were never answered, so that the studio was asking for ever."""
    heard, go_on = [], threading.Event()
    for number in range(4):
        studio.ask(lambda number=number: go_on.wait(20) and number, heard.append)
    studio.ask(lambda: "lasting", heard.append, lasting=True)
    assert studio._jobs.asking
    studio._jobs.end_all()
    qtbot.waitUntil(lambda: heard == ["lasting"])
    assert not studio._jobs.asking
    go_on.set()
    qtbot.wait(50)
    assert heard == ["lasting"]


def test_an_answer_is_let_go_of_in_the_windows_thread(studio, qtbot):
    """What only the question still refers to may be a widget, which must not end elsewhere."""
    ended = []

    class Shown:
        def hear(self, said):
            self.said = said

        def __del__(self):
            ended.append(threading.current_thread())

    for _ in range(200):
        studio.ask(lambda: "said", Shown().hear)
    qtbot.waitUntil(lambda: len(ended) == 200)
    assert set(ended) == {threading.main_thread()}


def test_what_projects_are_made_of_is_imported_by_one_at_a_time(tmp_path):
    """Two at a time found pydantic half made, so that a project opened at once was refused."""
    done = []

    def open_at_once():
        with pytest.raises(StudioError):
            work.open_project(tmp_path)
        done.append("opened")

    beside = [
        threading.Thread(target=act)
        for act in (open_at_once, lambda: done.append(work.is_project(tmp_path)))
    ]
    with work._importing:  # as the thread that loads the pages holds it
        for thread in beside:
            thread.start()
        for thread in beside:
            thread.join(0.2)
        assert done == []
    for thread in beside:
        thread.join(60)
    assert sorted(map(str, done)) == ["False", "opened"]
