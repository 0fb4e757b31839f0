"""Opens every picture once and keeps what was learned: a hash, a look, or what is wrong."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import defaultdict
from collections.abc import Generator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice

from finetune_studio.core.dataset import Dataset, Sample, Trace
from finetune_studio.core.events import Progress
from finetune_studio.core.job import Control
from finetune_studio.core.reader import NO_FILE
from finetune_studio.modality import image, likeness, preprocess
from finetune_studio.modality.likeness import Copies

_SIDE = 64  # large photos are decoded smaller: as sure to notice damage, several times faster
_SAVED_EVERY = 2.0  # seconds


def examine(
    dataset: Dataset, control: Control, *, retry: bool = False
) -> Generator[Progress, None, bool]:
    """Open every picture that is not known yet; return whether all were (not if asked to stop).

    What cannot be read is set aside in the dataset with its reason; what can be read again is taken
    back. A second call has nothing to do for files that did not change, unless ``retry`` asks for
    those that could not be read (a right to read them may have been given meanwhile).
    """
    known = dataset.traces()
    todo = [s for s in dataset.samples() if _open_question(s, known.get(s.id), retry)]
    threads = min(4, os.cpu_count() or 1)
    started = saved = time.monotonic()
    found: list[tuple[Sample, Trace | str]] = []
    source = iter(todo)
    done = 0
    with ThreadPoolExecutor(threads, "examine") as pool:
        waiting: dict[Future[Trace | str], Sample] = {}
        try:
            while not control.stop.is_set():
                control.wait_while_paused()
                for sample in islice(source, 4 * threads - len(waiting)):
                    waiting[pool.submit(_look_at, sample)] = sample
                if not waiting:
                    break
                ready, _ = wait(waiting, timeout=1.0, return_when=FIRST_COMPLETED)
                found += [(waiting.pop(future), future.result()) for future in ready]
                done += len(ready)
                now = time.monotonic()
                if now - saved > _SAVED_EVERY:
                    _save(dataset, found)
                    saved = now
                    left = (now - started) / max(done, 1) * (len(todo) - done)
                    yield Progress("examine", done, len(todo), left)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            _save(dataset, found)
    if todo:
        yield Progress("examine", done, len(todo), 0.0)
    return done == len(todo)


def copies(dataset: Dataset, control: Control) -> Generator[Progress, None, Copies | None]:
    """Find the sets of copies among usable samples; None if asked to stop.

    The answer is kept, so that asking again is instant while no file and no exclusion changed.
    """
    if not (yield from examine(dataset, control)):
        return None
    traces = dataset.traces()
    usable = [s.id for s in dataset.samples(usable=True) if s.id in traces and traces[s.id].content]
    key = hashlib.blake2b(digest_size=16)
    for number in usable:
        key.update(f"{number}:".encode() + traces[number].content)
    kept = json.loads(dataset.get("copies", "{}"))
    if kept.get("key") == key.hexdigest():
        return Copies(kept["exact"], kept["near"])

    same: dict[bytes, list[int]] = defaultdict(list)
    for number in usable:
        same[traces[number].content].append(number)
    files = list(same.values())
    search = likeness.alike([traces[numbers[0]].look for numbers in files], control)
    pairs = yield from _reported(search)
    if control.stop.is_set():
        return None
    near = [sorted(n for i in some for n in files[i]) for some in likeness.sets(pairs)]
    answer = Copies([numbers for numbers in files if len(numbers) > 1], near)
    dataset.put(
        "copies", json.dumps({"key": key.hexdigest(), "exact": answer.exact, "near": answer.near})
    )
    return answer


def _reported(
    search: Generator[tuple[int, int], None, list[tuple[int, int]]],
) -> Generator[Progress, None, list[tuple[int, int]]]:
    """Pass a search's progress on a few times a second."""
    last = 0.0
    while True:
        try:
            done, total = next(search)
        except StopIteration as end:
            pairs: list[tuple[int, int]] = end.value
            return pairs
        if time.monotonic() - last > 0.2:
            last = time.monotonic()
            yield Progress("compare", done, total)


def _open_question(sample: Sample, trace: Trace | None, retry: bool) -> bool:
    """Whether a sample's file must be opened: it is new, changed, or could not be read before."""
    if not sample.path or sample.excluded:
        return False
    failed_here = trace is not None and not trace.content
    if sample.problem and not failed_here and NO_FILE not in sample.problem:
        return False  # its row is at fault, not its file
    if trace is None or (retry and failed_here):
        return True
    return trace.stamp != _stamp(sample.path)


def _stamp(path: str) -> str:
    """Return a file's size and time of change; nothing if it is not there."""
    try:
        facts = os.stat(path)  # noqa: PTH116  called for every sample; a Path costs as much again
    except (OSError, ValueError):
        return ""
    return f"{facts.st_size} {facts.st_mtime_ns}"


def _look_at(sample: Sample) -> Trace | str:
    """Return what is learned from a sample's file, or why it cannot be read."""
    path = sample.path
    try:
        stamp = _stamp(path)
        if not os.path.isfile(path):  # noqa: PTH113  a pipe or device would wait for ever
            raise FileNotFoundError(path)
        digest = hashlib.blake2b(digest_size=16)
        with open(path, "rb") as file:  # noqa: PTH123
            while piece := file.read(2**20):
                digest.update(piece)
        look = likeness.look_of(preprocess.open_picture(path, _SIDE))
    except Exception as error:  # noqa: BLE001  damaged files make decoders raise anything at all
        return image.reason(path, error)
    return Trace(stamp, digest.digest(), look)


def _save(dataset: Dataset, found: list[tuple[Sample, Trace | str]]) -> None:
    """Keep what was learned and forget it here."""
    if not found:
        return
    traces: dict[int, Trace] = {}
    problems: dict[int, str] = {}
    for sample, answer in found:
        if isinstance(answer, str):
            traces[sample.id] = Trace(_stamp(sample.path), b"", b"")
            problems[sample.id] = sample.problem or answer  # a reader's words are more exact
        else:
            traces[sample.id] = answer
            problems[sample.id] = ""
    with dataset.transaction():
        dataset.keep_traces(traces)
        dataset.set_problem(problems)
    found.clear()
