"""The report stands alone, says what the run found, and shows text from data as text."""

from __future__ import annotations

import dataclasses
import shutil
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Evaluated, Prediction
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Pair
from finetune_studio.engine import charts, evaluate, facts
from finetune_studio.engine.report import results, write_report
from finetune_studio.engine.run import Run
from tests.trained import ODD, trained_project

VOID = {"meta", "img", "br", "line", "polyline", "rect", "circle"}


class Page(HTMLParser):
    """Checks that every element that opens is closed, and keeps the text that a reader sees."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        assert self.open == []
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.links += [str(value) for name, value in attrs if name in ("src", "href")]
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words.append(data)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_project(tmp_path_factory.mktemp("report"))


def test_page_stands_alone_and_says_what_the_run_found(trained: Path) -> None:
    with Project(trained) as project:
        nasty = "<script>alert(1)</script>&'$title"
        project.dataset.rename_class(ODD["class1"], nasty)
        run = Run(project.runs()[0])
        page = write_report(project, run.folder).read_text(encoding="utf-8")
        project.dataset.rename_class(nasty, ODD["class1"])
    found = Page(page)
    assert "script" not in found.names
    assert nasty in found.text
    assert found.links
    assert all(link.startswith("data:image/jpeg;base64,") for link in found.links)
    assert "url(" not in page
    assert "@import" not in page
    assert str(trained.parent) not in page
    accuracy = run.metrics["accuracy"]
    assert f"{accuracy:.3f}" in found.text
    assert f"names {round(6 * accuracy)} rightly" in found.text
    assert "95 % interval" in found.text
    assert "always saying" in found.text
    assert "best: epoch" in found.text
    assert "Head learning rate" in found.text or "Learning rate of the head" in found.text
    wrong = round(6 * (1 - accuracy))
    assert f"{wrong} of 6 answers are wrong" in found.text
    assert page.count("<figure>") == wrong
    assert "Is it as often right as it says?" in found.text
    assert "Only 6 answers have a certainty: too few to say" in found.text
    assert "Parts of the data" not in found.text  # six samples part into nothing that can be judged
    assert "It answers every input" in found.text


def test_report_is_written_where_the_photos_have_gone(trained: Path, tmp_path: Path) -> None:
    photos = trained.parent / "photos"
    photos.rename(tmp_path / "elsewhere")
    try:
        with Project(trained) as project:
            page = Page(write_report(project, project.runs()[0]).read_text(encoding="utf-8"))
    finally:
        (tmp_path / "elsewhere").rename(photos)
    assert "The file cannot be read any more." in page.text
    assert page.links == []


def test_run_without_answers_is_asked_and_one_without_a_network_refused(
    trained: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained, tmp_path / "copy")
    with Project(tmp_path / "copy") as project:
        folder = project.runs()[0]
        shutil.rmtree(folder / "predictions")
        page = Page(write_report(project, folder).read_text(encoding="utf-8"))
        assert "Class by class" in page.text
        (folder / "checkpoints" / "index.json").unlink()
        with pytest.raises(StudioError, match="no trained network"):
            write_report(project, folder)


def test_opened_test_split_is_shown_with_the_number_of_looks(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "copy")
    with Project(tmp_path / "copy") as project:
        ids = [s.id for s in project.dataset.samples(split="validation")[:2]]
        project.dataset.move(ids, "test")
        folder = project.runs()[0]
        for _ in range(2):
            list(evaluate.evaluate(project, folder, "test", Control()))
        page = Page(write_report(project, folder).read_text(encoding="utf-8"))
    assert "untouched samples; looked at 2 times" in page.text
    assert "The data were edited after this run." in page.text


def known_facts(folder: Path, **changes: Any) -> facts.Facts:
    Recipe().save(folder / "recipe.toml")
    scored = Evaluated(
        "r", "validation", {"accuracy": 0.6}, 20,
        intervals={"accuracy": [0.4, 0.8]},
        baseline={"text": "always saying a", "metric": "accuracy", "value": 0.5},
    )  # fmt: skip
    classes = {
        "a": {"train": 120, "validation": 15, "test": 9},
        "b": {"train": 20, "validation": 5, "test": 3},
    }
    values: dict[str, Any] = {
        "classes": classes, "scored": scored, "test": None, "looks": 0, "changed": False, "pairs": [],
        "splits": {"train": 140, "validation": 20, "test": 12},
        "task": evaluate.load_task("image_classification"), "run": Run(folder),
    }  # fmt: skip
    blank = dict.fromkeys(field.name for field in dataclasses.fields(facts.Facts))
    return facts.Facts(**{**blank, **values, **changes})


def test_summary_says_how_sure_it_is_and_what_it_beats(tmp_path: Path) -> None:
    text = " ".join(facts.summary(known_facts(tmp_path)))
    assert "names 12 rightly: 60 %" in text
    assert "between 40 % and 80 %" in text
    assert "not clearly better" in text
    good = Evaluated(
        "r", "validation", {"accuracy": 0.9}, 200,
        intervals={"accuracy": [0.85, 0.93]},
        baseline={"text": "always saying a", "metric": "accuracy", "value": 0.5},
    )  # fmt: skip
    assert "is clearly better" in " ".join(facts.summary(known_facts(tmp_path, scored=good)))
    assert "no validation samples" in facts.summary(known_facts(tmp_path, scored=None))[0]


def test_limits_are_those_of_these_data(tmp_path: Path) -> None:
    text = " ".join(facts.limits(known_facts(tmp_path)))
    assert "20 validation samples are few" in text
    assert "b has fewer than 10 validation samples" in text
    assert "120 training samples of a, 20 of b" in text
    assert "12 test samples have not been looked at" in text
    assert "edited after this run" not in text
    assert "edited after this run" in " ".join(facts.limits(known_facts(tmp_path, changed=True)))


def test_one_sample_and_a_class_without_any_are_told_as_such(tmp_path: Path) -> None:
    one = Evaluated(
        "r", "validation", {"accuracy": 1.0}, 1, intervals={"accuracy": [0.2, 1.0]}
    )  # fmt: skip
    classes = {name: {"train": 9, "validation": n, "test": 0} for name, n in (("a", 1), ("b", 0))}
    known = known_facts(tmp_path, scored=one, classes=classes)
    assert "Of 1 validation sample, " in " ".join(facts.summary(known))
    text = " ".join(facts.limits(known))
    assert "1 validation sample is few" in text
    assert "No validation sample is of b: how well the model tells this class is not known." in text
    assert "a has fewer than 10 validation samples" in text


def test_ticks_are_round_and_within_bounds() -> None:
    assert charts.ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert charts.ticks(0, 10) == [0, 2, 4, 6, 8, 10]
    assert charts.ticks(0, 0.013) == [0, 0.005, 0.01]


def test_long_curves_are_thinned_without_losing_their_course() -> None:
    points = [(float(i), float(i)) for i in range(10_000)]
    kept = charts.thinned(points)
    assert len(kept) <= 400
    assert all(abs(x - y) < 1e-9 for x, y in kept)


def test_where_no_name_is_and_none_was_said_no_answer_is_called_weak() -> None:
    """The score of such a text is 0, and it led the list of the weakest answers."""
    spans = [[0, 4, "Gene"]]
    pairs = [
        _named(1, [], []),
        _named(2, spans, spans),
        _named(3, spans, []),
        *(_named(number, [], []) for number in range(4, 10)),
    ]
    known = SimpleNamespace(task=evaluate.load_task("token_classification"), pairs=pairs)
    page = results._by_score(cast(Any, known))
    assert "8 of 9 samples are answered fully right" in page
    assert page.count("<figure") == 1
    assert "said nothing named" in page


def _named(number: int, truth: list[list[Any]], said: list[list[Any]]) -> Pair:
    fields = {"text": "TP53 is a word.", "spans": truth, "file": "a.tsv", "row": number}
    answer = {"spans": said, "text": "TP53 is a word."}
    label = "Gene: TP53" if said else "nothing named"
    return Sample(number, "", None, None, "validation", fields=fields), Prediction(
        label, {}, sample=number, answer=answer
    )
