"""The dataset: filling, edits with undo and redo, and what it does when the disk refuses."""

from __future__ import annotations

import itertools
import json
import random
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from finetune_studio.core.dataset import Dataset, Labels, Row, Trace
from finetune_studio.core.errors import StudioError


@pytest.fixture
def data(tmp_path):
    """Return a dataset of three classes, ten samples each, all in no split."""
    dataset = Dataset(tmp_path / "project" / "project.sqlite")
    rows = [Row(f"{name}/{i}.png", name) for name in ("cat", "dog", "owl") for i in range(10)]
    dataset.fill(rows, root=tmp_path / "photos")
    yield dataset
    dataset.close()


def state(dataset):
    """Everything that edits can change."""
    return dataset.samples(), dataset.classes(), dataset.counts()


def ids_of(dataset, label):
    return [s.id for s in dataset.samples() if s.label == label]


def test_fill_reads_back_what_was_read(tmp_path):
    dataset = Dataset(tmp_path / "p.sqlite")
    row = Row("a/ü b.png", "ä", "test", "patient 1", {"age": 4, "ok": True}, "row 2 is odd")
    assert dataset.fill([row, Row("/elsewhere/c.png", None)], root=tmp_path) == 2
    first, second = dataset.samples()
    assert (first.path, first.label, first.split) == (f"{tmp_path}/a/ü b.png", "ä", "test")
    assert (first.group, first.fields) == ("patient 1", {"age": 4, "ok": True})
    assert first.problem == "row 2 is odd"
    assert not first.usable
    assert second.path == "/elsewhere/c.png"
    assert second.label is None
    dataset.close()


def test_filling_again_adds_only_what_is_new(data, tmp_path):
    before = data.samples()
    rows = [Row("cat/0.png", "dog"), Row("cat/99.png", "cat")]
    assert data.fill(rows, root=tmp_path / "photos") == 31
    assert data.samples()[:30] == before
    assert data.samples()[30].label == "cat"


def test_everything_is_there_after_opening_again(data):
    data.relabel([1, 2], "fox")
    data.exclude([3])
    data.put("note", "é")
    before = state(data)
    data.close()
    again = Dataset(data.file)
    assert state(again) == before
    assert again.get("note") == "é"
    assert again.undo() == "Excluded 1 sample"
    again.close()


def test_relabel_to_a_new_class_and_back_leaves_no_empty_class(data):
    before = state(data)
    data.relabel([1, 2], " fox ")
    assert data.counts() == {"cat": 8, "dog": 10, "fox": 2, "owl": 10}
    assert data.undo() == "Label of 2 samples → fox"
    assert state(data) == before
    data.redo()
    assert data.counts()["fox"] == 2


def test_each_edit_undoes_and_redoes_to_the_same_state(data):
    steps = [
        lambda: data.relabel([1, 2, 3], "dog"),
        lambda: data.exclude([4, 5]),
        lambda: data.move([1, 6], "test"),
        lambda: data.rename_class("owl", "Eule"),
        lambda: data.merge_classes(["cat", "dog"], "pet"),
        lambda: data.include([5]),
        lambda: data.divide(validation=0.2, test=0.2, seed=3, again=True),
        lambda: data.merge_classes(["pet"], "Eule"),
    ]
    states = [state(data)]
    for step in steps:
        step()
        states.append(state(data))
    assert all(a != b for a, b in itertools.pairwise(states))
    for expected in reversed(states[:-1]):
        assert data.undo()
        assert state(data) == expected
    assert data.undo() is None
    for expected in states[1:]:
        assert data.redo()
        assert state(data) == expected
    assert data.redo() is None


def test_random_edits_come_back_in_order(data):
    rng = random.Random(5)
    states = [state(data)]
    for _ in range(60):
        ids = rng.sample(range(1, 31), rng.randint(1, 5))
        names = list(data.classes().values())
        choice = rng.randrange(6)
        if choice == 0:
            data.relabel(ids, rng.choice([*names, f"new {rng.randrange(99)}"]))
        elif choice == 1:
            data.exclude(ids)
        elif choice == 2:
            data.include(ids)
        elif choice == 3:
            data.move(ids, rng.choice(["train", "validation", "test"]))
        elif choice == 4:
            data.rename_class(rng.choice(names), f"named {rng.randrange(10**9)}")
        elif len(names) > 1:
            data.merge_classes(rng.sample(names, 2), rng.choice(names))
        if len(data.edits()) == len(states):
            states.append(state(data))
    for expected in reversed(states[:-1]):
        data.undo()
        assert state(data) == expected
    assert data.undo() is None


