"""Runs on texts: batches of similar length, features kept of pooled texts, several classes, exact resume."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from finetune_studio.core.dataset import Row
from finetune_studio.core.events import Event, Noted, StepDone
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine.evaluate import answers, load_task
from finetune_studio.engine.run import Run, load_bundle
from tests import tiny_models
from tests.engine.conftest import finished, run_all, weights

COLOURS = ("red", "green", "blue")


def rows(count: int = 60) -> list[Row]:
    """Return texts of very different length; the colour named in them is their class."""
    rng = random.Random(0)
    found = []
    for index in range(count):
        words = rng.choices(["one", "two", "three", "four", "the", "cat"], k=rng.randint(2, 30))
        colour = COLOURS[index % 3]
        words.insert(rng.randrange(len(words)), colour)
        split = "validation" if index % 4 == 3 else "train"
        found.append(Row("", colour, split, None, {"text": " ".join(words), "row": index + 1}))
    return found


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("model")
    return tiny_models.folder(place, "sentence", ["red green blue one two three four the cat"])


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path / "project", "text_classification")
    made.dataset.fill(rows(), root=tmp_path)
    yield made
    made.close()


def chosen(model: Path, **settings: object) -> Recipe:
    own = {name.replace("__", "."): value for name, value in settings.items()}
    base = {
        "model.source": str(model),
        "optimiser.batch_size": 8,
        "optimiser.epochs": 2,
        "augment.strength": "none",
        "compute.device": "cpu",
    }
    return Recipe(task="text_classification").with_settings(base | own)


def test_everything_trained_learns_the_colours(project: Project, model: Path) -> None:
    recipe = chosen(
        model,
        layers__amount="everything",
        optimiser__epochs=30,
        stop__early=False,
        optimiser__learning_rate=3e-3,
        optimiser__head_learning_rate=1e-2,
    )
    end = finished(run_all(project, recipe))
    assert next(iter(end.metrics)) == "macro_f1"
    assert end.metrics["macro_f1"] > 0.9
    pairs = answers(Path(end.run), project.dataset, "validation")
    assert len(pairs) == 15
    assert [s.id for s, _ in pairs] == sorted(s.id for s, _ in pairs)


def test_steps_see_texts_of_similar_length_and_all_of_them(project: Project, model: Path) -> None:
    from contextlib import ExitStack

    from finetune_studio.engine.launch import Alone
    from finetune_studio.engine.session import Session
    from finetune_studio.engine.setup import prepare

    recipe = chosen(model, layers__amount="everything")
    folder = project.new_run()
    recipe.save(folder / "recipe.toml")
    made: list[Session] = []
    with ExitStack() as stack:
        list(prepare(project, Run(folder), Control(), Alone(), stack, made))
        session = made[0]
        order = session.order(0)
        groups = [list(group) for group in session.groups(order)]

        def length(place: int) -> int:
            return session.task.length(session.train_feed.samples[place])

        assert sorted(order) == list(range(45))
        assert [len(group) for group in groups] == [8, 8, 8, 8, 8, 5]
        spread = [max(map(length, g)) - min(map(length, g)) for g in groups[:-1]]
        lengths = [length(place) for place in order]
        assert max(spread) < (max(lengths) - min(lengths)) / 2
        means = [sum(map(length, g)) / len(g) for g in groups[:-1]]
        assert means != sorted(means)  # short ones do not all come first
        assert session.order(1) != order
        assert session.order(0) == order


def test_memory_is_counted_and_tried_on_the_longest_texts(
    project: Project, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typing import Any

    from finetune_studio.engine import fitting

    recipe = chosen(model, layers__amount="everything", optimiser__epochs=1)
    shown: list[list[int]] = []

    def watched(session: Any) -> int:
        lengths = [session.task.length(sample) for sample in session.train_feed.samples]
        real = session.train_feed.show
        with monkeypatch.context() as patch:
            show = lambda batch: (shown.append(batch.samples), real(batch))  # noqa: E731
            patch.setattr(session.train_feed, "show", show)
            fitting._kept_for_the_way_back(session)
            fitting._tried_parts(session)
        by_number = dict(zip((s.id for s in session.train_feed.samples), lengths, strict=True))
        assert len(shown) == 2
        for numbers in shown:
            longest = sorted(lengths)[-len(numbers) :]
            assert sorted(by_number[number] for number in numbers) == longest
        return 1

    monkeypatch.setattr(fitting, "_needed_parts", watched)
    assert finished(run_all(project, recipe)).metrics
    assert list(map(len, shown)) == [2, 8]


def test_cached_head_ends_with_the_weights_of_the_uncached_one(
    project: Project, model: Path
) -> None:
    recipe = chosen(model, layers__amount="head_only")
    cached = run_all(project, recipe)
    plain = run_all(project, recipe.with_settings({"compute.cache": "off"}))
    assert any(isinstance(e, Noted) and "Features computed once" in e.text for e in cached)
    ours, theirs = weights(finished(cached).run), weights(finished(plain).run)
    # Texts are padded to other lengths when their features are computed: equal to rounding.
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-5) for name in ours)


def test_activations_that_differ_in_length_are_not_kept(project: Project, model: Path) -> None:
    events = run_all(project, chosen(model, layers__amount="last_stage", optimiser__epochs=1))
    assert finished(events).metrics
    assert not any(isinstance(e, Noted) and "Features computed once" in e.text for e in events)


def test_stopped_run_resumes_to_the_same_numbers(project: Project, model: Path) -> None:
    recipe = chosen(model, layers__amount="everything", optimiser__epochs=3)
    whole = run_all(project, recipe)

    def stop_in_second_epoch(event: Event, control: Control) -> None:
        if isinstance(event, StepDone) and event.epoch > 1.3:
            control.ask_stop()

    torch.manual_seed(99)
    first = run_all(project, recipe, on_event=stop_in_second_epoch)
    assert finished(first).stopped
    run_all(project, recipe, resume=Path(finished(first).run))
    ours, theirs = weights(finished(whole).run), weights(finished(first).run)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_text_may_have_several_classes(tmp_path: Path, model: Path) -> None:
    project = Project(tmp_path / "several", "text_classification")
    rng = random.Random(1)
    made = []
    for index in range(80):
        named = [colour for colour in COLOURS if rng.random() < 0.5]
        words = [*named, *rng.choices(["one", "two", "three"], k=4)]
        rng.shuffle(words)
        split = "validation" if index % 4 == 3 else "train"
        made.append(Row("", None, split, None, {"text": " ".join(words), "labels": named}))
    project.dataset.fill(made, root=tmp_path)
    try:
        recipe = chosen(
            model,
            layers__amount="everything",
            optimiser__epochs=15,
            optimiser__learning_rate=3e-3,
            optimiser__head_learning_rate=1e-2,
        )
        end = finished(run_all(project, recipe))
        assert end.metrics["accuracy"] > 0.8  # all of a text's classes, and no other
        bundle = load_bundle(Path(end.run), project.dataset)
        task = load_task("text_classification")
        assert set(bundle.labels.names) == set(COLOURS)
        from finetune_studio.engine.loaders import batch_of

        sample = task.sample_from_input("one red two blue three")
        answer = task.predict(bundle, batch_of(task, bundle, [sample]))[0]
        assert set(answer.answer["labels"]) == {"red", "blue"}
        assert answer.probabilities["green"] < 0.5
    finally:
        project.close()
