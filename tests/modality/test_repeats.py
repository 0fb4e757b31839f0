"""Copies of texts: equal ones whatever their capitals, near ones by their words, and no others."""

from __future__ import annotations

import random

import pytest

from finetune_studio.core import texts
from finetune_studio.core.dataset import Dataset, Row
from finetune_studio.core.job import Control
from finetune_studio.modality import repeats

WORDS = [f"word{i}" for i in range(3000)]


def pairs(found, control=None):
    search = repeats.alike(found, control or Control())
    while True:
        try:
            next(search)
        except StopIteration as end:
            return end.value


def story(seed, count=60):
    return random.Random(seed).choices(WORDS, k=count)


def share(one, other):
    triples = [set(zip(w, w[1:], w[2:], strict=False)) for w in (one, other)]
    return len(triples[0] & triples[1]) / len(triples[0] | triples[1])


@pytest.mark.parametrize("changed", [0, 1, 2, 3])
def test_some_other_words_make_a_near_copy(changed):
    every = [story(i) for i in range(200)]
    copies = []
    for i in range(100):
        words = list(every[i])
        for place in random.Random(i).sample(range(60), changed):
            words[place] = f"other{place}"
        copies.append(words)
    found = set(pairs([" ".join(words) for words in every + copies]))
    alike = {(i, 200 + i) for i in range(100) if share(every[i], copies[i]) >= repeats.ALIKE}
    assert found <= {(i, 200 + i) for i in range(100)}
    assert len(found & alike) >= 0.97 * len(alike)
    assert found <= alike
    if changed < 3:
        assert len(alike) == 100


def test_other_texts_are_no_copies():
    assert pairs([" ".join(story(i)) for i in range(500)]) == []


def test_short_texts_are_near_copies_of_nothing():
    assert pairs(["the film was good", "the film was good indeed", "the film was bad"]) == []


def test_hundreds_of_copies_are_one_set():
    base = story(1, 80)
    some = [" ".join([*base, f"number{i}"]) for i in range(300)]
    found = pairs(some)
    assert {n for pair in found for n in pair} == set(range(300))
    assert len(found) < 300 * 40


def test_texts_without_blanks_are_compared_by_letter():
    one = "".join(chr(0x4E00 + (i * 37) % 900) for i in range(120))
    assert pairs([one, one[:60] + "人" + one[61:], one[::-1]]) == [(0, 1)]


def test_a_stopped_search_ends():
    control = Control()
    control.ask_stop()
    assert pairs([" ".join(story(i)) for i in range(10)], control) == []


def test_sets_are_kept_until_a_text_changes(tmp_path, monkeypatch):
    dataset = Dataset(tmp_path / "p.sqlite")
    same = " ".join(story(5))
    rows = [same, same.upper(), same.replace(" ", "  "), " ".join(story(6)), "ok", "ok"]
    dataset.fill([Row(fields={"text": text}) for text in rows], root=tmp_path)

    def find():
        search = repeats.copies(dataset, Control(), texts.whole)
        while True:
            try:
                next(search)
            except StopIteration as end:
                return end.value

    assert find().exact == [[1, 2, 3]]
    real = repeats.alike
    monkeypatch.setattr(repeats, "alike", lambda *_: pytest.fail("compared again"))
    assert find().exact == [[1, 2, 3]]
    monkeypatch.setattr(repeats, "alike", real)
    dataset.exclude([1])
    assert find().exact == [[2, 3]]
    dataset.close()
