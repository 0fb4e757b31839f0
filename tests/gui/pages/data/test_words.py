"""Sentences of the Data page."""

from __future__ import annotations

import time

from finetune_studio.core.dataset import Edit, Sample
from finetune_studio.gui.pages.data import words
from finetune_studio.gui.pages.data.shelf import Survey, View
from finetune_studio.gui.pages.data.words import Facts

TASK = "image_classification"
SHIRT = Sample(5, "/data/train/shirt/a.jpg", "shirt", 1, "train", group="12")


def test_numbers_have_units():
    assert words.counted(1, TASK) == "1 photo"
    assert words.counted(3781, TASK) == "3,781 photos"
    assert words.size(640) == "640 bytes"
    assert words.size(21_400) == "21 kB"
    assert words.size(3_400_000) == "3.4 MB"


def test_the_subtitle_promises_what_is_kept():
    survey = Survey(3781, classes={str(n): 1 for n in range(10)})
    told = words.subtitle(survey, TASK)
    assert told == "3,781 photos in 10 classes · read where they lie, never changed"
    assert words.subtitle(Survey(), TASK) == ""


def test_a_narrowed_view_says_by_what():
    assert words.narrowed(View(label="hat", search="a"), 2, TASK) == "2 photos · class hat · “a”"
    finding = View("finding", ids_title="Duplicates")
    assert words.narrowed(finding, 1, TASK) == "1 photo · Duplicates"


def test_moments_are_short():
    noon = time.mktime((2024, 5, 3, 12, 5, 0, 0, 0, -1))
    assert words.when(noon, noon + 60) == "today 12:05"
    assert words.when(noon, noon + 86400 * 40) == "3 May 12:05"
    assert words.when(noon, noon + 86400 * 400) == "3 May 2024"


def test_one_sample_in_words():
    edits = (Edit(9, time.time(), "Label of 1 sample → shirt", False), Edit(8, 0.0, "x", True))
    facts = Facts(224, 298, 21_000, edits, newest_edit=9, imported=time.time())
    told = words.detail([SHIRT], 1, SHIRT, facts, "/data")
    assert told.heading == "shirt"
    assert told.facts == "train · 224 × 298 pixels · 21 kB"
    assert told.place == "train/shirt/a.jpg"
    assert told.group == "Group: 12"
    assert [undoable for _, undoable in told.edits] == [True, False]
    assert told.edits[1][0].startswith("Imported today")


def test_several_samples_in_words():
    pants = Sample(6, "/data/p.jpg", "pants", 2, "test", excluded=True)
    told = words.detail([SHIRT, pants, SHIRT], 3, SHIRT, Facts(), "/data")
    assert (told.heading, told.facts) == ("3 selected", "shirt 2, pants 1")
    assert (told.split, told.excluded) == ("", False)


def test_a_path_elsewhere_is_shown_whole():
    assert words.shown_path("/database/a.jpg", "/data") == "/database/a.jpg"
