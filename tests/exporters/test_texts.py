"""Exports of text models answer by their own files alone, as the trained model does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from finetune_studio.core.dataset import Labels
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import ExportVerified
from finetune_studio.core.exporter import furnish
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import ModelChoices, Recipe
from finetune_studio.engine import evaluate
from finetune_studio.engine.export import export
from finetune_studio.engine.report import write_report
from finetune_studio.engine.run import load_bundle
from finetune_studio.exporters import CATALOGUE, open_export
from tests import tiny_models
from tests.engine.test_report import Page
from tests.trained_texts import trained_texts

pytestmark = pytest.mark.slow  # each loads transformers in a process of its own

ENCODERS = {
    "text_classification": "sentence",
    "token_classification": "distilbert",
    "question_answering": "bert",
}
WRITERS = {"summarization": "t5", "causal_lm": "llama"}
# One task a format more: what differs between tasks is the same code in each of them.
OTHERS = [("text_classification", "torch_export"), ("token_classification", "torch_export")]
if not CATALOGUE.load("openvino")().missing():
    OTHERS += [("text_classification", "openvino"), ("question_answering", "openvino")]
CASES = [(task, name) for task in ENCODERS for name in ("onnx", "huggingface")] + OTHERS
CASES += [(task, "huggingface") for task in WRITERS]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory):
    @cache
    def project(task: str) -> Path:
        few = {"options": {"longest_summary": 12}} if task == "summarization" else {}
        kind = {**ENCODERS, **WRITERS}[task]
        return trained_texts(tmp_path_factory.mktemp(task), task, kind, **few)

    return project


@pytest.fixture(scope="module")
def verified(trained):
    @cache
    def done(task: str, name: str) -> ExportVerified:
        with Project(trained(task)) as project:
            return exported(project, name)

    return done


def exported(project: Project, name: str, out: Path | None = None) -> ExportVerified:
    last = list(export(project, project.runs()[0], name, out, Control()))[-1]
    assert isinstance(last, ExportVerified)
    return last


def ask(folder: Path, *given: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run predict.py where this program cannot be imported."""
    (folder / "finetune_studio.py").write_text("raise ImportError('not alone')")
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, "-I", str(folder / "predict.py"), *given],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=folder.parent,
        env={**clean, **environment},
        check=False,
    )


def inputs(project: Project, task: str, folder: Path) -> list[str]:
    """Write two inputs as files and return their paths."""
    found = []
    for number, sample in enumerate(project.dataset.samples(split="validation")[:2]):
        fields = sample.fields
        text = {
            "question_answering": json.dumps({n: fields.get(n) for n in ("question", "context")}),
            "causal_lm": str((fields.get("messages") or [{}])[0].get("content")),
        }.get(task, str(fields.get("text")))
        path = folder / f"eingabe ü {number}.txt"
        path.write_text(text, encoding="utf-8")
        found.append(str(path))
    return found


@pytest.mark.parametrize(("task", "name"), CASES)
def test_predict_py_answers_as_the_trained_model_does(
    trained, verified, tmp_path: Path, task: str, name: str
) -> None:
    done = verified(task, name)
    assert done.agreement == 1.0
    assert done.max_abs_diff < 1e-4
    assert done.metric_before == pytest.approx(done.metric_after, abs=1e-4, rel=1e-5)
    alone = tmp_path / "alone"
    shutil.copytree(done.path, alone)
    with Project(trained(task)) as project:
        given = inputs(project, task, tmp_path)
        expected = list(evaluate.predict(project.runs()[0], given, Control()))
    binary = tmp_path / "binary.txt"
    binary.write_bytes(b"a\0b" * 50)
    blank = tmp_path / "blank.txt"
    blank.write_text(" \n", encoding="utf-8")
    missing = tmp_path / "missing.txt"
    asked = ask(alone, given[0], str(binary), str(blank), "", str(missing), given[1])
    printed = [line.split("\t") for line in asked.stdout.splitlines()]
    assert [line[0] for line in printed] == given, asked.stderr
    assert [line[1] for line in printed] == [" ".join(str(a.label).split()) for a in expected]
    assert asked.returncode == 1
    assert f"{binary}: it holds zero bytes" in asked.stderr
    assert f"{blank}: there is no text in it" in asked.stderr
    assert "\n: there is no text in it" in asked.stderr
    assert f"{missing}: there is no such file" in asked.stderr
    assert "Traceback" not in asked.stderr
    again = [open_export(Path(done.path))(path).label for path in given]
    assert again == [answer.label for answer in expected]


@pytest.mark.parametrize("name", ["onnx_int8", "onnx_fp16"])
def test_smaller_formats_answer_texts_of_any_length(trained, verified, name: str) -> None:
    done = verified("text_classification", name)
    assert done.agreement >= 0.8
    assert done.max_abs_diff < 0.2
    assert done.batch_ms > 0
    answer = open_export(Path(done.path))
    for text in ("a", "the cat sat on the mat " * 20):
        assert sum(answer(text).probabilities.values()) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("task", ENCODERS)
