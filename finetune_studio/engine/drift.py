"""How far a run has moved each layer from the weights that it was begun from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from finetune_studio.core import files
from finetune_studio.core.words import fine_percent
from finetune_studio.engine import before
from finetune_studio.engine.run import Run, load_bundle
from finetune_studio.engine.run.checkpoints import read_json
from finetune_studio.models.node import within

if TYPE_CHECKING:
    from torch import Tensor, nn

_FILE = "drift.json"


@dataclass(frozen=True, slots=True)
class Moved:
    """A layer or a stage: how far it moved, as a share of the length of its weights before.

    Attributes:
        name: The layer's dotted name, or the stage's title.
        relative: Length of the difference over length of the weights before (L2); 0 is unmoved.
        parameters: How many numbers it holds.
        new: Whether it is a last layer made for the run, which has nothing to have moved from.
    """

    name: str
    relative: float
    parameters: int
    new: bool = False


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a network moved: as a whole without its head, stage by stage, and layer by layer."""

    whole: float
    stages: tuple[Moved, ...] = ()
    layers: tuple[Moved, ...] = ()
    since: str = ""
    text: str = field(default="")


def measure(run_folder: Path) -> Drift:
    """Return how far a run's best network lies from what it was begun from; adapters are merged.

    A run that goes on from another run is compared with that run. The answer is kept in the run.

    Raises:
        StudioError: If the run has no network yet, or what it was begun from is gone.
    """
    run = Run(Path(run_folder))
    stamp = run.checkpoints.get("best", "")
    if (known := kept(run.folder)) is not None:
        return known
    after = load_bundle(run.folder)
    began = before.bundle_of(run.folder)
    found = between(began.network, after.network, after.head, since=after.origin)
    files.write_json(run.folder / _FILE, {"checkpoint": stamp, **asdict(found)})
    return found


def kept(run_folder: Path) -> Drift | None:
    """Return what was measured before of the run's present network, without loading any."""
    found = read_json(Path(run_folder) / _FILE)
    if not found or found.pop("checkpoint", "") != Run(Path(run_folder)).checkpoints.get("best"):
        return None
    stages, layers = (tuple(Moved(**row) for row in found[part]) for part in ("stages", "layers"))
    return Drift(found["whole"], stages, layers, found["since"], found["text"])


def between(began: nn.Module, now: nn.Module, head: str, since: str = "") -> Drift:
    """Return how far one network lies from another of the same body."""
    from finetune_studio.models import layers

    old, new = _parameters(began), _parameters(now)
    heads = layers.always(now, head)  # none where a network keeps its own last layer
    fresh = {name for name in new if any(within(name, part) for part in heads)}
    shared = [n for n in new if n in old and n not in fresh and old[n].shape == new[n].shape]
    owners = dict.fromkeys(name.rpartition(".")[0] for name in new)
    rows = [
        _moved(owner, [n for n in new if n.rpartition(".")[0] == owner], shared, old, new)
        for owner in owners
    ]
    stages = [
        _moved(title, [n for n in new if any(within(n, part) for part in names)], shared, old, new)
        for title, names in layers.stages(now, head)
    ]
    whole = _relative(shared, old, new)
    return Drift(whole, tuple(stages), tuple(rows), since, sentence(whole, stages))


def _parameters(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in network.named_parameters()}


def _moved(
    title: str,
    names: Iterable[str],
    shared: list[str],
    old: dict[str, Tensor],
    new: dict[str, Tensor],
) -> Moved:
    listed = list(names)
    known = [name for name in listed if name in shared]
    size = sum(new[name].numel() for name in listed)
    return Moved(title, _relative(known, old, new), size, new=bool(listed) and not known)


def _relative(names: list[str], old: dict[str, Tensor], new: dict[str, Tensor]) -> float:
    """Return the length of all differences over the length of all weights before."""
    apart = sum(
        float((new[n].double().cpu() - old[n].double().cpu()).square().sum()) for n in names
    )
    length = sum(float(old[n].double().square().sum()) for n in names)
    return round((apart / length) ** 0.5, 8) if length else 0.0


def sentence(whole: float, stages: Iterable[Moved]) -> str:
    """Say how far a network moved, and where most."""
    known = [stage for stage in stages if not stage.new]
    if not whole:
        return "The pretrained layers are as they were: only the new last layer has learnt."
    most = max(known, key=lambda stage: stage.relative)
    still = [stage.name for stage in known if stage.relative == 0]
    rest = ""
    if still:
        rest = f" {len(still)} of {len(known)} stages have not moved at all."
    return (
        f"The pretrained weights have moved by {fine_percent(whole)} of their length, most in"
        f" {most.name} ({fine_percent(most.relative)}).{rest}"
    )
