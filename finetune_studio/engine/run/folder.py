"""A run on disk: its recipe, events and checkpoints, complete at any instant."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune_studio.core import files, measures, recipe
from finetune_studio.core.dataset import Dataset, Labels
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, RunFinished, RunStarted, from_json
from finetune_studio.engine.run import checkpoints
from finetune_studio.engine.run.checkpoints import (
    damage_explained,
    read_json,
    read_tensors,
    save_tensors,
)
from finetune_studio.models import tied

if TYPE_CHECKING:
    from finetune_studio.core.task import Bundle

PROCESSOR = "processor"  # the folder of a run that holds the tokenizer


class Run:
    """What is known of a run without loading its network.

    Args:
        folder: ``PROJECT/runs/<n>``.

    Raises:
        StudioError: If there is no run in the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        if not (self.folder / "recipe.toml").is_file():
            raise StudioError(
                f"There is no run in {self.folder}.", "Give the folder PROJECT/runs/<number>."
            )

    @property
    def number(self) -> int:
        """Return the run's number in its project."""
        return int(self.folder.name) if self.folder.name.isdigit() else 0

    @property
    def project_folder(self) -> Path:
        """Return the project that the run belongs to."""
        return self.folder.parent.parent

    @property
    def recipe(self) -> recipe.Recipe:
        """Return the choices that the run was started with."""
        return recipe.load(self.folder / "recipe.toml")

    @property
    def model(self) -> dict[str, Any]:
        """Return how to build the network: architecture, processor, labels, head, origin, line."""
        return read_json(self.folder / "model.json")

    @property
    def labels(self) -> Labels:
        """Return the classes under the names they had when the run began."""
        saved = self.model.get("labels", {})
        return Labels(tuple(saved.get("names", ())), tuple(saved.get("ids", ())))

    @property
    def environment(self) -> dict[str, Any]:
        """Return versions, device and whatever was chosen by measurement at the start."""
        return read_json(self.folder / "environment.json")

    @property
    def samples(self) -> dict[str, list[int]]:
        """Return the numbers of the samples that the run trains and validates with."""
        return read_json(self.folder / "samples.json")

    def events(self) -> Iterator[Event]:
        """Replay what the run stated; a line cut off by a crash is passed over."""
        try:
            with (self.folder / "events.jsonl").open(encoding="utf-8") as file:
                for line in file:
                    try:
                        event = from_json(json.loads(line))
                    except (ValueError, AttributeError):
                        continue
                    if event is not None:
                        yield event
        except FileNotFoundError:
            return

    @property
    def started(self) -> RunStarted | None:
        """Return the first statement of the run, if it came that far."""
        return next((e for e in self.events() if isinstance(e, RunStarted)), None)

    @property
    def finished(self) -> RunFinished | None:
        """Return the last statement of the run, unless it was stopped half-way or crashed."""
        last = None
        for event in self.events():
            if isinstance(event, RunFinished):
                last = event
            elif isinstance(event, RunStarted):
                last = None
        return last

    @property
    def cost(self) -> measures.CostMeasured | None:
        """Return what the run took and how fast its network answers, where that was measured."""
        found = [event for event in self.events() if isinstance(event, measures.CostMeasured)]
        return found[-1] if found else None

    @property
    def state(self) -> str:
        """Return ``finished``, ``stopped`` (by the user, can go on) or ``interrupted`` (can go on)."""
        last = self.finished
        if last is None:
            return "interrupted"
        return "stopped" if last.stopped else "finished"

    @property
    def metrics(self) -> dict[str, float]:
        """Return the best checkpoint's scores on the validation split; empty before the end."""
        last = self.finished
        return dict(last.metrics) if last else {}

    @property
    def usable(self) -> bool:
        """Whether there is a trained network to look at."""
        return "best" in self.checkpoints

    @property
    def checkpoints(self) -> dict[str, str]:
        """Return the names of the last checkpoint and of the one that holds the best weights."""
        return checkpoints.index_of(self.folder)

    def processor_files(self) -> dict[str, bytes]:
        """Return the files of the network's tokenizer by name; none for pictures."""
        return files.contents(self.folder / PROCESSOR)

    def size(self) -> int:
        """Return the run's size on disk in bytes."""
        return files.folder_size(self.folder)


def forget_unless_begun(folder: Path) -> None:
    """Remove a run that failed before it had a network, so that nothing goes on with its choices."""
    if not (folder / "model.json").is_file():
        shutil.rmtree(folder, ignore_errors=True)


