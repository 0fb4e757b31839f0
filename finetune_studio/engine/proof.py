"""Proof of an export: the same files, answered in a process that cannot load this program."""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from finetune_studio.core import files
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import ExportVerified, Prediction
from finetune_studio.core.exporter import Exporter
from finetune_studio.core.job import Control
from finetune_studio.core.shares import fine
from finetune_studio.core.task import Pair, Task
from finetune_studio.engine import timing
from finetune_studio.modality import foreign

# Rounding in another library moves probabilities by about 1e-6; anything near this is another answer.
LARGEST_DIFFERENCE = 1e-3
# Two classes closer than this are a tie, which rounding alone may decide.
_TIE = 1e-5
# An input whose likeness differs by no more than its last digit lies on the border of what is turned away.
_AS_LIKE = 2e-4
# So many of the texts that are written must be the same word for word.
_MOST_WRITTEN = 0.9

# Imports the export's own predict.py and answers one input a line. This program cannot be imported in
# it, wherever it is installed, and what libraries print goes to the errors.
_RUNNER = """
import json, sys, time
sys.modules["finetune_studio"] = None
out, sys.stdout = sys.stdout, sys.stderr
order = json.loads(sys.stdin.readline())
sys.path.insert(0, order["folder"])
import predict
predict.use._network = recorder = Recorder(predict.use._network)
for number, given in enumerate(order["inputs"]):
    seen = predict.look(given)
    began = time.perf_counter()
    said = predict.ask(seen)
    seconds = time.perf_counter() - began
    print(json.dumps([number, said, seconds], default=float), file=out, flush=True)
print(json.dumps(["many", many_at_once(recorder)]), file=out, flush=True)
"""


@dataclass(frozen=True)
class Times:
    """Seconds that each of some batches of 32 took; none where the network takes one at a time."""

    many: tuple[float, ...]


def can_start_python() -> bool:
    """Whether there is an interpreter to start: a frozen build has none beside itself."""
    return not getattr(sys, "frozen", False)


@dataclass(frozen=True)
class Alone:
    """An export without this program.

    Attributes:
        exporter: Its format.
        folder: Where it lies.
        asked: How its model is asked.
        lent: Environment variables that name what it needs and does not hold.
    """

    exporter: Exporter
    folder: Path
    asked: str
    lent: Mapping[str, str]

    def answers(self, inputs: Sequence[Any], control: Control) -> Iterator[Prediction | Times]:
        """Yield the export's answer to each input, with the seconds it took; what many take comes last.

        The export's own ``predict.py``, its other files and its weights answer in a fresh process; in a
        frozen build, which cannot start one, the same files are loaded in this process.

        Raises:
            StudioError: If the export does not run by itself.
        """
        if can_start_python():
            yield from _in_a_process(self, inputs, control)
            return
        use: Any = self.exporter.open(self.folder, self.asked)
        use._network = recorder = timing.Recorder(use._network)
        for given in inputs:
            if control.stop.is_set():
                return
            seen = use.look(given)
            began = time.perf_counter()
            yield _answer(use.ask(seen), time.perf_counter() - began)
        yield Times(tuple(timing.many_at_once(recorder)))


def _answer(said: dict[str, Any], seconds: float) -> Prediction:
    return Prediction(
        said["label"], said["probabilities"], seconds=seconds, answer=dict(said["answer"])
    )


def _in_a_process(
    alone: Alone, inputs: Sequence[Any], control: Control
) -> Iterator[Prediction | Times]:
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors,
        _started(alone, errors, control) as child,
    ):
        assert child.stdin is not None
        assert child.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it died; its errors are read below
            child.stdin.write(
                json.dumps({"folder": str(alone.folder), "inputs": list(inputs)}) + "\n"
            )
            child.stdin.close()
        answered = 0
        for line in child.stdout:
            number, said, *rest = json.loads(line)
            if number == "many":
                yield Times(tuple(said))
                continue
            seconds = rest[0]
            yield _answer(said, seconds)
            answered += 1
        if control.stop.is_set():
            return
        if child.wait() or answered < len(inputs):
            errors.seek(0)
            last = errors.read().strip().splitlines()[-1:] or ["no reason was given"]
            raise _not_alone(last[0])


