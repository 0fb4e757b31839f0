"""The network that a run was begun from, as it was before the run taught it anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from finetune_studio.core.errors import StudioError
from finetune_studio.core.task import Bundle
from finetune_studio.engine.evaluate import load_task
from finetune_studio.engine.run import Run
from finetune_studio.engine.run.checkpoints import damage_explained, read_tensors, save_tensors
from finetune_studio.models.node import within

if TYPE_CHECKING:
    from torch import Tensor, nn

FILE = "pretrained.safetensors"  # what moves, as it was before the first step; one file for all who ask


def bundle_of(run_folder: Path) -> Bundle:
    """Return the network that a run was begun from, without adapters, in evaluation mode.

    A run with adapters holds it itself; any other is begun anew from what its recipe names, with the
    weights that the run kept of it, if it did. Its last layer is as new as it was then.

    Raises:
        StudioError: If what the run was begun from is not there any more, or is another by now.
    """
    run = Run(Path(run_folder))
    if not run.model:
        raise StudioError(f"The run {run.number} has no network yet.", "Let it train for an epoch.")
    if run.model["architecture"].get("adapters"):
        return _below_adapters(run)
    own = kept(run.folder) if (run.folder / FILE).is_file() else None
    if own is not None and (found := _from_its_own(run, own)) is not None:
        return found
    try:
        bundle = load_task(run.recipe.task).load_model(run.recipe, run.labels)
    except StudioError as error:
        raise StudioError(
            f"What this run was begun from is not there any more: {error.message}", error.hint
        ) from error
    _refuse_another(run, bundle.network)
    bundle.network.eval()
    return bundle


def remember(run_folder: Path, bundle: Bundle, moving: Iterable[str]) -> None:
    """Keep what a new run may move, as it is before the first step: all but layers that are made anew.

    Drift, blends, a pull to the pretrained weights and the model of before are all reckoned from it.
    """
    from finetune_studio.models import layers

    state, made_anew = bundle.network.state_dict(), layers.always(bundle.network, bundle.head)
    keep(run_folder, {n: state[n] for n in moving if not any(within(n, m) for m in made_anew)})


def keep(run_folder: Path, tensors: dict[str, Tensor]) -> None:
    """Keep in a run the numbers that what it learns had before, so that nothing else is needed later."""
    save_tensors(Path(run_folder) / FILE, tensors)


def kept(run_folder: Path) -> dict[str, Tensor]:
    """Return what was kept; nothing where it was not, as in runs of older versions."""
    file = Path(run_folder) / FILE
    if not file.is_file():
        return {}
    with damage_explained(file):
        return read_tensors(file)


class Kept(Mapping[str, "Tensor"]):
    """What was kept of a run, each tensor read when it is asked for: it may be larger than the memory."""

    def __init__(self, run_folder: Path) -> None:
        from safetensors import safe_open

        self._file = Path(run_folder) / FILE
        self._names: frozenset[str] = frozenset()
        if self._file.is_file():
            with damage_explained(self._file), safe_open(self._file, "pt") as file:
                self._names = frozenset(file.keys())

    @property
    def bytes(self) -> int:
        """Return how much of the memory all of it would take."""
        return self._file.stat().st_size if self._names else 0

    def __getitem__(self, name: str) -> Tensor:
        from safetensors import safe_open

        if name not in self._names:
            raise KeyError(name)
        with damage_explained(self._file), safe_open(self._file, "pt") as file:
            found: Tensor = file.get_tensor(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _from_its_own(run: Run, known: dict[str, Tensor]) -> Bundle | None:
    """Return the network from what the run itself kept; None where that is not all of it."""
    from finetune_studio.models import layers, tied

    with damage_explained(run.folder):
        state = read_tensors(run.folder / "frozen.safetensors") | known
    found = _rebuilt(run, state)
    anew = layers.always(found.network, found.head)
    every = tied.once(found.network, found.network.state_dict())
    lacking = [n for n in every if n not in state and not any(within(n, part) for part in anew)]
    return None if lacking else found


def _below_adapters(run: Run) -> Bundle:
    from finetune_studio.models import lora

    with damage_explained(run.folder):
        state = lora.base_state(read_tensors(run.folder / "frozen.safetensors"))
    return _rebuilt(run, state)


def _rebuilt(run: Run, state: dict[str, Tensor]) -> Bundle:
    """Return a run's plain network with these tensors; what they lack is new, as the head was."""
    from finetune_studio.models import lora, tied, zoo

    model = run.model
    architecture = lora.plain_architecture(model["architecture"])
    network = zoo.rebuild(architecture, len(run.labels))
    network.load_state_dict(tied.completed(network, state), strict=False)
    network.eval()
    return Bundle(
        network,
        run.labels,
        model["processor"],
        architecture,
        model["head"],
        model.get("origin", ""),
        run.recipe,
        files=run.processor_files(),
    )


def _refuse_another(run: Run, network: nn.Module) -> None:
    """Refuse weights that are not those which the run began with: what it left frozen says which.

    Raises:
        StudioError: If a frozen number of the run differs.
    """
    import torch

    with damage_explained(run.folder):
        frozen = read_tensors(run.folder / "frozen.safetensors")
    state = network.state_dict()
    for name, value in frozen.items():
        own = state.get(name)
        if own is None or own.shape != value.shape or not torch.equal(own.to(value.dtype), value):
            raise StudioError(
                f"The model {run.recipe.model.source} is not the one any more that run {run.number} was"
                " begun from: its weights are others.",
                "Bring the file or folder of then back.",
            )
