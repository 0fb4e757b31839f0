"""Exports answer alone as the trained model does, and one that does not is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import ExportVerified, RunFinished
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.engine.export import export
from finetune_studio.exporters import CATALOGUE, open_export
from tests.engine.conftest import draw, run_all, settings

FORMATS = [row.name for row in CATALOGUE]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with one short run; class and file names have odd characters."""
    from tests.engine.conftest import small_bundle

    folder = tmp_path_factory.mktemp("exports")
    rows = draw(folder / "photos", per_class=8)
    odd = {"class0": "Äpfel & <Birnen>", "class1": "naïve, 'rot'", "class2": '50 % "x"'}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINETUNE_STUDIO_HOME", str(folder / "home"))
        patch.setattr(
            "finetune_studio.tasks.image_classification.ImageClassification.load_model",
            lambda self, recipe, labels: small_bundle(labels, recipe.seed, recipe),
        )
        with Project(folder / "project", "image_classification") as project:
            renamed = []
            for row in rows:
                name = row.path.replace("/", "/bild ä ")
                (folder / "photos" / row.path).rename(folder / "photos" / name)
                renamed.append(type(row)(name, odd[str(row.label)], row.split))
            project.dataset.fill(renamed, root=folder / "photos")
            last = run_all(project, settings(optimiser__epochs=2))[-1]
            assert isinstance(last, RunFinished)
    return folder / "project"


def exported(project: Project, name: str, out: Path | None = None) -> ExportVerified:
    last = list(export(project, project.runs()[0], name, out, Control()))[-1]
    assert isinstance(last, ExportVerified)
    return last


@pytest.mark.parametrize("name", FORMATS)
def test_predict_py_runs_with_the_exported_files_alone(
    trained: Path, tmp_path: Path, name: str
) -> None:
    with Project(trained) as project:
        verified = exported(project, name)
        assert verified.agreement == 1.0
        assert verified.max_abs_diff < 1e-4
        assert verified.samples == 6
        picture = project.dataset.samples(split="validation")[0].path
    alone = tmp_path / "alone"
    shutil.copytree(verified.path, alone)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8 cut off")
    done = subprocess.run(
        [sys.executable, "-P", str(alone / "predict.py"), picture, str(broken), picture],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    printed = [line.split("\t") for line in done.stdout.splitlines()]
    assert [line[0] for line in printed] == [picture, picture], done.stderr
    answer = open_export(alone)(picture)
    assert printed[0][1] == answer.label
    assert float(printed[0][2]) == pytest.approx(answer.probabilities[answer.label], abs=1e-3)
    assert str(broken) in done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize("name", FORMATS)
def test_folder_explains_itself(trained: Path, name: str) -> None:
    with Project(trained) as project:
        folder = Path(exported(project, name).path)
    for file in ("README.md", "MODEL_CARD.md", "labels.json", "preprocessing.json", "recipe.toml"):
        assert (folder / file).stat().st_size > 10
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlicense")
    assert "\\<Birnen\\>" in card
    about = json.loads((folder / "export.json").read_text(encoding="utf-8"))
    assert about["verified"]["agreement"] == 1.0
    assert about["data_fingerprint"]
    ours = Path(__file__).parents[2] / "finetune_studio" / "modality" / "preprocess.py"
    assert (folder / "preprocess.py").read_bytes() == ours.read_bytes()


def test_export_that_answers_differently_is_refused_and_the_old_one_kept(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from finetune_studio.exporters.onnx import Onnx

    with Project(trained) as project:
        before = Path(exported(project, "onnx").path)
        stamp = (before / "export.json").read_bytes()
        write = Onnx.write

        def write_another(self: Onnx, bundle: object, signature: object, folder: Path) -> None:
            import torch

            with torch.no_grad():
                for parameter in bundle.network.parameters():  # type: ignore[attr-defined]
                    parameter.copy_(torch.randn_like(parameter))
            write(self, bundle, signature, folder)  # type: ignore[arg-type]

        from finetune_studio.engine import export as engine

        original = engine.evaluate.answered
        kept = {}

        def honest(task: object, bundle: object, samples: object, control: object) -> object:
            from finetune_studio.engine.run import load_bundle

            kept["bundle"] = load_bundle(project.runs()[0], project.dataset)
            return original(task, kept["bundle"], samples, control)  # type: ignore[arg-type]

        monkeypatch.setattr(engine.evaluate, "answered", honest)
        monkeypatch.setattr(Onnx, "write", write_another)
        with pytest.raises(StudioError) as caught:
            exported(project, "onnx")
        assert "answers differently" in caught.value.message
        assert "agree" in caught.value.message
        assert (before / "export.json").read_bytes() == stamp
        assert [f.name for f in before.parent.iterdir() if f.name.startswith(".")] == []


def test_merged_classes_are_added_up_in_the_export(trained: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    with Project(copy) as project:
        names = list(project.dataset.classes().values())
        project.dataset.merge_classes([names[0]], names[1])
        verified = exported(project, "onnx", tmp_path / "merged")
        assert verified.agreement == 1.0
        picture = project.dataset.samples(split="validation")[0].path
    answer = open_export(tmp_path / "merged")(picture)
    assert len(answer.probabilities) == 2
    assert sum(answer.probabilities.values()) == pytest.approx(1, abs=1e-5)


def test_folder_of_somebody_else_is_not_overwritten(trained: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with Project(trained) as project, pytest.raises(StudioError, match="something else"):
        exported(project, "onnx", mine)
    assert [f.name for f in mine.iterdir()] == ["thesis.txt"]


def test_full_disk_leaves_nothing_behind(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    from finetune_studio.exporters.onnx import Onnx

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Onnx, "write", full)
    with Project(trained) as project, pytest.raises(StudioError, match="disk is full"):
        exported(project, "onnx", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_changed_program_in_an_export_is_not_run(trained: Path, tmp_path: Path) -> None:
    with Project(trained) as project:
        verified = exported(project, "huggingface", tmp_path / "out")
    program = Path(verified.path) / "predict.py"
    program.write_text(program.read_text() + "\nopen('hacked', 'w')\n")
    with pytest.raises(StudioError, match="not the one"):
        open_export(Path(verified.path))


def test_no_export_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="neither a run nor an export"):
        open_export(tmp_path)
