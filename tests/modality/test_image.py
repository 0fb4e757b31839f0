"""Pictures for training: reasons in words, and variation that depends on its seed alone."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from finetune_studio.core.errors import StudioError
from finetune_studio.core.task import View
from finetune_studio.modality import image
from tests import tiny

SEEN = {"resize": 36, "crop": 32, "mean": [0.5] * 3, "std": [0.25] * 3}


def varied(
    view: View, sample: int = 1, strength: str = "strong", *, flip: bool = True
) -> np.ndarray:
    pixels = np.asarray(tiny.picture(0, 1))
    return image.varied(pixels, SEEN, view=view, sample=sample, strength=strength, flip=flip)


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
    assert (first.shape, first.dtype) == ((32, 32, 3), np.uint8)
    for other in (varied(View(7, 3)), varied(View(8, 2)), varied(View(7, 2), sample=2)):
        assert not np.array_equal(first, other)


def test_stronger_variation_changes_more() -> None:
    picture = tiny.picture(0, 1)
    plain = image.preprocess.square(picture, SEEN).astype(float)
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
            wide, SEEN, view=View(0, number), sample=1, strength="light", flip=False
        )
        assert found[:, :8].mean() >= found[:, -8:].mean()


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (5, 7)])
def test_the_oddest_shapes_can_be_varied(size: tuple[int, int]) -> None:
    for number in range(5):
        found = image.varied(
            np.full((size[1], size[0], 3), (255, 0, 0), np.uint8), SEEN, view=View(0, number),
            sample=0, strength="strong", flip=True,
        )  # fmt: skip
        assert found.shape == (32, 32, 3)
        assert found.dtype == np.uint8


def test_a_batch_is_normalised_to_the_same_bits_as_by_an_export() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    processor = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    pixels = rng.integers(0, 256, (3, 31, 17, 3), dtype=np.uint8)
    batch = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    for given in (batch, batch.contiguous()):
        found = image.normalised(given, processor)
        assert found.is_contiguous(memory_format=torch.channels_last)
        for one, values in zip(pixels, found, strict=True):
            assert np.array_equal(values.numpy(), image.preprocess.normalised(one, processor))


def test_changing_colours_at_once_is_what_pillow_does_in_three_steps() -> None:
    picture = tiny.picture(1, 1)
    stepwise = picture
    for change, by in (
        (ImageEnhance.Brightness, 0.9), (ImageEnhance.Contrast, 1.1), (ImageEnhance.Color, 0.8)
    ):  # fmt: skip
        stepwise = change(stepwise).enhance(by)
    found = image._recoloured(picture, 0.9, 1.1, 0.8)
    gap = np.abs(np.asarray(found, int) - np.asarray(stepwise, int))
    assert gap.max() <= 3  # pillow rounds three times
    assert np.abs(np.asarray(picture, int) - np.asarray(found, int)).max() > 10


def test_crops_are_resized_as_pillow_does() -> None:
    pixels = np.asarray(tiny.picture(2, 3, 90))[:, 5:80]
    found = image._resized(pixels, 32).astype(int)
    theirs = Image.fromarray(pixels).resize((32, 32), Image.Resampling.BILINEAR)
    assert np.abs(found - np.asarray(theirs, int)).max() <= 1


def test_variation_starts_from_no_more_pixels_than_it_needs(tmp_path: Path) -> None:
    for size, expected in ((400, 37), (36, 36), (20, 20)):
        tiny.picture(0, 0, size).resize((size, size * 2)).save(tmp_path / "a.jpg")
        assert image.working(str(tmp_path / "a.jpg"), SEEN).shape == (expected * 2, expected, 3)


@pytest.mark.shared
def test_pictures_turned_by_their_camera_are_upright_for_variation_too(shared: Path) -> None:
    folder = shared / "data" / "odd-exif-orientation"
    seen = {**SEEN, "resize": 64, "crop": 56}
    upright = image.working(str(folder / "Landscape_1.jpg"), seen).astype(int)
    for number in range(2, 9):
        found = image.working(str(folder / f"Landscape_{number}.jpg"), seen).astype(int)
        assert found.shape == upright.shape
        assert np.abs(found - upright).mean() < 12


@pytest.mark.shared
@pytest.mark.filterwarnings("ignore")
def test_the_oddest_files_are_pictures_or_are_refused_in_words(shared: Path) -> None:
    files = [f for f in sorted((shared / "data" / "odd-images-pillow").rglob("*")) if f.is_file()]
    read, refused = 0, []
    for file in files:
        try:
            pixels = image.working(str(file), SEEN)
            plain = image.seen(str(file), SEEN)
        except StudioError as error:  # anything else fails the test
            refused.append((file, error.message))
            continue
        read += 1
        assert plain.shape == (32, 32, 3)
        found = image.varied(pixels, SEEN, view=View(0, 0), sample=0, strength="strong", flip=True)
        assert (found.shape, found.dtype) == ((32, 32, 3), np.uint8)
    assert read > len(files) / 2
    assert all(str(file) in message for file, message in refused)


def test_what_is_varied_is_all_of_the_picture_where_all_of_it_is_seen(tmp_path: Path) -> None:
    Image.new("RGB", (60, 120), (200, 30, 30)).save(tmp_path / "a.png")
    kept = image.working(str(tmp_path / "a.png"), {**SEEN, "fit": "whole"})
    assert kept.shape[0] == kept.shape[1] == 37
    assert tuple(kept[18, 18]) == (200, 30, 30)
    assert tuple(kept[18, 1]) == (127, 127, 127)  # a bar
    assert image.working(str(tmp_path / "a.png"), SEEN).shape[:2] == (74, 37)
