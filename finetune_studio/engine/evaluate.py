"""Answers of a trained network: on a split, and on whatever the user tries."""

from __future__ import annotations

import functools
import json
import os
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from finetune_studio.core import files, own_run, study
from finetune_studio.core.dataset import Dataset, Labels, Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import (
    Evaluated,
    Event,
    Noted,
    PhaseStarted,
    Prediction,
    Progress,
    SampleSetAside,
    from_json,
)
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.task import Bundle, Pair, Task
from finetune_studio.engine import decision, intervals, unlike, untaught
from finetune_studio.engine.run import Run, load_bundle
from finetune_studio.tasks import CATALOGUE as TASKS

_BATCH = 32
# Held while a kept network is used: what explains an answer looks into the network's layers, and must not
# meet another question there.
using = threading.RLock()
_loading = threading.RLock()
NOTHING = Prediction()  # stands for an answer where only the sample counts


def load_task(name: str) -> Task:
    """Return a task by its catalogue name."""
    task = TASKS.load(name)()
    assert isinstance(task, Task)
    return task


def evaluate(project: Project, run_folder: Path, split: str, control: Control) -> Iterator[Event]:
    """Score a run's best network on a split and keep its answers in the run.

    A look at the test split is logged in the project, never refused.

    Raises:
        StudioError: If the split has no samples.
    """
    run = Run(run_folder)
    task = load_task(run.recipe.task)
    if split == "validation" and study.mark_of(run.folder).get("kind") == study.FINAL:
        yield from _judged_by_folds(project, run, task)
        return
    samples = [s for s in of_split(project, run, split) if task.teaches(s)]
    if not samples:
        raise StudioError(
            f"There are no {split} samples in this project.",
            "Bring a folder named 'test' with the data, or divide the data anew on the Data page."
            if split == "test"
            else "Divide the data anew on the Data page.",
        )
    if split == "test":
        project.log("test_opened", run=run.folder.name)
    yield PhaseStarted("load", "Loading the trained network")
    bundle = load_bundle(run.folder, project.dataset)
    yield from untaught.told(task, bundle.labels.names, split, samples)
    yield from untaught.unseen(task, bundle.labels.names, split, samples)
    yield PhaseStarted("evaluate", f"Answering the {split} samples", len(samples))
    pairs: list[Pair] = []
    set_aside = 0
    for item in answered(task, bundle, samples, control):
        if isinstance(item, SampleSetAside):
            set_aside += 1
            yield item
        else:
            pairs += item
            yield Progress("evaluate", len(pairs) + set_aside, len(samples))
    if control.stop.is_set():
        return
    if not pairs:
        raise StudioError(
            f"None of the {set_aside:,} {split} samples can be read from {project.dataset.root}.",
            "Plug the drive in; if the data were moved, find them again on the Data page, or train"
            " once with --data and their new place.",
        )
    pairs.sort(key=lambda pair: pair[0].id)
    save_answers(run.folder, split, pairs)
    if split == "validation" and decision.read(run.folder).thresholds:
        yield Noted(decision.CHOSEN_HERE)
    yield scored(project, run, task, split, _decided(run, pairs, bundle.labels), set_aside)


def of_split(project: Project, run: Run, split: str) -> list[Sample]:
    """Return the usable samples of a split: the project's, or a run's own where it came out of a study.

    A final model has learnt from the project's validation samples, and the model of a fold from most.
    """
    if split == "test" or not study.mark_of(run.folder):
        return project.dataset.samples(split=split, usable=True)
    own = set(run.samples.get(split, ()))
    return [s for s in project.dataset.samples(usable=True) if s.id in own]


def _judged_by_folds(project: Project, run: Run, task: Task) -> Iterator[Event]:
    """Score what the folds answered before a final model: itself it has seen every sample."""
    yield Noted(
        "This model learnt from every sample but the test split, so it is judged by the answers of the"
        " cross-validation before it, each of a model that had not seen the sample."
    )
    pairs = answers(run.folder, project.dataset, "validation")
    if not pairs:
        raise StudioError(
            "The answers of the folds are not there any more.", "Carry the study out anew."
        )
    yield scored(project, run, task, "validation", pairs)


