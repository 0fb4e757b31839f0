"""From a file to numbers: upright, RGB, on white, in the right range, and the same in every export."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from finetune_studio.modality import preprocess

SEEN = {
    "resize": 40, "crop": 32, "mean": [0.5, 0.4, 0.3], "std": [0.25, 0.2, 0.1],
    "interpolation": "bicubic",
}  # fmt: skip


def corner(path: Path) -> tuple[int, ...]:
    found = preprocess.open_picture(path).getpixel((0, 0))
    assert isinstance(found, tuple)
    return found


@pytest.mark.parametrize("turn", range(1, 9))
def test_every_exif_turn_shows_the_same_picture(tmp_path: Path, turn: int) -> None:
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:10, :15, 0] = 255  # red at the upper left, as the eye sees it
    back = {
        1: [], 2: [Image.Transpose.FLIP_LEFT_RIGHT], 3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM], 5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90], 7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }[turn]  # fmt: skip
    stored = Image.fromarray(pixels)
    for step in back:
        stored = stored.transpose(step)
    exif = Image.Exif()
    exif[0x0112] = turn
    stored.save(tmp_path / "a.png", exif=exif)
    shown = preprocess.open_picture(tmp_path / "a.png")
    assert np.array_equal(np.asarray(shown), pixels)


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (10, 20, 30, 0)).save(tmp_path / "a.png")
    Image.new("LA", (4, 4), (10, 0)).save(tmp_path / "b.png")
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([10, 20, 30])
    palette.save(tmp_path / "c.png", transparency=0)
    for name in "abc":
        assert corner(tmp_path / f"{name}.png") == (255, 255, 255)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "LAB", "HSV"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    picture = Image.new("RGB", (8, 6), (200, 30, 30)).convert(mode if mode != "LAB" else "RGB")
    name = "a.tif" if mode in ("CMYK", "YCbCr", "LAB") else "a.png"
    (picture.convert("RGB") if mode == "HSV" else picture).save(tmp_path / name)
    shown = preprocess.open_picture(tmp_path / name)
    assert (shown.mode, shown.size) == ("RGB", (8, 6))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 65535]], np.uint16), (0, 255)),
        (np.array([[0, 257 * 100]], np.uint16), (0, 100)),
        (np.array([[0.0, 1.0]], np.float32), (0, 255)),
        (np.array([[-5.0, 5.0]], np.float32), (0, 255)),
        (np.array([[0.0, 200.0]], np.float32), (0, 200)),
        (np.array([[np.nan, 200.0]], np.float32), (0, 200)),
        (np.array([[7, 70000]], np.int32), (0, 255)),
    ],
)
def test_other_ranges_are_brought_to_eight_bits(
    tmp_path: Path, values: np.ndarray, expected: tuple[int, int]
) -> None:
    Image.fromarray(values).save(tmp_path / "a.tif")
    found = np.asarray(preprocess.open_picture(tmp_path / "a.tif"))
    assert tuple(int(v) for v in found[0, :, 0]) == expected


def test_large_jpegs_are_decoded_smaller_but_not_too_small(tmp_path: Path) -> None:
    Image.new("RGB", (1600, 1200), "green").save(tmp_path / "a.jpg")
    found = preprocess.open_picture(tmp_path / "a.jpg", at_least=100)
    assert 100 <= min(found.size) < 1200
    assert preprocess.open_picture(tmp_path / "a.jpg").size == (1600, 1200)


def test_too_many_pixels_are_refused_before_they_are_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("1", (300, 300)).save(tmp_path / "a.png")
    monkeypatch.setattr(preprocess, "MOST_PIXELS", 80_000)
    with pytest.raises(ValueError, match="too many"):
        preprocess.open_picture(tmp_path / "a.png")


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (33, 32), (40, 90), (300, 200)])
def test_every_shape_becomes_the_square_that_the_network_sees(size: tuple[int, int]) -> None:
    found = preprocess.prepare(Image.new("RGB", size, (128, 102, 51)), SEEN)
    assert found.shape == (3, 32, 32)
    assert found.dtype == np.float32
    expected = [(128 / 255 - 0.5) / 0.25, (102 / 255 - 0.4) / 0.2, (51 / 255 - 0.3) / 0.1]
    assert found.reshape(3, -1).mean(axis=1) == pytest.approx(expected, abs=1e-5)


def test_the_centre_is_kept() -> None:
    pixels = np.zeros((40, 120, 3), np.uint8)
    pixels[:, 40:80] = 255
    found = preprocess.prepare(Image.fromarray(pixels), SEEN)
    assert found[0].min() == pytest.approx((1 - 0.5) / 0.25)


def test_the_file_stands_alone() -> None:
    text = Path(preprocess.__file__).read_text(encoding="utf-8")
    assert "finetune_studio" not in text  # it is copied into exports


def test_a_picture_that_is_a_program_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[object] = []

    def ghostscript(*told: object, **_: object) -> Image.Image:
        started.append(told)
        return Image.new("RGB", (4, 4))

    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", ghostscript)
    Image.new("RGB", (4, 4)).save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / "a.jpg")
    with pytest.raises(UnidentifiedImageError) as refused:
        preprocess.open_picture(tmp_path / "a.jpg")
    assert not started
    assert preprocess.reason("", refused.value) == "it is not a picture in a known format"


def striped(size: tuple[int, int]) -> Image.Image:
    """A grey picture whose outermost eighth is red on the left or top, and blue at the other end."""
    pixels = np.full((size[1], size[0], 3), 128, np.uint8)
    along = pixels if size[1] > size[0] else pixels.transpose(1, 0, 2)
    eighth = max(size) // 8
    along[:eighth], along[-eighth:] = (255, 0, 0), (0, 0, 255)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("size", [(80, 160), (160, 80)])
def test_only_a_crop_loses_the_ends_of_a_long_picture(size: tuple[int, int]) -> None:
    tall = size[1] > size[0]
    for fit in ("crop", "stretch", "whole"):
        seen = preprocess.square(striped(size), {**SEEN, "fit": fit}).astype(int)
        assert seen.shape == (32, 32, 3)
        along = seen if tall else seen.transpose(1, 0, 2)
        ends = [along[1, 16], along[-2, 16]]
        if fit == "crop":
            assert all(abs(end - 128).max() < 8 for end in ends)
        else:
            assert ends[0][0] > 230
            assert ends[1][2] > 230
        side = along[16, 1]
        bars = fit == "whole"
        assert (abs(side - np.array([127, 102, 76])).max() < 8) == bars  # the mean colour
    plain = preprocess.square(striped(size), SEEN)
    assert np.array_equal(plain, preprocess.square(striped(size), {**SEEN, "fit": "crop"}))


def test_all_of_a_square_picture_is_seen_without_bars() -> None:
    picture = Image.radial_gradient("L").convert("RGB")
    whole, stretched = (
        preprocess.square(picture, {**SEEN, "fit": fit}) for fit in ("whole", "stretch")
    )
    assert np.array_equal(whole, stretched)
