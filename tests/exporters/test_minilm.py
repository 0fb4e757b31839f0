"""A real text classifier, MiniLM on medical abstracts, keeps its answers in eight bits and gets smaller."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from finetune_studio.core.events import ExportVerified
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine import curate
from finetune_studio.engine.export import export
from tests.engine.conftest import finished, run_all

pytestmark = [pytest.mark.shared, pytest.mark.slow]


@pytest.fixture
def abstracts(shared: Path, tmp_path: Path) -> Path:
    """Return tables of 96 abstracts to learn from and 40 to judge by."""
    folder = tmp_path / "abstracts"
    folder.mkdir()
    table = shared / "data" / "txt-medical-abstracts" / "medical_tc_test.csv"
    with table.open(encoding="utf-8", newline="") as file:
        every = list(csv.reader(file))[1:137]
    for split, rows in (("train", every[:96]), ("validation", every[96:])):
        with (folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["label", "text"], *rows])
    return folder


def test_eight_bits_of_a_real_classifier(abstracts: Path, tmp_path: Path) -> None:
    recipe = Recipe(task="text_classification", preset="quick").with_settings(
        {
            "data.path": str(abstracts),
            "model.source": "minilm",
            "optimiser.method": "solve",
            "optimiser.epochs": 4,
            "options.max_length": 64,
            "augment.strength": "none",
        }
    )
    with Project(tmp_path / "project", "text_classification") as project:
        list(curate.import_data(project, recipe.data, 0, Control()))
        folder = Path(finished(run_all(project, recipe)).run)
        done = list(export(project, folder, "onnx_int8", None, Control()))[-1]
    assert isinstance(done, ExportVerified)
    assert done.samples == 40
    assert done.agreement >= 0.9
    assert done.metric_after >= done.metric_before - 0.08  # of 40 texts: two or three
    size = (Path(done.path) / "model.onnx").stat().st_size
    assert size < 62e6  # 90 MB in 32 bits; the table of words, 47 MB, stays as it is
