"""Proof of an export: the same files, answered in a process that cannot load this program."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from finetune_studio.core import files
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import ExportVerified, Prediction
from finetune_studio.core.exporter import Exporter
from finetune_studio.core.job import Control
from finetune_studio.core.task import Pair, Task

# Rounding in another library moves probabilities by about 1e-6; anything near this is another answer.
LARGEST_DIFFERENCE = 1e-3
# Two classes closer than this are a tie, which rounding alone may decide.
_TIE = 1e-5

# Imports the export's own predict.py and answers one path a line. This program cannot be imported in
# it, wherever it is installed, and what libraries print goes to the errors.
_RUNNER = """
import json, sys, time
sys.modules["finetune_studio"] = None
out, sys.stdout = sys.stdout, sys.stderr
order = json.loads(sys.stdin.readline())
sys.path.insert(0, order["folder"])
import predict
for number, path in enumerate(order["paths"]):
    seen = predict.look(path)
    began = time.perf_counter()
    shares = predict.ask(seen)
    seconds = time.perf_counter() - began
    print(json.dumps([number, [float(s) for s in shares], seconds]), file=out, flush=True)
"""


def can_start_python() -> bool:
    """Whether there is an interpreter to start: a frozen build has none beside itself."""
    return not getattr(sys, "frozen", False)


def answers_alone(
    exporter: Exporter, folder: Path, paths: Sequence[str], control: Control
) -> Iterator[Prediction]:
    """Yield the export's answer to each file, with the seconds its network took for it.

    The export's own ``predict.py``, ``preprocess.py`` and weights answer in a fresh process; in a frozen
    build, which cannot start one, the same files are loaded in this process.

    Raises:
        StudioError: If the export does not run by itself.
    """
    if can_start_python():
        yield from _in_a_process(folder, paths, control)
        return
    answer = exporter.open(folder)
    for path in paths:
        if control.stop.is_set():
            return
        began = time.perf_counter()
        found = answer(path)
        yield Prediction(found.label, found.probabilities, path, time.perf_counter() - began)


def _in_a_process(folder: Path, paths: Sequence[str], control: Control) -> Iterator[Prediction]:
    names = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors,
        _started(folder, errors, control) as child,
    ):
        assert child.stdin is not None
        assert child.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it died; its errors are read below
            child.stdin.write(json.dumps({"folder": str(folder), "paths": list(paths)}) + "\n")
            child.stdin.close()
        answered = 0
        for line in child.stdout:
            number, shares, seconds = json.loads(line)
            if len(shares) != len(names):
                raise _not_alone(f"it gives {len(shares)} probabilities for {len(names)} labels")
            pairs = sorted(zip(names, shares, strict=True), key=lambda pair: -pair[1])
            yield Prediction(pairs[0][0], dict(pairs), paths[number], seconds)
            answered += 1
        if control.stop.is_set():
            return
        if child.wait() or answered < len(paths):
            errors.seek(0)
            last = errors.read().strip().splitlines()[-1:] or ["no reason was given"]
            raise _not_alone(last[0])


def _not_alone(reason: str) -> StudioError:
    return StudioError(
        f"The export does not run by itself: {reason.rstrip('.')}.",
        "It was not kept. Export in another format, and please report this.",
    )


@contextlib.contextmanager
def _started(folder: Path, errors: IO[str], control: Control) -> Iterator[subprocess.Popen[str]]:
    """Start the runner; kill it when the job is stopped or this process is done with it."""
    child = subprocess.Popen(  # noqa: S603  our own interpreter on our own text
        [sys.executable, "-P", "-B", "-c", _RUNNER],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        encoding="utf-8",
    )

    def watch() -> None:
        while child.poll() is None:
            if control.stop.wait(0.2):
                child.kill()

    watcher = threading.Thread(target=watch, name="export-proof")
    watcher.start()
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        watcher.join()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def compared(
    task: Task, name: str, ours: Sequence[Pair], theirs: Sequence[Prediction], folder: Path
) -> ExportVerified:
    """Return how far the export's answers are those of the trained network, sample by sample."""
    answers = list(zip((answer for _, answer in ours), theirs, strict=True))
    before = task.score(ours)
    after = task.score((s, other) for (s, _), other in zip(ours, theirs, strict=True))
    seconds = sorted(answer.seconds for answer in theirs)
    return ExportVerified(
        path=str(folder),
        format=name,
        agreement=sum(one.label == other.label for one, other in answers) / len(answers),
        max_abs_diff=max(_difference(one, other) for one, other in answers),
        metric=task.headline,
        metric_before=before[task.headline],
        metric_after=after[task.headline],
        latency_ms=round(seconds[len(seconds) // 2] * 1000, 3),
        size_mb=round(files.folder_size(folder) / 2**20, 3),
        samples=len(answers),
    )


def _difference(one: Prediction, other: Prediction) -> float:
    """Return the largest difference between two answers' probabilities; 1 where one is not a number."""
    found: list[Any] = [
        abs(share - other.probabilities.get(label, 0.0))
        for label, share in one.probabilities.items()
    ]
    return 1.0 if any(value != value for value in found) else max(found)  # noqa: PLR0124  NaN is not itself


def refusal(
    verified: ExportVerified, ours: Sequence[Pair], theirs: Sequence[Prediction]
) -> StudioError | None:
    """Return why an exact export must not be handed over; None if its answers are the network's own.

    A tie between two classes, which rounding alone decides, is no other answer.
    """
    other = [
        (sample, answer, said)
        for (sample, answer), said in zip(ours, theirs, strict=True)
        if answer.label != said.label and not _tied(answer, said)
    ]
    if not other and verified.max_abs_diff <= LARGEST_DIFFERENCE:
        return None
    example = ""
    if other:
        sample, answer, said = other[0]
        name = Path(sample.path).name
        example = f" {name} is “{answer.label}” to the model and “{said.label}” to the export."
    return StudioError(
        f"The export answers differently from the trained model: {verified.agreement:.2%} of"
        f" {len(ours):,} answers agree, and the largest difference of a probability is"
        f" {verified.max_abs_diff:.3g} ({verified.metric} {verified.metric_before:.4f} before,"
        f" {verified.metric_after:.4f} after).{example}",
        "It was not kept. Export in another format, and please report this.",
    )


def _tied(answer: Prediction, said: Prediction) -> bool:
    share = answer.probabilities
    return abs(share[str(answer.label)] - share.get(str(said.label), 0.0)) < _TIE
