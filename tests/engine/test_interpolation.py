"""A blend: exact at both ends, kept as a run like any other, and the same as a recipe asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, Progress, RunFinished, Validated
from finetune_studio.core.job import Control
from finetune_studio.core.measures import BlendMeasured
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine import before, evaluate, interpolation, run
from finetune_studio.engine.interpolation import ability, asking, mixing
from tests.engine.conftest import finished, run_all, settings

pytestmark = pytest.mark.usefixtures("lively_model")


def recipe(amount: str = "everything", **changes: Any) -> Recipe:
    return settings(
        layers__amount=amount, optimiser__method="steps", optimiser__learning_rate=5e-3,
        optimiser__head_learning_rate=1e-2, **changes,
    )  # fmt: skip


def trained(project: Project, choices: Recipe) -> Path:
    return Path(finished(run_all(project, choices)).run)


def state(folder: Path) -> dict[str, torch.Tensor]:
    return run.load_bundle(folder).network.state_dict()


def kept_as_run(project: Project, folder: Path, share: float) -> RunFinished:
    return finished(list(interpolation.keep(project, folder, share, Control())))


def test_both_ends_are_exact_and_the_middle_lies_between() -> None:
    old = {"w": torch.tensor([1.0, 2.0]), "n": torch.tensor(3)}
    new = {"w": torch.tensor([2.0, -2.0]), "n": torch.tensor(9), "head": torch.tensor([5.0])}
    assert torch.equal(mixing.mixed(old, new, 1.0)["w"], new["w"])
    assert torch.equal(mixing.mixed(old, new, 0.0)["w"], old["w"])
    half = mixing.mixed(old, new, 0.25)
    assert half["w"].tolist() == [1.25, 1.0]
    assert half["n"] == 9
    assert half["head"] == 5


def test_a_run_of_the_blend_is_a_run_like_any_other(project: Project) -> None:
    folder = trained(project, recipe())
    told = kept_as_run(project, folder, 0.5)
    made = Path(told.run)
    one, old, half = state(folder), before.bundle_of(folder).network.state_dict(), state(made)
    head = "classifier.1"
    for name, value in half.items():
        if not value.is_floating_point():
            continue
        wanted = one[name] if name.startswith(head) else (one[name] + old[name]) / 2
        assert torch.allclose(value, wanted, atol=1e-6), name
    assert run.Run(made).state == "finished"
    assert run.Run(made).recipe.forgetting.blend == 0.5
    assert run.Run(made).metrics == told.metrics
    answered = evaluate.answers(made, project.dataset, "validation")
    assert evaluate.load_task("image_classification").score(answered) == told.metrics
    scored = list(evaluate.evaluate(project, made, "validation", Control()))[-1]
    assert scored.metrics == pytest.approx(told.metrics)  # type: ignore[attr-defined]
    assert any(isinstance(e, Validated) for e in run.Run(made).events())
    # it needs nothing but itself: a blend of the blend lies on the same way
    again = Path(kept_as_run(project, made, 0.5).run)
    assert run.Run(again).recipe.forgetting.blend == 0.25


def test_all_of_it_is_the_run_itself(project: Project) -> None:
    folder = trained(project, recipe())
    told = kept_as_run(project, folder, 1.0)
    assert told.metrics == pytest.approx(run.Run(folder).metrics)
    one, other = state(folder), state(Path(told.run))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("amount", ["last_stage", "adapters"])
def test_a_recipe_gives_the_same_blend_and_tells_its_own_score(
    project: Project, amount: str
) -> None:
    plain = trained(project, recipe(amount))
    by_hand = kept_as_run(project, plain, 0.3)
    by_recipe = finished(run_all(project, recipe(amount, forgetting__blend=0.3)))
    one, other = state(Path(by_hand.run)), state(Path(by_recipe.run))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert by_recipe.metrics == pytest.approx(by_hand.metrics)
    unblended = state(plain)
    assert any(not torch.equal(one[name], unblended[name]) for name in one)
    again = finished(run_all(project, recipe(amount), resume=Path(by_recipe.run)))
    assert again.metrics == by_recipe.metrics
    assert all(torch.equal(other[n], value) for n, value in state(Path(by_recipe.run)).items())


def test_stopping_leaves_no_run_behind(project: Project) -> None:
    folder = trained(project, recipe())
    control = Control()
    for event in interpolation.keep(project, folder, 0.5, control):
        if isinstance(event, Progress):
            control.ask_stop()
    assert [f.name for f in project.runs()] in ([folder.name], [folder.name, "2"])
    control = Control()
    control.ask_stop()
    before_it = project.runs()
    list(interpolation.keep(project, folder, 0.5, control))
    assert project.runs() == before_it


def test_two_curves_that_meet_the_networks_at_their_ends(project: Project) -> None:
    folder = trained(project, recipe())
    heard: list[Event] = list(interpolation.along(project, folder, Control()))
    told = heard[-1]
    assert isinstance(told, BlendMeasured)
    assert [point["share"] for point in told.points] == list(interpolation.GRID)
    assert told.points[-1]["score"] == pytest.approx(run.Run(folder).metrics["accuracy"])
    assert told.points[0]["original"] == pytest.approx(1.0)
    assert told.points[-1]["original"] < 0.999
    assert told.measure == "likeness"  # the starter brings no last layer
    assert interpolation.kept(folder) == told
    assert list(interpolation.along(project, folder, Control())) == [told]


def test_curves_can_be_stopped_and_then_nothing_is_kept(project: Project) -> None:
    folder = trained(project, recipe("last_stage"))
    control = Control()
    for event in interpolation.along(project, folder, control):
        if isinstance(event, Progress):
            control.ask_stop()
        assert not isinstance(event, BlendMeasured)
    assert interpolation.kept(folder) is None


def test_adapters_with_size_are_refused_in_words(project: Project) -> None:
    with pytest.raises(StudioError, match="DoRA"):
        run_all(project, recipe("adapters", layers__dora=True, forgetting__blend=0.5))


def test_labels_are_found_in_any_spelling() -> None:
    known = ("tench, Tinca tinca", "red-breasted merganser", "tabby, tabby cat")
    found = asking.named_alike(
        known, {"Tinca_tinca", "TABBY", "2", "red breasted merganser", "dog"}
    )
    assert found == {
        "Tinca_tinca": known[0],
        "TABBY": known[2],
        "2": known[2],
        "red breasted merganser": known[1],
    }


def test_likeness_knows_a_rotation_from_another_thing() -> None:
    rng = torch.Generator().manual_seed(0)
    rows = torch.randn(200, 8, generator=rng)
    turn = torch.linalg.qr(torch.randn(8, 8, generator=rng))[0]
    assert ability.likeness(rows, rows) == pytest.approx(1.0)
    assert ability.likeness(rows, 3 * rows @ turn) == pytest.approx(1.0)
    assert ability.likeness(rows, torch.randn(200, 8, generator=rng)) < 0.3


def test_a_run_that_goes_on_from_another_is_asked_with_that_ones_classes(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = trained(project, recipe(optimiser__epochs=6))
    monkeypatch.undo()  # the second run begins with the first
    second = trained(project, recipe(model__source=str(first)))
    told = list(interpolation.along(project, second, Control()))[-1]
    assert isinstance(told, BlendMeasured)
    assert told.measure == "agreement"
    assert "3 classes of the run" in told.about
    assert told.points[0]["original"] == 1
    asked = list(interpolation.along(project, second, Control(), str(tmp_path / "photos")))[-1]
    assert isinstance(asked, BlendMeasured)
    assert asked.measure == "accuracy"
    assert asked.held_out == 48
    bundle = run.load_bundle(first)
    task = evaluate.load_task("image_classification")
    samples = project.dataset.samples()
    pairs = [
        pair
        for part in evaluate.answered(task, bundle, samples, Control())
        for pair in part  # type: ignore[union-attr]
    ]
    assert asked.points[0]["original"] == pytest.approx(task.score(pairs)["accuracy"], abs=1e-6)


def test_a_folder_that_is_not_there_is_told(project: Project, tmp_path: Path) -> None:
    folder = trained(project, recipe("head_only"))
    with pytest.raises(StudioError, match="There is nothing at"):
        list(interpolation.along(project, folder, Control(), str(tmp_path / "nowhere")))


def test_a_run_that_is_to_be_asked_about_nothing_does_not_begin(
    project: Project, tmp_path: Path
) -> None:
    """It was told only when somebody measured, after the run."""
    nowhere = recipe("head_only").with_settings({"forgetting.held_out": str(tmp_path / "nowhere")})
    with pytest.raises(StudioError, match="There is nothing at") as caught:
        trained(project, nowhere)
    assert "forgetting.held_out" in str(caught.value)
    assert not project.runs()


def test_a_recipe_is_handed_on_without_the_folders_of_whoever_made_it() -> None:
    from finetune_studio.engine import facts

    choices = Recipe().with_settings(
        {"forgetting.held_out": "/home/ada/held", "data.labels_path": "/home/ada/labels.csv"}
    )
    assert "ada" not in str(facts.without_places(choices).model_dump())


def test_a_run_that_learnt_from_every_sample_is_not_blended_by_hand(tmp_path: Path) -> None:
    (tmp_path / "3").mkdir()
    Recipe().save(tmp_path / "3" / "recipe.toml")
    (tmp_path / "3" / "samples.json").write_text('{"train": [1, 2], "validation": []}')
    with pytest.raises(StudioError, match="learnt from every sample"):
        mixing.refuse_unjudged(run.Run(tmp_path / "3"))
