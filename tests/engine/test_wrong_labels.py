"""Wrong labels, unlike inputs and the model before fine-tuning, on small networks and on real photos."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from finetune_studio.core import label_doubts
from finetune_studio.core.dataset import Row, Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import PhaseStarted, Prediction
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.engine import (
    baselines,
    comparing,
    decision,
    evaluate,
    kept_table,
    label_errors,
    trust_words,
    unlike,
)
from finetune_studio.engine.features.table import Table
from tests.engine.conftest import finished, run_all, settings


@pytest.fixture
def project(tmp_path: Path):
    """Return a project of 48 pictures whose three classes differ in colour, 36 to train on."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(3):
        for index in range(16):
            pixels = rng.normal(110, 25, (40, 40, 3))
            pixels[..., number] += 90
            name = f"class{number}/{index:03d}.png"
            (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(tmp_path / "photos" / name)
            split = ("train", "train", "train", "validation")[index % 4]
            rows.append(Row(name, f"class{number}", split))
    with Project(tmp_path / "project", "image_classification") as made:
        made.dataset.fill(rows, root=tmp_path / "photos")
        yield made


def carry_out(job) -> list[object]:
    return list(job)


def plant(project: Project, count: int, seed: int = 0) -> set[int]:
    rng = random.Random(seed)
    samples = [s for s in project.dataset.samples(usable=True) if s.label is not None]
    names = sorted({str(s.label) for s in samples})
    chosen = rng.sample(samples, count)
    for sample in chosen:
        other = rng.choice([name for name in names if name != sample.label])
        project.dataset.relabel([sample.id], other)
    return {sample.id for sample in chosen}


def test_planted_wrong_labels_lead_the_list_and_corrections_count(project: Project) -> None:
    recipe = settings()
    truth = {s.id: str(s.label) for s in project.dataset.samples()}
    wrong = plant(project, 4)
    carry_out(label_errors.find(project, Control(), recipe))
    found = label_doubts.open_ones(project.dataset)
    assert found is not None
    assert len(found) == 48
    head = [doubt.sample for doubt in found[:6]]
    assert len(wrong & set(head)) >= 3
    hit = next(doubt for doubt in found if doubt.sample in wrong)
    assert hit.suggested == truth[hit.sample]
    pairs = label_errors.pairs(project, found[:2])
    assert [s.id for s, _ in pairs] == head[:2]
    assert pairs[0][1].label == found[0].suggested
    for number in wrong:
        project.dataset.relabel([number], truth[number])
    assert {d.sample for d in label_doubts.open_ones(project.dataset) or ()}.isdisjoint(wrong)
    made: list[label_errors.Rescored] = []
    carry_out(label_errors.rescore(project, Control(), made, recipe))
    learnt = sum(project.dataset.sample(n).split == "train" for n in wrong)
    assert made[0].corrections == learnt
    assert made[0].samples == 12
    assert made[0].after >= made[0].before
    moved = made[0].gained - made[0].lost
    assert moved == round((made[0].after - made[0].before) * 12)
    assert made[0].chance == comparing.mcnemar(made[0].gained, made[0].lost)
    project.dataset.undo()
    assert len(label_doubts.open_ones(project.dataset) or ()) == 45


def test_what_was_left_out_counts_after_a_new_start_and_no_network_is_needed(
    project: Project,
) -> None:
    """Features of samples that were excluded meanwhile were only in memory, and "nothing was corrected"."""
    recipe = settings()
    carry_out(label_errors.find(project, Control(), recipe))
    samples = project.dataset.samples()
    learnt = [s.id for s in samples if s.split == "train"][:3]
    judging = next(s.id for s in samples if s.split == "validation")
    project.dataset.exclude([*learnt, judging])
    label_errors._tables.clear()  # as in a new process
    made: list[label_errors.Rescored] = []
    events = carry_out(label_errors.rescore(project, Control(), made, recipe))
    assert not [e for e in events if isinstance(e, PhaseStarted) and e.phase == "load"]
    assert (made[0].corrections, made[0].judging, made[0].samples) == (3, 1, 11)
    told = trust_words.rescored(made[0])
    assert told.startswith("With 3 corrections, ")
    assert told.endswith(
        "1 more correction was made to a sample that judges the model: nothing is learnt from it."
    )
    project.dataset.undo()
    carry_out(label_errors.rescore(project, Control(), made, recipe))
    assert trust_words.rescored(made[1]) == "Nothing was corrected since the labels were looked at."
    # A table that was spoilt, or that shows other files, is made anew.
    (project.folder / kept_table.NAME).write_bytes(b"PK spoilt")
    label_errors._tables.clear()
    events = carry_out(label_errors.rescore(project, Control(), made, recipe))
    assert [e for e in events if isinstance(e, PhaseStarted) and e.phase == "load"]
    moved = [replace(samples[0], path="/elsewhere.png"), *samples[1:]]
    for shown, count in ((samples, 48), (moved, 47)):
        found = kept_table.read(project.folder, recipe.model.model_dump_json(), shown)
        assert found is not None
        assert len(found.samples) == count


def test_wrong_labels_need_classes_and_samples(project: Project, lively_model: None) -> None:
    project.dataset.exclude([s.id for s in project.dataset.samples()][10:])
    with pytest.raises(StudioError) as caught:
        carry_out(label_errors.find(project, Control(), settings()))
    assert "At least 20" in caught.value.hint
    assert label_doubts.open_ones(project.dataset) is None
    with pytest.raises(StudioError):
        carry_out(label_errors.rescore(project, Control(), [], settings()))


def test_a_model_that_was_moved_since_is_told_with_what_that_means(project: Project) -> None:
    moved = settings().with_settings({"model.source": str(project.folder / "gone" / "weights.pth")})
    with pytest.raises(StudioError, match=r"not there any more: .*weights\.pth") as caught:
        carry_out(label_errors.find(project, Control(), moved))
    assert "The run itself needs it no more" in caught.value.hint


def test_a_run_stands_beside_the_model_before_it_and_the_run_before(project: Project) -> None:
    first = Path(finished(run_all(project, settings(optimiser__epochs=1))).run)
    second = Path(finished(run_all(project, settings(optimiser__epochs=1, seed=1))).run)
    carry_out(label_errors.look(project, second, Control()))
    pairs = evaluate.answers(second, project.dataset, "validation")
    found = baselines.beside(project, second, pairs)
    assert found.before is not None
    assert found.before > 0.5  # colours are told apart by mean features, chance is a third
    assert found.last is not None
    assert found.last.number == int(first.name)
    assert not found.last.told_apart
    told = " ".join(baselines.sentences(found))
    assert "Before fine-tuning" in told
    assert "too few samples to tell apart" in told
    assert baselines.beside(project, first, pairs).last is None
    # Divided anew since: what the run before has learnt does not judge it.
    numbers = {"train": [pairs[0][0].id], "validation": []}
    (first / "samples.json").write_text(json.dumps(numbers))
    assert baselines.beside(project, second, pairs).last is None
    # Relabelled since: the score before fine-tuning is of labels that are no more.
    wrong = next(s for s in project.dataset.samples() if s.label == "class0")
    project.dataset.relabel([wrong.id], "class1")
    assert baselines.beside(project, second, pairs).before is None


def test_test_samples_stay_locked_until_the_test_set_was_opened(project: Project) -> None:
    locked = [s.id for s in project.dataset.samples(split="validation")][:4]
    project.dataset.move(locked, "test")
    carry_out(label_errors.find(project, Control(), settings()))
    found = label_doubts.open_ones(project.dataset) or []
    assert len(found) == 44
    assert {doubt.sample for doubt in found}.isdisjoint(locked)
    assert "The 4 test samples were not looked at" in trust_words.labels(found, 4)
    project.log("test_opened", run="1")
    carry_out(label_errors.find(project, Control(), settings()))
    assert len(label_doubts.open_ones(project.dataset) or []) == 48
    assert "locked" not in trust_words.labels(found)


def test_corrections_are_called_better_only_where_chance_does_not_explain_it() -> None:
    """Six of 40 samples more are right, but twelve were won and six lost: that is no proof."""
    unsure = label_errors.Rescored(0.70, 0.85, 9, 40, 0.1, 12, 6, comparing.mcnemar(12, 6))
    assert "12 samples gained, 6 lost, too few to tell the two apart" in trust_words.rescored(
        unsure
    )
    sure = label_errors.Rescored(0.70, 0.85, 9, 40, 0.1, 9, 1, comparing.mcnemar(9, 1))
    assert "better" in trust_words.rescored(sure)
    one = label_errors.Rescored(0.70, 0.75, 1, 20, 0.1, 1, 0, comparing.mcnemar(1, 0))
    assert "without it in 70.0 %: 1 sample gained, 0 lost" in trust_words.rescored(one)


def test_features_of_other_data_are_not_taken_for_those_of_today() -> None:
    def sample(path: str, **fields: object) -> Sample:
        return Sample(1, path, "a", 1, "train", fields=fields)

    table = Table([sample("/one.png")])
    assert label_errors._holds(table, [sample("/one.png")])
    assert not label_errors._holds(table, [sample("/other.png")])
    assert not label_errors._holds(table, [sample("/one.png", text="other")])


def test_runs_are_told_apart_by_an_exact_test() -> None:
    from scipy.stats import binomtest

    then = {n: float(n < 60) for n in range(100)}
    now = {n: float(n < 50 or n >= 70) for n in range(100)}
    better, worse, chance = baselines.compared(then, now)
    assert (better, worse) == (30, 10)
    assert chance == pytest.approx(binomtest(10, 40).pvalue)
    assert baselines.compared(then, then) == (0, 0, 1.0)


def test_unlike_inputs_are_turned_away_and_ones_own_are_not(
    project: Project, lively_model: None, tmp_path: Path
) -> None:
    run = Path(finished(run_all(project, settings(optimiser__epochs=1))).run)
    with pytest.raises(StudioError):
        unlike.set_share(run, 0.05)
    rows = []
    for number in range(30):  # a dozen validation samples tell no rate
        name = f"class0/more{number}.png"
        source = project.dataset.root / f"class0/{number % 16:03d}.png"
        with Image.open(source) as picture:
            picture.rotate(number % 3, expand=False).save(project.dataset.root / name)
        rows.append(Row(name, "class0", "validation"))
    project.dataset.fill(rows, root=project.dataset.root)
    carry_out(unlike.learn(project, run, Control()))
    found = unlike.set_share(run, 0.05)
    assert 0 < found.share <= 0.06
    assert decision.read(run).turned_away == found.share
    odd = tmp_path / "odd.png"
    Image.effect_mandelbrot((40, 40), (-2, -1.5, 1, 1.5), 60).convert("RGB").save(odd)
    own = next(s.path for s in project.dataset.samples(split="train"))
    answers = list(evaluate.predict(run, [str(odd), own], Control()))
    assert all(isinstance(answer, Prediction) for answer in answers)
    assert answers[0].answer.get(decision.UNLIKE) is True
    assert decision.UNLIKE not in answers[1].answer
    assert answers[1].answer[decision.LIKENESS] > answers[0].answer[decision.LIKENESS]
    assert answers[0].label is not None
    unlike.set_share(run, 0.0)
    (again,) = evaluate.predict(run, [str(odd)], Control())
    assert again.answer == {}


@pytest.mark.shared
def test_planted_wrong_labels_are_found_in_real_photos(tmp_path: Path, shared: Path) -> None:
    """Four fifths of 5 % planted wrong labels stand in the first tenth of the list."""
    signs = shared / "data" / "cls-sign-digits"
    with Project(tmp_path / "project", "image_classification") as project:
        rows = [
            Row(f"{place.parent.name}/{place.name}", place.parent.name, "train")
            for digit in range(10)
            for place in sorted((signs / str(digit)).iterdir())
        ]
        project.dataset.fill(rows, root=signs)
        wrong = plant(project, 20)
        recipe = project.recipe().with_settings({"model.source": "starter"})
        carry_out(label_errors.find(project, Control(), recipe))
        found = label_doubts.open_ones(project.dataset) or []
        head = {doubt.sample for doubt in found[: len(found) // 10]}
        assert len(wrong & head) >= 0.8 * len(wrong)
