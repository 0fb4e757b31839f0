"""What was tried, as sentences and as a table, without a window."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from PIL import Image

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Prediction
from finetune_studio.gui.pages.try_out import inputs, tried
from finetune_studio.gui.pages.try_out.tried import Tried
from tests.gui.answered import prediction

GOOD = Tried(1, prediction("hat", 0.9, path="photos/a.png"))
BROKEN = Tried(2, Prediction(input="=cmd()", error="It is no picture. Choose another."))


def test_the_table_has_a_line_a_file_and_no_formula():
    rows = list(csv.reader(io.StringIO(tried.as_csv([GOOD, BROKEN]))))
    assert rows[0] == [
        "file",
        "answer",
        "probability",
        "milliseconds",
        "problem",
        "hat",
        "shirt",
        "shoe",
    ]
    assert rows[1][:5] == ["photos/a.png", "hat", "0.900000", "12.0", ""]
    assert sum(float(share) for share in rows[1][5:]) == pytest.approx(1, abs=1e-5)
    assert rows[2][:5] == ["'=cmd()", "", "", "", "It is no picture. Choose another."]


def test_an_unsure_answer_names_the_other():
    assert tried.answer_in_words(GOOD) == "Answered in 12 ms on this computer."
    unsure = Tried(3, replace(prediction("hat", 0.5), seconds=0.0042))
    assert tried.answer_in_words(unsure) == (
        "Answered in 4.2 ms on this computer. It wavers: shirt is nearly as likely."
    )


def test_a_problem_beside_the_name_does_not_say_the_whole_path_again():
    told = Prediction(input="/a/b/empty.txt", error="/a/b/empty.txt cannot be read: it is empty.")
    assert tried.trouble_beside_name(tried.Tried(1, told)) == "Cannot be read: it is empty."


def test_the_summary_counts_what_could_not_be_read():
    assert tried.summary([GOOD]) == "1 picture tried"
    assert tried.summary([GOOD, BROKEN]) == "2 pictures tried, 1 could not be read"


def test_a_folder_gives_its_visible_pictures_and_a_named_file_is_always_tried(tmp_path):
    (tmp_path / "in" / ".hidden").mkdir(parents=True)
    for name in ("b.png", "a.jpg", ".hidden/c.png"):
        Image.new("RGB", (4, 4)).save(tmp_path / "in" / name)
    (tmp_path / "in" / "notes.txt").write_text("no picture", encoding="utf-8")
    found, note = tried.expanded([tmp_path / "in", tmp_path / "in" / "notes.txt"])
    names = [name.rsplit("/", 1)[-1] for name in (n.replace("\\", "/") for n in found)]
    assert names == ["a.jpg", "b.png", "notes.txt"]
    assert note == ""


def test_too_many_files_are_said_and_an_empty_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(inputs, "MOST_FILES", 1)
    for name in ("a.png", "b.png"):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    found, note = tried.expanded([tmp_path])
    assert len(found) == 1
    assert "1 are left out" in note
    (tmp_path / "empty").mkdir()
    with pytest.raises(StudioError, match="no pictures"):
        tried.expanded([tmp_path / "empty"])
