"""Small pictures: read in the background, upright, kept, and null where they cannot be read."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from finetune_studio.gui.thumbnails import Thumbnails, read_picture


@pytest.fixture
def thumbnails(qapp):
    made = Thumbnails()
    yield made
    made.shutdown()


def test_a_picture_is_read_once_and_then_at_hand(thumbnails, tmp_path, qtbot):
    file = str(tmp_path / "wide.png")
    Image.new("RGB", (300, 100), (10, 200, 30)).save(file)
    with qtbot.waitSignal(thumbnails.ready, timeout=10_000) as heard:
        assert thumbnails.get(file, 60) is None
    assert heard.args == [file]
    found = thumbnails.get(file, 60)
    assert (found.width(), found.height()) == (60, 20)
    assert found.toImage().pixelColor(5, 5).green() == 200


def test_an_unreadable_file_gives_a_null_picture(thumbnails, tmp_path, qtbot):
    file = tmp_path / "broken.jpg"
    file.write_bytes(b"not a picture")
    with qtbot.waitSignal(thumbnails.ready, timeout=10_000):
        thumbnails.get(str(file), 60)
    assert thumbnails.get(str(file), 60).isNull()


def test_a_picture_taken_on_its_side_is_upright(tmp_path):
    file = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (200, 100)).save(file, exif=exif)
    image = read_picture(str(file), 50)
    assert (image.width(), image.height()) == (25, 50)


def test_what_qt_cannot_read_is_read_as_the_engine_does(tmp_path):
    file = tmp_path / "float.tif"
    Image.fromarray(np.linspace(0, 255, 64 * 64, dtype=np.float32).reshape(64, 64)).save(file)
    image = read_picture(str(file), 32)
    assert not image.isNull()
    assert image.width() == 32
    assert image.pixelColor(16, 31).red() > image.pixelColor(16, 0).red()