def test_a_new_edit_forgets_what_was_undone(data):
    data.exclude([1])
    data.exclude([2])
    data.undo()
    data.exclude([3])
    assert data.redo() is None
    assert [s.id for s in data.samples() if s.excluded] == [1, 3]
    assert [e.text for e in data.edits()] == ["Excluded 1 sample"] * 2


def test_edits_that_change_nothing_are_not_remembered(data):
    data.relabel(ids_of(data, "cat"), "cat")
    data.include([1, 2])
    data.exclude([])
    data.exclude([4711])
    data.rename_class("cat", "cat")
    data.relabel([4711], "ghost")
    assert data.edits() == []
    assert "ghost" not in data.counts()


def test_several_edits_become_one_step(data):
    before = state(data)
    with data.one_edit("Moved copies together"):
        data.exclude([1, 2])
        data.move([3], "train")
        data.relabel([1], "dog")
        data.relabel([1], "owl")
    assert [e.text for e in data.edits()] == ["Moved copies together"]
    assert data.sample(1).label == "owl"
    after = state(data)
    data.undo()
    assert state(data) == before
    data.redo()
    assert state(data) == after


def test_an_error_inside_one_edit_leaves_everything_as_it_was(data):
    before = state(data)

    def half():
        with data.one_edit("Two things"):
            data.exclude([1, 2])
            data.move([3], "nowhere")

    with pytest.raises(StudioError):
        half()
    assert state(data) == before
    assert data.edits() == []
    data.exclude([1])
    assert len(data.edits()) == 1


def test_the_history_of_one_sample(data):
    data.relabel([1], "dog")
    data.exclude([2])
    data.merge_classes(["dog"], "owl")
    texts = [e.text for e in data.edits(sample=1)]
    assert texts == ["Merged dog into owl", "Label of 1 sample → dog"]


def test_renaming_and_merging_reach_finished_runs(data):
    labels = data.labels()
    assert labels.names == ("cat", "dog", "owl")
    data.rename_class("cat", "Katze")
    data.merge_classes(["dog", "owl"], "other")
    assert data.current(labels).names == ("Katze", "other", "other")
    assert data.current(labels).ids == labels.ids
    data.rename_class("other", "rest")
    assert data.current(labels).names == ("Katze", "rest", "rest")
    assert data.current(Labels(("a", "b"))).names == ("a", "b")
    assert data.current(Labels(("gone",), (999,))).names == ("gone",)


def test_new_files_follow_renamed_and_merged_classes(data, tmp_path):
    data.rename_class("cat", "Katze")
    data.merge_classes(["dog"], "owl")
    data.relabel([1], "cat")  # a second class that now has the old name
    data.fill(
        [Row("cat/new.png", "cat"), Row("dog/new.png", "dog"), Row("elk/1.png", "elk")],
        root=tmp_path / "photos",
    )
    assert [s.label for s in data.samples()[-3:]] == ["Katze", "owl", "elk"]


def test_merging_refuses_unknown_and_empty_names(data):
    for call in (
        lambda: data.merge_classes(["cat", "bird"], "x"),
        lambda: data.rename_class("bird", "x"),
        lambda: data.rename_class("cat", "dog"),
        lambda: data.rename_class("cat", "  "),
        lambda: data.relabel([1], ""),
        lambda: data.move([1], "dev"),
        lambda: data.sample(99),
    ):
        with pytest.raises(StudioError) as caught:
            call()
        assert caught.value.hint
    assert data.edits() == []
    assert list(data.counts()) == ["cat", "dog", "owl"]


def test_problems_and_exclusions_leave_counts_and_labels(data):
    data.set_problem(dict.fromkeys(ids_of(data, "owl"), "the file is damaged"))
    data.exclude(ids_of(data, "dog")[:4])
    assert data.counts() == {"cat": 10, "dog": 6, "owl": 0}
    assert data.labels().names == ("cat", "dog")
    assert len(data.samples(usable=True)) == 16
    assert len(data.samples(usable=False)) == 14
    data.set_problem(dict.fromkeys(ids_of(data, "owl"), ""))
    assert data.counts()["owl"] == 10