class EventLog:
    """Appends events to a run's log; a half-written last line is closed first."""

    def __init__(self, folder: Path) -> None:
        path = folder / "events.jsonl"
        cut = path.exists() and path.stat().st_size and not path.read_bytes().endswith(b"\n")
        with files.explained(path):
            self._file = path.open("a", encoding="utf-8", newline="\n")
        if cut:
            self._file.write("\n")

    def add(self, event: Event) -> None:
        """Write one event."""
        with files.explained(Path(self._file.name)):
            files.append_line(self._file, json.dumps(event.as_json()))

    def close(self) -> None:
        """Close the log."""
        self._file.close()


class NoLog:
    """Writes nothing: the log of a process that does not lead."""

    def add(self, event: Event) -> None:
        """Forget the event."""

    def close(self) -> None:
        """Do nothing."""


def save_model(folder: Path, bundle: Bundle) -> None:
    """Write the weights that will never change, the tokenizer, then how to build the network."""
    from finetune_studio.models import lora

    state = tied.once(bundle.network, lora.full_state(bundle.network))
    moving = set(moving_names(bundle))
    save_tensors(folder / "frozen.safetensors", {n: t for n, t in state.items() if n not in moving})
    for name, content in bundle.files.items():
        files.write_bytes(folder / PROCESSOR / name, content)
    files.write_json(
        folder / "model.json",
        {
            "architecture": bundle.architecture,
            "processor": bundle.processor,
            "labels": {"names": bundle.labels.names, "ids": bundle.labels.ids},
            "head": bundle.head,
            "origin": bundle.origin,
            "line": list(bundle.line),
        },
    )


def keep_chosen(folder: Path, chosen: dict[str, Any]) -> None:
    """Write what was chosen by memory or measurement beside the run's other circumstances."""
    place = folder / "environment.json"
    files.write_json(place, read_json(place) | {"chosen": chosen})


def moving_names(bundle: Bundle) -> list[str]:
    """Return the names of the tensors that training may change: what learns, and its buffers.

    What a network uses under two names stands under the first alone.
    """
    learning = {n for n, p in bundle.network.named_parameters() if p.requires_grad}
    parents = {name.rpartition(".")[0] for name in learning}
    return [
        name
        for name in tied.once(bundle.network, bundle.network.state_dict())
        if name in learning
        or (name.rpartition(".")[0] in parents and not _is_parameter(bundle, name))
    ]


def _is_parameter(bundle: Bundle, name: str) -> bool:
    return name in dict(bundle.network.named_parameters(remove_duplicate=False))


def without_network(folder: Path) -> Bundle:
    """Return what makes samples ready for a run's network, without its weights."""
    from torch import nn

    from finetune_studio.core.task import Bundle

    run = Run(folder)
    model = run.model
    return Bundle(
        nn.Identity(),
        run.labels,
        model["processor"],
        model["architecture"],
        model["head"],
        model.get("origin", ""),
        run.recipe,
        files=run.processor_files(),
    )


def load_bundle(folder: Path, dataset: Dataset | None = None, *, merged: bool = True) -> Bundle:
    """Return a run's best network in evaluation mode, its labels under today's names.

    Adapters are merged into the layers below them, unless ``merged`` is off.

    Raises:
        StudioError: If the run has no checkpoint or one of its files is damaged.
    """
    from finetune_studio.models import zoo

    run = Run(folder)
    name = run.checkpoints.get("best")
    if name is None:
        raise StudioError(
            f"The run {run.number} has no trained network yet.",
            "Let it train for an epoch at least.",
        )
    with damage_explained(run.folder):  # only what is needed is read: the rest may be damaged
        state = read_tensors(run.folder / "frozen.safetensors")
    state |= checkpoints.best_tensors(run.folder)
    model, labels = run.model, run.labels
    network = zoo.rebuild(model["architecture"], len(labels))
    try:
        network.load_state_dict(tied.completed(network, state), strict=True)
    except RuntimeError as error:
        raise StudioError(
            f"The weights of run {run.number} do not fit its network: {error}.", "Train again."
        ) from error
    architecture = model["architecture"]
    if merged and architecture.get("adapters"):
        from finetune_studio.models import lora

        network, architecture = lora.merged(network), lora.plain_architecture(architecture)
    network.eval()
    return replace(
        without_network(folder),
        network=network,
        labels=dataset.current(labels) if dataset else labels,
        architecture=architecture,
    )
