"""What is turned away in the app is turned away by its exports, in every format, by their own files."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from finetune_studio.core.events import ExportVerified, Prediction
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.words import sentence
from finetune_studio.engine import decision, evaluate, facts, unlike
from finetune_studio.engine.export import export
from finetune_studio.exporters import CATALOGUE, open_export
from finetune_studio.insights import unlike as insight
from finetune_studio.modality import foreign
from finetune_studio.tasks.image_classification import ImageClassification
from tests.engine.test_serving import post, served
from tests.trained import trained_project
from tests.trained_texts import trained_texts


def formats(task: object) -> list[str]:
    found = [(row.name, row.load()()) for row in CATALOGUE]
    return [name for name, kind in found if kind.accepts(task) and not kind.missing()]


def learnt(project: Project) -> Path:
    """Learn what the samples look like, and turn half of the validation samples away."""
    run = project.runs()[0]
    list(unlike.learn(project, run, Control()))
    known = unlike.read(run)
    assert known is not None
    middle = float(np.mean(sorted(known.validation.values())[2:4]))
    decision.keep(run, replace(decision.read(run), least_likeness=middle, turned_away=0.5))
    return run


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = trained_project(tmp_path_factory.mktemp("unlike"))
    with Project(folder) as project:
        learnt(project)
    return folder


def exported(project: Project, name: str, out: Path) -> ExportVerified:
    last = list(export(project, project.runs()[0], name, out, Control()))[-1]
    assert isinstance(last, ExportVerified)
    return last


def ask(folder: Path, *given: str, **environment: str) -> list[list[str]]:
    """Return what predict.py prints where this program cannot be imported."""
    (folder / "finetune_studio.py").write_text("raise ImportError('not alone')")
    said = subprocess.run(
        [sys.executable, "-I", str(folder / "predict.py"), *given],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | environment,
        check=True,
    )
    return [line.split("\t") for line in said.stdout.splitlines()]


def compare(
    project: Project, folder: Path, given: list[str], *, exact: bool, near: float
) -> list[bool]:
    """Compare an export's own answers with the app's on the same inputs; return which it turns away."""
    ours = list(evaluate.predict(project.runs()[0], given, Control()))
    answer = open_export(folder)
    theirs = [answer(one) for one in given]
    away = [one.answer.get(decision.UNLIKE, False) for one in ours]
    assert sum(away) < len(away)
    for one, other in zip(ours, theirs, strict=True):
        assert one.answer[decision.LIKENESS] == pytest.approx(
            other.answer[decision.LIKENESS], abs=near
        )
    if not exact:
        return away
    assert [one.answer.get(decision.UNLIKE, False) for one in theirs] == away
    printed = ask(folder, *given)
    assert [len(line) for line in printed] == [3] * len(given)
    for one, line in zip(ours, printed, strict=True):
        # The words are those that the app itself shows.
        assert line[1] in sentence(replace(one, input="x"))[0]
        assert line[1].startswith("none of these (most like") == bool(
            one.answer.get(decision.UNLIKE)
        )
    return away


@pytest.mark.parametrize("name", formats(ImageClassification()))
def test_unlike_pictures_are_turned_away_by_every_format(
    trained: Path, tmp_path: Path, name: str
) -> None:
    with Project(trained) as project:
        done = exported(project, name, tmp_path / "out")
        exact = CATALOGUE.load(name).exact
        if exact:
            assert done.agreement == 1.0
            assert done.max_abs_diff < 2e-4
        given = [s.path for s in project.dataset.samples(split="validation")]
        compare(project, tmp_path / "out", given, exact=exact, near=2e-4 if exact else 0.2)
        asked = evaluate.predict(project.runs()[0], given, Control())
        assert any(one.answer.get(decision.UNLIKE) for one in asked)
    saved = np.load(tmp_path / "out" / foreign.FILE, allow_pickle=False)
    assert saved.dtype == np.float16
    assert len(saved) == 18
    readme = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "none of these (most like LABEL)" in readme
    card = (tmp_path / "out" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "50.0 % are turned away" in card
    assert "always answers with one of its classes" not in card


def test_a_smaller_format_finds_its_own_border(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its features are rounded, so that the border of the whole network would turn others away."""
    monkeypatch.setattr(insight, "_FEWEST", 3)
    with Project(trained) as project:
        exported(project, "onnx_int8", tmp_path / "out")
        given = [s.path for s in project.dataset.samples(split="validation")]
    seen = json.loads((tmp_path / "out" / "preprocessing.json").read_text(encoding="utf-8"))
    answer = open_export(tmp_path / "out")
    said = [answer(one).answer for one in given]
    assert sum(one.get(decision.UNLIKE, False) for one in said) == len(given) // 2
    likes = sorted(one[decision.LIKENESS] for one in said)
    assert likes[2] <= seen["decision"]["least_likeness"] <= likes[3]