def test_classes_are_ordered_as_people_count(tmp_path):
    dataset = Dataset(tmp_path / "p.sqlite")
    names = ["class 10", "class 2", "Class 1", "10", "9", "é", "²"]
    dataset.fill([Row(f"{n}.png", n) for n in names], root=tmp_path)
    assert list(dataset.counts()) == ["9", "10", "Class 1", "class 2", "class 10", "²", "é"]
    dataset.close()


def test_data_without_splits_are_divided_in_three(data):
    data.divide(validation=0.2, test=0.2, seed=0)
    assert data.split_counts() == {"train": 18, "validation": 6, "test": 6}
    for name in ("cat", "dog", "owl"):
        splits = [s.split for s in data.samples() if s.label == name]
        assert (splits.count("train"), splits.count("test")) == (6, 2)
    assert data.edits() == []


def test_data_with_train_and_test_keep_their_test(tmp_path):
    dataset = Dataset(tmp_path / "p.sqlite")
    rows = [Row(f"{s}/{c}/{i}", c, s) for s in ("train", "test") for c in "ab" for i in range(20)]
    dataset.fill(rows, root=tmp_path)
    dataset.divide(validation=0.15, test=0.15, seed=0)
    assert dataset.split_counts() == {"train": 34, "validation": 6, "test": 40}
    dataset.close()


def test_data_that_bring_no_test_get_none(tmp_path):
    dataset = Dataset(tmp_path / "p.sqlite")
    rows = [Row(f"{s}/{i}", "a", s) for s in ("train", "validation") for i in range(20)]
    dataset.fill(rows, root=tmp_path)
    dataset.divide(validation=0.15, test=0.15, seed=0)
    assert dataset.split_counts() == {"train": 20, "validation": 20, "test": 0}
    dataset.close()


def test_later_samples_join_their_group_or_training(data, tmp_path):
    data.fill([Row(f"g{i}", "cat", group=f"g{i % 5}") for i in range(50)], root=tmp_path)
    data.divide(validation=0.2, test=0.2, seed=1)
    home = {s.group: s.split for s in data.samples() if s.group}
    fixed = [(s.id, s.split) for s in data.samples()]
    assert len(set(home.values())) > 1
    data.fill([Row(f"new{i}", "cat", group=f"g{i}") for i in range(5)], root=tmp_path)
    data.fill([Row("new alone", "dog")], root=tmp_path)
    data.divide(validation=0.2, test=0.2, seed=1)
    assert [(s.id, s.split) for s in data.samples()][: len(fixed)] == fixed
    late = data.samples()[len(fixed) :]
    assert [s.split for s in late] == [home[f"g{i}"] for i in range(5)] + ["train"]


def test_the_fingerprint_follows_what_a_run_depends_on(data):
    first = data.fingerprint()
    data.rename_class("cat", "Katze")
    assert data.fingerprint() == first
    data.exclude([1])
    assert data.fingerprint() != first
    data.undo()
    assert data.fingerprint() == first


def test_relinking_finds_files_elsewhere(data, tmp_path):
    moved = tmp_path / "moved"
    (moved / "cat").mkdir(parents=True)
    (moved / "cat" / "0.png").touch()
    assert data.missing() == 30
    with pytest.raises(StudioError, match="None of the 30 files"):
        data.relink(tmp_path / "nowhere")
    assert data.root == tmp_path / "photos"
    assert data.relink(moved) == 1
    assert data.sample(1).path == f"{moved}/cat/0.png"
    assert data.missing() == 29


def test_data_inside_the_project_move_with_it(tmp_path):
    project = tmp_path / "project"
    inside = project / "data" / "photos"
    inside.mkdir(parents=True)
    (inside / "a.png").touch()
    dataset = Dataset(project / "project.sqlite")
    dataset.fill([Row("a.png", "a")], root=inside)
    dataset.close()
    project.rename(tmp_path / "elsewhere")
    dataset = Dataset(tmp_path / "elsewhere" / "project.sqlite")
    assert dataset.missing() == 0
    assert Path(dataset.sample(1).path).is_file()
    dataset.close()


def test_traces_are_kept(data):
    data.keep_traces({1: Trace("10-20", b"\x00\xff", b"look"), 2: Trace("1-1", b"a", b"")})
    data.keep_traces({1: Trace("10-21", b"b", b"c")})
    assert data.traces() == {1: Trace("10-21", b"b", b"c"), 2: Trace("1-1", b"a", b"")}


def test_clear_forgets_rows_and_keeps_facts(data, tmp_path):
    data.put("task", "image_classification")
    data.exclude([1])
    data.clear()
    assert len(data) == 0
    assert data.classes() == {}
    assert data.edits() == []
    assert data.get("task") == "image_classification"


