"""Writes a model for use elsewhere, and proves it: reloaded without this program, asked the same files."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from finetune_studio.core import files
from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import (
    Event,
    ExportVerified,
    Noted,
    PhaseStarted,
    Prediction,
    Progress,
)
from finetune_studio.core.exporter import Exporter, furnish, use_of
from finetune_studio.core.job import Control
from finetune_studio.core.portion import spread
from finetune_studio.core.project import Project
from finetune_studio.core.task import Bundle, Pair, Task
from finetune_studio.engine import (
    card_parts,
    cards,
    decision,
    evaluate,
    facts,
    proof,
    ranges,
    unlike,
)
from finetune_studio.engine.run import Run, load_bundle
from finetune_studio.exporters import CATALOGUE
from finetune_studio.modality import foreign
from finetune_studio.models.listening import with_features

_FEW_SAMPLES = 64
_MUCH = 0.02  # points of a score that whoever takes a smaller format should hear of


@dataclass(frozen=True)
class _Parcel:
    """What is handed over: whose model, in which format, in which folder it is put together."""

    project: Project
    run: Run
    task: Task
    bundle: Bundle
    exporter: Exporter
    format: str
    folder: Path


def export(
    project: Project,
    run_folder: Path,
    format: str,  # noqa: A002  the word of the terminal contract
    out: Path | None,
    control: Control,
) -> Iterator[Event]:
    """Write a run's best network in a format and compare it with the trained one, file by file.

    The folder appears only once it is proven; an earlier export of that name stays until then.

    Raises:
        StudioError: If the format does not fit, the folder is taken or may not be written, or the
            export answers differently.
    """
    run = Run(run_folder)
    task = evaluate.load_task(run.recipe.task)
    row = CATALOGUE[format]
    exporter = row.load()()
    assert isinstance(exporter, Exporter)
    if missing := exporter.missing():
        raise StudioError(
            f"{row.title} cannot be written here. {missing}", "Choose another format."
        )
    if not exporter.accepts(task):
        raise StudioError(f"{row.title} does not suit {task.name}.", "Choose another format.")
    if not exporter.suits(run.recipe):
        raise StudioError(
            f"{row.title} does not suit run {run.number}: it did not learn what is written there.",
            "Choose another format or run.",
        )
    target = _target(project, run, row.name, out)
    with files.explained(target), _beside(target) as fresh:
        yield PhaseStarted("load", "Loading the trained network")
        bundle = load_bundle(run.folder, project.dataset, merged=exporter.merged)
        parcel = _Parcel(project, run, task, bundle, exporter, row.name, fresh)
        yield PhaseStarted("write", f"Writing {row.title}")
        _write_network(parcel)
        about = _write_words(parcel)
        proven: list[ExportVerified] = []
        yield from _prove(parcel, about, control, proven)
        if not proven or control.stop.is_set():
            return
        _replace(fresh, target)
        yield replace(proven[0], path=str(target))


def _target(project: Project, run: Run, name: str, out: Path | None) -> Path:
    """Return where the export goes; only an earlier export, and nothing else, may lie there."""
    target = (out or project.exports_folder / f"{run.number}-{name}").expanduser().absolute()
    with files.explained(target), _possible(target):
        target = target.resolve() if target.is_dir() else target  # what a link leads to
        begins = target.is_mount()
        inside = {f.name for f in target.iterdir()} if target.is_dir() else set()
        other = os.path.lexists(target) and not target.is_dir()
    if other or (inside and "export.json" not in inside):
        raise StudioError(
            f"{target} holds something else, which is not overwritten.",
            "Choose an empty or a new folder.",
        )
    if begins:  # such as a memory stick: nothing can be put in its place
        raise StudioError(
            f"A drive begins at {target}, and an export is a folder of its own.",
            f"Choose a new folder on it, such as {target / f'{run.number}-{name}'}.",
        )
    if strange := sorted(inside - _written(target) - {"__pycache__"}):
        raise StudioError(
            f"Beside an earlier export, {target} holds {strange[0]}, which would be lost.",
            "Move it elsewhere, or choose a new folder.",
        )
    return target


@contextlib.contextmanager
def _possible(target: Path) -> Iterator[None]:
    """Say in words why no folder can be there, where that is not for want of room or rights."""
    try:
        yield
    except ValueError as error:  # a zero byte in the name
        raise StudioError(f"{target!r} is no name of a folder.", "Choose another.") from error
    except OSError as error:
        if error.errno in files.REFUSED:
            raise
        why = (error.strerror or str(error)).lower()
        if error.errno in (errno.EEXIST, errno.ENOTDIR):
            why = "a file stands in its place or above it"
        raise StudioError(
            f"There can be no folder {target}: {why}.",
            "Choose another place or a shorter name.",
        ) from error


def _written(export: Path) -> set[str]:
    """Return what an earlier export wrote; one of an earlier version does not say, but has no other files."""
    try:
        about = json.loads((export / "export.json").read_text(encoding="utf-8"))
        listed = about.get("files")
    except (OSError, ValueError, AttributeError):
        listed = None
    if isinstance(listed, list):
        return {str(name) for name in listed}
    ours = {name for row in CATALOGUE for name in row.load().files} | set(cards.SHARED_FILES)
    return ours | {"preprocess.py"}


@contextlib.contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """Yield a new folder beside the target, gone afterwards unless it was renamed; clear old ones."""
    with _possible(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.new-", dir=target.parent))
    if (old := _old(target)).is_dir() and not target.exists():  # a crash between two renames
        old.rename(target)
    name = re.compile(rf"\.{re.escape(target.name)}\.(new-\w+|old)")
    for left in target.parent.iterdir():
        if name.fullmatch(left.name) and left.is_dir() and left != fresh:
            shutil.rmtree(left, ignore_errors=True)
    fresh.chmod(0o755)  # mkdtemp lets nobody else read it, and exports are made to be handed on
    try:
        yield fresh
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _old(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")


def _replace(fresh: Path, target: Path) -> None:
    """Put the proven folder in the place of an earlier one, which comes back if that fails."""
    old = _old(target)
    if target.exists():
        target.rename(old)
    try:
        fresh.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _write_network(parcel: _Parcel) -> None:
    """Write labels, preprocessing and the program, then the network in its format."""
    task, exporter, folder = parcel.task, parcel.exporter, parcel.folder
    signature = task.signature(parcel.bundle) if exporter.traces else None
    options = task.own_options(parcel.run.recipe).model_dump()
    options |= signature.inside if signature is not None else {}
    decided, known = decision.read(parcel.run.folder), unlike.handed_on(parcel.run.folder, task)
    if not decided.nothing or known is not None:
        options["decision"] = decided.for_exports(parcel.bundle.labels)
    if known is None:
        options.get("decision", {}).pop("least_likeness", None)
    else:
        unlike.write(known, folder / foreign.FILE)
        layer = parcel.bundle.network.get_submodule(known.boundary)
        signature = with_features(signature, layer) if signature is not None else None
        options["decision"]["layer"] = exporter.layer(parcel.bundle, known.boundary)
    furnish(exporter, parcel.bundle, task.outside, folder, options)
    train = _there(parcel.project, parcel.run, task, "train") if exporter.calibrates else []
    examples = ranges.inputs(task, folder, spread(train, exporter.calibrates))
    exporter.write(parcel.bundle, signature, folder, examples)


def _write_words(parcel: _Parcel) -> dict[str, Any]:
    """Write the recipe beside the model, and what it is; return that."""
    run, folder = parcel.run, parcel.folder
    recipe = facts.without_places(run.recipe)
    recipe.save(folder / "recipe.toml")
    environment = run.environment
    about = {
        "format": parcel.format,
        "task": parcel.task.name,
        "asked": parcel.task.outside,
        "project": parcel.project.name,
        "run": run.number,
        "data_fingerprint": environment.get("data_fingerprint", ""),
        "recipe_fingerprint": cards.fingerprint(recipe.toml()),
        "made": time.strftime("%Y-%m-%d %H:%M:%S"),
        "versions": cards.versions(environment),
    }
    files.write_json(folder / "export.json", about)
    return about


def _prove(
    parcel: _Parcel, about: dict[str, Any], control: Control, proven: list[ExportVerified]
) -> Iterator[Event]:
    """Ask the network and the export the same; add what came out, and write it down."""
    task = parcel.task
    samples, split, note = _samples(parcel.project, parcel.run, task)
    if note:
        yield Noted(note, "warning", time.time())
    if not proof.can_start_python():
        text = "This build of the program brings no Python to start, so the export is reloaded within it."
        yield Noted(text, "info", time.time())
    text = "Asking the export and the trained network the same samples"
    yield PhaseStarted("verify", text, 2 * len(samples))
    # What is not answered in full by itself, because it takes long, is here: these samples are few.
    parcel.bundle.asked = None
    ours: list[Pair] = []
    for pairs in _our_answers(parcel, samples, control):
        ours += pairs
        yield Progress("verify", len(ours), 2 * len(samples))
    if control.stop.is_set():
        return
    if not ours:
        raise StudioError(
            "None of the samples to compare with can be read, so the export cannot be proven.",
            "Find the data again on the Data page.",
        )
    theirs: list[Prediction] = []
    times: proof.Times | None = None
    inputs = [task.input_of(sample) for sample, _ in ours]
    asked = parcel.task.outside
    with tempfile.TemporaryDirectory() as place:
        lent = parcel.exporter.lend(parcel.bundle, Path(place))
        alone = proof.Alone(parcel.exporter, parcel.folder, asked, lent)
        for answer in alone.answers(inputs, control):
            if isinstance(answer, proof.Times):
                times = answer
                continue
            theirs.append(answer)
            yield Progress("verify", len(ours) + len(theirs), 2 * len(ours))
    if control.stop.is_set():
        return
    if not parcel.exporter.exact and split == "validation":
        theirs = unlike.bordered(parcel.folder, parcel.run.folder, ours, theirs)
    verified = proof.compared(task, parcel.format, ours, theirs, parcel.folder, times)
    yield from _judged(parcel, verified, ours, theirs)
    _write_proof(parcel, about, verified, ours, split)
    proven.append(verified)


def _our_answers(
    parcel: _Parcel, samples: Sequence[Sample], control: Control
) -> Iterator[list[Pair]]:
    """Yield the trained network's answers as was decided about them, unlike inputs marked."""
    task, bundle, folder = parcel.task, parcel.bundle, parcel.run.folder
    kept, known = decision.read(folder), unlike.handed_on(folder, task)
    watch = unlike.Watch(bundle.network, known) if known is not None else None
    # Texts are asked one at a time where features count: those of a padded one are others.
    size = {"batch": 1} if watch is not None and task.ragged else {}
    with watch.watching() if watch is not None else contextlib.nullcontext():
        for item in evaluate.answered(task, bundle, samples, control, **size):
            if not isinstance(item, list):
                continue
            found = kept.decided([answer for _, answer in item], bundle.labels)
            if watch is not None:
                near = zip(found, watch.likeness(), strict=True)
                found = [decision.turned_away(one, like, kept.least_likeness) for one, like in near]
            yield [(sample, answer) for (sample, _), answer in zip(item, found, strict=True)]