def test_a_service_says_it_too(trained: Path, tmp_path: Path) -> None:
    with Project(trained) as project:
        exported(project, "onnx", tmp_path / "out")
        given = [s.path for s in project.dataset.samples(split="validation")]
        ours = list(evaluate.predict(project.runs()[0], given, Control()))
    with served(tmp_path / "out") as place:
        for path, one in zip(given, ours, strict=True):
            status, said = post(place, Path(path).read_bytes(), "image/png")
            assert status == 200
            assert said["label"] == one.label
            assert said["answer"].get(decision.UNLIKE) == one.answer.get(decision.UNLIKE)  # type: ignore[attr-defined]
            away = f"none of these (most like {one.label})"
            assert said.get("shown") == (away if decision.UNLIKE in one.answer else None)
        connection = http.client.HTTPConnection(*place, timeout=10)
        connection.request("GET", "/openapi.json")
        described = json.loads(connection.getresponse().read())
        connection.close()
    answer = described["paths"]["/predict"]["post"]["responses"]["200"]["content"]
    assert "shown" in answer["application/json"]["schema"]["properties"]


def test_an_export_that_turns_nothing_away_says_so(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "copy")
    with Project(tmp_path / "copy") as project:
        run = project.runs()[0]
        decision.keep(run, replace(decision.read(run), least_likeness=-1.0))
        exported(project, "onnx", tmp_path / "out")
        assert "always answers with one of" in " ".join(facts.limits(facts.gather(project, run)))
    assert not (tmp_path / "out" / foreign.FILE).exists()
    card = (tmp_path / "out" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "always answers with one of its classes" in card
    (said,) = (
        open_export(tmp_path / "out")(str(next((trained.parent / "photos").rglob("*.png")))),
    )
    assert isinstance(said, Prediction)
    assert said.answer == {}


def test_features_that_were_damaged_are_told(trained: Path, tmp_path: Path) -> None:
    from finetune_studio.core.errors import StudioError

    with Project(trained) as project:
        exported(project, "onnx", tmp_path / "out")
    np.save(tmp_path / "features.npy", np.array([{"a": 1}]), allow_pickle=True)
    (tmp_path / "features.npy").replace(tmp_path / "out" / foreign.FILE)
    with pytest.raises(StudioError, match="damaged"):
        open_export(tmp_path / "out")


@pytest.mark.parametrize(
    ("kind", "name", "some"),
    [
        ("sentence", "onnx", True),
        ("sentence", "huggingface", True),
        # So tiny that they find all these texts alike: only likeness itself is compared here.
        ("roberta", "torch_export", False),
        ("distilbert", "huggingface", False),
    ],
)
def test_unlike_texts_are_turned_away(tmp_path: Path, kind: str, name: str, some: bool) -> None:
    """Networks that average, that look at the first token, and that give their head all tokens."""
    folder = trained_texts(tmp_path / "a", "text_classification", kind, optimiser__epochs=1)
    with Project(folder) as project:
        learnt(project)
        texts = [str(s.fields["text"]) for s in project.dataset.samples()]
        done = exported(project, name, tmp_path / "out")
        assert done.agreement == 1.0
        away = compare(project, tmp_path / "out", texts, exact=True, near=1e-3)
    assert any(away) == some


@pytest.mark.parametrize("name", ["huggingface_adapter", "huggingface"])
def test_adapters_carry_all_that_was_decided_alone_and_merged(tmp_path: Path, name: str) -> None:
    """Temperature, border, labels and fingerprints; beside the original model, in a process of its own.

    So tiny a network finds all texts alike (1 but for rounding), so the border is set above all of them.
    """
    folder = trained_texts(tmp_path, "text_classification", "distilbert", layers__amount="adapters")
    with Project(folder) as project:
        run = learnt(project)
        decision.keep(run, replace(decision.read(run), temperature=2.5, least_likeness=1.5))
        texts = [str(s.fields["text"]) for s in project.dataset.samples()]
        done = exported(project, name, tmp_path / "out")
        ours = list(evaluate.predict(run, texts, Control()))
        assert done.agreement == 1.0
        assert done.max_abs_diff < 1e-3
    out = tmp_path / "out"
    printed = ask(out, *texts, BASE_MODEL=str(tmp_path / "model"))
    assert all(one.answer.get(decision.UNLIKE) for one in ours)
    for one, line in zip(ours, printed, strict=True):
        assert line[1] in sentence(replace(one, input="x"))[0]
        assert line[1].startswith("none of these (most like")
        assert float(line[2]) == pytest.approx(max(one.probabilities.values()), abs=2e-3)
    told = json.loads((out / "export.json").read_text("utf-8"))
    assert told["data_fingerprint"]
    assert told["recipe_fingerprint"]
    assert (out / "labels.json").is_file()
