"""Heat is put back where the network's square was cut from the picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import RunFinished
from finetune_studio.core.preview import Both, By, Heat, Picture, Preview, Words
from finetune_studio.core.project import Project
from finetune_studio.engine.explain import check, compared, explain
from finetune_studio.insights.saliency import on_picture
from finetune_studio.modality import preprocess
from tests.engine.conftest import run_all, settings


def test_square_is_put_into_the_middle() -> None:
    values = np.ones((100, 100), np.float32)
    shown = on_picture(values, (400, 200), {"resize": 125, "crop": 100})
    assert shown.shape == (200, 400)
    assert shown[20:180, 120:280].min() == pytest.approx(1)
    assert shown[:20].max() == 0
    assert shown[:, :120].max() == 0
    assert shown.sum() == pytest.approx(160 * 160)


def test_tall_pictures_too() -> None:
    shown = on_picture(np.ones((64, 64), np.float32), (100, 300), {"resize": 64, "crop": 64})
    assert shown[100:200].min() == pytest.approx(1)
    assert shown[:100].max() == 0


@pytest.mark.parametrize("fit", ["whole", "stretch"])
@pytest.mark.parametrize("size", [(100, 300), (300, 100), (200, 200)])
def test_heat_lies_where_the_network_saw_it(fit: str, size: tuple[int, int]) -> None:
    """A red spot, made square as for the network and taken for heat, is put back onto itself."""
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[: size[1] // 4, size[0] // 2 : 3 * size[0] // 4] = 255
    seen = {"resize": 64, "crop": 64, "mean": [0.0] * 3, "fit": fit}
    values = preprocess.square(Image.fromarray(pixels), seen)[:, :, 0].astype(np.float32) / 255
    shown = on_picture(values, size, seen)
    assert shown.shape == (size[1], size[0])
    assert np.abs(shown - pixels[:, :, 0] / 255.0).mean() < 0.03


@pytest.mark.usefixtures("small_model")
def test_explain(project: Project) -> None:
    last = run_all(project, settings())[-1]
    assert isinstance(last, RunFinished)
    sample = project.dataset.samples(split="validation")[0]
    found = explain(Path(last.run), sample, None, project.dataset)
    assert isinstance(found.marks[0], Picture)
    assert isinstance(found.marks[1], Heat)
    assert found.marks[1].values.shape == (40, 40)
    assert found.said in found.marks[1].caption
    other = explain(Path(last.run), sample, "class2", project.dataset)
    assert isinstance(other.marks[1], Heat)
    assert "class2" in other.marks[1].caption
    classes = [f"class{n}" for n in range(3)]
    told = [check(Path(last.run), sample, name, project.dataset) for name in classes]
    assert any("shuffled weights" in text for text in told)
    covered = explain(Path(last.run), sample, By("class1", "occlusion"), project.dataset)
    assert isinstance(covered.marks[1], Heat)
    assert "needs to see for “class1”" in covered.marks[1].caption
    assert covered.marks[1].values.shape == (40, 40)
    assert covered.marks[1].values.max() <= 1
    # What covering costs is measured on the answer itself: there is nothing to check.
    assert check(Path(last.run), sample, By("class1", "occlusion"), project.dataset) == ""
    pair = explain(Path(last.run), sample, Both("class1", "class2"), project.dataset)
    assert pair.beside is not None
    assert "class1" in pair.lines[0]
    assert "class2" in pair.beside.lines[0]
    assert pair.marks[1].values == pytest.approx(
        explain(Path(last.run), sample, "class1", project.dataset).marks[1].values
    )
    assert pair.beside.marks[1].values == pytest.approx(other.marks[1].values)
    new = explain(Path(last.run), sample, Both("class1", "unicorn"), project.dataset)
    assert new.beside is None
    assert "does not know the class 'unicorn'" in new.lines[-1]
    with pytest.raises(StudioError, match="does not know"):
        explain(Path(last.run), sample, "unicorn", project.dataset)
    Path(sample.path).unlink()
    with pytest.raises(StudioError, match="not there"):
        explain(Path(last.run), sample, None, project.dataset)


def test_it_is_said_when_two_heats_do_not_tell_two_answers_apart() -> None:
    slope = np.linspace(0, 1, 4096, dtype=np.float32).reshape(64, 64)
    one = Preview((Picture("a.png"), Heat(slope)))
    assert "same places speak for both (agreement 1.00)" in compared(one, one)[0]
    assert compared(one, Preview((Picture("a.png"), Heat(1 - slope)))) == ()
    said = Preview((Words("good and bad", heat=((0, 4, 1.0), (9, 12, -0.5))),))
    true = Preview((Words("good and bad", heat=((0, 4, -1.0), (9, 12, 0.5))),))
    assert compared(said, true) == ()
    assert compared(said, said) != ()
