"""Gradual unfreezing: who learns when, and what is computed once moves along."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from finetune_studio.core.dataset import Labels
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, Noted, StepDone, Validated
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import from_values
from finetune_studio.core.task import Bundle
from finetune_studio.engine import session, unfreezing
from finetune_studio.engine.probe import look_at_model
from finetune_studio.engine.run import load_bundle
from finetune_studio.models import layers, lora, pace, zoo
from finetune_studio.models.node import within
from tests.engine.conftest import finished, lively_bundle, run_all, settings, weights

pytestmark = pytest.mark.usefixtures("lively_model", "every_step_stated")
GRADUAL = {
    "layers__amount": "later_half",
    "layers__head_first": 1,
    "layers__unfreeze_at": {"features.12": 3, "features.13": 3},
    "optimiser__epochs": 4,
    "optimiser__learning_rate": 1e-3,
}


def moved_by_epoch(project: Project, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> list[set]:
    """Return the names of the tensors that differ from the beginning after each epoch."""
    before = lively_bundle(project.dataset.labels(), 0).network.state_dict()
    found: list[set] = []
    real = session.Session.judge

    def judge(self: Any, *arguments: Any) -> bool:
        now = self.bundle.network.state_dict()
        found.append({name for name in now if not torch.equal(now[name], before[name])})
        return real(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(session.Session, "judge", judge)
        run_all(project, settings(**{**GRADUAL, **changes}))
    return found


@pytest.mark.parametrize("cache", ["auto", "off"])
def test_layers_begin_to_learn_in_their_epoch(
    project: Project, monkeypatch: pytest.MonkeyPatch, cache: str
) -> None:
    moved = moved_by_epoch(project, monkeypatch, compute__cache=cache)
    assert all(name.startswith("classifier") for name in moved[0])
    assert any(name.startswith("features.14.") for name in moved[1])
    assert not any(name.startswith(("features.12.", "features.13.")) for name in moved[1])
    assert any(name.startswith("features.12.") for name in moved[2])


def test_the_boundary_moves_along_and_the_numbers_are_those_of_the_uncached_run(
    project: Project,
) -> None:
    recipe = settings(**GRADUAL, optimiser__batch_size=12)
    cached = run_all(project, recipe)
    plain = run_all(project, recipe.with_settings({"compute.cache": "off"}))
    looked = [e for e in cached if e.word() == "phase_started" and e.phase == "features"]  # type: ignore[attr-defined]
    assert len(looked) == 6  # three boundaries, two splits
    told = [e.text for e in cached if isinstance(e, Noted) and "parameters learn" in e.text]
    assert [text[:12] for text in told] == ["From epoch 2", "From epoch 3"]
    ours, theirs = weights(finished(cached).run), weights(finished(plain).run)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("after", [0.5, 1.4, 2.4, 3.2])
def test_a_run_stopped_in_any_stage_resumes_to_the_same_numbers(
    project: Project, after: float
) -> None:
    recipe = settings(**GRADUAL)
    whole = run_all(project, recipe)

    def stop(event: Event, control: Control) -> None:
        if isinstance(event, StepDone) and event.epoch > after:
            control.ask_stop()

    first = run_all(project, recipe, on_event=stop)
    assert finished(first).stopped
    second = run_all(project, recipe, resume=Path(finished(first).run))
    assert finished(second).metrics == finished(whole).metrics
    ours, theirs = weights(finished(second).run), weights(finished(whole).run)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_early_stopping_waits_for_the_last_layers(project: Project) -> None:
    recipe = settings(
        layers__amount="last_stage",
        layers__head_first=4,
        optimiser__epochs=6,
        stop__early=True,
        stop__patience=1,
    )
    judged = [e for e in run_all(project, recipe) if isinstance(e, Validated)]
    assert len(judged) > 4


def test_an_unknown_layer_is_named(project: Project) -> None:
    with pytest.raises(StudioError, match=r"layers\.unfreeze_at names 'features\.99'"):
        run_all(project, settings(layers__unfreeze_at={"features.99": 2}))


def test_what_learnt_last_is_in_the_run(project: Project) -> None:
    events = run_all(project, settings(**GRADUAL, stop__early=False))
    network = load_bundle(Path(finished(events).run)).network
    best = weights(finished(events).run)
    assert best.keys() <= network.state_dict().keys()
    assert any(name.startswith("features.12.") for name in best)


@pytest.mark.parametrize(
    ("source", "amount", "task"),
    [
        ("resnet18", "everything", "image_classification"),
        ("vit_b_16", "everything", "image_classification"),  # has tables that lie in no stage
        ("resnet18", "adapters", "image_classification"),
        ("minilm", "later_half", "text_classification"),
    ],
)
@pytest.mark.parametrize(
    "choices",
    [
        {"unfreezing": "top_down"},
        {"unfreezing": "head_then_all", "head_first": 2},
        {"head_first": 1, "unfreeze_at": {}},
    ],
)
def test_the_window_reckons_as_the_run_goes(
    source: str, amount: str, task: str, choices: dict[str, Any]
) -> None:
    recipe = from_values(
        {
            "task": task,
            "model": {"source": source},
            "layers": {"amount": amount} | choices,
            "optimiser": {"epochs": 12},
        }
    )
    labels = Labels(("a", "b"))
    look = look_at_model(recipe, labels)
    beside = look.adapters["ranks"] if look.adapters else {}
    learning = pace.learning(look.root, look.trainable_names, beside)
    begins = pace.begins(recipe.layers, look.stages, learning, 12)
    about = look.architecture | ({"adapters": look.adapters} if look.adapters else {})
    with torch.device("meta"):
        network = zoo.rebuild(about, 2)
    layers.set_trainable(network, [*look.trainable_names, *lora.names(network)])
    bundle = Bundle(network, labels, {}, about, look.head)
    ever = unfreezing.learning_names(bundle)
    filled = unfreezing.filled(bundle, recipe, ever)
    for epoch in range(12):
        found = unfreezing.stage_of(bundle, filled, epoch, ever)
        mine = {name for name, at in begins.items() if at <= epoch + 1}
        # A layer with an adapter stands for its adapter's numbers.
        wanted = {
            n for n in ever if n in mine or any(within(n, layer) for layer in mine & {*beside})
        }
        assert found == wanted, epoch