def test_onnx_needs_neither_torch_nor_transformers(verified, tmp_path: Path, task: str) -> None:
    folder = tmp_path / "alone"
    shutil.copytree(verified(task, "onnx").path, folder)
    for heavy in ("torch", "transformers"):
        (folder / f"{heavy}.py").write_text("raise ImportError('not here')")
    text = "Anna met Ben in Oslo. " * 400  # far longer than the network reads at once
    long = tmp_path / "long.txt"
    asked = {"question": "Who met Ben?", "context": text}
    long.write_text(json.dumps(asked) if task == "question_answering" else text, encoding="utf-16")
    said = ask(folder, str(long))
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith(f"{long}\t")
    cut = "tokens were read" in said.stderr
    assert cut == (task == "text_classification")  # the others read it in windows


@pytest.mark.parametrize(("task", "name"), CASES)
def test_folder_explains_itself_and_tells_nothing_of_this_computer(
    trained, verified, task: str, name: str
) -> None:
    folder = Path(verified(task, name).path)
    readme = (folder / "README.md").read_text(encoding="utf-8")
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    for text in (readme, card):
        assert "picture" not in text
        assert "A model that re" in text
    assert "MODEL_CARD.md`" in readme
    assert "tokenizers" in readme.split("pip install")[1].splitlines()[0]
    assert "Half of the texts have" in card
    for file in folder.iterdir():
        if file.name != "README.md":
            assert f"`{file.name}`" in readme, file.name
        if file.is_file():
            assert str(trained(task).parent).encode() not in file.read_bytes(), file.name


@pytest.mark.parametrize("task", [*ENCODERS, *WRITERS])
def test_report_shows_texts_as_text(trained, task: str) -> None:
    with Project(trained(task)) as project:
        sample = project.dataset.samples(split="validation")[0]
        nasty = "<script>alert(1)</script> & 'all'"
        if "text" in sample.fields and "spans" not in sample.fields:
            project.dataset.rewrite(sample.id, {"text": nasty}, "nasty")
        page = Page(write_report(project, project.runs()[0]).read_text(encoding="utf-8"))
        project.dataset.undo()
    assert "script" not in page.names
    assert "img" not in page.names
    assert "blockquote" in page.names
    assert "Some of the training samples" in page.text
    assert "Half of the texts have" in page.text
    assert "None" not in page.text
    assert "nan" not in page.text.split()


