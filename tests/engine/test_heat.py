"""Gradient and drift of each part are what the weights themselves say."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from finetune_studio.core.events import Event
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.watching import Heated
from finetune_studio.engine import before, heat
from finetune_studio.engine.run import Run
from finetune_studio.engine.train import train
from tests.engine.conftest import finished, run_all, settings, weights


def heats(events: list[Event]) -> list[Heated]:
    return [event for event in events if isinstance(event, Heated)]


def test_lengths_and_drift_are_those_of_one_long_vector() -> None:
    start = {"a": torch.tensor([3.0, 0.0]), "b": torch.tensor([[4.0]])}
    now = {"a": torch.tensor([3.0, 0.3]), "b": torch.tensor([[4.4]])}
    assert heat.length(list(start.values())) == pytest.approx(5.0)
    assert heat.relative_drift(now, start, ["a", "b"]) == pytest.approx(0.1)
    assert heat.relative_drift(now, start, ["b"]) == pytest.approx(0.1)
    assert heat.relative_drift(now, start, ["c"]) is None
    assert heat.finite(float("nan")) is None


@pytest.mark.usefixtures("lively_model")
def test_drift_is_that_of_the_last_weights_from_those_before_the_run(project: Project) -> None:
    recipe = settings(layers__amount="later_half", optimiser__method="steps")
    events = run_all(project, recipe)
    told = heats(events)
    assert [event.epoch for event in told] == [1.0, 2.0, 3.0]
    folder = Path(finished(events).run)
    start, last = before.kept(folder), weights(str(folder))
    learnt = [n for n in start if "running" not in n and "num_batches" not in n]
    assert learnt
    assert not any(name.startswith("classifier") for name in start)
    assert told[-1].drift == pytest.approx(heat.relative_drift(last, start, learnt), rel=1e-4)
    assert told[0].drift is not None
    assert told[-1].drift is not None
    assert 0 < told[0].drift < told[-1].drift
    rows = {row["name"]: row for row in told[-1].rows}
    assert {row["stage"] for row in told[-1].rows} >= {"Stem", "Head"}
    for name, row in rows.items():
        own = [n for n in learnt if n.startswith(f"{name}.")]
        wanted = heat.relative_drift(last, start, own)
        assert row["drift"] == (None if wanted is None else pytest.approx(wanted, rel=1e-4))
        assert (row["gradient"] is not None) == (row["learn"] > 0)
    assert rows["classifier.1"]["drift"] is None  # it began from nothing
    assert rows["classifier.1"]["gradient"] > 0


@pytest.mark.usefixtures("lively_model")
def test_where_the_head_alone_learns_nothing_pretrained_moves(project: Project) -> None:
    told = heats(run_all(project, settings(layers__amount="head_only")))
    assert {event.drift for event in told} == {None}
    pulled = [row["name"] for row in told[-1].rows if row["gradient"] is not None]
    assert pulled == ["classifier.1"]


@pytest.mark.usefixtures("lively_model")
def test_the_gradient_is_told_as_it_was_before_it_was_cut(project: Project) -> None:
    free = settings(layers__amount="everything", optimiser__epochs=1, optimiser__gradient_clip=0.0)
    cut = settings(layers__amount="everything", optimiser__epochs=1, optimiser__gradient_clip=1e-3)
    for recipe in (free, cut):
        gradient = heats(run_all(project, recipe))[-1].gradient
        assert gradient is not None
        assert gradient > 1e-2


@pytest.mark.usefixtures("lively_model")
def test_adapters_drift_by_what_they_add(project: Project) -> None:
    recipe = settings(
        layers__amount="adapters",
        optimiser__learning_rate=1e-2,
        optimiser__epochs=2,
        compute__cache="off",
    )
    events = run_all(project, recipe)
    told, folder = heats(events)[-1], Path(finished(events).run)
    from finetune_studio.engine.run import load_bundle

    plain = load_bundle(folder, merged=False).network
    moved, size = 0.0, 0.0
    for module in plain.modules():
        if hasattr(module, "lora_A"):
            moved += float(module.get_delta_weight("default").detach().square().sum())
            size += float(module.base_layer.weight.square().sum())
    assert told.drift == pytest.approx((moved / size) ** 0.5, rel=1e-3)


@pytest.mark.usefixtures("lively_model", "every_step_stated")
def test_a_resumed_run_knows_where_it_began(project: Project) -> None:
    recipe = settings(layers__amount="last_stage", optimiser__method="steps")
    whole = heats(run_all(project, recipe))
    half = run_all(
        project,
        recipe,
        on_event=lambda event, control: control.ask_stop() if isinstance(event, Heated) else None,
    )
    folder = Path(finished(half).run)
    rest = run_all(project, recipe, resume=folder)
    told = [*heats(half), *heats(rest)]
    assert [(e.epoch, e.rows, e.drift) for e in told] == [(e.epoch, e.rows, e.drift) for e in whole]
    assert Run(folder).state == "finished"


@pytest.mark.usefixtures("lively_model")
def test_a_blend_at_the_end_does_not_change_what_adapters_drift(project: Project) -> None:
    recipe = settings(
        layers__amount="adapters", optimiser__learning_rate=1e-2, compute__cache="off"
    )
    plain = heats(run_all(project, recipe))
    blended = heats(run_all(project, recipe.with_settings({"forgetting.blend": 0.5})))
    assert [event.drift for event in blended] == [event.drift for event in plain]


@pytest.mark.usefixtures("lively_model")
@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux lists its maps")
def test_weights_of_before_are_held_without_a_map_of_their_file_for_each(project: Project) -> None:
    """Pages of the file, mapped once for each tensor, made 108 MB of a network of 14 MB."""
    recipe = settings(layers__amount="later_half", optimiser__method="steps", optimiser__epochs=1)
    events = train(project, recipe, Control())
    maps = [Path("/proc/self/maps").read_text() for e in events if isinstance(e, Heated)]
    assert len(maps) == 1
    assert before.FILE not in maps[0]