def test_threads_edit_and_read_at_once(data):
    failures = []

    def work(number):
        try:
            for _ in range(15):
                data.exclude([number])
                data.samples(usable=True)
                data.include([number])
                data.counts()
        except Exception as error:  # noqa: BLE001  any error in a thread fails the test
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(data.edits()) == 6 * 15 * 2
    assert len(data.samples(usable=True)) == 30


def test_a_hundred_thousand_rows_are_quick(tmp_path):
    dataset = Dataset(tmp_path / "p.sqlite")
    rows = [Row(f"c{i % 50}/{i}.jpg", f"c{i % 50}") for i in range(100_000)]
    started = time.perf_counter()
    dataset.fill(rows, root=tmp_path)
    dataset.divide(validation=0.15, test=0.15, seed=0)
    samples = dataset.samples()
    dataset.exclude([s.id for s in samples])
    dataset.undo()
    dataset.edits(sample=5)
    dataset.fingerprint()
    assert (
        time.perf_counter() - started < 60
    )  # about 4 s on an idle machine; a guard, not a benchmark
    assert len(samples) == 100_000
    assert dataset.split_counts() == {"train": 70_000, "validation": 15_000, "test": 15_000}
    dataset.close()


def test_a_failed_write_changes_nothing_and_says_so(data, monkeypatch):
    before = state(data)

    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(data._store, "run_many", full)
    with pytest.raises(StudioError, match="disk is full") as caught:
        data.relabel([1], "fox")
    assert "Nothing was lost" in caught.value.hint
    monkeypatch.undo()
    assert state(data) == before
    data.relabel([1], "fox")
    assert data.sample(1).label == "fox"


def test_a_full_disk_while_filling_leaves_the_dataset_as_it_was(data, tmp_path):
    page = data._store.rows("PRAGMA page_count")[0][0]
    data._store._db.execute(f"PRAGMA max_page_count = {page + 2}")  # of the connection that writes
    before = state(data)
    rows = [Row(f"x/{i}" * 20, "x") for i in range(5000)]
    with pytest.raises(StudioError, match="full"):
        data.fill(rows, root=tmp_path)
    assert state(data) == before


def test_a_folder_that_may_not_be_written_is_named(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(sqlite3, "connect", refuse)
    with pytest.raises(StudioError, match="readonly") as caught:
        Dataset(tmp_path / "p.sqlite")
    assert str(tmp_path) in caught.value.message


def test_files_that_are_no_project_are_refused(tmp_path):
    file = tmp_path / "project.sqlite"
    file.write_bytes(b"not a database, but long enough to look like one" * 50)
    with pytest.raises(StudioError, match="cannot be opened"):
        Dataset(file)
    assert file.read_bytes().startswith(b"not a database")


def test_a_project_of_a_newer_program_is_refused(tmp_path):
    dataset = Dataset(tmp_path / "p.sqlite")
    dataset.put("schema", "99")
    dataset.close()
    with pytest.raises(StudioError, match="newer version"):
        Dataset(tmp_path / "p.sqlite")


def test_fields_may_hold_any_text(tmp_path):
    dataset = Dataset(tmp_path / "p.sqlite")
    nasty = {"a'; DROP TABLE sample; --": '"\n\t\u2028', "n": None, "x": [1, {"y": 2}]}
    dataset.fill([Row("'; --.png", "'; DROP TABLE class; --", fields=nasty)], root=tmp_path)
    assert dataset.sample(1).fields == json.loads(json.dumps(nasty))
    dataset.relabel([1], "'; DELETE FROM edit; --")
    assert dataset.sample(1).label == "'; DELETE FROM edit; --"
    dataset.close()


def test_an_added_sample_can_be_taken_back_and_one_that_was_there_is_corrected(data):
    before = len(data)
    number = data.add(Row("new.png", "cat", "train"), "Added new.png from Try")
    assert len(data) == before + 1
    assert data.sample(number).usable
    assert data.undo() == "Added new.png from Try"
    assert data.sample(number).excluded
    assert data.redo() == "Added new.png from Try"
    assert data.sample(number).usable
    data.exclude([number])
    assert data.add(Row("new.png", "fox", "train"), "again") == number
    assert data.sample(number).label == "fox"
    assert data.sample(number).usable
    data.undo()
    assert data.sample(number).label == "cat"
