"""Learns what a run's own samples look like to its network, so that unlike inputs can be turned away."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from finetune_studio.core import files
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, Noted, PhaseStarted, Prediction
from finetune_studio.core.exporter import use_of
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.task import Pair, Task
from finetune_studio.engine import decision
from finetune_studio.engine.decision import Decision
from finetune_studio.engine.run import Run, checkpoints, load_bundle
from finetune_studio.insights.unlike import TurnedAway, turned_away
from finetune_studio.modality import foreign
from finetune_studio.modality.foreign import likeness, normalised

USUAL_SHARE = 0.02  # of the user's own samples that are turned away unless said otherwise
_FILE = "known.safetensors"
_MOST = 2000  # training samples that inputs are compared with


@dataclass(frozen=True)
class Known:
    """What a network's own samples look like to it.

    Attributes:
        references: Features of training samples, each of length 1, float32 (samples, features).
        boundary: The module whose input these features are.
        validation: How like them each validation sample is, by its number.
    """

    references: np.ndarray
    boundary: str
    validation: dict[int, float]


def read(run_folder: Path) -> Known | None:
    """Return what was learnt; None if nothing was, or of other weights."""
    from safetensors import SafetensorError, safe_open

    place = Path(run_folder) / _FILE
    if not place.is_file():
        return None
    try:
        with safe_open(place, "numpy") as file:
            about = json.loads(file.metadata()["known"])
            references = file.get_tensor("references").astype(np.float32)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise StudioError(
            f"What run {Path(run_folder).name} knows of its own samples cannot be read.",
            f"Delete {place} and set “none of these” again on the Inspect page.",
        ) from error
    if about["checkpoint"] != checkpoints.index_of(Path(run_folder)).get("best"):
        return None
    validation = {int(number): float(value) for number, value in about["validation"].items()}
    return Known(references, about["boundary"], validation)


def learn(project: Project, run_folder: Path, control: Control) -> Iterator[Event]:
    """Look at training and validation samples once through the run's own network, and keep the outcome.

    Raises:
        StudioError: If the network looks at a sample in several parts, or there are no samples.
    """
    from finetune_studio.engine import evaluate
    from finetune_studio.engine.features.table import Table, tabulate

    run = Run(run_folder)
    task = evaluate.load_task(run.recipe.task)
    train, judging = (
        [s for s in evaluate.of_split(project, run, split) if task.teaches(s)]
        for split in ("train", "validation")
    )
    rng = np.random.default_rng(run.recipe.seed)
    chosen = sorted(rng.permutation(len(train))[:_MOST].tolist())
    wanted = [train[n] for n in chosen] + judging
    yield PhaseStarted("load", "Loading the trained network")
    bundle = load_bundle(run.folder, project.dataset)
    made: list[Table] = []
    yield from tabulate(task, bundle, wanted, control, made)
    if not made:
        return
    table = made[0]
    if len(table.samples) != len(table.values):
        raise StudioError(
            "This model looks at a sample in several parts, so none can be called unlike.",
            "Choose a model that gives one answer a sample.",
        )
    judges = {s.id for s in judging}
    own = np.array([s.id not in judges for s in table.samples])
    if not own.any():
        raise StudioError("No training sample can be read.", "Find the data on the Data page.")
    references = normalised(table.values[own])
    judged = [s for s in table.samples if s.id in judges]
    found = likeness(table.values[~own], references)
    like = {s.id: round(float(v), 6) for s, v in zip(judged, found, strict=True)}
    _save(run, Known(references, table.boundary, like))
    yield Noted(f"Inputs are compared with {len(references):,} training samples.")


def _save(run: Run, known: Known) -> None:
    from safetensors.numpy import save

    about = {
        "boundary": known.boundary,
        "validation": known.validation,
        "checkpoint": run.checkpoints.get("best", ""),
    }
    content = save(
        {"references": known.references.astype(np.float16)}, {"known": json.dumps(about)}
    )
    files.write_bytes(run.folder / _FILE, content)


def handed_on(run_folder: Path, task: Task) -> Known | None:
    """Return what an export must know to turn the same inputs away; None where none are, or none can.

    Those can of which an export has one answer a sample, with what ``foreign.py`` needs.
    """
    if decision.read(run_folder).least_likeness <= -1 or not _answers_all(task):
        return None
    return read(run_folder)


def limits(run_folder: Path, task: Task) -> list[str]:
    """Return what must be known of a model that turns nothing away, in sentences."""
    told = _answers_all(task)
    return [told] if told and handed_on(run_folder, task) is None else []


def _answers_all(task: Task) -> str:
    return str(getattr(use_of(task.outside), "answers_all", "")) if task.outside else ""


def write(known: Known, file: Path) -> None:
    """Write the features that inputs are compared with, as numpy reads them."""
    content = io.BytesIO()
    np.save(content, known.references.astype(np.float16), allow_pickle=False)
    files.write_bytes(file, content.getvalue())


def bordered(
    export: Path, run_folder: Path, ours: Sequence[Pair], theirs: Sequence[Prediction]
) -> list[Prediction]:
    """Let a smaller format turn away as many of one's own as was wished, and return its answers so.

    Rounded numbers make every sample look a little less like those that were learnt.

    Args:
        export: The folder, whose border is written anew.
        run_folder: Whose network it is.
        ours: The validation samples, with the network's answers.
        theirs: The export's answers to them.
    """
    file = export / "preprocessing.json"
    seen = json.loads(file.read_text(encoding="utf-8"))
    if seen.get("decision", {}).get("least_likeness", -1.0) <= -1:
        return list(theirs)
    likes = [answer.answer[foreign.LIKENESS] for answer in theirs]
    known = {sample.id: like for (sample, _), like in zip(ours, likes, strict=True)}
    found = turned_away(known, decision.read(run_folder).turned_away + 1e-9)
    if found.reason:
        return list(theirs)
    seen["decision"]["least_likeness"] = found.least_likeness
    files.write_json(file, seen)
    plain = [{n: v for n, v in a.answer.items() if n != foreign.UNLIKE} for a in theirs]
    return [
        replace(answer, answer={**rest, **foreign.marks(like, found.least_likeness)})
        for answer, rest, like in zip(theirs, plain, likes, strict=True)
    ]


def set_share(run_folder: Path, share: float) -> TurnedAway:
    """Turn inputs away that are less like the training samples than nearly all validation samples are.

    Args:
        run_folder: ``PROJECT/runs/<n>``.
        share: How many of the validation samples may be turned away with them; 0 turns none away.

    Raises:
        StudioError: If it was not learnt yet what one's own look like, or there are too few of them.
    """
    known = read(run_folder)
    found = turned_away(known.validation if known else {}, share)
    if share and found.reason:
        raise StudioError(found.reason, "Nothing is turned away.")
    kept: Decision = replace(
        decision.read(run_folder), least_likeness=found.least_likeness, turned_away=found.share
    )
    decision.keep(run_folder, kept)
    return found


class Watch:
    """Sees what a network tells its head, while it answers, and says how like that is to what it knows."""

    def __init__(self, network: Any, known: Known) -> None:
        self._module = network.get_submodule(known.boundary)
        self._references = known.references
        self._seen: np.ndarray | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch as long as the context lasts."""
        from finetune_studio.engine.features.table import flat

        def look(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            found = next(value for value in (*args, *kwargs.values()) if hasattr(value, "ndim"))
            if self._seen is None:  # some networks use a layer twice in one pass
                self._seen = flat(found.detach())

        hook = self._module.register_forward_pre_hook(look, with_kwargs=True)
        try:
            yield
        finally:
            hook.remove()

    def likeness(self) -> list[float]:
        """Return how like the training samples those of the last batch are, and wait for the next."""
        seen, self._seen = self._seen, None
        return [] if seen is None else likeness(seen, self._references).tolist()
