"""What the Data page does in threads: dividing, looking whether the files are there."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from finetune_studio.core.dataset import Dataset, Row
from finetune_studio.gui.pages.data import work
from finetune_studio.gui.pages.data.shelf import Stock, View
from finetune_studio.gui.widgets.split_bar import Shares


@pytest.fixture
def dataset(tmp_path: Path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for n in range(40):
        (folder / f"{n}.png").write_bytes(b"x" * (n + 1))
    made = Dataset(tmp_path / "project.sqlite")
    rows = [Row(f"{n}.png", "ab"[n % 2], group=f"g{n // 4}") for n in range(40)]
    made.fill(rows, root=folder)
    made.divide(validation=0.2, test=0.2, seed=0)
    yield made
    made.close()


def of(dataset: Dataset, split: str) -> set[int]:
    return {sample.id for sample in dataset.samples(split=split)}


def test_dividing_anew_leaves_test_alone_and_is_one_step_of_undo(dataset):
    test, train = of(dataset, "test"), of(dataset, "train")
    work.redivide(dataset, Shares(0.4, 0.2), seed=3, keep_test=True)
    assert of(dataset, "test") == test
    assert abs(len(of(dataset, "validation")) - 16) <= 4  # groups of four stay together
    groups = {s.group for s in dataset.samples(split="validation")}
    assert not groups & {s.group for s in dataset.samples(split="train")}
    dataset.undo()
    assert of(dataset, "train") == train


def test_dividing_everything_anew_moves_test_too(dataset):
    work.redivide(dataset, Shares(0.2, 0.4), seed=3, keep_test=False)
    assert abs(len(of(dataset, "test")) - 16) <= 4


def test_an_edit_reads_only_what_it_changed_again(dataset, monkeypatch):
    stock, _ = work.load(dataset, View(), Stock())
    first = stock.samples[0].id
    monkeypatch.setattr(dataset, "samples", lambda: pytest.fail("everything was read again"))
    view = View(label="c")
    after, shown = work.edited(dataset, lambda: dataset.relabel([first], "c"), [first], stock, view)
    assert [sample.id for sample in shown.samples] == [first]
    assert after.classes == ("a", "b", "c")
    assert shown.survey.classes == {"a": 19, "b": 20, "c": 1}


def test_photos_that_are_gone_are_noticed(dataset, tmp_path):
    samples, root = dataset.samples(), str(dataset.root)
    assert not work.is_missing(samples, root)
    (tmp_path / "photos" / "3.png").unlink()
    assert not work.is_missing(samples, root)  # one file is no moved folder
    (tmp_path / "photos").rename(tmp_path / "elsewhere")
    assert work.is_missing(samples, root)
    (tmp_path / "photos").mkdir()  # an empty mount point
    assert work.is_missing(samples, root)
    assert not work.is_missing([], "")


def test_the_size_in_pixels_is_upright(tmp_path):
    picture = Image.new("RGB", (30, 20))
    exif = picture.getexif()
    exif[0x0112] = 6  # turned by a quarter
    picture.save(tmp_path / "a.jpg", exif=exif)
    assert work.pixels(str(tmp_path / "a.jpg")) == (20, 30)
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    assert work.pixels(str(tmp_path / "b.jpg")) == (0, 0)
