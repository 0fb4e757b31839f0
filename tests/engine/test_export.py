"""An export that does not answer as the trained model does is refused; nothing else is touched."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from finetune_studio.core import recipe
from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, ExportVerified, Noted, Prediction, Progress, Zipped
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.engine import decision, evaluate, packing_up, proof
from finetune_studio.engine import export as exports
from finetune_studio.exporters import open_export
from finetune_studio.exporters.onnx import Onnx
from tests.trained import trained_project


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_project(tmp_path_factory.mktemp("exports"))


def export(
    project: Project, out: Path | None = None, control: Control | None = None
) -> list[Event]:
    stated = exports.export(project, project.runs()[0], "onnx", out, control or Control())
    return list(stated)


def spoil(monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None]) -> None:
    """Let something happen to the export between writing and proof."""
    write_words = exports._write_words

    def then_change(parcel: exports._Parcel) -> dict[str, object]:
        about = write_words(parcel)
        change(parcel.folder)
        return about

    monkeypatch.setattr(exports, "_write_words", then_change)


def other_weights(folder: Path) -> None:
    """Change the last layer's weights in the file."""
    import numpy as np
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(folder / "model.onnx"))
    last = next(i for i in model.graph.initializer if "classifier" in i.name and len(i.dims) == 2)
    values = numpy_helper.to_array(last)
    last.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values[::-1]) * 9, last.name))
    onnx.save(model, str(folder / "model.onnx"))


def scaled_colours(folder: Path, factors: list[float]) -> None:
    """Let the file make something else of each picture's red, green and blue."""
    import numpy as np
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(folder / "model.onnx"))
    scale = next(i for i in model.graph.initializer if i.name == "scale")
    values = numpy_helper.to_array(scale) * np.array(factors, np.float32).reshape(1, 3, 1, 1)
    scale.CopyFrom(numpy_helper.from_array(values, scale.name))
    onnx.save(model, str(folder / "model.onnx"))


def other_colours(folder: Path) -> None:
    """Turn the colours round."""
    scaled_colours(folder, [-3.0, 3.0, 0.0])


def slightly_other_colours(folder: Path) -> None:
    """Change them so little that hardly any answer turns over."""
    scaled_colours(folder, [1 / 1.05] * 3)


def another_part(folder: Path) -> None:
    """Let another part of each picture be looked at."""
    place = folder / "preprocessing.json"
    values = json.loads(place.read_text())
    values["resize"] = 2 * values["crop"]
    place.write_text(json.dumps(values))


def other_order(folder: Path) -> None:
    """Turn the labels round."""
    place = folder / "labels.json"
    place.write_text(json.dumps(json.loads(place.read_text())[::-1]))


