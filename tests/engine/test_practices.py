"""Training practices in whole runs: each has its effect, computed once or anew, and on resume."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, Noted, StepDone
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine import run
from finetune_studio.engine.averaged import Averaging
from finetune_studio.models import layers
from tests.engine.conftest import finished, lively_bundle, run_all, settings, weights

pytestmark = pytest.mark.usefixtures("lively_model", "every_step_stated")


def recipe_of(**changes: Any) -> Recipe:
    return settings(
        **{
            "layers__amount": "last_stage",
            "optimiser__method": "steps",
            "optimiser__epochs": 2,
            "optimiser__batch_size": 12,
            "optimiser__learning_rate": 1e-3,
            "optimiser__warmup_share": 0.0,
            **changes,
        }
    )


def notes(events: list[Event]) -> str:
    return " ".join(event.text for event in events if isinstance(event, Noted))


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


EVERYTHING = {
    "layers__amount": "later_half",
    "layers__unfreezing": "top_down",
    "layers__rate_decay": 0.5,
    "layers__rates": {"features.18": 2.0},
    "optimiser__schedule": "one_cycle",
    "optimiser__epochs": 4,
    "regularise__head_dropout": 0.3,
    "regularise__mixup": 0.4,
    "regularise__cutmix": 1.0,
    "regularise__towards_pretrained": 0.5,
    "regularise__averaging": 0.9,
}


def test_all_of_them_computed_once_and_computed_anew_give_the_same_numbers(
    project: Project,
) -> None:
    cached = finished(run_all(project, recipe_of(**EVERYTHING)))
    plain = finished(run_all(project, recipe_of(**EVERYTHING, compute__cache="off")))
    assert same(weights(cached.run), weights(plain.run))
    assert cached.metrics == plain.metrics


def test_a_run_with_all_of_them_resumes_to_the_same_numbers(project: Project) -> None:
    whole = finished(run_all(project, recipe_of(**EVERYTHING)))

    def stop(event: Event, control: Control) -> None:
        if isinstance(event, StepDone) and event.step == 8:
            control.ask_stop()

    first = finished(run_all(project, recipe_of(**EVERYTHING), on_event=stop))
    assert first.stopped
    second = finished(run_all(project, recipe_of(), resume=Path(first.run)))
    assert same(weights(second.run), weights(whole.run))
    ours, theirs = (run.load_bundle(Path(e.run)).network.state_dict() for e in (second, whole))
    assert same(ours, theirs)  # the best, which is an average


def test_deeper_stages_move_less(project: Project) -> None:
    before = lively_bundle(project.dataset.labels(), 0).network.state_dict()

    def moved(**changes: Any) -> tuple[float, float, dict[str, float]]:
        """Return how far one of the first and one of the last layers went, and the rates."""
        recipe = recipe_of(layers__amount="everything", optimiser__weight_decay=0.0, **changes)
        events = run_all(project, recipe)
        after = weights(finished(events).run)
        far = [
            float((after[n] - before[n]).abs().mean())
            for n in ("features.1.conv.0.0.weight", "features.18.0.weight")
        ]
        rates = next(e.learning_rates for e in events if isinstance(e, StepDone))
        return far[0], far[1], rates

    low, high, rates = moved()
    assert rates.keys() == {"head", "body"}
    assert low / high > 0.3
    slow, top, rates = moved(layers__rate_decay=0.25)
    assert slow / top < 0.1
    assert top == pytest.approx(high, rel=0.5)
    names = list(rates)
    assert names[0] == "head"
    assert all(name.startswith(("Stage", "Stem")) for name in names[1:])
    ratios = [rates[b] / rates[a] for a, b in pairwise(names[1:])]
    assert ratios == pytest.approx([0.25] * len(ratios))
    told, _, rates = moved(layers__rates={"features": 0.01, "features.1": 1.0})
    assert rates["features"] == pytest.approx(rates["features.1"] / 100)
    assert told > 10 * moved(layers__rates={"features": 0.01})[0]


def test_a_rate_of_an_unknown_layer_is_refused_with_one_that_is_nearly_called_so(
    project: Project,
) -> None:
    with pytest.raises(StudioError, match=r"layers\.rates names 'feature\.14'") as refused:
        run_all(project, recipe_of(layers__rates={"feature.14": 0.5}))
    assert "features.14" in refused.value.hint


def test_a_named_way_lets_layers_wake(project: Project) -> None:
    recipe = recipe_of(layers__amount="later_half", layers__unfreezing="top_down")
    events = run_all(project, recipe.with_settings({"optimiser.epochs": 4}))
    text = notes(events)
    assert "Layers wake: Stage" in text
    assert "From epoch 2 on" in text
    assert "From epoch 3 on" in text
    events = run_all(project, recipe.with_settings({"layers.unfreezing": "head_then_all"}))
    assert notes(events).count("parameters learn") == 1


def test_pretrained_weights_are_pulled_back(project: Project) -> None:
    before = lively_bundle(project.dataset.labels(), 0).network.state_dict()

    def drift(strength: float) -> float:
        recipe = recipe_of(regularise__towards_pretrained=strength, optimiser__epochs=3)
        after = weights(finished(run_all(project, recipe)).run)
        names = [n for n in after if n.endswith("weight") and n.startswith("features")]
        return float(sum((after[n] - before[n]).square().sum() for n in names))

    free, mild, strong = drift(0.0), drift(20.0), drift(900.0)
    assert strong < 0.5 * mild < 0.5 * free


def test_a_run_that_lost_its_starting_point_says_so(project: Project) -> None:
    recipe = recipe_of(regularise__towards_pretrained=0.1)

    def stop(event: Event, control: Control) -> None:
        if isinstance(event, StepDone):
            control.ask_stop()

    first = finished(run_all(project, recipe, on_event=stop))
    (Path(first.run) / "pretrained.safetensors").unlink()
    with pytest.raises(StudioError, match="pulled back to"):
        run_all(project, recipe, resume=Path(first.run))


def test_what_is_judged_and_kept_is_the_average(project: Project) -> None:
    rough = {"optimiser__learning_rate": 0.01, "optimiser__schedule": "constant"}
    rough |= {"optimiser__epochs": 6, "optimiser__head_learning_rate": 0.01}
    plain = run_all(project, recipe_of(**rough))
    averaged = run_all(project, recipe_of(**rough, regularise__averaging=0.9))
    assert "too large" not in notes(plain) + notes(averaged)  # where one goes back, they part
    assert same(weights(finished(plain).run), weights(finished(averaged).run))  # steps are the same
    kept = run.load_bundle(Path(finished(averaged).run)).network.state_dict()
    last = weights(finished(averaged).run)
    assert not torch.equal(kept["classifier.1.weight"], last["classifier.1.weight"])


class Noisy:
    """A method that learns a matrix of zeros by steps along gradients that are mostly noise."""

    whole, factor = False, 1.0

    def __init__(self, network: torch.nn.Linear) -> None:
        self._network, self._source = network, torch.Generator().manual_seed(0)

    def step(
        self, learn: Callable[[], torch.Tensor], _step: int, _steps: int
    ) -> tuple[torch.Tensor, dict[str, float]]:
        with torch.no_grad():
            weight = self._network.weight
            noise = torch.randn(weight.shape, generator=self._source)
            weight.sub_(0.3 * (weight + noise))
        return learn(), {}


def test_the_average_lies_nearer_to_the_optimum_than_any_last_step() -> None:
    network = torch.nn.Linear(20, 20, bias=False)
    method: Any = Averaging(Noisy(network), network, ["weight"], 0.98)  # type: ignore[arg-type]
    apart: list[tuple[float, float]] = []
    for step in range(600):
        method.step(lambda: torch.zeros(()), step, 600)
        with method.shown():
            mean = float(network.weight.detach().square().mean())
        apart.append((mean, float(network.weight.detach().square().mean())))
    means, last = zip(*apart[300:], strict=True)
    # Of steps of this length the variance is 0.18, of their average over about fifty 0.011.
    assert max(means) < 0.2 * min(last)


def test_batch_norms_that_keep_their_statistics_see_a_sample_as_in_use(project: Project) -> None:
    network = lively_bundle(project.dataset.labels(), 0).network
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    pictures = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    layers.set_trainable(network, ["features.18", "classifier"])
    with torch.no_grad():
        in_use = network.eval().features(pictures)
        layers.keep_statistics(network)
        layers.set_modes(network)
        assert network.features[18].training
        assert torch.equal(network.features(pictures), in_use)
        plain = lively_bundle(project.dataset.labels(), 0).network
        layers.set_trainable(plain, ["features.18", "classifier"])
        layers.set_modes(plain)
        assert not torch.allclose(plain.features(pictures), in_use, atol=0.01)

    def learnt(*, keep: bool) -> dict[str, torch.Tensor]:
        return weights(finished(run_all(project, recipe_of(layers__keep_statistics=keep))).run)

    norm = "features.18.1"
    kept, moved = learnt(keep=True), learnt(keep=False)
    assert torch.equal(kept[f"{norm}.running_mean"], before[f"{norm}.running_mean"])
    assert not torch.equal(moved[f"{norm}.running_mean"], before[f"{norm}.running_mean"])
    assert not torch.equal(
        kept[f"{norm}.weight"], before[f"{norm}.weight"]
    )  # it learns all the same


def test_dropout_of_the_head_makes_learning_by_heart_harder(project: Project) -> None:
    def last_losses(share: float) -> float:
        recipe = recipe_of(
            layers__amount="head_only", optimiser__epochs=20, regularise__head_dropout=share
        )
        events = run_all(project, recipe)
        names = run.load_bundle(Path(finished(events).run)).network.state_dict().keys()
        assert names == lively_bundle(project.dataset.labels(), 0).network.state_dict().keys()
        losses = [e.loss for e in events if isinstance(e, StepDone)]
        return sum(losses[-12:])

    assert last_losses(0.8) > 1.2 * last_losses(0.0)


def test_weight_decay_keeps_the_weights_short(project: Project) -> None:
    def length(decay: float) -> float:
        recipe = recipe_of(
            layers__amount="head_only",
            optimiser__epochs=10,
            optimiser__head_learning_rate=0.02,
            optimiser__weight_decay=decay,
        )
        return float(weights(finished(run_all(project, recipe)).run)["classifier.1.weight"].norm())

    assert length(2.0) < 0.8 * length(0.0)


def test_blended_samples_leave_the_network_less_certain(project: Project) -> None:
    def certainty(**changes: float) -> float:
        recipe = recipe_of(
            layers__amount="everything",
            optimiser__epochs=12,
            optimiser__learning_rate=3e-3,
            **{f"regularise__{name}": value for name, value in changes.items()},
        )
        events = run_all(project, recipe)
        bundle = run.load_bundle(Path(finished(events).run))
        bundle.network.load_state_dict(weights(finished(events).run), strict=False)
        pixels = _pictures(project, bundle)
        with torch.no_grad():
            return float(bundle.network(pixels).softmax(1).amax(1).mean())

    plain = certainty()
    assert certainty(mixup=2.0) < plain - 0.05
    assert certainty(cutmix=2.0) < plain - 0.05


def _pictures(project: Project, bundle: Any) -> torch.Tensor:
    from finetune_studio.engine.evaluate import load_task

    task = load_task("image_classification")
    samples = [s for s in project.dataset.samples() if s.split == "train"]
    batch = task.collate([task.example(s, bundle, view=None) for s in samples])
    inputs = task.on_device(bundle, batch).inputs
    assert isinstance(inputs, torch.Tensor)
    return inputs


def test_what_comes_to_nothing_is_said(project: Project) -> None:
    solved = recipe_of(
        layers__amount="head_only", optimiser__method="solve", regularise__averaging=0.9
    )
    assert "does nothing: average of the weights" in notes(run_all(project, solved))
    head = recipe_of(
        layers__amount="head_only",
        layers__rate_decay=0.5,
        layers__unfreezing="top_down",
        regularise__cutmix=1.0,
    )
    said = notes(run_all(project, head))
    assert "The head alone learns, so this does nothing: slower with depth." in said
    assert "Layers do not wake one after another" in said
    assert "cutmix does nothing there" in said