def _judged(
    parcel: _Parcel,
    verified: ExportVerified,
    ours: Sequence[Pair],
    theirs: Sequence[Prediction],
) -> Iterator[Event]:
    """Refuse what answers otherwise; say what a format costs whose answers may differ."""
    title = CATALOGUE[parcel.format].title
    refused = (
        proof.refusal(verified, ours, theirs)
        if parcel.exporter.exact
        else proof.broken(theirs, title)
    )
    if refused is not None:
        raise refused
    worse = parcel.task.less_is_better
    if not parcel.exporter.exact and (text := proof.cost(verified, title, less_is_better=worse)):
        lost = abs(verified.metric_before - verified.metric_after) > _MUCH
        yield Noted(text, "warning" if lost else "info", time.time())


def _write_proof(
    parcel: _Parcel,
    about: dict[str, Any],
    verified: ExportVerified,
    ours: Sequence[Pair],
    split: str,
) -> None:
    """Write down what the export was proven with, and the words that need it.

    The folder may be handed on, so nothing in it says where it lay.
    """
    proven = {**verified.as_json(), "path": "."}
    about = {**about, "verified": proven, "split": split}
    files.write_json(parcel.folder / "export.json", about)
    answers = ours if split == "validation" else ()
    known = facts.gather(parcel.project, parcel.run.folder, answers)
    parts = card_parts.slices(parcel.project, known)
    cards.write(
        cards.Told(known, parcel.bundle, parcel.exporter, parcel.folder, verified, split, parts)
    )
    written = sorted(file.name for file in parcel.folder.iterdir() if file.name != "__pycache__")
    files.write_json(parcel.folder / "export.json", {**about, "files": written})


def _samples(project: Project, run: Run, task: Task) -> tuple[list[Sample], str, str]:
    """Return the samples to compare on, their split, and a warning if it is not the validation split."""
    most = use_of(task.outside).most
    if validation := _there(project, run, task, "validation"):
        return spread(validation, most), "validation", ""
    rest = spread(_there(project, run, task, "train"), min(most, _FEW_SAMPLES))
    text = f"There are no validation samples; {len(rest)} training samples are compared instead."
    return rest, "train", text if rest else ""


def _there(project: Project, run: Run, task: Task, split: str) -> list[Sample]:
    """Return the samples of a run's split that teach something and whose files are there."""
    usable = evaluate.of_split(project, run, split)
    return [s for s in usable if task.teaches(s) and (not s.path or Path(s.path).is_file())]
