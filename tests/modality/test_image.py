"""Pictures for training: reasons in words, and variation that depends on its seed alone."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from finetune_studio.core.errors import StudioError
from finetune_studio.core.task import View
from finetune_studio.modality import image
from tests import tiny

SEEN = {"resize": 36, "crop": 32, "mean": [0.5] * 3, "std": [0.25] * 3}


def varied(
    view: View, sample: int = 1, strength: str = "strong", *, flip: bool = True
) -> np.ndarray:
    picture = tiny.picture(0, 1)
    return image.varied(picture, SEEN, view=view, sample=sample, strength=strength, flip=flip)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"no picture", "not a picture in a known format"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "git lfs pull"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "picture|damaged"),
    ],
)
def test_reasons_are_words(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(content)
    with pytest.raises(StudioError, match=words) as caught:
        image.read(str(file))
    assert str(file) in caught.value.message


def test_cut_off_pictures_are_damaged(tmp_path: Path) -> None:
    tiny.picture(0, 0, 200).save(tmp_path / "a.jpg")
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StudioError, match="the file is damaged"):
        image.read(str(tmp_path / "a.jpg"))


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    for path, words in (
        (tmp_path / "none.png", "not there"),
        (tmp_path, "not a file"),
        (tmp_path / ("x" * 5000), "refused"),
    ):
        with pytest.raises(StudioError, match=words):
            image.read(str(path))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
def test_a_pipe_is_no_picture(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert image.reason(str(tmp_path / "pipe"), OSError()) == "it is not a file"


def test_the_same_view_is_the_same_picture() -> None:
    first = varied(View(7, 2))
    assert np.array_equal(first, varied(View(7, 2)))
    assert first.shape == (3, 32, 32)
    for other in (varied(View(7, 3)), varied(View(8, 2)), varied(View(7, 2), sample=2)):
        assert not np.array_equal(first, other)


def test_stronger_variation_changes_more() -> None:
    picture = tiny.picture(0, 1)
    plain = image.preprocess.prepare(picture, SEEN)
    change = {
        strength: np.mean(
            [np.abs(varied(View(0, n), strength=strength) - plain).mean() for n in range(12)]
        )
        for strength in ("light", "medium", "strong")
    }
    assert 0 < change["light"] < change["medium"] < change["strong"]


def test_mirroring_can_be_turned_off() -> None:
    wide = np.zeros((64, 64, 3), np.uint8)
    wide[:, :32] = 255  # bright on the left
    for number in range(20):
        found = image.varied(
            Image.fromarray(wide), SEEN, view=View(0, number), sample=1, strength="light",
            flip=False,
        )  # fmt: skip
        assert found[:, :, :8].mean() >= found[:, :, -8:].mean()


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (5, 7)])
def test_the_oddest_shapes_can_be_varied(size: tuple[int, int]) -> None:
    for number in range(5):
        found = image.varied(
            Image.new("RGB", size, "red"), SEEN, view=View(0, number), sample=0,
            strength="strong", flip=True,
        )  # fmt: skip
        assert found.shape == (3, 32, 32)
        assert np.isfinite(found).all()
