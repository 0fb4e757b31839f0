"""The queue of runs, without a window: order, what is on disk, and what a crash leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from finetune_studio.core.project import Project
from finetune_studio.core.queue import FAILED, FINISHED, Queue
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.study import CROSSVAL, Study


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project(tmp_path / "p", "image_classification") as made:
        yield made


def recipe(epochs: int) -> Recipe:
    return Recipe().with_settings({"optimiser.epochs": epochs, "model.source": "/a/run"})


def epochs(queue: Queue) -> list[int]:
    return [one.recipe.optimiser.epochs for one in queue.waiting]


def test_runs_wait_in_order_with_the_choices_of_then(project: Project) -> None:
    queue = Queue(project)
    changing = recipe(1)
    queue.add(changing)
    changing.optimiser.epochs = 99
    for number in (2, 3):
        queue.add(recipe(number))
    assert epochs(queue) == [1, 2, 3]
    assert epochs(Queue(project)) == [1, 2, 3]
    assert Queue(project).waiting == queue.waiting


def test_a_run_that_goes_on_from_one_of_its_project_still_does_when_the_project_is_moved(
    tmp_path: Path,
) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    with Project(before, "image_classification") as made:
        own = recipe(1).with_settings({"model.source": str(before / "runs" / "3")})
        made.keep_recipe(own)
        queue = Queue(made)
        queue.add(own)
        queue.add(recipe(2))
        queue.begin()  # and the power fails
        assert str(before) not in made.dataset.get("queue")
        assert made.recipe() == own
        kept = json.loads(made.dataset.get("queue"))
        kept["waiting"][0]["recipe"]["model"]["source"] = "/in/full/as/before/runs/1"
        made.dataset.put("queue", json.dumps(kept))
    before.rename(after)
    with Project(after) as moved:
        sources = [one.recipe.model.source for one in Queue(moved).waiting]
        assert sources == [str(after / "runs" / "3"), "/in/full/as/before/runs/1"]
        assert moved.recipe().model.source == str(after / "runs" / "3")
        (after / "runs" / "4").mkdir(parents=True)
        queue = Queue(moved)
        began = queue.begin()
        assert began is not None
        began.recipe.save(after / "runs" / "4" / "recipe.toml")  # it came as far as a folder
        assert len(Queue(moved).waiting) == 1


def test_runs_are_moved_and_removed(project: Project) -> None:
    queue = Queue(project)
    first, second, third = (queue.add(recipe(n)) for n in (1, 2, 3))
    queue.move(third.id, 0)
    assert epochs(queue) == [3, 1, 2]
    queue.move(third.id, 1)
    assert epochs(queue) == [1, 3, 2]
    queue.move(first.id, 99)
    assert epochs(queue) == [3, 2, 1]
    queue.move(first.id, -5)
    assert epochs(queue) == [1, 3, 2]
    queue.move(1234, 0)
    queue.remove(second.id)
    assert epochs(queue) == epochs(Queue(project)) == [1, 3]


def test_numbers_are_never_used_twice(project: Project) -> None:
    queue = Queue(project)
    one = queue.add(recipe(1))
    queue.remove(one.id)
    assert Queue(project).add(recipe(1)).id != one.id


def test_a_run_begins_ends_and_is_remembered(project: Project) -> None:
    queue = Queue(project)
    queue.add(recipe(1))
    queue.add(recipe(2))
    begun = queue.begin()
    assert begun is not None
    assert begun.recipe == recipe(1)
    assert queue.at_work == begun
    queue.end(FAILED, text="The disk is full.")
    queue.begin()
    queue.end(FINISHED, run="2")
    assert queue.begin() is None
    again = Queue(project)
    assert [(p.run, p.outcome, p.text) for p in again.past] == [
        ("", FAILED, "The disk is full."),
        ("2", FINISHED, ""),
    ]
    assert [p.text for p in again.failures] == ["The disk is full."]
    again.forget_past()
    assert Queue(project).past == []


def test_a_crash_before_the_run_had_a_folder_puts_it_back(project: Project) -> None:
    project.new_run()  # an older one, of the same choices
    recipe(1).save(project.runs()[0] / "recipe.toml")
    queue = Queue(project)
    queue.add(recipe(1))
    queue.add(recipe(2))
    queue.begin()
    project.new_run()  # the power went before its recipe was written
    again = Queue(project)
    assert epochs(again) == [1, 2]
    assert again.at_work is None
    assert epochs(Queue(project)) == [1, 2]


def test_a_crash_after_it_had_a_folder_leaves_it_to_be_resumed(project: Project) -> None:
    queue = Queue(project)
    queue.add(recipe(1))
    queue.add(recipe(2))
    begun = queue.begin()
    assert begun is not None
    begun.recipe.save(project.new_run() / "recipe.toml")
    assert epochs(Queue(project)) == [2]
    assert epochs(Queue(project)) == [2]


def test_a_crash_within_a_study_leaves_it_to_be_resumed(project: Project) -> None:
    folds = recipe(1).with_settings({"crossval.folds": 3})
    Study.begin(project, CROSSVAL, folds, 1.0)  # an older one, of the same choices
    project.new_run()
    queue = Queue(project)
    for _ in range(2):
        queue.add(folds)
    queue.begin()
    assert epochs(Queue(project)) == [1, 1]  # it had not come as far as a folder
    queue = Queue(project)
    queue.begin()
    Study.begin(project, CROSSVAL, folds, 2.0)
    assert epochs(Queue(project)) == [1]


def test_a_recipe_of_another_version_is_told_and_the_others_stay(project: Project) -> None:
    queue = Queue(project)
    queue.add(recipe(1))
    queue.add(recipe(2))
    values = json.loads(project.dataset.get("queue"))
    values["waiting"][0]["recipe"]["optimiser"]["sorcery"] = 1
    project.dataset.put("queue", json.dumps(values))
    again = Queue(project)
    assert epochs(again) == [2]
    assert "optimiser.sorcery" in again.failures[0].text


def test_a_full_disk_leaves_the_queue_as_it_was(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = Queue(project)
    queue.add(recipe(1))

    def refuse(_key: str, _value: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(project.dataset, "put", refuse)
    with pytest.raises(OSError, match="No space"):
        queue.add(recipe(2))
    assert epochs(queue) == [1]


_KILLED = """
import os, signal, sys
from pathlib import Path
from finetune_studio.core.project import Project
from finetune_studio.core.queue import Queue
from finetune_studio.core.recipe import Recipe
queue = Queue(Project(Path(sys.argv[1]), "image_classification"))
for epochs in (1, 2, 3):
    queue.add(Recipe().with_settings({"optimiser.epochs": epochs}))
queue.move(queue.waiting[2].id, 0)
queue.begin()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_process_loses_nothing_of_the_queue(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _KILLED, str(tmp_path / "p")]
    ended = subprocess.run(command, check=False, timeout=60, capture_output=True)
    assert ended.returncode == -9, ended.stderr
    with Project(tmp_path / "p") as project:
        assert epochs(Queue(project)) == [3, 1, 2]
