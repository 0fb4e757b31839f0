"""Every format answers by its own files alone, as the trained model does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finetune_studio.core.dataset import Labels
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import ExportVerified
from finetune_studio.core.exporter import furnish
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.task import Bundle
from finetune_studio.engine.export import export
from finetune_studio.exporters import CATALOGUE, open_export
from finetune_studio.exporters.onnx import Onnx
from finetune_studio.models import graphs
from finetune_studio.tasks.image_classification import ImageClassification
from tests.engine.conftest import PROCESSOR, small_bundle
from tests.trained import ODD, trained_project

FORMATS = [
    row.name
    for row in CATALOGUE
    if (kind := row.load()()).accepts(ImageClassification()) and not kind.missing()
]
EXACT = [name for name in FORMATS if CATALOGUE.load(name).exact]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_project(tmp_path_factory.mktemp("exports"))


def exported(project: Project, name: str, out: Path | None = None) -> ExportVerified:
    last = list(export(project, project.runs()[0], name, out, Control()))[-1]
    assert isinstance(last, ExportVerified)
    return last


@pytest.fixture(scope="module")
def verified(trained: Path) -> dict[str, ExportVerified]:
    """Return an export in each format; tests copy them before they change anything."""
    with Project(trained) as project:
        return {name: exported(project, name) for name in FORMATS}


@pytest.fixture(scope="module")
def picture(trained: Path) -> str:
    with Project(trained) as project:
        return project.dataset.samples(split="validation")[0].path


def ask(folder: Path, *paths: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run predict.py where this program cannot be imported."""
    (folder / "finetune_studio.py").write_text("raise ImportError('not alone')")
    return subprocess.run(
        [sys.executable, "-I", str(folder / "predict.py"), *paths],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        check=False,
    )


@pytest.mark.parametrize("name", FORMATS)
def test_predict_py_runs_with_the_exported_files_alone(
    verified: dict[str, ExportVerified], picture: str, tmp_path: Path, name: str
) -> None:
    done = verified[name]
    assert done.samples == 6
    assert done.latency_p95_ms >= done.latency_ms > 0
    assert done.batch_p95_ms >= done.batch_ms > 0
    if name in EXACT:
        assert done.agreement == 1.0
        assert done.max_abs_diff < 1e-4
        assert done.metric_before == done.metric_after
    else:  # a small random network has nothing to spare; benchmarks/exports.py looks at a real one
        assert done.agreement >= 0.5
    alone = tmp_path / "alone ü"
    shutil.copytree(done.path, alone)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8 cut off")
    asked = ask(alone, picture, str(broken), picture, cwd=tmp_path)
    printed = [line.split("\t") for line in asked.stdout.splitlines()]
    assert [line[0] for line in printed] == [picture, picture], asked.stderr
    answer = open_export(alone)(picture)
    assert {line[1] for line in printed} == {answer.label}
    assert answer.label in ODD.values()
    assert float(printed[0][2]) == pytest.approx(answer.probabilities[answer.label], abs=1e-3)
    assert str(broken) in asked.stderr
    assert "Traceback" not in asked.stderr
    assert asked.returncode == 1


def test_predict_py_ends_well_where_every_file_can_be_read(
    verified: dict[str, ExportVerified], picture: str, tmp_path: Path
) -> None:
    shutil.copytree(verified["onnx"].path, tmp_path / "alone")
    assert ask(tmp_path / "alone", picture, cwd=tmp_path).returncode == 0
    nothing = ask(tmp_path / "alone", cwd=tmp_path)
    assert "predict.py FILE" in nothing.stderr


