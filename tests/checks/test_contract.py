"""What every check must keep to, asked of each row of the catalogue."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from finetune_studio import checks, readers
from finetune_studio.core.dataset import Dataset, Row
from finetune_studio.core.events import Finding, Progress
from finetune_studio.core.job import Control
from finetune_studio.core.recipe import DataChoices
from finetune_studio.readers.image_folder import ImageFolder
from tests import tiny

NAMES = [row.name for row in checks.CATALOGUE]
OF_TEXTS = [row.name for row in checks.CATALOGUE if row.facts["inputs"] in ("texts", "any")]
# Tiny data of each task with texts, and what reads them; whether they have classes.
TEXTS = {
    "text_classification": ("text_table", True),
    "token_classification": ("conll", False),
    "question_answering": ("squad", False),
    "summarization": ("summary_table", False),
    "causal_lm": ("chat_lines", False),
}
SEVERITIES = {"ok", "info", "warning", "bad"}


def dataset_of(folder, file):
    dataset = Dataset(file)
    dataset.fill(ImageFolder().read(folder, DataChoices()), root=folder)
    dataset.divide(validation=0.15, test=0.15, seed=0)
    return dataset


def texts_of(task, folder, file):
    data = getattr(tiny, task)(folder)
    reader = readers.CATALOGUE.load(TEXTS[task][0])()
    dataset = Dataset(file)
    dataset.fill(reader.read(data, DataChoices()), root=reader.root(data))
    return dataset


def run(name, dataset, control=None):
    events = list(checks.CATALOGUE.load(name)(dataset, control or Control()))
    assert all(isinstance(event, Progress | Finding) for event in events)
    findings = [event for event in events if isinstance(event, Finding)]
    assert findings
    for finding in findings:
        assert finding.check == name
        assert finding.severity in SEVERITIES
        assert finding.message.endswith(".")
        assert len(finding.samples) <= 1000
        assert bool(finding.edits) == bool(finding.remedy)
        json.dumps(finding.as_json())
    return findings


@pytest.mark.parametrize("name", NAMES)
def test_sound_data_give_one_finding_that_says_so(name, tmp_path):
    folder = tiny.image_classification(tmp_path / "photos", classes=3, per_class=12)
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    dataset = dataset_of(folder, tmp_path / "p" / "project.sqlite")
    findings = run(name, dataset)
    assert [f.severity for f in findings] == ["ok"]
    assert findings[0].edits == []
    assert dataset.edits() == []
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == before
    dataset.close()


@pytest.mark.parametrize("task", list(TEXTS))
@pytest.mark.parametrize("name", OF_TEXTS)
def test_sound_texts_give_one_finding_that_says_so(name, task, tmp_path):
    if checks.CATALOGUE[name].facts.get("classes") and not TEXTS[task][1]:
        pytest.skip("a task without classes is not asked")
    dataset = texts_of(task, tmp_path / "texts", tmp_path / "p" / "project.sqlite")
    findings = run(name, dataset)
    assert [f.severity for f in findings] == ["ok"]
    assert dataset.edits() == []
    control = Control()
    control.ask_stop()
    run(name, dataset, control)
    dataset.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_stopped_check_ends(name, tmp_path):
    folder = tiny.image_classification(tmp_path / "photos", classes=2, per_class=12)
    dataset = dataset_of(folder, tmp_path / "project.sqlite")
    control = Control()
    control.ask_stop()
    run(name, dataset, control)
    assert not any(sample.problem for sample in dataset.samples())
    dataset.close()


@pytest.mark.parametrize("name", NAMES)
def test_odd_datasets_end_with_a_finding(name, tmp_path):
    dataset = Dataset(tmp_path / "project.sqlite")
    run(name, dataset)
    dataset.fill([Row("gone.png", "a", "train")], root=tmp_path)
    run(name, dataset)
    dataset.fill(
        [Row("other.png", None, "train"), Row("", "b", "test", fields={"text": "x"})], root=tmp_path
    )
    run(name, dataset)
    dataset.exclude([1, 2, 3])
    run(name, dataset)
    dataset.close()


@pytest.mark.shared
@pytest.mark.parametrize("name", NAMES)
def test_every_odd_picture_as_a_class_folder(name, tmp_path, shared):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "odd").symlink_to(shared / "data/odd-images-pillow")
    (folder / "pointers").symlink_to(shared / "data/odd-lfs-pointers")
    (folder / "turned").symlink_to(shared / "data/odd-exif-orientation")
    dataset = dataset_of(folder, tmp_path / "project.sqlite")
    assert len(dataset) > 600
    run(name, dataset)
    if name == "broken":
        aside = {s.path.rpartition("/")[2]: s.problem for s in dataset.samples() if s.problem}
        assert "git-lfs" in aside["beach00.tif"]
        assert "too large" in aside["decompression_bomb.gif"]
        assert "not a picture" in aside["LICENSE"]
        fine = {s.path.rpartition("/")[2] for s in dataset.samples(usable=True)}
        assert fine >= {"16bit.cropped.tif", "1_trns.png", "7x13.png", "Landscape_6.jpg"}
    dataset.close()


def test_every_file_is_in_the_catalogue():
    folder = Path(checks.__file__).parent
    assert sorted(NAMES) == sorted(f.stem for f in folder.glob("[a-z]*.py"))


def test_nothing_is_written_beside_the_data(tmp_path):
    folder = tiny.image_classification(tmp_path / "photos", classes=2, per_class=3)
    names = sorted(p.name for p in folder.iterdir())
    dataset = dataset_of(folder, tmp_path / "elsewhere" / "project.sqlite")
    for name in NAMES:
        run(name, dataset)
    dataset.close()
    assert sorted(p.name for p in folder.iterdir()) == names
    assert sorted(p.name for p in tmp_path.iterdir()) == ["elsewhere", "photos"]
