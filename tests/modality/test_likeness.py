"""Likeness: the mathematics pinned to numbers, and its cost to less than all pairs in Python."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from PIL import Image, ImageOps

from finetune_studio.core.job import Control
from finetune_studio.modality import likeness
from tests import tiny


def pairs_of(looks, control=None):
    search = likeness.alike(looks, control or Control())
    while True:
        try:
            next(search)
        except StopIteration as end:
            return end.value


def test_a_look_has_its_length_and_its_colours():
    look = likeness.look_of(Image.new("RGB", (50, 30), (255, 0, 0)))
    assert len(look) == likeness.LENGTH
    light, blue, red = look[0], look[256], look[256 + 16]
    assert light == 76  # ITU-R BT.601: 0.299 * 255
    assert blue in (84, 85)  # 128 - 0.1687 * 255 = 84.98
    assert red >= 254


def test_parts_have_length_one_and_mirroring_turns_only_the_odd():
    pictures = [tiny.picture(n % 3, n, 64) for n in range(6)]
    looks = [likeness.look_of(p) for p in pictures]
    mirrored = [likeness.look_of(ImageOps.mirror(p)) for p in pictures]
    pixels, turned = (
        np.frombuffer(b"".join(some), np.uint8).reshape(-1, likeness.LENGTH)
        for some in (looks, mirrored)
    )
    even, odd = likeness._parts(pixels, 8)
    assert np.allclose((even**2).sum(1) + (odd**2).sum(1), 1, atol=1e-5)
    even_turned, odd_turned = likeness._parts(turned, 8)
    assert np.allclose(even, even_turned, atol=0.02)
    assert np.allclose(odd, -odd_turned, atol=0.02)


def test_mirrored_and_equal_pictures_are_pairs_and_others_are_not():
    pictures = [tiny.picture(n % 3, n, 64) for n in range(40)]
    pictures.append(ImageOps.mirror(pictures[7]))
    pictures.append(pictures[12].resize((30, 30)))
    looks = [likeness.look_of(p) for p in pictures]
    assert sorted(pairs_of(looks)) == [(7, 40), (12, 41)]


def test_nothing_and_one_and_flat_pictures():
    assert pairs_of([]) == []
    assert pairs_of([likeness.look_of(tiny.picture(0, 0))]) == []
    assert pairs_of([bytes(likeness.LENGTH)] * 5) == []


def test_sets_join_what_is_linked():
    assert likeness.sets([(5, 6), (1, 2), (2, 3), (9, 6)]) == [[1, 2, 3], [5, 6, 9]]
    assert likeness.sets([]) == []
    chain = [(i, i + 1) for i in range(5000)]
    random.Random(0).shuffle(chain)
    assert likeness.sets(chain) == [list(range(5001))]


def random_looks(count):
    return np.random.default_rng(0).integers(0, 256, (count, likeness.LENGTH), np.uint8)


def test_many_pictures_are_compared_quickly():
    looks = random_looks(6000)
    looks[5999] = looks[17]
    started = time.perf_counter()
    assert pairs_of([row.tobytes() for row in looks]) == [(17, 5999)]
    assert time.perf_counter() - started < 20  # 0.2 s on an idle core; a guard, not a benchmark


def test_thousands_of_equal_pictures_do_not_fill_the_memory():
    looks = [random_looks(1)[0].tobytes()] * 4000
    found = pairs_of(looks)
    assert len(found) <= 8 * 4000
    assert likeness.sets(found) == [list(range(4000))]


def test_stopping_ends_the_search(monkeypatch):
    monkeypatch.setattr(likeness, "_AT_ONCE", 16 * 500)
    looks = [row.tobytes() for row in random_looks(500)]
    control = Control()
    search = likeness.alike(looks, control)
    done, total = next(search)
    assert 0 < done < total == 500
    control.ask_stop()
    with pytest.raises(StopIteration):
        next(search)