def _not_alone(reason: str) -> StudioError:
    return StudioError(
        f"The export does not run by itself: {reason.rstrip('.')}.",
        "It was not kept. Export in another format, and please report this.",
    )


@contextlib.contextmanager
def _started(alone: Alone, errors: IO[str], control: Control) -> Iterator[subprocess.Popen[str]]:
    """Start the runner; kill it when the job is stopped or this process is done with it."""
    child = subprocess.Popen(  # noqa: S603  our own interpreter on our own text
        [sys.executable, "-P", "-B", "-c", inspect.getsource(timing) + _RUNNER],
        cwd=alone.folder,
        env={**os.environ, **alone.lent},
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
    task: Task,
    name: str,
    ours: Sequence[Pair],
    theirs: Sequence[Prediction],
    folder: Path,
    times: Times | None = None,
) -> ExportVerified:
    """Return how far the export's answers are those of the trained network, sample by sample."""
    answers = list(zip((answer for _, answer in ours), theirs, strict=True))
    before = task.score(ours)
    after = task.score((s, other) for (s, _), other in zip(ours, theirs, strict=True))
    one = [answer.seconds for answer in theirs]
    one = one[1:] or one  # the first pays for what is only made once
    many = times.many if times is not None else ()
    return ExportVerified(
        path=str(folder),
        format=name,
        agreement=sum(same(one, other) for one, other in answers) / len(answers),
        max_abs_diff=max(difference(one, other) for one, other in answers),
        metric=task.headline,
        metric_before=before[task.headline],
        metric_after=after[task.headline],
        latency_ms=_milliseconds(one, 0.5),
        latency_p95_ms=_milliseconds(one, 0.95),
        batch_ms=_milliseconds(many, 0.5),
        batch_p95_ms=_milliseconds(many, 0.95),
        size_mb=round(files.folder_size(folder) / 2**20, 3),
        samples=len(answers),
    )


def _milliseconds(seconds: Sequence[float], share: float) -> float:
    """Return what so large a share of the times lies below; 0 where there are none."""
    ordered = sorted(seconds)
    return round(ordered[int(share * (len(ordered) - 1) + 0.5)] * 1000, 3) if ordered else 0.0


def same(one: Prediction, other: Prediction) -> bool:
    """Whether two answers say the same, however sure they are of it.

    They do where the words are the same and all that is no fraction: places, names, counts.
    """
    return bool(one.label == other.label and _firm(one.answer) == _firm(other.answer))


def _firm(value: Any) -> Any:
    """Return plain values without fractions, which say how sure an answer is."""
    if isinstance(value, dict):
        return {name: _firm(item) for name, item in value.items() if not isinstance(item, float)}
    if isinstance(value, list | tuple):
        return [_firm(item) for item in value if not isinstance(item, float)]
    return value


def difference(one: Prediction, other: Prediction) -> float:
    """Return the largest difference between the fractions of two answers; 1 where one is not a number.

    Those above one, such as sums of losses, count by their share.
    """
    found = [
        abs(share - other.probabilities.get(label, 0.0))
        for label, share in one.probabilities.items()
    ]
    found += _apart(one.answer, other.answer)
    return 1.0 if any(value != value for value in found) else max(found, default=0.0)  # noqa: PLR0124  NaN is not itself


