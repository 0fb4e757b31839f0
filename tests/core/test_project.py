"""A project: one folder, one task, one process at a time, run numbers never used twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from finetune_studio.core.errors import StudioError
from finetune_studio.core.project import Project, folder_name
from finetune_studio.core.recipe import Recipe


def test_a_new_project_is_there_and_opens_again(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "project"
    assert not Project.exists(place)
    with Project(place, "image_classification") as made:
        assert made.task == "image_classification"
        assert made.name == "project"
    assert Project.exists(place)
    assert not (place / ".lock").exists()
    with Project(place) as again:
        assert again.task == "image_classification"


def test_a_process_that_follows_reads_beside_the_one_that_leads(tmp_path: Path) -> None:
    with Project(tmp_path, "image_classification") as leads:
        leads.dataset.put("name", "shared")
        lock = (tmp_path / ".lock").read_text()
        (tmp_path / ".lock").write_text(lock.replace(f"{os.getpid()}", f"{os.getppid()}"))
        before = (tmp_path / ".lock").read_text()
        with Project(tmp_path, lock=False) as follows:
            assert (follows.task, follows.name) == ("image_classification", "shared")
        assert (tmp_path / ".lock").read_text() == before


def test_another_task_is_refused_and_leaves_no_lock(tmp_path: Path) -> None:
    Project(tmp_path, "image_classification").close()
    with pytest.raises(StudioError, match="is a project for image_classification"):
        Project(tmp_path, "juggling")
    assert not (tmp_path / ".lock").exists()


def test_a_file_is_no_folder_for_a_project(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StudioError, match="is a file"):
        Project(tmp_path / "file", "image_classification")


def test_damaged_project_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "project.sqlite").write_text("no database at all, but long enough to be read")
    with pytest.raises(StudioError, match=r"project\.sqlite cannot be opened"):
        Project(tmp_path, "image_classification")
    assert not (tmp_path / ".lock").exists()


def test_another_living_process_keeps_the_project(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        born = psutil.Process(other.pid).create_time()
        (tmp_path / ".lock").write_text(json.dumps({"pid": other.pid, "born": born}))
        with pytest.raises(StudioError, match=f"process {other.pid}"):
            Project(tmp_path, "image_classification")
        # The same number, but another process: its lock is a dead one's.
        (tmp_path / ".lock").write_text(json.dumps({"pid": other.pid, "born": born - 1000}))
        Project(tmp_path, "image_classification").close()
    finally:
        other.communicate(b"\n")


@pytest.mark.parametrize(
    "lock", ["", "{cut", "[]", '{"pid": 999999999, "born": 1}', '{"pid": "x"}']
)
def test_a_dead_or_damaged_lock_is_taken_over(tmp_path: Path, lock: str) -> None:
    (tmp_path / ".lock").write_text(lock)
    with Project(tmp_path, "image_classification"):
        assert json.loads((tmp_path / ".lock").read_text())["pid"] == os.getpid()


def test_of_several_processes_at_once_only_one_gets_a_project(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom finetune_studio.core.project import Project\n"
        "print(flush=True)\nsys.stdin.readline()\n"
        "try:\n    Project(Path(sys.argv[1]), 'image_classification')\n"
        "except Exception as error:\n    print(error, flush=True)\nelse:\n    print('mine', flush=True)\n"
        "sys.stdin.readline()\n"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    for racer in racers:
        assert racer.stdout
        racer.stdout.readline()  # it is ready
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("\n")
        racer.stdin.flush()
    said = [racer.stdout.readline().strip() for racer in racers if racer.stdout]
    for racer in racers:
        racer.communicate("\n")
    assert said.count("mine") == 1, said
    assert all("is open in another" in text for text in said if text != "mine")


def test_numbers_of_runs_are_never_used_twice(tmp_path: Path) -> None:
    with Project(tmp_path, "image_classification") as made:
        assert [made.new_run().name for _ in range(11)] == [str(n) for n in range(1, 12)]
        assert [f.name for f in made.runs()][-2:] == ["10", "11"]
        made.delete_run(made.runs()[-1])
        assert made.new_run().name == "12"
        with pytest.raises(StudioError, match="not a run of this project"):
            made.delete_run(tmp_path)
    assert tmp_path.is_dir()


def test_choices_and_notes_are_remembered(tmp_path: Path) -> None:
    with Project(tmp_path, "image_classification") as made:
        assert made.recipe() == Recipe(task="image_classification")
        made.keep_recipe(Recipe(seed=9))
        made.log("test_opened", run="1")
        made.log("other")
        made.log("test_opened", run="2")
    with Project(tmp_path) as again:
        assert again.recipe().seed == 9
        assert [note["run"] for note in again.logged("test_opened")] == ["1", "2"]


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("My leaves", "My-leaves"),
        ("../../etc", "etc"),
        ("a/b\\c:d*e", "a-b-c-d-e"),
        ("...", "project"),
        ("  ", "project"),
        ("Blätter 🍃", "Blätter"),
        ("x" * 300, "x" * 80),
    ],
)
def test_titles_become_names_that_every_file_system_takes(title: str, name: str) -> None:
    assert folder_name(title) == name