@pytest.mark.parametrize("name", FORMATS)
def test_folder_explains_itself_and_tells_nothing_of_this_computer(
    verified: dict[str, ExportVerified], trained: Path, name: str
) -> None:
    folder = Path(verified[name].path)
    for file in ("README.md", "MODEL_CARD.md", "labels.json", "preprocessing.json", "recipe.toml"):
        assert (folder / file).stat().st_size > 10
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "\\<Birnen\\>" in card
    assert "95 % interval" in card
    assert "always saying" in card
    front = dict(
        line.split(": ", 1) for line in card.split("---")[1].strip().splitlines() if ": " in line
    )
    assert json.loads(front["pipeline_tag"]) == "image-classification"
    metrics = json.loads(front["model-index"])[0]["results"][0]["metrics"]
    assert metrics[0]["type"] == "accuracy"
    from huggingface_hub import ModelCard

    read = ModelCard.load(folder / "MODEL_CARD.md").data
    assert read.pipeline_tag == "image-classification"
    assert read.eval_results[0].metric_value == pytest.approx(metrics[0]["value"])
    assert "What it is meant for" in card
    about = json.loads((folder / "export.json").read_text(encoding="utf-8"))
    assert about["verified"]["agreement"] >= (1.0 if name in EXACT else 0.5)
    assert about["data_fingerprint"]
    assert about["recipe_fingerprint"]
    ours = Path(__file__).parents[2] / "finetune_studio" / "modality" / "preprocess.py"
    assert (folder / "preprocess.py").read_bytes() == ours.read_bytes()
    for file in folder.iterdir():
        assert str(trained.parent).encode() not in file.read_bytes(), file.name


@pytest.fixture(scope="module")
def starter_export(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, Path]:
    """Return the embedded starter with a random head, and its ONNX export written by hand."""
    import torch

    from finetune_studio.core.recipe import ModelChoices
    from finetune_studio.models import zoo

    bundle = zoo.load(ModelChoices(source="starter"), "image", Labels(("a", "b", "c")), seed=0)
    with torch.no_grad():
        bundle.network.get_submodule(bundle.head).weight.normal_(
            std=0.5, generator=torch.Generator().manual_seed(0)
        )
    bundle.network.eval()
    folder = tmp_path_factory.mktemp("starter")
    signature = ImageClassification().signature(bundle)
    Onnx().write(bundle, signature, folder)
    furnish(Onnx(), bundle, ImageClassification.outside, folder, signature.inside)
    return bundle, folder


def ours(bundle: Bundle, path: Path) -> tuple[str, float] | None:
    """Return the app's own answer to a file; None where it cannot be read."""
    import torch

    from finetune_studio.engine.loaders import batch_of

    task = ImageClassification()
    sample = task.sample_from_input(str(path))
    try:
        batch = batch_of(task, bundle, [sample])
    except StudioError:
        return None
    with torch.inference_mode():
        answer = task.predict(bundle, batch)[0]
    return str(answer.label), answer.probabilities[str(answer.label)]


def agree(starter_export: tuple[Bundle, Path], paths: list[Path], cwd: Path) -> tuple[int, int]:
    """Compare predict.py with the app file by file; return how many were answered and refused."""
    bundle, folder = starter_export
    expected = {str(path): answer for path in paths if (answer := ours(bundle, path)) is not None}
    asked = ask(folder, *map(str, paths), cwd=cwd)
    found = {}
    for line in asked.stdout.splitlines():
        path, label, share = line.split("\t")
        found[path] = (label, float(share))
    assert found.keys() == expected.keys()
    for path, (label, share) in found.items():
        assert label == expected[path][0], path
        assert share == pytest.approx(expected[path][1], abs=2e-4), path
    refused = [path for path in map(str, paths) if path not in expected]
    assert all(f"{path}: " in asked.stderr for path in refused)
    assert asked.returncode == bool(refused)
    return len(found), len(refused)


def test_predict_py_answers_real_pictures_as_the_app_does(
    starter_export: tuple[Bundle, Path], leaves: Path, tmp_path: Path
) -> None:
    paths = sorted(leaves.rglob("*.jpg"))[::12]
    assert agree(starter_export, paths, tmp_path) == (len(paths), 0)
    assert len(paths) >= 15


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
def test_predict_py_answers_odd_pictures_as_the_app_does(
    starter_export: tuple[Bundle, Path], shared: Path, tmp_path: Path
) -> None:
    odd = [shared / "data" / "odd-images-pillow", shared / "data" / "odd-exif-orientation"]
    paths = sorted(f for folder in odd for f in folder.rglob("*") if f.is_file())
    answered, refused = agree(starter_export, paths, tmp_path)
    assert answered > 20
    assert refused > 0