def _apart(one: Any, other: Any) -> list[float]:
    """Return the differences of fractions that stand at the same place in both."""
    if isinstance(one, dict) and isinstance(other, dict):
        return [d for name in one.keys() & other.keys() for d in _apart(one[name], other[name])]
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        # Lists that differ in length say something else; what stands where is then no use.
        pairs = zip(one, other, strict=True) if len(one) == len(other) else ()
        return [d for mine, its in pairs for d in _apart(mine, its)]
    if isinstance(one, float) and isinstance(other, float | int):
        return [abs(one - other) / max(1.0, abs(one))]
    return []


def broken(theirs: Sequence[Prediction], title: str) -> StudioError | None:
    """Return why an export whose answers may differ cannot be handed over: some are not even numbers."""
    shares = [share for answer in theirs for share in answer.probabilities.values()]
    if all(share == share for share in shares):  # noqa: PLR0124  NaN is not itself
        return None
    return StudioError(
        f"As {title}, the network's numbers leave the range they can have, and no answer comes out.",
        "It was not kept. Export as ONNX.",
    )


def cost(verified: ExportVerified, title: str, *, less_is_better: bool = False) -> str:
    """Return what smaller numbers cost, in a sentence; empty where nothing is lost."""
    lost = verified.metric_before - verified.metric_after
    lost = -lost if less_is_better else lost
    if lost <= 0 and verified.agreement == 1:
        return ""
    name = verified.metric.replace("_", " ")
    return (
        f"What {title} costs: {fine(1 - verified.agreement)} of the answers are others than the trained"
        f" model's, and its {name} is {verified.metric_after:.3f} instead of {verified.metric_before:.3f}."
    )


def refusal(
    verified: ExportVerified, ours: Sequence[Pair], theirs: Sequence[Prediction]
) -> StudioError | None:
    """Return why an exact export must not be handed over; None if its answers are the network's own.

    A tie between two classes, which rounding alone decides, is no other answer.
    """
    others = [
        (sample, answer, said)
        for (sample, answer), said in zip(ours, theirs, strict=True)
        if not same(answer, said) and not _tied(answer, said, verified.agreement)
    ]
    if not others and verified.max_abs_diff <= LARGEST_DIFFERENCE:
        return None
    example = ""
    if others:
        sample, answer, said = others[0]
        name = Path(sample.path).name if sample.path else sample.place
        example = f" {name} is “{_short(answer)}” to the model and “{_short(said)}” to the export."
    return StudioError(
        f"The export answers differently from the trained model: {verified.agreement:.2%} of"
        f" {len(ours):,} answers agree, and the largest difference of a probability is"
        f" {verified.max_abs_diff:.3g} ({verified.metric} {verified.metric_before:.4f} before,"
        f" {verified.metric_after:.4f} after).{example}",
        "It was not kept. Export in another format, and please report this.",
    )


def _short(answer: Prediction) -> str:
    text = str(answer.label)
    return text if len(text) <= 100 else f"{text[:100]}…"


def _tied(answer: Prediction, said: Prediction, agreement: float) -> bool:
    """Whether rounding alone may have decided between two answers.

    Two classes may be as likely, or a class as likely as not where there may be several. Of a text that is
    written, one word decides all that follow: there the losses prove, and a few texts may differ.
    """
    share, about = answer.probabilities, answer.answer
    if foreign.LIKENESS in about and foreign.LIKENESS in said.answer:
        apart = abs(about[foreign.LIKENESS] - said.answer[foreign.LIKENESS])
        turned = about.get(foreign.UNLIKE) != said.answer.get(foreign.UNLIKE)
        if turned and answer.label == said.label and apart < _AS_LIKE:
            return True
    if "labels" in about:
        turned = {*about["labels"]} ^ {*said.answer.get("labels", ())}
        return all(abs(share.get(name, 0.0) - 0.5) < _TIE for name in turned)
    if about.get("tokens") and ("summary" in about or "reply" in about):
        return agreement >= _MOST_WRITTEN and bool(about["tokens"] == said.answer.get("tokens"))
    one, other = share.get(str(answer.label)), share.get(str(said.label))
    return one is not None and other is not None and abs(one - other) < _TIE