def test_tampered_texts_are_refused(trained, tmp_path: Path, monkeypatch) -> None:
    def spoilt(exporter, bundle, asked, folder, options=None) -> None:
        furnish(exporter, bundle, asked, folder, options)
        place = folder / "preprocessing.json"
        values = json.loads(place.read_text())
        place.write_text(json.dumps(values | {"max_length": 4}))

    monkeypatch.setattr("finetune_studio.engine.export.furnish", spoilt)
    with (
        Project(trained("token_classification")) as project,
        pytest.raises(StudioError, match="answers differently"),
    ):
        exported(project, "onnx", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_formats_are_offered_where_they_suit(trained) -> None:
    def names(task: str, recipe: Recipe) -> list[str]:
        loaded = [(row.name, row.load()()) for row in CATALOGUE]
        made = evaluate.load_task(task)
        return [name for name, kind in loaded if kind.accepts(made) and kind.suits(recipe)]

    plain = Recipe()
    one_pass = ["onnx", "onnx_int8", "onnx_fp16", "huggingface", "torch_export", "openvino"]
    assert names("image_classification", plain) == one_pass
    assert names("question_answering", plain) == one_pass
    assert names("causal_lm", plain) == ["huggingface"]
    adapters = plain.with_settings({"layers.amount": "adapters"})
    assert names("causal_lm", adapters) == ["huggingface", "huggingface_adapter"]
    with (
        Project(trained("text_classification")) as project,
        pytest.raises(StudioError, match="does not suit run 1"),
    ):
        exported(project, "huggingface_adapter")


@pytest.mark.parametrize(
    ("task", "kind"), [("text_classification", "distilbert"), ("causal_lm", "llama")]
)
def test_adapters_leave_alone_and_merged(tmp_path: Path, task: str, kind: str) -> None:
    place = trained_texts(tmp_path, task, kind, layers__amount="adapters")
    with Project(place) as project:
        alone = exported(project, "huggingface_adapter")
        merged = exported(project, "huggingface")
        given = inputs(project, task, tmp_path)
        bundle = load_bundle(project.runs()[0], merged=False)
        expected = list(evaluate.predict(project.runs()[0], given, Control()))
    learnt = [t.abs().max() for n, t in bundle.network.state_dict().items() if ".lora_B." in n]
    assert max(learnt) > 1e-4
    for done in (alone, merged):
        assert done.agreement == 1.0
        assert done.max_abs_diff < 1e-4
    folder = Path(alone.path)
    assert not (folder / "model.safetensors").exists()
    with pytest.raises(StudioError, match="adapter only"):
        open_export(folder)
    asked = ask(folder, *given, BASE_MODEL=str(tmp_path / "model"))
    said = [line.split("\t")[1] for line in asked.stdout.splitlines()]
    assert said == [" ".join(str(a.label).split()) for a in expected], asked.stderr


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_minilm_is_loaded_by_transformers_alone(tmp_path: Path) -> None:
    """The starter averages over its tokens, which no class of transformers for BERT does."""
    import torch

    from finetune_studio.modality import text
    from finetune_studio.models import text as texts

    labels = Labels(("ä", "b", "c"))
    choices = ModelChoices(source="minilm")
    bundle = texts.load(choices, "text", texts.CLASSIFY, labels, 0, task="text_classification")
    network = bundle.network.eval()
    with torch.no_grad():
        rng = torch.Generator().manual_seed(0)
        network.get_submodule(bundle.head).weight.normal_(std=0.1, generator=rng)
    CATALOGUE.load("huggingface")().write(bundle, None, tmp_path)
    words = ["Rain is coming.", "The cake was burnt.", "A song about rain. " * 30]
    batch = text.together([text.encode(bundle, one) for one in words])
    torch.save(dict(batch), tmp_path / "batch.pt")
    program = (
        "import sys; sys.modules['finetune_studio'] = None\n"
        "import torch\n"
        "from transformers import AutoModelForSequenceClassification, AutoTokenizer\n"
        "model = AutoModelForSequenceClassification.from_pretrained('.').eval()\n"
        "tokenizer = AutoTokenizer.from_pretrained('.')\n"
        "batch = torch.load('batch.pt', weights_only=True)\n"
        "with torch.inference_mode(): torch.save(model(**batch).logits, 'logits.pt')\n"
        "assert model.config.id2label == {0: 'ä', 1: 'b', 2: 'c'}\n"
        "ids = tokenizer('Rain is coming.')['input_ids']\n"
        "assert ids == batch['input_ids'][0][:len(ids)].tolist()\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with torch.inference_mode():
        ours = network(**batch).logits
    theirs = torch.load(tmp_path / "logits.pt", weights_only=True)
    assert ours.softmax(1).std(0).min() > 1e-3  # the answers do differ
    assert theirs.argmax(1).equal(ours.argmax(1))
    assert (theirs.softmax(1) - ours.softmax(1)).abs().max() < 5e-4


def test_other_networks_that_average_are_put_together_by_predict_py(tmp_path: Path) -> None:
    import torch

    from finetune_studio.modality import text
    from finetune_studio.models import text as texts

    model = tiny_models.folder(tmp_path / "model", "distilbert")
    tiny_models._mean_pooled(model)
    labels = Labels(("a", "b", "a"))
    choices = ModelChoices(source=str(model))
    bundle = texts.load(choices, "text", texts.CLASSIFY, labels, 0, task="text_classification")
    assert bundle.architecture["pooling"] == "mean"
    bundle.network.eval()
    folder = tmp_path / "out"
    folder.mkdir()
    exporter = CATALOGUE.load("huggingface")()
    exporter.write(bundle, None, folder)
    furnish(exporter, bundle, "ask_classes:Classes", folder)
    given = "the cat sat on the mat"
    with torch.inference_mode():
        shares = bundle.network(**text.together([text.encode(bundle, given)])).logits.softmax(1)[0]
    expected = {"a": float(shares[0] + shares[2]), "b": float(shares[1])}
    said = ask(folder, given)
    name, label, share = said.stdout.strip().split("\t")
    assert (name, label) == (given, max(expected, key=expected.__getitem__)), said.stderr
    assert float(share) == pytest.approx(expected[label], abs=1e-4)
    assert "head.safetensors" in " ".join(exporter.notes(bundle))


def test_several_labels_are_asked_alike(tmp_path: Path) -> None:
    import torch

    model = tiny_models.folder(tmp_path / "model", "bert")
    recipe = Recipe(task="text_classification").with_settings({"model.source": str(model)})
    task = evaluate.load_task("text_classification")
    bundle = task.load_model(recipe, Labels(("a", "b", "c")))
    with torch.no_grad():
        bundle.network.get_submodule(bundle.head).bias.copy_(torch.tensor([3.0, -3.0, 1.0]))
    bundle.network.eval()
    assert bundle.processor["several"]
    folder = tmp_path / "out"
    folder.mkdir()
    exporter = CATALOGUE.load("onnx")()
    exporter.write(bundle, task.signature(bundle), folder)
    furnish(exporter, bundle, task.outside, folder)
    said = ask(folder, "the cat sat on the mat")
    assert said.stdout.split("\t")[1] == "a, c", said.stderr