_Scores = tuple[dict[str, float], dict[str, list[float]]]
_scored_lately: deque[tuple[str, list[Pair], _Scores]] = deque(maxlen=4)


def scored(
    project: Project, run: Run, task: Task, split: str, pairs: list[Pair], set_aside: int = 0
) -> Evaluated:
    """Return the scores of answers, with 95 % intervals and the baseline they must beat."""
    metrics, spread = _scores(task, pairs)
    train = [s for s in project.dataset.samples(split="train", usable=True) if task.teaches(s)]
    return Evaluated(
        str(run.folder),
        split,
        dict(metrics),
        len(pairs),
        set_aside,
        dict(spread),
        task.baseline(train, pairs),
    )


def _scores(task: Task, pairs: list[Pair]) -> _Scores:
    """Return scores and their intervals; those of answers scored lately are remembered.

    Each correction on Inspect asks for them anew, and most concern samples that judge nothing.
    """
    for name, known, found in list(_scored_lately):
        if name == task.name and known == pairs:
            return found
    made = task.score(pairs), intervals.bootstrap(task.score, pairs)
    _scored_lately.append((task.name, list(pairs), made))
    return made


def answered(
    task: Task,
    bundle: Bundle,
    samples: Sequence[Sample],
    control: Control,
    *,
    batch: int = _BATCH,
) -> Iterator[list[Pair] | SampleSetAside]:
    """Yield answers batch by batch, read from disk as any user of the model would read them."""
    import torch

    from finetune_studio.engine.loaders import Loader, by_length, grouped

    with Loader(task, bundle) as loader:
        for loaded in loader.run(grouped(by_length(task, samples), batch), None):
            if control.stop.is_set():
                return
            for sample, reason in loaded.problems:
                yield SampleSetAside(sample.id, sample.place, reason)
            if loaded.batch is not None:
                with torch.inference_mode():
                    answers = task.predict(bundle, loaded.batch)
                yield list(zip(loaded.kept, answers, strict=True))


def save_answers(run_folder: Path, split: str, pairs: Sequence[Pair]) -> None:
    """Keep a split's answers in the run: a JSON line a sample."""
    lines = (json.dumps({**prediction.as_json(), "sample": s.id}) for s, prediction in pairs)
    files.write_text(
        run_folder / "predictions" / f"{split}.jsonl", "".join(f"{x}\n" for x in lines)
    )


def answers(run_folder: Path, dataset: Dataset, split: str, *, raw: bool = False) -> list[Pair]:
    """Return a split's answers with the samples as they are today; empty if none were kept.

    Samples that were excluded since are left out. No network is loaded. What was decided after the run
    (temperature, thresholds) is applied, unless they are wanted ``raw``, as the network gave them.
    """
    path = Path(run_folder) / "predictions" / f"{split}.jsonl"
    return read_answers(path, Path(run_folder), dataset, raw=raw)


def read_answers(
    path: Path, run_folder: Path, dataset: Dataset, *, raw: bool = False
) -> list[Pair]:
    """Return the answers in a file, whose classes are those of a run; empty where there is none."""
    if not path.is_file():
        return []
    known = {s.id: s for s in dataset.samples(usable=True)}
    run = Run(Path(run_folder))
    labels, current = run.labels, dataset.current(run.labels)
    today = dict(zip(labels.names, current.names, strict=True))
    pairs: list[Pair] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        found = from_json(json.loads(line))
        if isinstance(found, Prediction) and found.sample in known:
            pairs.append((known[found.sample], _renamed(found, today)))
    return pairs if raw else _decided(run, pairs, current)


def _decided(run: Run, pairs: Sequence[Pair], labels: Labels) -> list[Pair]:
    """Return the answers as was decided after the run."""
    found = decision.read(run.folder).decided([answer for _, answer in pairs], labels)
    return [(sample, answer) for (sample, _), answer in zip(pairs, found, strict=True)]