def test_merged_classes_are_added_up_in_the_export(trained: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    with Project(copy) as project:
        names = list(project.dataset.classes().values())
        project.dataset.merge_classes([names[0]], names[1])
        picture = project.dataset.samples(split="validation")[0].path
        assert exported(project, "onnx", tmp_path / "merged").agreement == 1.0
    answer = open_export(tmp_path / "merged")(picture)
    assert set(answer.probabilities) == set(names[1:])
    assert sum(answer.probabilities.values()) == pytest.approx(1, abs=1e-5)


# --- the Hugging Face folder ------------------------------------------------------------------------


def vit() -> Bundle:
    from transformers import ViTConfig, ViTForImageClassification

    config = ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48,
        image_size=32, patch_size=8, num_labels=3,
    )  # fmt: skip
    about = {"library": "transformers", "config": config.to_dict()}
    labels = Labels(("ä", "b <i>", "c"))
    network = ViTForImageClassification(config).eval()
    return Bundle(network, labels, dict(PROCESSOR), about, "classifier")


@pytest.mark.parametrize("fit", ["crop", "whole", "stretch"])
def test_transformers_loads_the_folder_by_itself(tmp_path: Path, fit: str) -> None:
    import torch
    from transformers import AutoImageProcessor, AutoModelForImageClassification

    from finetune_studio.modality import preprocess

    bundle = vit()
    bundle.processor["fit"] = fit
    signature = ImageClassification().signature(bundle)
    CATALOGUE.load("huggingface")().write(bundle, signature, tmp_path)
    again = AutoModelForImageClassification.from_pretrained(tmp_path).eval()
    pixels = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(again(pixels).logits, bundle.network(pixels).logits)
    assert again.config.id2label == {0: "ä", 1: "b <i>", 2: "c"}
    assert again.config.label2id["ä"] == 0

    from PIL import Image

    smooth = Image.radial_gradient("L").resize((80, 60)).convert("RGB")
    theirs = AutoImageProcessor.from_pretrained(tmp_path)(smooth, return_tensors="np")
    ours = preprocess.prepare(smooth, bundle.processor)
    assert np.abs(theirs["pixel_values"][0] - ours).mean() < 0.05


def test_changed_program_in_an_export_is_not_run(
    verified: dict[str, ExportVerified], tmp_path: Path
) -> None:
    shutil.copytree(verified["huggingface"].path, tmp_path / "out")
    program = tmp_path / "out" / "predict.py"
    program.write_text(program.read_text() + "\nopen('hacked', 'w')\n")
    with pytest.raises(StudioError, match="not the one"):
        open_export(tmp_path / "out")


# --- ONNX -------------------------------------------------------------------------------------------


def with_merged_classes() -> Bundle:
    return small_bundle(Labels(("a", "b", "a")), 0)


@pytest.mark.parametrize(("way", "make"), [("traced", vit), ("captured", with_merged_classes)])
def test_both_ways_of_writing_onnx_answer_batches_of_any_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, make: Any
) -> None:
    import onnxruntime
    import torch

    def broken(*_: object) -> None:
        raise RuntimeError("this way is closed")

    monkeypatch.setattr(graphs, "_captured" if way == "traced" else "_traced", broken)
    bundle = make()
    bundle.network.eval()
    signature = ImageClassification().signature(bundle)
    CATALOGUE.load("onnx")().write(bundle, signature, tmp_path)
    assert [f.name for f in tmp_path.iterdir()] == ["model.onnx"]
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    pixels = torch.randint(256, (5, 32, 32, 3), dtype=torch.uint8)
    with torch.inference_mode():
        expected = signature.network(pixels).numpy()
    found = session.run(None, {"pixels": pixels.numpy()})[0]
    assert found == pytest.approx(expected, abs=1e-5)
    assert found.shape[1] == len(set(bundle.labels.names))
    assert found.sum(1) == pytest.approx(np.ones(5), abs=1e-5)
    text = (tmp_path / "model.onnx").read_bytes()
    assert b"site-packages" not in text
    assert str(Path(__file__).parents[2]).encode() not in text


def test_onnx_written_for_one_batch_size_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = small_bundle(Labels(("a", "b")), 0)
    bundle.network.eval()
    signature = ImageClassification().signature(bundle)
    fixed = replace(signature, dynamic={})
    monkeypatch.setattr(graphs, "_captured", graphs._traced)
    with pytest.raises(StudioError, match="cannot be written as ONNX"):
        CATALOGUE.load("onnx")().write(bundle, fixed, tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- opening an export ------------------------------------------------------------------------------


def test_no_export_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="neither a run nor an export"):
        open_export(tmp_path)


