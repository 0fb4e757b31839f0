"""Replay of earlier samples: what was learnt before stays known, with the same numbers on every path."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import ImageOps

from finetune_studio.core.dataset import Row, Sample
from finetune_studio.core.events import Event, Noted, StepDone
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine import evaluate
from finetune_studio.engine.loaders import batch_of
from finetune_studio.engine.replaying import Replay, evenly
from finetune_studio.engine.run import Run, load_bundle
from tests.engine.conftest import draw, finished, lively_bundle, run_all, settings, weights

pytestmark = pytest.mark.usefixtures("every_step_stated")


@pytest.fixture
def first_run(project: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a run that has learnt to tell three kinds of stripes apart."""
    from finetune_studio.tasks.image_classification import ImageClassification

    def load_model(self: Any, recipe: Recipe, labels: Any) -> Any:
        return lively_bundle(labels, recipe.seed, recipe)

    with monkeypatch.context() as patch:
        patch.setattr(ImageClassification, "load_model", load_model)
        recipe = settings(
            layers__amount="everything", optimiser__learning_rate=5e-3, optimiser__epochs=10
        )
        return Path(finished(run_all(project, recipe)).run)


def inverted(root: Path, names: tuple[str, ...] = ("class0", "class1", "class2")) -> list[Row]:
    """Draw the same kinds of pictures in the opposite colours, some of them under other names."""
    from PIL import Image

    rows = []
    for row in draw(root):
        with Image.open(root / row.path) as picture:
            ImageOps.invert(picture).save(root / row.path)
        rows.append(Row(row.path, names[int(str(row.label)[-1])], row.split))
    return rows


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Project]:
    """Return a project of the same classes, whose pictures look otherwise."""
    root = tmp_path / "other"
    with Project(tmp_path / "second", "image_classification") as made:
        made.dataset.fill(inverted(root), root=root)
        yield made


def continued(source: Path, **changes: Any) -> Recipe:
    return settings(
        **{
            "model__source": str(source),
            "layers__amount": "everything",
            "optimiser__learning_rate": 3e-3,
            "optimiser__epochs": 6,
            **changes,
        }
    )


def accuracy(run: str, samples: list[Sample], *, at_the_end: bool = False) -> float:
    """Return how many samples a run's network answers rightly, of whatever project they are.

    It is that of the best epoch, which new samples alone decide, or that of the last step.
    """
    task, bundle = evaluate.load_task("image_classification"), load_bundle(Path(run))
    if at_the_end:
        bundle.network.load_state_dict(weights(run), strict=False)
    with torch.inference_mode():
        said = task.predict(bundle, batch_of(task, bundle, samples))
    return sum(a.label == s.label for a, s in zip(said, samples, strict=True)) / len(samples)


def notes(events: list[Event]) -> str:
    return " ".join(event.text for event in events if isinstance(event, Noted))


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


def leaf_photos(root: Path, leaves: Path, *, inverted: bool) -> list[Row]:
    """Return small pictures of leaves, as they are or in the opposite colours."""
    from PIL import Image

    rows = []
    for folder in sorted(leaves.iterdir()):
        for place, file in enumerate(sorted(folder.glob("*.jpg"))[:24]):
            name = f"{folder.name}/{file.name}"
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            with Image.open(file) as picture:
                (ImageOps.invert(picture) if inverted else picture).save(root / name)
            rows.append(Row(name, folder.name, "train" if place % 3 else "validation"))
    return rows


def test_what_the_earlier_run_knew_of_leaves_is_kept_beside_what_is_new(
    tmp_path: Path, leaves: Path
) -> None:
    recipe = settings(
        layers__amount="head_only",
        optimiser__method="steps",
        optimiser__head_learning_rate=0.02,
        optimiser__epochs=20,
    )
    runs: dict[str, Any] = {}
    with Project(tmp_path / "first", "image_classification") as first:
        root = tmp_path / "photos"
        first.dataset.fill(leaf_photos(root, leaves, inverted=False), root=root)
        runs["first"] = finished(run_all(first, recipe))
        before = first.dataset.samples(split="validation")
        with Project(tmp_path / "second", "image_classification") as second:
            root = tmp_path / "strange"
            second.dataset.fill(leaf_photos(root, leaves, inverted=True), root=root)
            on = recipe.with_settings({"model.source": runs["first"].run})
            runs["plain"] = finished(run_all(second, on))
            stated = run_all(second, on.with_settings({"forgetting.replay": 0.3}))
            runs["kept"] = finished(stated)
    old = {name: accuracy(ended.run, before) for name, ended in runs.items()}
    new = {name: ended.metrics["accuracy"] for name, ended in runs.items()}
    assert old["kept"] > old["plain"] + 0.15, (old, new)
    assert new["kept"] > new["plain"] - 0.1, (old, new)
    assert (
        "Replay: beside 64 new samples an epoch shows 27 earlier samples, of 64 that run 1 of first"
        in notes(stated)
    )


