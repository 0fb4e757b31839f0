"""Before a run it is said how many texts are cut, what is lost of them, and how to read more."""

from __future__ import annotations

from typing import Any

import pytest

from finetune_studio.core.events import Noted
from finetune_studio.engine import cutting
from finetune_studio.tasks import CATALOGUE
from tests import tiny_models
from tests.engine.conftest import run_all
from tests.tasks.writing import project_of, recipe_of

WORDS = " ".join(f"word{n}" for n in range(20))


def fields_of(task: str, number: int) -> dict[str, Any]:
    """Return a short sample, or one of every third that is long."""
    said = WORDS if number % 3 == 0 else "red dog"
    if task == "text_classification":
        return {"text": said, "labels": ["ab"[number % 2]]}
    if task == "summarization":
        return {"text": said, "summaries": ["red"]}
    asked = {"role": "user", "content": said}
    return {"messages": [asked, {"role": "assistant", "content": "yes"}]}


@pytest.mark.parametrize(
    ("task", "kind", "limit", "lost"),
    [
        ("text_classification", "bert", 15, "what stands behind these is not read"),
        ("summarization", "t5", 30, "what stands behind these is not read"),
        (
            "causal_lm",
            "llama",
            40,
            "their oldest turns, or the beginning of an only question, are left out",
        ),
    ],
)
def test_a_run_says_how_many_texts_are_cut(tmp_path, task, kind, limit, lost):
    model = tiny_models.folder(tmp_path / kind, kind, [WORDS, "red dog yes"])
    recipe = recipe_of(task, model, optimiser__epochs=1).with_settings(
        {"options.max_length": limit}
    )
    fields = (fields_of(task, n) for n in range(1, 25))
    with project_of(tmp_path / "p", task, fields) as project:
        events = run_all(project, recipe)
        told = [e for e in events if isinstance(e, Noted) and lost in e.text]
        long = recipe.with_settings({"options.max_length": 500})
        silent = [e for e in run_all(project, long) if isinstance(e, Noted) and lost in e.text]
    (note,) = told
    begins = f"7 of 21 training samples have more than {limit} tokens (the longest "
    assert note.text.startswith(begins)
    title = CATALOGUE.load(task).Options.model_fields["max_length"].title
    assert f"the choice '{title}' (options.max_length) sets how many are read" in note.text
    assert note.level == "warning"
    assert not silent


def test_of_many_texts_a_share_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(cutting, "_MEASURED", 6)
    model = tiny_models.folder(tmp_path / "bert", "bert", [WORDS, "red dog yes"])
    task = "text_classification"
    recipe = recipe_of(task, model, optimiser__epochs=1).with_settings({"options.max_length": 15})
    fields = ({"text": WORDS, "labels": ["ab"[n % 2]]} for n in range(24))
    with project_of(tmp_path / "p", task, fields) as project:
        told = [e.text for e in run_all(project, recipe) if isinstance(e, Noted)]
    assert any(t.startswith("About 100 % of the training samples have more than 15") for t in told)


def test_a_run_says_how_many_summaries_are_cut(tmp_path):
    """Summaries were cut without a word."""
    model = tiny_models.folder(tmp_path / "t5", "t5", [WORDS, "red dog yes"])
    recipe = recipe_of("summarization", model, optimiser__epochs=1)
    some = [
        {"text": "red dog", "summaries": [WORDS if n % 3 == 0 else "red"]} for n in range(1, 25)
    ]
    said = "training summaries have more than"
    with project_of(tmp_path / "p", "summarization", some) as project:
        short = recipe.with_settings({"options.longest_summary": 12})
        told = [e for e in run_all(project, short) if isinstance(e, Noted) and said in e.text]
        silent = [e for e in run_all(project, recipe) if isinstance(e, Noted) and said in e.text]
    (note,) = told
    assert note.text.startswith("7 of 21 training summaries have more than 12 tokens (the longest ")
    assert "the choice 'Longest summary' (options.longest_summary)" in note.text
    assert note.level == "warning"
    assert not silent
