"""Runs of text tasks with answers but without a network: what Inspect and Try read, made by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from finetune_studio.core.dataset import Row
from finetune_studio.core.events import Prediction, RunFinished
from finetune_studio.core.project import Project

TOPICS = ("heart", "nerves", "stomach")
HEART = "The patient felt pain in the chest after climbing stairs."
NERVES = "Seizures came back when the medicine was stopped."
STOMACH = "The ulcer healed within two weeks of treatment."

WILSON = "Mutations of ATP7B cause Wilson disease in men, not breast cancer."
PARIS = "Marie Curie was born in Warsaw. She moved to Paris in 1891 to study physics."


def spans(text: str, *named: tuple[str, str]) -> list[list[Any]]:
    """Return the places of words in a text with their types."""
    return [[text.index(w), text.index(w) + len(w), kind] for w, kind in named]


def classified() -> list[tuple[Row, Prediction]]:
    """Return texts of three classes; the second heart is taken for nerves."""
    texts = (HEART, HEART.replace("chest", "arm"), NERVES, STOMACH)
    labels = ("heart", "heart", "nerves", "stomach")
    said = (("heart", 0.9), ("nerves", 0.8), ("nerves", 0.7), ("stomach", 0.6))
    pairs = []
    for text, label, (name, share) in zip(texts, labels, said, strict=True):
        rest = [other for other in TOPICS if other != name]
        shares = {name: share, rest[0]: (1 - share) * 0.75, rest[1]: (1 - share) * 0.25}
        pairs.append((Row(label=label, fields={"text": text}), Prediction(name, shares)))
    return pairs


def several() -> list[tuple[Row, Prediction]]:
    """Return texts with several classes: one right, one with a class left out, one with one too many."""
    found = []
    for truth, said in (
        (["heart", "nerves"], ["heart", "nerves"]),
        (["heart", "stomach"], ["heart"]),
        (["nerves"], ["nerves", "stomach"]),
    ):
        shares = {name: 0.9 if name in said else 0.2 for name in TOPICS}
        row = Row(fields={"text": f"{HEART} {truth}", "labels": truth})
        found.append((row, Prediction(", ".join(said), shares, answer={"labels": said})))
    return found


def tagged() -> list[tuple[Row, Prediction]]:
    """Return one text with a name found, one of the wrong type, one missed, one invented; one all right."""
    truth = spans(WILSON, ("ATP7B", "Gene"), ("Wilson disease", "Disease"), ("men", "Person"))
    said = spans(WILSON, ("ATP7B", "Disease"), ("Wilson disease", "Disease"), ("cancer", "Disease"))
    other = "Huntington disease is rare."
    right = spans(other, ("Huntington disease", "Disease"))
    return [
        (
            Row(fields={"text": WILSON, "spans": truth}),
            Prediction(
                "Disease: …", answer={"spans": [[*s, 0.9 - 0.2 * n] for n, s in enumerate(said)]}
            ),
        ),
        (
            Row(fields={"text": other, "spans": right}),
            Prediction(
                "Disease: Huntington disease", answer={"spans": [[*s, 0.97] for s in right]}
            ),
        ),
    ]


def answered() -> list[tuple[Row, Prediction]]:
    """Return questions: right, partly right, wrong, missed, invented, and rightly none."""
    asked = (
        ("Where was she born?", "Warsaw", "Warsaw", 0.95),
        ("What did she study?", "physics", "study physics", 0.6),
        ("When did she move?", "1891", "Warsaw", 0.8),
        ("Where did she move?", "Paris", "", 0.5),
        ("When did she marry?", "", "1891", 0.4),
        ("Who was her father?", "", "", 0.7),
    )
    pairs = []
    for question, truth, said, sure in asked:
        answers = [{"text": truth, "start": PARIS.index(truth)}] if truth else []
        start = PARIS.index(said) if said else -1
        about = {"text": said, "start": start, "end": start + len(said), "certainty": sure}
        row = Row(fields={"question": question, "context": PARIS, "answers": answers})
        pairs.append((row, Prediction(said, answer=about)))
    return pairs


def summarised() -> list[tuple[Row, Prediction]]:
    """Return a good summary, a bad one, and a text that was not asked."""
    text = f"{HEART} {NERVES} {STOMACH}"
    row = Row(fields={"text": text, "summaries": ["Chest pain after climbing stairs."]})
    rest = {"loss_sum": 20.0, "tokens": 10}
    return [
        (row, _written("Chest pain after climbing.", rest)),
        (row, _written("The ulcer healed quickly and well.", rest)),
        (row, Prediction(answer=rest)),
    ]


def _written(text: str, rest: dict[str, Any]) -> Prediction:
    return Prediction(text, answer={**rest, "summary": text})


def talked() -> list[tuple[Row, Prediction]]:
    """Return two conversations, one with a reply that the model wrote."""
    messages = [
        {"role": "user", "content": "What is the capital of France?"},
        {"role": "assistant", "content": "Paris."},
    ]
    row = Row(fields={"messages": messages})
    easy = {"loss_sum": 2.0, "tokens": 4, "right": 3}
    hard = {"loss_sum": 20.0, "tokens": 4, "right": 1}
    return [
        (row, Prediction("Paris!", answer={**easy, "reply": "Paris!"})),
        (row, Prediction(answer=hard)),
    ]


MADE = {
    "text_classification": classified,
    "token_classification": tagged,
    "question_answering": answered,
    "summarization": summarised,
    "causal_lm": talked,
}


def fill(project: Project, pairs: list[tuple[Row, Prediction]], root: Path) -> Path:
    """Give a project these samples to validate with, and a finished run that has answered them."""
    rows = [
        replace(row, split="validation", fields={**row.fields, "file": "data.csv", "row": n + 2})
        for n, (row, _) in enumerate(pairs)
    ]
    rows += [replace(row, split="train") for row in rows[:1]]
    root.mkdir(exist_ok=True)
    project.dataset.fill(rows, root=root)
    samples = project.dataset.samples(split="validation")
    folder = project.new_run()
    project.recipe().save(folder / "recipe.toml")
    ids = {name: number for number, name in project.dataset.classes().items()}
    labels = {"names": list(ids), "ids": list(ids.values())}
    (folder / "model.json").write_text(json.dumps({"labels": labels}), encoding="utf-8")
    (folder / "checkpoints").mkdir()
    index = json.dumps({"last": "00000001", "best": "00000001"})
    (folder / "checkpoints" / "index.json").write_text(index, encoding="utf-8")
    end = RunFinished(str(folder), str(project.folder), project.task, {}, 3, 9.0, stopped=False)
    (folder / "events.jsonl").write_text(json.dumps(end.as_json()) + "\n", encoding="utf-8")
    lines = (
        json.dumps(replace(answer, sample=sample.id).as_json())
        for sample, (_, answer) in zip(samples, pairs, strict=True)
    )
    (folder / "predictions").mkdir()
    text = "".join(line + "\n" for line in lines)
    (folder / "predictions" / "validation.jsonl").write_text(text, encoding="utf-8")
    return folder