def test_classes_that_only_earlier_samples_have_stay_known(
    first_run: Path, project: Project, tmp_path: Path
) -> None:
    root = tmp_path / "new"
    with Project(tmp_path / "third", "image_classification") as third:
        third.dataset.fill(inverted(root, ("x", "y", "z")), root=root)
        longer = continued(
            first_run, forgetting__replay=0.4, optimiser__epochs=16, stop__early=False
        )
        ended = finished(run_all(third, longer))
        labels = Run(Path(ended.run)).labels
        assert labels.names == ("x", "y", "z", "class0", "class1", "class2")
        assert [number < 0 for number in labels.ids] == [False] * 3 + [True] * 3
        for dataset in (project.dataset, third.dataset):
            judged = dataset.samples()
            found = accuracy(ended.run, judged, at_the_end=True)
            assert found > 0.5  # by chance one in six; earlier classes never without replay
        again = finished(run_all(third, continued(Path(ended.run), forgetting__replay=0.4)))
        assert Run(Path(again.run)).labels.names == labels.names  # handed on


def test_in_one_project_what_was_added_is_new_and_the_rest_is_replayed(
    first_run: Path, project: Project, tmp_path: Path
) -> None:
    root = Path(project.dataset.root)
    added = inverted(root / "later")[:24]
    project.dataset.fill([Row(f"later/{r.path}", r.label, "train") for r in added], root=root)
    recipe = continued(first_run, forgetting__replay=0.25, optimiser__epochs=2)
    stated = run_all(project, recipe)
    ended = finished(stated)
    assert "beside 24 new samples an epoch shows 8 earlier samples, of 36 that run 1 of this" in (
        notes(stated)
    )
    own = Run(Path(ended.run)).samples["train"]
    assert len(own) == 24 + 16  # as many earlier ones as both epochs show
    assert [e.step for e in stated if isinstance(e, StepDone)][-1] == 8  # 32 samples, 8 a step


WITH_OTHERS = {
    "layers__amount": "later_half",
    "layers__unfreezing": "top_down",
    "optimiser__epochs": 3,
    "optimiser__balance": "sampler",
    "regularise__mixup": 0.4,
    "regularise__averaging": 0.9,
    "forgetting__replay": 0.3,
    "forgetting__old_answers": 1.0,
}


def test_computed_once_computed_anew_and_gone_on_with_give_the_same_numbers(
    first_run: Path, project: Project, other: Project
) -> None:
    recipe = continued(first_run, **WITH_OTHERS)
    whole = finished(run_all(other, recipe))
    anew = finished(run_all(other, recipe.with_settings({"compute.cache": "off"})))
    assert same(weights(whole.run), weights(anew.run))
    without = finished(run_all(other, recipe.with_settings({"forgetting.replay": 0.0})))
    assert not same(weights(whole.run), weights(without.run))

    def stop(event: Event, control: Any) -> None:
        if isinstance(event, StepDone) and event.step == 8:
            control.ask_stop()

    half = finished(run_all(other, recipe, on_event=stop))
    assert half.stopped
    project.dataset.rename_class("class0", "renamed since")  # it needs its own files alone
    (first_run / "samples.json").unlink()
    second = finished(run_all(other, recipe, resume=Path(half.run)))
    assert same(weights(second.run), weights(whole.run))


def test_a_head_that_is_solved_learns_from_both(
    first_run: Path, project: Project, other: Project
) -> None:
    recipe = continued(first_run, layers__amount="head_only", optimiser__method="solve")
    before = project.dataset.samples()
    plain = finished(run_all(other, recipe))
    kept = finished(run_all(other, recipe.with_settings({"forgetting.replay": 0.5})))
    assert accuracy(kept.run, before) > accuracy(plain.run, before) + 0.2
    assert not same(weights(plain.run), weights(kept.run))


def test_samples_that_are_gone_or_judge_are_not_shown_and_it_is_said(
    first_run: Path, project: Project, other: Project
) -> None:
    learnt = [s for s in project.dataset.samples() if s.split == "train"]
    Path(learnt[0].path).unlink()
    project.dataset.exclude([learnt[1].id])
    recipe = continued(first_run, forgetting__replay=0.3, optimiser__epochs=1)
    said = notes(run_all(other, recipe))
    assert "of 34 that run 1 of project learnt from. 2 others are gone, left out by now" in said
    project.dataset.move([s.id for s in learnt], "test")
    stated = run_all(other, recipe)
    assert "None of the 36 samples that run 1 of project learnt from can be shown again" in (
        notes(stated)
    )
    assert not finished(stated).stopped


def test_where_no_earlier_run_is_gone_on_with_it_is_said(
    project: Project, lively_model: None
) -> None:
    stated = run_all(project, settings(forgetting__replay=0.3, optimiser__epochs=1))
    assert "does not go on from one of your own runs" in notes(stated)
    assert not finished(stated).stopped


def test_each_step_has_its_share_and_each_earlier_sample_comes_before_any_comes_again() -> None:
    samples = [Sample(n, "", None, None, "train") for n in range(90)]
    old = [Sample(-1 - n, "", None, None, "train") for n in range(25)]
    replay = Replay(old, 0.25, seed=3)
    every = samples + old
    assert replay.length(every) == 120
    order = evenly(list(range(90)), replay.drawn(every, 0))
    shares = [sum(place >= 90 for place in order[n : n + 8]) for n in range(0, 120, 8)]
    assert set(shares) == {2}
    drawn = [place for epoch in range(5) for place in replay.drawn(every, epoch)]
    assert [len(set(drawn[n : n + 25])) for n in range(0, 150, 25)] == [25] * 6
    assert Replay(old, 0.25, seed=4).drawn(every, 1) != replay.drawn(every, 1)