@pytest.mark.parametrize(
    ("file", "text"),
    [("labels.json", '["one"]'), ("model.onnx", "no model"), ("preprocessing.json", "{")],
)
def test_damaged_export_is_said_so(
    verified: dict[str, ExportVerified], picture: str, tmp_path: Path, file: str, text: str
) -> None:
    folder = tmp_path / "out"
    shutil.copytree(verified["onnx"].path, folder)
    open_export(folder)(picture)
    (folder / file).write_text(text)
    with pytest.raises(StudioError, match="damaged"):
        open_export(folder)


# --- other formats ----------------------------------------------------------------------------------


def test_smaller_formats_are_smaller(verified: dict[str, ExportVerified]) -> None:
    def weights(name: str) -> int:
        return (Path(verified[name].path) / "model.onnx").stat().st_size

    assert weights("onnx_fp16") < 0.75 * weights("onnx")
    assert weights("onnx_int8") < weights("onnx")  # a tiny network is mostly its graph


def test_eight_bits_hold_the_ranges_of_training_samples(
    verified: dict[str, ExportVerified], trained: Path
) -> None:
    import onnx

    model = onnx.load(str(Path(verified["onnx_int8"].path) / "model.onnx"))
    kinds = [node.op_type for node in model.graph.node]
    assert kinds.count("QuantizeLinear") > 5
    assert "DynamicQuantizeLinear" not in kinds
    by_name = {i.name: i for i in model.graph.initializer}
    points = [by_name[n.input[2]] for n in model.graph.node if n.op_type == "QuantizeLinear"]
    assert {p.data_type for p in points} == {onnx.TensorProto.UINT8}
    weights = [i for i in model.graph.initializer if i.name.endswith("_quantized")]
    assert any(onnx.numpy_helper.to_array(w).dtype == np.int8 for w in weights)


def test_pt2_needs_torch_alone_and_one_with_pickled_objects_is_not_read(
    verified: dict[str, ExportVerified], picture: str, tmp_path: Path
) -> None:
    import zipfile

    shutil.copytree(verified["torch_export"].path, tmp_path / "out")
    program = (
        "import sys\n"
        "for name in ('torchvision', 'transformers', 'onnxruntime', 'finetune_studio'):\n"
        "    sys.modules[name] = None\n"
        f"sys.path.insert(0, {str(tmp_path / 'out')!r})\n"
        f"import predict; print(predict.ask(predict.look({picture!r}))['label'])"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == open_export(tmp_path / "out")(picture).label, done.stderr
    file = tmp_path / "out" / "model.pt2"
    kept = zipfile.ZipFile(file)
    changed = tmp_path / "changed.pt2"
    with zipfile.ZipFile(changed, "w") as other:
        for name in kept.namelist():
            content = kept.read(name)
            if name.endswith("weights_config.json"):
                content = content.replace(b'"use_pickle": false', b'"use_pickle": true')
            other.writestr(name, content)
    changed.replace(file)
    with pytest.raises(StudioError, match="pickled objects"):
        open_export(tmp_path / "out")
    # predict.py looks as well: a model that somebody put in the place of ours is not even loaded.
    asked = ask(tmp_path / "out", picture, cwd=tmp_path)
    assert asked.returncode != 0
    assert "pickled objects" in asked.stderr
    assert asked.stdout == ""


@pytest.mark.skipif("openvino" not in FORMATS, reason="the package openvino is not installed")
def test_openvino_opens_no_connection(
    verified: dict[str, ExportVerified], picture: str, tmp_path: Path
) -> None:
    program = (
        "import socket, sys\n"
        "def never(*_, **__): print('CONNECTED', flush=True); raise OSError\n"
        "socket.getaddrinfo = socket.socket.connect = never\n"
        f"sys.path.insert(0, {verified['openvino'].path!r})\n"
        f"import predict; print(predict.ask(predict.look({picture!r}))['label'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() in ODD.values(), done.stderr
    assert "openvino_telemetry" not in sys.modules or sys.modules["openvino_telemetry"] is None


@pytest.mark.parametrize(
    ("fit", "told"), [("whole", "bars"), ("stretch", "stretched"), ("crop", "cut to its middle")]
)
def test_other_programs_are_told_how_a_picture_is_made_square(fit, told):
    from types import SimpleNamespace

    from finetune_studio.exporters.onnx import Onnx

    bundle = SimpleNamespace(processor={"crop": 64, "resize": 64, "fit": fit})
    page = " ".join(" ".join(Onnx().notes(bundle)).split())
    assert told in page
    assert ("cut to its middle" in page) == (fit == "crop")
