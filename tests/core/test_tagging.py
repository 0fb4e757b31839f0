"""Tags become spans, whatever the scheme; what breaks it is repaired and counted."""

from __future__ import annotations

import pytest

from finetune_studio.core import tagging


def learned(*sentences):
    scheme = tagging.Scheme()
    for tags in sentences:
        scheme.learn(tags.split())
    return scheme


def found(tags, scheme=None):
    tags = tags.split()
    return tagging.entities(tags, scheme or learned(" ".join(tags)))


@pytest.mark.parametrize(
    ("tags", "name"),
    [
        ("O B-PER I-PER O B-LOC", "BIO"),
        ("O I-PER I-PER B-PER O I-LOC", "IOB1"),
        ("O B-PER L-PER O U-LOC", "BILOU"),
        ("O B-PER I-PER E-PER O S-LOC", "BIOES"),
        ("O B-PER M-PER E-PER O S-LOC", "BIOES"),
        ("O PER PER O LOC", "IO"),
        ("O O O", "IO"),
        ("B I O O B", "BIO"),
    ],
)
def test_schemes_are_recognised(tags, name):
    assert learned(tags).name == name


@pytest.mark.parametrize(
    ("tags", "entities"),
    [
        ("O B-P I-P O B-L", [(1, 3, "P"), (4, 5, "L")]),
        ("B-P B-P I-P", [(0, 1, "P"), (1, 3, "P")]),
        ("I-P I-P B-P O I-L", [(0, 2, "P"), (2, 3, "P"), (4, 5, "L")]),
        ("B-P I-P L-P U-L O", [(0, 3, "P"), (3, 4, "L")]),
        ("B-P M-P E-P S-L S-L", [(0, 3, "P"), (3, 4, "L"), (4, 5, "L")]),
        ("Per Per O Loc Per", [(0, 2, "Per"), (3, 4, "Loc"), (4, 5, "Per")]),
        ("B I O B", [(0, 2, "Entity"), (3, 4, "Entity")]),
        ("B_geo I_geo O", [(0, 2, "geo")]),
        ("B-a-b I-a-b O", [(0, 2, "a-b")]),
    ],
)
def test_sound_tags_need_no_repair(tags, entities):
    tagged = found(tags)
    assert list(tagged.entities) == entities
    assert tagged.repairs == 0


BIO = learned(*["O B-P I-P O B-L"] * 9)
BILOU = learned(*["O B-P L-P O U-L"] * 9)


@pytest.mark.parametrize(
    ("tags", "scheme", "entities", "repairs"),
    [
        ("O I-P I-P O", BIO, [(1, 3, "P")], 1),
        ("B-P I-L I-L", BIO, [(0, 1, "P"), (1, 3, "L")], 1),
        ("I-P O I-P", BIO, [(0, 1, "P"), (2, 3, "P")], 2),
        ("B-P I-P O", BILOU, [(0, 2, "P")], 1),
        ("B-P I-P", BILOU, [(0, 2, "P")], 1),
        ("O L-P O", BILOU, [(1, 2, "P")], 1),
        ("I-P L-P O", BILOU, [(0, 2, "P")], 1),
        ("B-P U-L O", BILOU, [(0, 1, "P"), (1, 2, "L")], 1),
        ("B-P B-P L-P", BILOU, [(0, 1, "P"), (1, 3, "P")], 1),
    ],
)
def test_broken_sequences_are_repaired_and_counted(tags, scheme, entities, repairs):
    tagged = found(tags, scheme)
    assert list(tagged.entities) == entities
    assert tagged.repairs == repairs


def test_every_entity_of_any_tags_is_in_bounds_and_apart():
    import itertools

    letters = ("O", "B-P", "I-P", "L-P", "U-P", "I-Q")
    for tags in itertools.product(letters, repeat=4):
        for scheme in (BIO, BILOU):
            places = tagging.entities(tags, scheme).entities
            assert all(0 <= a < b <= 4 for a, b, _ in places)
            assert all(one[1] <= two[0] for one, two in itertools.pairwise(places))
            covered = {i for a, b, _ in places for i in range(a, b)}
            assert covered == {i for i, tag in enumerate(tags) if tag != "O"}


def test_unknown_tags_have_a_place():
    assert BIO.unknown(["O", "B-P", "0"]) == 2
    assert BIO.unknown(["O", "B-"]) == 1
    assert BIO.unknown(["B", "O"]) == 0
    assert BIO.unknown(["O", "Disease"]) == 1
    assert BIO.unknown(["O", "B-P", "S-New"]) is None
    assert learned("B I O").unknown(["B", "I"]) is None


def test_spans_are_in_letters():
    words = ["In", "New", "York", "."]
    tagged = found("O B-L I-L O")
    assert tagging.spans(words, tagged) == [[3, 11, "L"]]
    assert " ".join(words)[3:11] == "New York"