@pytest.mark.parametrize(
    "change", [other_weights, other_colours, slightly_other_colours, another_part, other_order]
)
def test_tampered_export_is_refused_and_the_old_one_kept(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None]
) -> None:
    out = tmp_path / "out"
    with Project(trained) as project:
        export(project, out)
        before = {f.name: f.read_bytes() for f in out.iterdir()}
        spoil(monkeypatch, change)
        with pytest.raises(StudioError, match="answers differently") as caught:
            export(project, out)
    assert "answers agree" in caught.value.message
    assert "accuracy" in caught.value.message
    assert {f.name: f.read_bytes() for f in out.iterdir()} == before
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("predict.py", "import finetune_studio", "does not run by itself: ModuleNotFoundError"),
        ("preprocess.py", "raise SystemExit(0)", "does not run by itself"),
        ("labels.json", '["a", "b"]', "3 probabilities for 2 labels"),
    ],
)
def test_export_that_needs_this_program_or_dies_is_refused(
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    text: str,
    reason: str,
) -> None:
    spoil(monkeypatch, lambda folder: (folder / file).write_text(text) and None)
    with Project(trained) as project, pytest.raises(StudioError, match=reason):
        export(project, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_export_says_what_it_does_and_replaces_an_earlier_one(
    trained: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with Project(trained) as project:
        export(project, out)
        (out / "README.md").write_text("old")
        stated = export(project, out)
    done = stated[-1]
    assert isinstance(done, ExportVerified)
    assert done.path == str(out)
    assert (out / "README.md").read_text() != "old"
    assert done.latency_ms > 0
    assert done.size_mb == pytest.approx(
        sum(f.stat().st_size for f in out.iterdir()) / 2**20, rel=0.05
    )
    last = [e for e in stated if isinstance(e, Progress)][-1]
    assert last.done == last.total == 12
    assert list(tmp_path.iterdir()) == [out]
    kept = recipe.load(out / "recipe.toml")
    assert kept.data.path == "photos"
    assert kept.optimiser.epochs == 2


def test_without_validation_samples_training_samples_are_compared(
    trained: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained, tmp_path / "copy")
    with Project(tmp_path / "copy") as project:
        some = [s.id for s in project.dataset.samples(split="validation")]
        project.dataset.exclude(some)
        stated = export(project)
    assert any(isinstance(e, Noted) and "no validation samples" in e.text for e in stated)
    done = stated[-1]
    assert isinstance(done, ExportVerified)
    assert done.samples == 18
    card = (Path(done.path) / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "asked 18 training samples" in " ".join(card.split())


def test_photos_that_cannot_be_read_are_no_proof(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(trained, tmp_path / "copy")
    with Project(tmp_path / "copy") as project:
        monkeypatch.setattr(evaluate, "answered", lambda *_: iter(()))
        with pytest.raises(StudioError, match="cannot be proven"):
            export(project)
        assert list(project.exports_folder.iterdir()) == []


def test_stopped_export_leaves_nothing(trained: Path, tmp_path: Path) -> None:
    control = Control()
    with Project(trained) as project:
        for event in exports.export(project, project.runs()[0], "onnx", tmp_path / "out", control):
            if isinstance(event, Progress):
                control.ask_stop()
    assert list(tmp_path.iterdir()) == []


def test_folder_of_somebody_else_is_not_overwritten(trained: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with Project(trained) as project:
        for place in (mine, mine / "thesis.txt"):
            with pytest.raises(StudioError, match="something else"):
                export(project, place)
    assert [f.name for f in mine.iterdir()] == ["thesis.txt"]


def _below_a_file(place: Path) -> Path:
    (place / "notes").write_text("mine")
    return place / "notes" / "out"


def _long_name(place: Path) -> Path:
    return place / ("x" * 300)


def _almost_too_long(place: Path) -> Path:
    return place / ("x" * 250)


def _link_to_nowhere(place: Path) -> Path:
    (place / "link").symlink_to(place / "nowhere")
    return place / "link"


def _link_in_a_circle(place: Path) -> Path:
    (place / "link").symlink_to(place / "link")
    return place / "link" / "out"


@pytest.mark.parametrize(
    "out", [_below_a_file, _long_name, _almost_too_long, _link_to_nowhere, _link_in_a_circle]
)
def test_a_place_where_no_folder_can_be_is_refused_before_any_work(
    trained: Path, tmp_path: Path, out: Callable[[Path], Path]
) -> None:
    target = out(tmp_path)
    before = {f.name for f in tmp_path.iterdir()}
    with Project(trained) as project:
        job = exports.export(project, project.runs()[0], "onnx", target, Control())
        with pytest.raises(StudioError, match=r"no folder|something else") as caught:
            next(job)
    assert caught.value.hint
    assert {f.name for f in tmp_path.iterdir()} == before


def test_where_a_drive_begins_is_refused_before_any_work(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    monkeypatch.setattr(Path, "is_mount", lambda place: place == stick)
    with Project(trained) as project:
        job = exports.export(project, project.runs()[0], "onnx", stick, Control())
        with pytest.raises(StudioError, match="A drive begins") as caught:
            next(job)
    assert str(stick / "1-onnx") in caught.value.hint
    assert [f.name for f in tmp_path.iterdir()] == ["stick"]


def test_a_link_to_a_folder_is_followed(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with Project(trained) as project:
        export(project, tmp_path / "link")
        export(project, tmp_path / "link")
    assert (tmp_path / "real" / "model.onnx").is_file()
    assert (tmp_path / "link").is_symlink()
    assert {f.name for f in tmp_path.iterdir()} == {"real", "link"}


def test_notes_that_somebody_put_into_an_export_are_not_lost(trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Project(trained) as project:
        export(project, out)
        (out / "notes.txt").write_text("field 7 was wet")
        with pytest.raises(StudioError, match=r"notes\.txt, which would be lost"):
            export(project, out)
    assert (out / "notes.txt").read_text() == "field 7 was wet"


@pytest.mark.parametrize(
    ("code", "words"), [(errno.ENOSPC, "disk is full"), (errno.EROFS, "may not be written")]
)
def test_what_the_disk_refuses_is_said_and_leaves_nothing(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, "refused")

    monkeypatch.setattr(Onnx, "write", refuse)
    with Project(trained) as project, pytest.raises(StudioError, match=words):
        export(project, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_crash_between_the_renames_is_repaired(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with Project(trained) as project:
        export(project, out)
        out.rename(tmp_path / ".out.old")
        (tmp_path / ".out.new-abc").mkdir()
        monkeypatch.setattr(Onnx, "write", _fail)
        with pytest.raises(StudioError, match="nothing was written"):
            export(project, out)
    assert [f.name for f in tmp_path.iterdir()] == ["out"]
    assert (out / "model.onnx").is_file()


def _fail(*_: object) -> None:
    raise StudioError("nothing was written", "")


def test_frozen_build_says_that_it_reloads_within_itself(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with Project(trained) as project:
        stated = export(project, tmp_path / "out")
    assert any(isinstance(e, Noted) and "reloaded within it" in e.text for e in stated)
    assert isinstance(stated[-1], ExportVerified)
    assert stated[-1].agreement == 1.0


def test_a_tie_that_rounding_decides_is_no_other_answer() -> None:
    sample = Sample(1, "x.png", "a", 1, "validation")
    ours = [(sample, Prediction("a", {"a": 0.5, "b": 0.499999}))]
    tie = [Prediction("b", {"b": 0.5, "a": 0.499999}, seconds=0.001)]
    task = evaluate.load_task("image_classification")
    verified = proof.compared(task, "onnx", ours, tie, Path())
    assert verified.agreement == 0.0
    assert proof.refusal(verified, ours, tie) is None
    other = [Prediction("b", {"b": 0.5004, "a": 0.4996}, seconds=0.001)]
    verified = proof.compared(
        task, "onnx", [(sample, Prediction("a", {"a": 0.5004, "b": 0.4996}))], other, Path()
    )
    assert proof.refusal(verified, [(sample, Prediction("a", {"a": 0.5004, "b": 0.4996}))], other)
    nothing = [Prediction("a", {"a": float("nan"), "b": float("nan")}, seconds=0.001)]
    assert proof.compared(task, "onnx", ours, nothing, Path()).max_abs_diff == 1.0


@pytest.mark.parametrize("name", ["onnx", "torch_export"])
def test_temperature_and_thresholds_survive(trained: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(trained, tmp_path / "copy")
    with Project(tmp_path / "copy") as project:
        run = project.runs()[0]
        sample = project.dataset.samples(split="validation")[0]
        plain = next(evaluate.predict(run, [sample.path], Control()))
        number, last = next(
            (number, found)
            for number, found in project.dataset.classes().items()
            if found == list(plain.probabilities)[-1]
        )
        chosen = decision.Decision(3.0, thresholds={str(number): 1e-6}, least_likeness=0.5)
        decision.keep(run, chosen)
        done = list(exports.export(project, run, name, tmp_path / "out", Control()))[-1]
        assert isinstance(done, ExportVerified)
        assert done.agreement == 1.0
        assert done.max_abs_diff < 1e-4
    said = open_export(tmp_path / "out")(sample.path)
    assert said.label == last != plain.label
    assert max(said.probabilities.values()) < max(plain.probabilities.values())
    printed = subprocess.run(
        [sys.executable, "-I", str(tmp_path / "out" / "predict.py"), sample.path],
        capture_output=True, text=True, encoding="utf-8", check=True,
    )  # fmt: skip
    assert printed.stdout.split("\t")[1] == last
    card = (tmp_path / "out" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "temperature of 3" in card
    assert "answers them too" in card


def test_what_smaller_numbers_cost_is_said() -> None:
    def verified(agreement: float, after: float) -> ExportVerified:
        return ExportVerified("", "onnx_int8", agreement, 0.1, "accuracy", 0.9, after, 1, 1, 100)

    assert proof.cost(verified(1, 0.9), "ONNX, 8 bits") == ""
    text = proof.cost(verified(0.97, 0.89), "ONNX, 8 bits")
    assert "3.0 % of the answers" in text
    assert "0.890 instead of 0.900" in text
    nothing = [Prediction("a", {"a": float("nan")})]
    assert proof.broken(nothing, "ONNX, 16 bits") is not None
    assert proof.broken([Prediction("a", {"a": 1.0})], "ONNX, 16 bits") is None


def test_a_zip_has_the_same_bytes_whenever_it_is_made(tmp_path: Path) -> None:
    made = tmp_path / "mine"
    (made / "__pycache__").mkdir(parents=True)
    (made / "__pycache__" / "x.pyc").write_bytes(b"x")
    for name, text in (("export.json", "{}"), ("predict.py", "print()"), ("model.onnx", "1" * 99)):
        (made / name).write_text(text)
    first = list(packing_up.zipped(made, None, Control()))[-1]
    assert isinstance(first, Zipped)
    before = Path(first.path).read_bytes()
    for file in made.iterdir():
        os.utime(file, (1, 1))
    (made / "predict.py").chmod(0o600)
    list(packing_up.zipped(made, tmp_path / "again" / "mine.zip", Control()))
    assert (tmp_path / "again" / "mine.zip").read_bytes() == before
    names = zipfile.ZipFile(first.path).namelist()
    assert names == ["mine/export.json", "mine/model.onnx", "mine/predict.py"]
    control = Control()
    control.ask_stop()
    assert not [
        e for e in packing_up.zipped(made, tmp_path / "no.zip", control) if isinstance(e, Zipped)
    ]
    assert not (tmp_path / "no.zip").exists()
    with pytest.raises(StudioError, match="no export"):
        list(packing_up.zipped(tmp_path, None, Control()))


def test_one_validation_sample_and_a_model_that_has_moved_are_no_hindrance(
    trained: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained, tmp_path / "copy")
    with Project(tmp_path / "copy") as project:
        run = project.runs()[0]
        gone = recipe.load(run / "recipe.toml").with_settings(
            {"model.source": str(tmp_path / "gone" / "weights.pth")}
        )
        gone.save(run / "recipe.toml")
        some = [s.id for s in project.dataset.samples(split="validation")]
        project.dataset.exclude(some[1:])
        done = export(project)[-1]
    assert isinstance(done, ExportVerified)
    assert (done.samples, done.agreement) == (1, 1.0)
    assert done.latency_ms > 0
    card = (Path(done.path) / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "weights.pth" in card
    assert str(tmp_path) not in card
