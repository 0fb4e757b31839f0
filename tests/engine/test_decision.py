"""What is decided after a run: kept with it, applied to its answers, gone with its weights."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from finetune_studio.core.errors import StudioError
from finetune_studio.core.project import Project
from finetune_studio.engine import calibrating, decision, evaluate, facts, slicing, trust_words
from finetune_studio.engine.columns import columns
from tests import trusting


@pytest.fixture
def project(tmp_path: Path):
    with Project(tmp_path / "project", "image_classification") as made:
        trusting.fill(made, tmp_path / "photos")
        yield made


def test_calibrating_lowers_the_error_and_changes_no_answer(project: Project) -> None:
    run = trusting.add_run(project)
    before = calibrating.look(run, project.dataset)
    kept = calibrating.calibrate(run, project.dataset)
    after = calibrating.look(run, project.dataset)
    assert kept.temperature > 1.5
    assert kept.calibration["error_after"] < kept.calibration["error_before"]
    assert after.error_now < 0.7 * before.error
    assert after.error == before.error
    raw = evaluate.answers(run, project.dataset, "validation", raw=True)
    now = evaluate.answers(run, project.dataset, "validation")
    assert [a.label for _, a in now] == [a.label for _, a in raw]
    assert max(now[0][1].probabilities.values()) < max(raw[0][1].probabilities.values())
    calibrating.uncalibrate(run, project.dataset)
    again = evaluate.answers(run, project.dataset, "validation")
    assert again == raw


def test_costs_set_a_threshold_that_answers_follow(project: Project) -> None:
    run = trusting.add_run(project)
    before = evaluate.answers(run, project.dataset, "validation")
    kept = calibrating.cheapest(run, project.dataset, "shirt", 10, 1)
    (number,) = kept.thresholds
    assert kept.costs[number] == {"miss": 10, "false_alarm": 1}
    assert kept.thresholds[number] < 0.5
    after = evaluate.answers(run, project.dataset, "validation")

    def missed(pairs):
        return sum(s.label == "shirt" != a.label for s, a in pairs)

    assert missed(after) < missed(before)
    assert sum(a.label == "shirt" for _, a in after) > sum(a.label == "shirt" for _, a in before)
    # A temperature makes other probabilities, so the threshold is found anew from the costs.
    calibrated = calibrating.calibrate(run, project.dataset)
    assert calibrated.thresholds[number] != kept.thresholds[number]
    again = evaluate.answers(run, project.dataset, "validation")
    assert missed(again) == missed(after)
    assert calibrating.set_threshold(run, project.dataset, "shirt", None).thresholds == {}


def test_classes_keep_their_threshold_under_another_name(project: Project) -> None:
    run = trusting.add_run(project)
    calibrating.set_threshold(run, project.dataset, "shirt", 0.2)
    project.dataset.rename_class("shirt", "blouse")
    labels = project.dataset.labels()
    assert decision.read(run).for_exports(labels) == {
        "temperature": 1.0,
        "thresholds": {"blouse": 0.2},
        "least_likeness": -1.0,
    }
    now = evaluate.answers(run, project.dataset, "validation")
    assert all(a.label == "blouse" for _, a in now if a.probabilities["blouse"] >= 0.5)


def test_what_was_decided_for_other_weights_counts_no_more(project: Project) -> None:
    run = trusting.add_run(project)
    calibrating.calibrate(run, project.dataset)
    (run / "checkpoints" / "index.json").write_text(json.dumps({"last": "2", "best": "2"}))
    assert decision.read(run) == decision.Decision()
    assert calibrating.look(run, project.dataset).outdated


@pytest.mark.parametrize("text", ["{", "[1]", '{"temperature": "hot"}', '{"temperature": -1}'])
def test_a_damaged_decision_is_told_with_a_way_out(project: Project, text: str) -> None:
    run = trusting.add_run(project)
    saved = text
    if text.startswith('{"'):
        saved = json.dumps(json.loads(text) | {"checkpoint": "00000001"})
    (run / decision.FILE).write_text(saved, encoding="utf-8")
    with pytest.raises(StudioError) as caught:
        decision.read(run)
    assert "Delete that file" in caught.value.hint


def test_bad_wishes_are_refused(project: Project) -> None:
    run = trusting.add_run(project)
    for wish in (
        lambda: calibrating.set_threshold(run, project.dataset, "shirt", 1.5),
        lambda: calibrating.set_threshold(run, project.dataset, "tree", 0.5),
        lambda: calibrating.cheapest(run, project.dataset, "shirt", -1, 1),
        lambda: calibrating.cheapest(run, project.dataset, "shirt", float("nan"), 1),
        lambda: calibrating.cheapest(run, project.dataset, "shirt", float("inf"), 1),
        lambda: calibrating.cheapest(run, project.dataset, "tree", 1, 1),
    ):
        with pytest.raises(StudioError):
            wish()
    assert decision.read(run).nothing


@pytest.mark.parametrize("left", [0, 1])
def test_a_validation_split_of_none_or_one_says_so(project: Project, left: int) -> None:
    run = trusting.add_run(project)
    ids = [s.id for s in project.dataset.samples(split="validation")]
    project.dataset.exclude(ids[left:])
    found = calibrating.look(run, project.dataset)
    assert (found.count, len(found.bins), list(found.classes)) == (left, left, [])
    assert found.scaling.reason
    with pytest.raises(StudioError):
        calibrating.calibrate(run, project.dataset)
    assert slicing.look(project, run).slices == []


def test_where_answers_have_no_probability_for_each_class_no_temperature_is_promised(
    project: Project,
) -> None:
    found = calibrating.look(trusting.add_run(project), project.dataset)
    bare = [(sample, replace(answer, probabilities={})) for sample, answer in found.pairs]
    told = trust_words.offer(replace(found, pairs=bare))
    assert told == "A temperature is found only where an answer has a probability for each class."


def test_a_class_that_is_absent_from_validation_has_no_threshold(project: Project) -> None:
    run = trusting.add_run(project)
    gone = [s.id for s in project.dataset.samples(split="validation") if s.label == "hat"]
    project.dataset.exclude(gone)
    assert list(calibrating.look(run, project.dataset).classes) == ["shirt", "shoe"]
    with pytest.raises(StudioError) as caught:
        calibrating.cheapest(run, project.dataset, "hat", 1, 1)
    assert "hold none of it" in caught.value.message


def test_slices_know_columns_folders_and_measures(project: Project) -> None:
    run = trusting.add_run(project)
    found = slicing.look(project, run)
    columns = {one.column for one in found.slices}
    assert {"camera", "folder", "brightness", "file size (KB)"} <= columns
    assert "longer side (pixels)" not in columns  # they are all alike
    phone = next(one for one in found.slices if (one.column, one.value) == ("camera", "phone"))
    assert phone.count == 15
    assert found.shortcut is not None
    assert found.shortcut.samples == 72
    assert np.isclose(found.score, np.mean([a.label == s.label for s, a in _pairs(project, run)]))


def test_the_report_tells_what_was_decided_and_where_it_is_worse(project: Project) -> None:
    from finetune_studio.engine.report import write_report

    run = trusting.add_run(project)
    calibrating.calibrate(run, project.dataset)
    calibrating.cheapest(run, project.dataset, "shirt", 10, 1)
    page = write_report(project, run).read_text(encoding="utf-8")
    assert "with temperature" in page
    assert "shirt is named from a probability of" in page
    assert "a miss costs 10 times a false alarm" in page
    assert "On samples that it was not chosen by" in page
    assert "Parts of the data" in page
    assert "camera: phone" in page
    assert "cannot be told without looking" in page or "never looks at the samples" in page


def _pairs(project: Project, run: Path):
    return evaluate.answers(run, project.dataset, "validation")


def test_a_folder_that_is_called_as_a_class_was_says_nothing_about_it(project: Project) -> None:
    """Its pictures still lie there when the class has another name."""
    project.dataset.rename_class("shirt", "blouse")
    samples = project.dataset.samples()
    folders = columns(project.dataset, samples)["folder"]
    assert set(folders.values()) == {"phone", "studio"}


def test_scores_with_thresholds_are_not_taken_for_honest_ones(project: Project) -> None:
    run = trusting.add_run(project)
    assert decision.CHOSEN_HERE not in facts.limits(facts.gather(project, run))
    calibrating.cheapest(run, project.dataset, "shirt", 10, 1)
    assert decision.CHOSEN_HERE in facts.limits(facts.gather(project, run))
