"""Getting data in and judging them, as the window and the terminal do it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import zipfile

import pytest

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import (
    CheckFinished,
    DataImported,
    Finding,
    Noted,
    PhaseStarted,
    SampleSetAside,
)
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import DataChoices
from finetune_studio.engine import curate
from tests import tiny


@pytest.fixture
def photos(tmp_path):
    return tiny.image_classification(tmp_path / "photos", classes=3, per_class=12, size=24)


@pytest.fixture
def project(tmp_path):
    with Project(tmp_path / "project", "image_classification") as opened:
        yield opened


def load(project, path, seed=0, **choices):
    job = curate.import_data(project, DataChoices(path=str(path), **choices), seed, Control())
    return list(job)


def zipped(folder, path, top=""):
    with zipfile.ZipFile(path, "w") as file:
        for item in sorted(folder.rglob("*")):
            if item.is_file():
                file.write(item, top + item.relative_to(folder).as_posix())
    return path


def table(photos, name="labels.csv"):
    rows = [f"{f.relative_to(photos).as_posix()},{f.parent.name}" for f in photos.rglob("*.png")]
    path = photos / name
    path.write_text("file,kind\n" + "\n".join(sorted(rows)) + "\n", encoding="utf-8")
    return path


# --- looking --------------------------------------------------------------------------------------


def test_a_look_at_a_folder(photos):
    found = curate.look(photos, DataChoices())
    assert found.reader == "image_folder"
    assert found.title == "A folder per class: 36 samples in 3 classes."
    assert found.classes == {"class 1": 12, "class 2": 12, "class 3": 12}
    assert (found.samples, found.complete, found.splits) == (36, True, {})
    assert 3 <= len(found.rows) <= 20
    assert {row.label for row in found.rows} == {"class 1", "class 2", "class 3"}
    assert (found.blocked, found.importable, found.problems) == ("", True, ())


def test_a_look_at_a_table_shows_and_corrects_columns(photos):
    path = table(photos)
    found = curate.look(path, DataChoices())
    assert found.reader == "image_table"
    assert found.columns == ("file", "kind")
    assert found.guesses["label_column"] == "kind"
    assert found.cells[0] == ("class 1/000.png", "class 1")
    assert len(found.rows) == 20
    assert found.encoding == "UTF-8"
    wrong = curate.look(path, DataChoices(path_column="kind", label_column="file"))
    assert "None of the samples can be used" in wrong.blocked
    assert not wrong.importable
    assert wrong.columns == ("file", "kind")
    gone = curate.look(path, DataChoices(path_column="nope"))
    assert "no column 'nope'" in gone.blocked
    assert gone.columns == ("file", "kind")
    assert gone.cells


def test_a_look_at_a_zip_unpacks_nothing(photos, tmp_path):
    path = zipped(photos, tmp_path / "photos.zip", "top/")
    before = sorted(tmp_path.rglob("*"))
    found = curate.look(path, DataChoices())
    assert found.title.startswith("A zip of ")
    assert "36 files" in found.title
    assert found.classes == {"class 1": 12, "class 2": 12, "class 3": 12}
    assert found.packed_mb > 0
    assert found.unpacked_mb > 0
    assert sorted(tmp_path.rglob("*")) == before


def test_a_look_at_a_zip_of_a_table(photos, tmp_path):
    table(photos)
    path = zipped(photos, tmp_path / "photos.zip", "top/")
    found = curate.look(path, DataChoices())
    assert found.reader == "image_table"
    assert found.guesses["path_column"] == "file"
    assert found.samples == 36
    assert found.blocked == ""


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: None, "is empty"),
        (lambda p: tiny.image_classification(p, classes=1), "Two classes are needed"),
        (lambda p: (p / "x.csv").write_text(""), "is empty"),
        (lambda p: tiny.picture(0, 0).save(p / "1.png"), "lie in no class folder"),
        (lambda p: tiny.image_classification(p / "test", classes=2), "no samples to train on"),
    ],
)
def test_a_look_says_what_is_in_the_way(tmp_path, make, words):
    folder = tmp_path / "data"
    folder.mkdir()
    make(folder)
    assert words in curate.look(folder, DataChoices()).blocked


def test_a_look_notices_pointers_of_git_lfs(photos):
    for file in (photos / "class 2").iterdir():
        file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n")
    found = curate.look(photos, DataChoices())
    assert "git lfs pull" in " ".join(found.problems)


def test_a_look_at_nothing_names_it(tmp_path):
    with pytest.raises(StudioError, match=r"nothing at .*gone"):
        curate.look(tmp_path / "gone", DataChoices())
    letter = tmp_path / "letter.docx"
    letter.write_bytes(b"\xd0\xcf\x11\xe0" * 100)
    assert curate.look(letter, DataChoices()).blocked


def test_a_refused_zip_is_named(tmp_path):
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("../../x.png", b"x")
    with pytest.raises(StudioError, match=r"evil\.zip is refused"):
        curate.look(path, DataChoices())


# --- importing ------------------------------------------------------------------------------------


def test_importing_indexes_and_divides(project, photos):
    events = load(project, photos)
    assert isinstance(events[0], PhaseStarted)
    last = events[-1]
    assert isinstance(last, DataImported)
    assert (last.samples, last.classes, last.set_aside, last.reader) == (36, 3, 0, "image_folder")
    assert project.dataset.split_counts() == {"train": 24, "validation": 6, "test": 6}
    assert project.dataset.root == photos
    assert (
        sorted(p.name for p in project.folder.iterdir() if p.name != ".lock")[0] == "project.sqlite"
    )
    assert not (project.folder / "data").exists()


def test_columns_that_the_data_do_not_have_are_said(project, photos, tmp_path):
    """A folder has no groups to keep together; whoever named a column for them was not told."""
    said = [e for e in load(project, photos, group_column="patient") if isinstance(e, Noted)]
    warned = [note.text for note in said if note.level == "warning"]
    assert len(warned) == 1
    assert "no table with columns, so this does nothing: group column" in warned[0]
    with Project(tmp_path / "plain", "image_classification") as plain:
        assert not [e for e in load(plain, photos) if getattr(e, "level", "") == "warning"]
    with Project(tmp_path / "table", "image_classification") as tabled:
        events = load(tabled, table(photos), label_column="kind")
        assert not [e for e in events if getattr(e, "level", "") == "warning"]


def test_the_seed_decides_the_split(photos, tmp_path):
    found = []
    for number, seed in enumerate((0, 0, 1)):
        with Project(tmp_path / f"p{number}", "image_classification") as project:
            load(project, photos, seed)
            found.append([s.split for s in project.dataset.samples()])
    assert found[0] == found[1] != found[2]


def test_the_same_data_again_change_nothing(project, photos):
    load(project, photos)
    project.dataset.exclude([1])
    before = project.dataset.samples()
    (photos / "class 1" / "later.png").write_bytes((photos / "class 1/000.png").read_bytes())
    events = load(project, photos)
    assert [type(e) for e in events] == [DataImported]
    assert project.dataset.samples() == before


def test_other_data_are_refused(project, photos, tmp_path):
    load(project, photos)
    other = tiny.image_classification(tmp_path / "other")
    with pytest.raises(StudioError, match=r"holds the data of .*photos, not of .*other"):
        load(project, other)
    assert len(project.dataset) == 36


def test_other_columns_are_other_data(project, photos):
    path = table(photos)
    load(project, path)
    load(project, path, label_column="kind")
    with pytest.raises(StudioError, match="label_column 'kind', not 'file'"):
        load(project, path, label_column="file")


def test_replacing_until_the_first_run(project, photos, tmp_path):
    load(project, photos)
    project.dataset.exclude([1])
    other = tiny.image_classification(tmp_path / "other", classes=2)
    choices = DataChoices(path=str(other))
    list(curate.import_data(project, choices, 0, Control(), replace=True))
    assert list(project.dataset.counts().values()) == [10, 10]
    assert project.dataset.edits() == []
    project.new_run()
    with pytest.raises(StudioError, match="has runs"):
        list(curate.import_data(project, choices, 0, Control(), replace=True))


def test_a_moved_folder_is_found_again(project, photos, tmp_path):
    load(project, photos)
    moved = tmp_path / "moved"
    photos.rename(moved)
    events = load(project, moved)
    assert any(isinstance(e, Noted) for e in events)
    assert project.dataset.missing() == 0
    assert [type(e) for e in load(project, moved)] == [DataImported]


def test_a_zip_is_unpacked_once_into_the_project(project, photos, tmp_path):
    path = zipped(photos, tmp_path / "photos.zip", "top/")
    events = load(project, path)
    assert events[0].phase == "unpack"
    assert "MB" in events[0].text
    assert project.dataset.root == project.folder / "data" / "photos"
    assert project.dataset.missing() == 0
    assert [type(e) for e in load(project, path)] == [DataImported]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    copy = shutil.copy2(path, elsewhere / "photos.zip")
    assert [type(e) for e in load(project, copy)] == [DataImported]


def test_a_project_with_a_zip_may_move(photos, tmp_path):
    path = zipped(photos, tmp_path / "photos.zip")
    with Project(tmp_path / "a", "image_classification") as project:
        load(project, path)
    (tmp_path / "a").rename(tmp_path / "b")
    with Project(tmp_path / "b") as project:
        assert project.dataset.missing() == 0
        assert project.dataset.root == tmp_path / "b" / "data" / "photos"


def test_rows_without_file_are_set_aside_and_listed(project, photos):
    path = table(photos)
    with path.open("a", encoding="utf-8") as file:
        file.write("class 1/gone.png,class 1\n")
    events = load(project, path)
    aside = [e for e in events if isinstance(e, SampleSetAside)]
    assert len(aside) == 1
    assert "labels.csv, row 38: there is no file class 1/gone.png" in aside[0].reason
    assert events[-1].set_aside == 1
    assert len(project.dataset.samples(usable=True)) == 36


def test_a_table_of_files_that_are_all_missing_is_refused(project, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("file,label\na.png,x\nb.png,y\n")
    with pytest.raises(StudioError, match=r"None of the 2 samples.*no file a\.png"):
        load(project, path)
    assert len(project.dataset) == 0


def test_one_class_may_be_imported(project, tmp_path):
    load(project, tiny.image_classification(tmp_path / "one", classes=1))
    assert project.dataset.labels().names == ("class 1",)


def test_a_stopped_import_leaves_nothing(project, photos, tmp_path):
    path = zipped(photos, tmp_path / "photos.zip")
    control = Control()
    job = curate.import_data(project, DataChoices(path=str(path)), 0, control)
    next(job)
    control.ask_stop()
    assert isinstance(list(job)[-1], Noted)
    assert len(project.dataset) == 0
    assert list((project.folder / "data").iterdir()) == []


def test_a_full_disk_leaves_no_half_import(project, photos, monkeypatch):
    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(project.dataset._store, "run_many", full)
    with pytest.raises(StudioError, match="disk is full"):
        load(project, photos)
    monkeypatch.undo()
    assert len(project.dataset) == 0
    assert project.dataset.get("source") == ""
    assert load(project, photos)[-1].samples == 36


def test_nothing_beside_the_data_is_written(project, photos):
    before = {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in photos.rglob("*")}
    load(project, photos)
    list(curate.check(project.dataset, project.task, Control()))
    assert {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in photos.rglob("*")} == before


# --- what comes later -----------------------------------------------------------------------------


def test_new_files_are_offered_and_join_training(project, photos):
    load(project, photos)
    assert curate.news(project) == []
    project.dataset.rename_class("class 1", "first")
    for number in (1, 3):
        tiny.picture(number, 500).save(photos / f"class {number}" / "new.png")
    assert [row.path for row in curate.news(project)] == ["class 1/new.png", "class 3/new.png"]
    splits = {s.id: s.split for s in project.dataset.samples()}
    assert curate.add_news(project) == 2
    assert curate.add_news(project) == 0
    late = project.dataset.samples()[-2:]
    assert [(s.label, s.split) for s in late] == [("first", "train"), ("class 3", "train")]
    assert {s.id: s.split for s in project.dataset.samples()[:-2]} == splits


def test_new_rows_of_a_table_are_offered(project, photos):
    path = table(photos)
    load(project, path)
    tiny.picture(0, 500).save(photos / "class 1" / "new.png")
    with path.open("a", encoding="utf-8") as file:
        file.write("class 1/new.png,class 1\n")
    assert [row.path for row in curate.news(project)] == ["class 1/new.png"]
    assert curate.add_news(project) == 1


def test_no_news_from_a_drive_that_is_gone(project, photos, tmp_path):
    load(project, photos)
    photos.rename(tmp_path / "away")
    assert curate.news(project) == []


@pytest.mark.parametrize("chosen", ["moved", "moved/photos", "moved/photos/class 1"])
def test_relinking_takes_the_folder_or_one_beside(project, photos, tmp_path, chosen):
    load(project, photos)
    (tmp_path / "moved").mkdir()
    photos.rename(tmp_path / "moved" / "photos")
    assert project.dataset.missing() == 36
    assert curate.relink(project, tmp_path / chosen) == 36
    assert project.dataset.missing() == 0
    assert [type(e) for e in load(project, tmp_path / "moved" / "photos")] == [DataImported]


def test_relinking_to_other_files_is_refused(project, photos, tmp_path):
    load(project, photos)
    (tmp_path / "else").mkdir()
    with pytest.raises(StudioError, match="None of the 36 files"):
        curate.relink(project, tmp_path / "else")
    assert project.dataset.root == photos


# --- judging --------------------------------------------------------------------------------------


def checked(project, names=None):
    return list(curate.check(project.dataset, project.task, Control(), names))


def test_all_checks_run_and_say_how_it_stands(project, photos):
    shutil.copy(photos / "class 1/000.png", photos / "class 1/copy.png")
    load(project, photos)
    events = checked(project)
    found = {e.check: e for e in events if isinstance(e, Finding)}
    assert list(found) == [
        *("broken", "leakage", "duplicates", "label_names", "small_classes", "imbalance"),
        "wrong_labels",
    ]
    assert found["duplicates"].count == 1
    end = events[-1]
    assert isinstance(end, CheckFinished)
    assert (end.samples, end.reader, end.task) == (37, "image_folder", "image_classification")
    assert end.findings == sum(f.severity in ("warning", "bad") for f in found.values())
    assert end.classes["class 1"] == 13
    for event in events:
        json.dumps(event.as_json())


def test_single_checks_by_name(project, photos):
    load(project, photos)
    names = {e.check for e in checked(project, ["small-classes"]) if isinstance(e, Finding)}
    assert names == {"small_classes"}
    with pytest.raises(StudioError, match="no check called"):
        checked(project, ["nonsense"])


def test_remedies_are_one_step_of_undo(project, photos):
    for i in range(3):
        shutil.copy(photos / "class 1/000.png", photos / f"class 1/copy {i}.png")
    (photos / "class 2/000.png").write_bytes(b"")
    load(project, photos)
    before = project.dataset.samples()
    for finding in [e for e in checked(project) if isinstance(e, Finding) and e.edits]:
        facts = project.dataset.samples()
        assert curate.apply_remedy(project, finding) == finding.remedy
        assert project.dataset.edits()[0].text == finding.remedy
        project.dataset.undo()
        assert project.dataset.samples() == facts
    assert [s.path for s in project.dataset.samples()] == [s.path for s in before]


def test_the_remedy_of_imbalance_edits_the_recipe(project, tmp_path):
    folder = tiny.image_classification(tmp_path / "many", classes=2, per_class=40, size=16)
    for file in sorted((folder / "class 2").iterdir())[10:]:
        file.unlink()
    load(project, folder)
    (finding,) = [e for e in checked(project, ["imbalance"]) if isinstance(e, Finding)]
    curate.apply_remedy(project, finding)
    assert project.recipe().optimiser.balance == "weights"
    (finding,) = [e for e in checked(project, ["imbalance"]) if isinstance(e, Finding)]
    assert finding.severity == "ok"


def test_a_finding_without_remedy_says_so(project, photos):
    load(project, photos)
    with pytest.raises(StudioError, match="nothing to do by itself"):
        curate.apply_remedy(project, Finding("broken", 0, "ok", "All is well."))


def test_an_unplugged_drive_does_not_mark_everything_broken(project, photos, tmp_path):
    load(project, photos)
    photos.rename(tmp_path / "away")
    with pytest.raises(StudioError, match=r"not at .* any more"):
        checked(project)
    assert len(project.dataset.samples(usable=True)) == 36


def test_an_empty_project_has_nothing_to_check(project):
    with pytest.raises(StudioError, match="no samples"):
        checked(project)
