"""Writes a model for use elsewhere, and proves it: reloaded without this program, asked the same files."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
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
from finetune_studio.core.exporter import Exporter
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.task import Bundle, Pair, Task
from finetune_studio.engine import cards, evaluate
from finetune_studio.engine.run import Run, load_bundle
from finetune_studio.exporters import CATALOGUE

_MOST_SAMPLES = 2000
_FEW_SAMPLES = 64

# Runs in a process of its own: imports the export's predict.py and answers one path a line.
_RUNNER = """
import json, sys, time
order = json.loads(sys.stdin.readline())
sys.path.insert(0, order["folder"])
import predict
for number, path in enumerate(order["paths"]):
    seen = predict.look(path)
    began = time.perf_counter()
    shares = predict.ask(seen)
    seconds = time.perf_counter() - began
    print(json.dumps([number, [float(s) for s in shares], seconds]), flush=True)
assert "finetune_studio" not in sys.modules
"""


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
    if not exporter.accepts(task):
        raise StudioError(f"{row.title} does not suit {task.name}.", "Choose another format.")
    target = _target(project, run, row.name, out)
    yield PhaseStarted("load", "Loading the trained network")
    bundle = load_bundle(run.folder, project.dataset)
    with files.explained(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        fresh.chmod(0o755)
    try:
        with files.explained(target):
            yield PhaseStarted("write", f"Writing {row.title}")
            exporter.write(bundle, task.signature(bundle), fresh)
            about = _write_words(project, run, task, bundle, exporter, row.name, fresh)
            yield from _prove(project, run, task, bundle, exporter, fresh, about, control, target)
            if control.stop.is_set():
                return
            _replace(fresh, target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _target(project: Project, run: Run, name: str, out: Path | None) -> Path:
    """Return where the export goes; only an earlier export may lie there."""
    target = (out or project.exports_folder / f"{run.number}-{name}").expanduser().absolute()
    taken = target.is_file() or (target.is_dir() and any(target.iterdir()))
    if taken and not (target / "export.json").is_file():
        raise StudioError(
            f"{target} holds something else, which is not overwritten.",
            "Choose an empty or a new folder.",
        )
    return target


def _replace(fresh: Path, target: Path) -> None:
    """Put the proven folder in the place of an earlier one, if any."""
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _write_words(
    project: Project,
    run: Run,
    task: Task,
    bundle: Bundle,
    exporter: Exporter,
    name: str,
    folder: Path,
) -> dict[str, Any]:
    """Write labels, preprocessing, recipe and the program beside the model; return the fingerprint."""
    from finetune_studio.modality import preprocess

    files.write_json(folder / "labels.json", list(dict.fromkeys(bundle.labels.names)))
    files.write_json(folder / "preprocessing.json", bundle.processor)
    shutil.copyfile(preprocess.__file__, folder / "preprocess.py")
    if not (folder / "predict.py").exists():
        files.write_text(folder / "predict.py", exporter.predict)
    run.recipe.save(folder / "recipe.toml")
    about = {
        "format": name,
        "task": task.name,
        "run": run.number,
        "project": project.name,
        "data_fingerprint": run.environment.get("data_fingerprint", ""),
        "recipe_fingerprint": cards.fingerprint(run.recipe.toml()),
        "made": time.strftime("%Y-%m-%d %H:%M:%S"),
        "versions": {
            k: run.environment[k] for k in ("torch", "torchvision") if k in run.environment
        },
    }
    files.write_json(folder / "export.json", about)
    return about


def _prove(
    project: Project,
    run: Run,
    task: Task,
    bundle: Bundle,
    exporter: Exporter,
    folder: Path,
    about: dict[str, Any],
    control: Control,
    target: Path,
) -> Iterator[Event]:
    samples, note = _samples(project)
    if note:
        yield Noted(note, "warning", time.time())
    yield PhaseStarted(
        "verify", "Asking the export and the trained network the same files", len(samples)
    )
    ours: list[Pair] = []
    for item in evaluate.answered(task, bundle, samples, control):
        if isinstance(item, list):
            ours += item
            yield Progress("verify", len(ours) // 2, len(samples))
    theirs: list[Prediction] = []
    latencies: list[float] = []
    for number, answer in enumerate(_answers_alone(exporter, folder, ours, control)):
        theirs.append(answer)
        latencies.append(answer.seconds)
        yield Progress("verify", (len(ours) + number + 1) // 2, len(samples))
    if control.stop.is_set():
        return
    if not theirs:
        raise StudioError(
            "None of the files to compare with can be read, so the export cannot be proven.",
            "Find the data again on the Data page.",
        )
    verified = _compared(task, about["format"], ours, theirs, latencies, folder, target)
    if exporter.exact and verified.agreement < 1.0:
        raise StudioError(
            f"The export answers differently from the trained model: {verified.agreement:.2%} of"
            f" {len(ours):,} answers agree, the largest difference is {verified.max_abs_diff:.3g}.",
            "It was not kept. Export in another format, and please report this.",
        )
    files.write_json(folder / "export.json", {**about, "verified": verified.as_json()})
    cards.write(project, run, task, bundle, exporter, folder, verified)
    yield verified


def _samples(project: Project) -> tuple[list[Sample], str]:
    """Return the files to compare on: the validation split, or some of the training split."""
    usable = [s for s in project.dataset.samples(usable=True) if s.label is not None]
    validation = [s for s in usable if s.split == "validation" and Path(s.path).is_file()]
    if validation:
        return validation[:_MOST_SAMPLES], ""
    rest = [s for s in usable if Path(s.path).is_file()][:_FEW_SAMPLES]
    return (
        rest,
        f"There are no validation samples; {len(rest)} training samples are compared instead.",
    )


def _answers_alone(
    exporter: Exporter, folder: Path, ours: Sequence[Pair], control: Control
) -> Iterator[Prediction]:
    """Yield the export's answers from a process that does not know this program."""
    paths = [sample.path for sample, _ in ours]
    if getattr(sys, "frozen", False):  # a frozen build has no Python to start: ask in this process
        answer = exporter.open(folder)
        for path in paths:
            began = time.perf_counter()
            found = answer(path)
            yield Prediction(found.label, found.probabilities, path, time.perf_counter() - began)
        return
    names = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        child = subprocess.Popen(  # noqa: S603  our own interpreter on our own text
            [sys.executable, "-P", "-c", _RUNNER],
            cwd=folder,
            env=_without_us(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
        )
        try:
            assert child.stdin is not None
            assert child.stdout is not None
            with contextlib.suppress(BrokenPipeError):  # it died; its errors are read below
                child.stdin.write(json.dumps({"folder": str(folder), "paths": paths}) + "\n")
                child.stdin.close()
            for line in child.stdout:
                if control.stop.is_set():
                    return
                number, shares, seconds = json.loads(line)
                pairs = sorted(zip(names, shares, strict=True), key=lambda pair: -pair[1])
                yield Prediction(pairs[0][0], dict(pairs), paths[number], seconds)
            if child.wait():
                errors.seek(0)
                last = errors.read().strip().splitlines()[-1:] or ["no reason was given"]
                raise StudioError(
                    f"The export does not run by itself: {last[0]}.",
                    "It was not kept. Export in another format, and please report this.",
                )
        finally:
            child.kill()
            child.wait()
            if child.stdout is not None:
                child.stdout.close()


def _without_us() -> dict[str, str]:
    """Return the environment without the places in which Python would find this program."""
    places = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    kept = [p for p in places if p and not (Path(p) / "finetune_studio").is_dir()]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(kept), "PYTHONDONTWRITEBYTECODE": "1"}


def _compared(
    task: Task,
    name: str,
    ours: Sequence[Pair],
    theirs: Sequence[Prediction],
    latencies: list[float],
    folder: Path,
    target: Path,
) -> ExportVerified:
    same = [answer.label == other.label for (_, answer), other in zip(ours, theirs, strict=True)]
    differences = [
        abs(share - other.probabilities.get(label, 0.0))
        for (_, answer), other in zip(ours, theirs, strict=True)
        for label, share in answer.probabilities.items()
    ]
    before = task.score(ours)
    after = task.score((s, other) for (s, _), other in zip(ours, theirs, strict=True))
    return ExportVerified(
        path=str(target),
        format=name,
        agreement=sum(same) / len(same),
        max_abs_diff=max(differences),
        metric=task.headline,
        metric_before=before[task.headline],
        metric_after=after[task.headline],
        latency_ms=round(sorted(latencies)[len(latencies) // 2] * 1000, 3),
        size_mb=round(files.folder_size(folder) / 2**20, 3),
        samples=len(same),
    )
