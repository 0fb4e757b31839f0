"""Cross-validation with a small network: what is judged, what is kept, and that it goes on after a kill."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

from finetune_studio.core import study
from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import (
    Event,
    Noted,
    PhaseStarted,
    RunFinished,
    StepDone,
    Validated,
)
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.study_events import CrossValidated, FoldFinished, FoldStarted
from finetune_studio.engine import evaluate, export, unlike
from finetune_studio.engine.run import Run, load_bundle
from finetune_studio.engine.studies import carry_out, oof
from tests.engine.conftest import draw, settings, weights

pytestmark = pytest.mark.usefixtures("lively_model", "every_step_stated")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Return a project of 36 pictures: 24 to train on, 6 each to validate and test with."""
    rows = draw(tmp_path / "photos", per_class=12)
    order = ("train", "train", "train", "train", "validation", "test")
    divided = [Row(r.path, r.label, order[n % 6]) for n, r in enumerate(rows)]
    with Project(tmp_path / "project", "image_classification") as made:
        made.dataset.fill(divided, root=tmp_path / "photos")
        yield made


def folds(**changes: object):
    return settings(
        **{
            "crossval__folds": 3,
            "optimiser__epochs": 4,
            "optimiser__head_learning_rate": 0.02,
            **changes,
        }
    )


def carried_out(project: Project, recipe, resume: Path | None = None) -> list[Event]:
    return list(carry_out(project, recipe, Control(), resume))


def of(kind: type, events: list[Event]) -> list:
    return [event for event in events if isinstance(event, kind)]


def test_mean_and_spread_are_those_of_the_folds_and_the_test_split_is_never_touched(
    project,
) -> None:
    events = carried_out(project, folds())
    each = of(FoldFinished, events)
    assert [event.fold for event in each] == [1, 2, 3]
    (summed,) = of(CrossValidated, events)
    accuracy = [event.metrics["accuracy"] for event in each]
    assert summed.each["accuracy"] == accuracy
    assert summed.mean["accuracy"] == pytest.approx(statistics.fmean(accuracy))
    assert summed.spread["accuracy"] == pytest.approx(statistics.stdev(accuracy))
    assert summed.epochs == int(statistics.median(e.best_epoch for e in each) + 0.5)
    assert (of(FoldStarted, events)[0].samples, summed.samples) == (
        {"train": 17, "validation": 3, "judged": 10},
        30,
    )

    # Every sample but those of the test split is judged, by the fold that had not learnt from it.
    testing = {s.id for s in project.dataset.samples(split="test")}
    home = oof.folds(Path(summed.study))
    assert len(home) == 30
    assert not testing & set(home)
    for number in (1, 2, 3):
        learnt = json.loads(
            (Path(summed.study) / "runs" / str(number) / "samples.json").read_text()
        )
        assert {n for n, fold in home.items() if fold == number} == set(learnt["validation"])
        assert not set(learnt["train"]) & (set(learnt["validation"]) | testing)
    pairs = oof.answers(Path(summed.study), project.dataset)
    assert oof.newest(project) == Path(summed.study)
    right = sum(sample.label == answer.label for sample, answer in pairs) / 30
    assert right == pytest.approx(statistics.fmean(accuracy), abs=1e-9)  # folds of equal size


