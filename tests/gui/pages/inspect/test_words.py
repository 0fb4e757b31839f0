"""What the Inspect page says, without a window."""

from __future__ import annotations

import pytest

from finetune_studio.core.dataset import Sample
from finetune_studio.core.events import Evaluated
from finetune_studio.core.shares import cautious
from finetune_studio.gui import theme
from finetune_studio.gui.pages.inspect import words
from finetune_studio.gui.pages.inspect.cards import HeadlineCard
from finetune_studio.gui.pages.inspect.sorting import class_rows, with_absent
from finetune_studio.gui.pages.inspect.words import Headline
from finetune_studio.gui.widgets.class_table import ClassRow
from finetune_studio.insights.confusion import confusion
from tests.gui.answered import NAMES, SAID, prediction


def evaluated(value=0.895, low=0.859, high=0.924, base=0.246, samples=341):
    return Evaluated(
        "run",
        "validation",
        {"accuracy": value, "macro_f1": 0.87},
        samples,
        intervals={"accuracy": [low, high]},
        baseline={"text": "always saying t-shirt", "metric": "accuracy", "value": base},
    )


def all_pairs():
    pairs = []
    for name in NAMES:
        for said, share in SAID[name]:
            number = len(pairs)
            sample = Sample(number, f"{number}.png", name, NAMES.index(name), "validation")
            pairs.append((sample, prediction(said, share, number)))
    return pairs


def test_the_headline_has_its_interval_and_what_it_must_beat():
    said = words.headline(evaluated())
    assert (said.figure, said.aside) == ("0.895", "0.859 to 0.924")
    assert said.sentence == "Always saying t-shirt would give 0.246."
    assert "95 of 100" in said.tip


@pytest.mark.parametrize(
    ("value", "low", "sentence"),
    [
        (0.30, 0.20, "Not clearly better than always saying t-shirt 0.246."),
        (0.24, 0.20, "No better than always saying t-shirt 0.246."),
    ],
)
def test_a_model_that_does_not_beat_the_simplest_answer_is_called_so(value, low, sentence):
    assert words.headline(evaluated(value, low, 0.4)).sentence == sentence


def test_few_samples_are_a_warning():
    assert words.too_few(evaluated()) == ""
    doubt = words.too_few(evaluated(low=0.6, high=0.95, samples=24))
    assert doubt == "Only 24 validation samples: differences below 0.35 may be chance."
    assert words.second(evaluated(low=0.6, high=0.95, samples=24)).sentence == doubt
    assert "341 validation samples" in words.second(evaluated()).sentence


def test_the_weakest_class_is_found_least_often_and_says_what_it_is_taken_for():
    pairs = all_pairs()
    rows = class_rows(pairs, confusion(pairs))
    assert [(r.name, r.count, r.said, r.hits) for r in rows] == [
        ("hat", 4, 6, 4),
        ("shirt", 4, 2, 1),
        ("shoe", 4, 4, 3),
    ]
    said = words.weakest_class(rows)
    assert (said.name, said.figure) == ("shirt", "0.25")
    assert said.sentence == "Taken for hat 2 times of 4."


def test_a_class_of_two_samples_is_not_called_the_weakest_while_larger_ones_are_known():
    rows = [ClassRow("rare", 2, 0, 0, "common", 2), ClassRow("common", 40, 42, 36, "rare", 4)]
    assert words.weakest(rows).name == "common"
    assert words.weakest(rows[:1]).name == "rare"
    assert words.weakest_class([ClassRow("all", 9, 9, 9)]).figure == "none"
    assert words.weakest_class([]).figure == "–"


def test_a_class_that_validation_has_no_sample_of_is_told_beside_the_weakest():
    pairs = all_pairs()
    rows = with_absent(class_rows(pairs, confusion(pairs)), ["hat", "shirt", "sock"])
    assert (rows[-1].name, rows[-1].count, rows[-1].recall) == ("sock", 0, None)
    said = words.weakest_class(rows)
    assert said.sentence == "Taken for hat 2 times of 4. No validation sample is of sock."
    perfect = with_absent([ClassRow("a", 1, 1, 1)], ["a", "b", "c"])
    said = words.weakest_class(perfect, "text_classification")
    assert said.figure == "none"
    assert said.sentence.endswith("No validation text is of 2 classes.")
    assert said.tip.endswith("b, c")
    assert with_absent([], ["a"]) == []


def test_the_test_split_is_absent_locked_or_opened():
    assert words.test_card(words.TestLook(0)).figure == "none"
    locked = words.test_card(words.TestLook(372))
    assert (locked.figure, locked.sentence) == ("locked", "372 samples kept for the end.")
    opened = words.test_card(words.TestLook(372, 3, evaluated(0.88, 0.85, 0.91, samples=372)))
    assert opened.figure == "0.880"
    assert "Opened 3 times" in opened.sentence


@pytest.mark.parametrize(
    ("share", "text"), [(0.92, "92 %"), (0.999, "> 99 %"), (1.0, "100 %"), (0.001, "< 1 %")]
)
def test_percent_never_claims_certainty_that_is_not_there(share, text):
    assert cautious(share) == text


def test_the_gallery_says_what_it_shows():
    assert words.gallery_heading("longsleeve", "shirt", 9) == "longsleeve said to be shirt: 9"
    assert words.gallery_heading("hat", "hat", 4) == "hat, recognised: 4"
    assert words.gallery_heading("hat", "", 40) == "All that are truly hat: 40"
    assert words.gallery_heading("", "hat", 1234) == "All said to be hat: 1,234"
    assert words.gallery_heading("", "", 5) == "All validation samples: 5"


def test_shares_keep_the_likeliest_and_gather_the_rest():
    one = prediction("hat", 0.8)
    assert [row[0] for row in words.shares(one, 2)] == ["hat", "shirt", "shoe"]
    rows = words.shares(one, 1)
    assert rows[1][0] == "2 others"
    assert rows[1][1] == pytest.approx(0.2)


def test_a_name_and_its_figure_are_written_smaller_before_the_name_is_shortened(qtbot, qapp):
    theme.apply(qapp, "light")
    card = HeadlineCard("Weakest type")
    qtbot.addWidget(card)
    card.say(Headline("0.66", "", name="Disease"))
    card.resize(187, 140)  # what a window of 1024 pixels leaves
    card.show()
    qtbot.waitUntil(lambda: card._name.property("role") == "title")
    assert card._name.width() >= card._name.sizeHint().width()
    card.resize(300, 140)
    qtbot.waitUntil(lambda: card._name.property("role") == "figure")