def _renamed(prediction: Prediction, today: dict[str, str]) -> Prediction:
    """Return the answer under today's class names; merged classes add up."""
    if not prediction.probabilities or all(old == new for old, new in today.items()):
        return prediction
    summed: dict[str, float] = {}
    for name, share in prediction.probabilities.items():
        new = today.get(name, name)
        summed[new] = summed.get(new, 0.0) + share
    ordered = dict(sorted(summed.items(), key=lambda item: -item[1]))
    return replace(prediction, label=next(iter(ordered), None), probabilities=ordered)


def predict(source: Path, inputs: Sequence[str], control: Control) -> Iterator[Prediction]:
    """Answer each input by a run's or an export's network; one that cannot be read gives an error.

    Raises:
        StudioError: If ``source`` is neither a run nor an export.
    """
    source = Path(source)
    answer = (
        _run_answers(source)
        if (source / "recipe.toml").is_file() and (source / "model.json").is_file()
        else _export_answers(source)
    )
    for text in inputs:
        if control.stop.is_set():
            return
        start = time.perf_counter()
        name = _named(text)
        try:
            found = answer(text)
        except StudioError as error:
            yield Prediction(input=name, error=str(error), seconds=time.perf_counter() - start)
            continue
        seconds = time.perf_counter() - start
        yield replace(found, input=name, seconds=found.seconds or seconds)


def _named(text: str) -> str:
    """Return an input that is a file by its absolute path, and any other as it is."""
    path = os.path.expanduser(text)  # noqa: PTH111  a Path raises on texts too long for a name
    return os.path.abspath(path) if os.path.exists(path) else text  # noqa: PTH100, PTH110


def _run_answers(folder: Path) -> Any:
    task, bundle = loaded_run(folder, None)
    kept = decision.read(folder)
    known = unlike.read(folder) if kept.least_likeness > -1 else None
    watch = unlike.Watch(bundle.network, known) if known is not None else None

    def answer(text: str) -> Prediction:
        import torch

        from finetune_studio.engine.loaders import batch_of

        sample = task.sample_from_input(text)
        with using, torch.inference_mode(), watch.watching() if watch else nullcontext():
            begun = (
                time.perf_counter()
            )  # waiting for an explanation in hand is no part of an answer
            found = task.predict(bundle, batch_of(task, bundle, [sample]))
            took = time.perf_counter() - begun
        said = replace(kept.decided(found, bundle.labels)[0], seconds=took)
        if watch is None:
            return said
        return decision.turned_away(said, watch.likeness()[0], kept.least_likeness)

    return answer


def loaded_run(folder: Path, dataset: Dataset | None) -> tuple[Task, Bundle]:
    """Return a run's best network in evaluation mode, kept in memory between calls.

    Its classes have today's names: those of ``dataset``, or of the run's own project.
    """
    run = Run(folder)
    stamp = (run.folder / "checkpoints" / "index.json").stat().st_mtime_ns if run.checkpoints else 0
    names = (
        dataset.current(run.labels).names
        if dataset
        else own_run.names_today(run.folder.resolve(), run.labels)
    )
    with _loading:  # who asks while it is being loaded waits for it, and does not load it again
        return _loaded(str(run.folder.resolve()), stamp, names)


@functools.lru_cache(maxsize=1)
def _loaded(folder: str, stamp: int, names: tuple[str, ...]) -> tuple[Task, Bundle]:  # noqa: ARG001
    """Load a run; another checkpoint (``stamp``) or another name of a class loads it anew."""
    run = Run(Path(folder))
    bundle = load_bundle(run.folder)
    bundle.labels = type(bundle.labels)(names, bundle.labels.ids)
    return load_task(run.recipe.task), bundle


def _export_answers(folder: Path) -> Any:
    from finetune_studio.exporters import open_export

    return open_export(folder)