def test_what_picks_the_epoch_of_a_fold_is_neither_learnt_nor_judged(project) -> None:
    apart: list[dict[str, list[int]]] = []
    for event in carry_out(project, folds(), Control()):
        if isinstance(event, Validated):  # while the fold learns, its own file says what it uses
            place = project.studies()[-1] / "runs" / str(len(apart) // 4 + 1) / "samples.json"
            apart.append(json.loads(place.read_text()))
    home = oof.folds(project.studies()[-1])
    for number in (1, 2, 3):
        used = apart[4 * (number - 1)]
        judged = {n for n, fold in home.items() if fold == number}
        assert len(used["validation"]) == 3
        assert not set(used["validation"]) & (judged | set(used["train"]))
        assert not set(used["train"]) & judged


def test_a_class_that_a_fold_does_not_teach_is_said_in_the_study_and_in_its_run(project) -> None:
    alone = next(s for s in project.dataset.samples(split="train") if s.label == "class2")
    project.dataset.relabel([alone.id], "rare")
    events = carried_out(project, folds(optimiser__epochs=1))
    told = [event.text for event in of(Noted, events) if "No training sample has" in event.text]
    assert 1 <= len(told) < 3  # judged in one fold, picking the epoch of another at the most
    for said in told:
        number = int(said.removeprefix("Fold ").partition(":")[0])
        assert said == (
            f"Fold {number}: No training sample has the class rare, so the model cannot name it. 1 judging"
            " sample has it: there it cannot be right, and the scores count that as wrong. Add samples of"
            " the class, or choose fewer folds; a final model learns it."
        )
        own = Run(Path(of(FoldFinished, events)[number - 1].run))
        assert said in [event.text for event in of(Noted, list(own.events()))]
    final = Run(Path(of(RunFinished, events)[-1].run))
    assert "rare" in final.labels.names


def test_a_fold_that_was_killed_before_it_was_judged_is_judged_then(project) -> None:
    whole = carried_out(project, folds())
    stated = carry_out(project, folds(), Control())
    for event in stated:
        if isinstance(event, PhaseStarted) and event.phase == "evaluate":
            break
    stated.close()
    unfinished = study.unfinished(project)
    assert unfinished is not None
    rest = carried_out(project, folds(), unfinished.folder)
    assert len(of(FoldStarted, rest)) == 3
    (one,), (other,) = of(CrossValidated, whole), of(CrossValidated, rest)
    assert one.each == other.each


def test_the_final_model_learns_from_all_samples_and_is_judged_by_the_folds(project) -> None:
    events = carried_out(project, folds())
    last, (summed,) = events[-1], of(CrossValidated, events)
    assert isinstance(last, RunFinished)
    assert last.run == str(project.folder / "runs" / "1")
    assert last.best_epoch == summed.epochs
    assert last.metrics["accuracy"] == pytest.approx(summed.mean["accuracy"], abs=1e-9)
    final = Run(Path(last.run))
    assert len(final.samples["train"]) == 30
    assert final.finished == last
    assert not of(Validated, list(final.events()))
    assert final.recipe.crossval.folds == 0
    load_bundle(final.folder)  # has a network to use

    stated = list(evaluate.evaluate(project, final.folder, "validation", Control()))
    assert stated[-1].metrics == last.metrics
    assert stated[-1].samples == 30
    tested = list(evaluate.evaluate(project, final.folder, "test", Control()))[-1]
    assert tested.samples == 6
    assert [f.name for f in project.runs()] == ["1"]
    kept = study.Study(Path(summed.study))
    assert (kept.finished, kept.run) == (True, "1")
    assert not list(kept.folder.glob("runs/*/checkpoints"))  # nobody needs the folds' weights
    taken = [Run(kept.run_of(part)).cost for part in kept.parts]
    assert final.cost is not None
    assert final.cost.study_wh == pytest.approx(sum(c.energy_wh for c in taken if c), abs=2e-4)
    assert "for 3 other runs of its study" in final.cost.how


def test_the_final_model_takes_the_steps_that_a_run_on_all_samples_would(project) -> None:
    """The schedule is not pressed together: its weights are those of a longer run at that epoch."""
    events = carried_out(project, folds(stop__early=True, stop__patience=1))
    (summed,) = of(CrossValidated, events)
    final = weights(events[-1].run)
    plain = project.new_run()
    both = {"train": Run(Path(events[-1].run)).samples["train"], "validation": [1]}
    (plain / "samples.json").write_text(json.dumps(both))
    recipe = Run(Path(events[-1].run)).recipe
    recipe.save(plain / "recipe.toml")
    again = list(carry_out(project, recipe, Control(), plain))[-1]
    same = weights(again.run)
    assert again.best_epoch <= summed.epochs
    assert final.keys() == same.keys()
    assert all(bool((final[name] == same[name]).all()) for name in final)


def test_without_a_final_model_the_best_fold_becomes_a_run(project) -> None:
    events = carried_out(project, folds(crossval__final=False))
    each, last = of(FoldFinished, events), events[-1]
    best = max(each, key=lambda e: (e.metrics["accuracy"], -e.fold))
    assert last.run == str(project.folder / "runs" / "1")
    assert last.metrics == best.metrics
    assert Run(Path(last.run)).finished == last
    assert study.mark_of(Path(last.run)) == {"study": 1, "kind": "fold", "part": best.fold}
    judged = list(evaluate.evaluate(project, Path(last.run), "validation", Control()))[-1]
    assert (
        judged.samples == 10
    )  # those that this fold had not seen, not those of the project's split
    assert judged.metrics == pytest.approx(best.metrics)


@pytest.mark.parametrize("after", [1, 4])
def test_a_stopped_study_goes_on_with_the_unfinished_fold_to_the_same_numbers(
    project, after: int
) -> None:
    whole = carried_out(project, folds())
    control, seen, begun = Control(), [], 0
    for event in carry_out(project, folds(), control):
        seen.append(event)
        begun += isinstance(event, FoldStarted)
        if isinstance(event, StepDone) and (begun, event.step) == (2, after):
            control.ask_stop()
    assert isinstance(seen[-1], RunFinished)
    assert seen[-1].stopped
    unfinished = study.unfinished(project)
    assert unfinished is not None
    assert unfinished.folder.name == "2"
    assert study.holding(project, Path(seen[-1].run)).folder == unfinished.folder

    rest = carried_out(project, folds(), unfinished.folder)
    assert [e.fold for e in of(FoldStarted, rest)] == [2, 3]
    (one,), (other,) = of(CrossValidated, whole), of(CrossValidated, rest)
    assert (one.each, one.epochs) == (other.each, other.epochs)
    assert whole[-1].metrics == rest[-1].metrics
    first, second = weights(whole[-1].run), weights(rest[-1].run)
    assert all(bool((first[name] == second[name]).all()) for name in first)
    assert study.unfinished(project) is None


def test_a_study_killed_in_its_final_model_goes_on_with_that(project) -> None:
    stated = carry_out(project, folds(), Control())
    for event in stated:
        if isinstance(event, CrossValidated):
            break
    for event in stated:
        if isinstance(event, StepDone):
            break
    stated.close()
    unfinished = study.unfinished(project)
    assert unfinished is not None
    assert unfinished.run == "1"
    rest = carried_out(project, folds(), unfinished.folder)
    assert not of(FoldStarted, rest)
    mean = of(CrossValidated, rest)[0].mean["accuracy"]
    assert rest[-1].metrics["accuracy"] == pytest.approx(mean)
    assert [folder.name for folder in project.runs()] == ["1"]


def test_too_few_groups_are_refused_before_anything_is_written(tmp_path) -> None:
    rows = draw(tmp_path / "fields", per_class=8)
    grouped = [Row(r.path, r.label, r.split, f"g{n % 2}") for n, r in enumerate(rows)]
    with Project(tmp_path / "other", "image_classification") as other:
        other.dataset.fill(grouped, root=tmp_path / "fields")
        with pytest.raises(StudioError, match="3 folds need at least 3 groups; there are 2"):
            carried_out(other, folds())
        assert other.studies() == []


def test_model_cards_do_not_say_that_the_final_model_never_saw_the_samples(project) -> None:
    from finetune_studio.engine import facts

    events = carried_out(project, folds())
    known = facts.gather(project, Path(events[-1].run))
    said = " ".join(facts.summary(known))
    assert (
        "Of 30 validation samples, each asked of a model of the cross-validation before it" in said
    )
    assert not any("fewer than 10 validation" in point for point in facts.limits(known))
    assert any("models like this one" in point for point in facts.limits(known))


def test_a_final_model_is_never_judged_by_what_it_has_learnt(project) -> None:
    """Neither when it is blended at its end, nor when it is exported, nor when unlike inputs are known."""
    recipe = folds(crossval__folds=2, optimiser__epochs=1, forgetting__blend=0.5)
    events = carried_out(project, recipe)
    said = [event.text for event in of(Noted, events) if "Blended" in event.text]
    assert len(said) == 3
    assert "accuracy" not in said[-1]
    last = Run(Path(events[-1].run))
    task = evaluate.load_task("image_classification")
    assert export._samples(project, last, task)[1] == "train"
    list(unlike.learn(project, last.folder, Control()))
    known = unlike.read(last.folder)
    assert known is not None
    assert known.validation == {}
