"""What the side-by-side measurements share: the data, clocks, interleaving, medians, load and the table.

Two sides of a comparison take turns, the first of them changing each round, so that a busy machine
disturbs both alike. Processor seconds are told beside wall seconds: they say more on a shared machine.
"""

from __future__ import annotations

import json
import os
import platform
import random
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
CLOTHING = SHARED / "data" / "cls-clothing10"
SIGNS = SHARED / "data" / "cls-sign-digits"
LEAVES = ROOT / "resources" / "samples" / "leaves"
MOBILENET = SHARED / "models/mobilenet_v2-imagenet/mobilenet_v2_imagenet1k_torchvision.pth"
THREADS = 2
_PICTURES = {".jpg", ".jpeg", ".png"}
T = TypeVar("T")

if str(ROOT) not in sys.path:  # so that a script measures the checkout that it lies in
    sys.path.insert(0, str(ROOT))


@dataclass(frozen=True)
class Took:
    """Seconds by the clock on the wall, and seconds of all processors together."""

    wall: float
    cpu: float

    def __add__(self, other: Took) -> Took:
        return Took(self.wall + other.wall, self.cpu + other.cpu)

    def __sub__(self, other: Took) -> Took:
        return Took(self.wall - other.wall, self.cpu - other.cpu)

    def __truediv__(self, parts: float) -> Took:
        return Took(self.wall / parts, self.cpu / parts)


def now() -> Took:
    """Return the clocks of this process; its ended children count too."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Took(time.perf_counter(), time.process_time() + children.ru_utime + children.ru_stime)


def timed(work: Callable[[], T]) -> tuple[T, Took]:
    """Do the work; return its result and what it took."""
    began = now()
    result = work()
    return result, now() - began


def middle(times: list[Took]) -> Took:
    """Return the medians of wall and of processor seconds."""
    return Took(
        statistics.median(took.wall for took in times),
        statistics.median(took.cpu for took in times),
    )


def interleaved(
    sides: Mapping[str, Callable[[], Took]], rounds: int, *, warm: int = 0
) -> dict[str, list[Took]]:
    """Let the sides take turns for some rounds; ``warm`` rounds before them are thrown away."""
    found: dict[str, list[Took]] = {name: [] for name in sides}
    for number in range(-warm, rounds):
        names = list(sides)
        for name in names if number % 2 == 0 else reversed(names):
            took = sides[name]()
            if number >= 0:
                found[name].append(took)
    return found


def child(
    *arguments: str, home: Path | None = None, quiet: bool = True, threads: int = THREADS
) -> tuple[str, Took]:
    """Run Python with these arguments in a fresh process; return what it printed and what it took.

    Raises:
        SystemExit: If it fails, with the last lines it wrote.
    """
    done, took = timed(
        lambda: subprocess.run(
            [sys.executable, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if quiet else None,
            text=True,
            check=False,
            cwd=ROOT,
            env=surroundings(home, threads),
        )
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{(done.stderr or '')[-2000:]}")
    return done.stdout, took


def surroundings(home: Path | None, threads: int = THREADS) -> dict[str, str]:
    """Return the environment of a measured process: this checkout, so many threads, a home of its own.

    What PYTHONPATH named before comes after the checkout, as for rivals that lie in a folder of their own.
    """
    places = [str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    paths = os.pathsep.join(place for place in places if place)
    own = {"PYTHONPATH": paths, "OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"}
    if home is not None:
        own["FINETUNE_STUDIO_HOME"] = str(home)
    return {**os.environ, **own}


def terminal(*arguments: str, home: Path) -> tuple[list[dict], Took]:
    """Run one command of the program; return its events and what it took."""
    said, took = child("-m", "finetune_studio", *arguments, "--json", home=home)
    return [json.loads(line) for line in said.splitlines()], took


def pictures(folder: Path) -> list[Path]:
    """Return the pictures below a folder, in one order everywhere."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in _PICTURES)


def subset(source: Path, target: Path, **counts: int) -> Path:
    """Copy so many pictures of each split (``train=256``), spread over the classes as they come.

    The same counts always give the same pictures.
    """
    for split, count in counts.items():
        found = pictures(source / split)
        random.Random(split).shuffle(found)
        by_class: dict[str, list[Path]] = {}
        for path in found:
            by_class.setdefault(path.parent.name, []).append(path)
        # One of each class in turn, as long as it has any: no class is missing from a small subset.
        taking = sorted(
            (place, path) for own in by_class.values() for place, path in enumerate(own)
        )
        for _, path in taking[:count]:
            place = target / split / path.parent.name / path.name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)
    return target


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        ours: What our side took or reached, in words; ``theirs`` what it is held against.
        ratio: By the wall clock; ``cpu`` by processor seconds, where that makes sense.
        must, aim: What the ratio has to reach; the smaller is the better where ``less``.
    """

    work: str
    ours: str
    theirs: str
    ratio: float
    cpu: float | None
    must: float | None
    aim: float | None
    less: bool = False

    @property
    def verdict(self) -> str:
        """Return whether the must and the aim are reached."""
        for goal, word in ((self.aim, "aim reached"), (self.must, "reached")):
            if goal is not None and (self.ratio <= goal if self.less else self.ratio >= goal):
                return word
        return "MISSED" if self.must is not None else ""


def faster(
    work: str, ours: list[Took], theirs: list[Took], must: float | None, aim: float | None
) -> Row:
    """Return a row that says how many times faster our side is, by medians."""
    our, their = middle(ours), middle(theirs)
    return Row(work, told(our), told(their), their.wall / our.wall, their.cpu / our.cpu, must, aim)


def longer(
    work: str, ours: list[Took], limit: list[Took], must: float | None, aim: float | None
) -> Row:
    """Return a row that says how many times the limit's time our side takes, by medians."""
    our, least = middle(ours), middle(limit)
    return Row(
        work,
        told(our),
        told(least),
        our.wall / least.wall,
        our.cpu / least.cpu,
        must,
        aim,
        less=True,
    )


def told(took: Took) -> str:
    """Return a time in words, processor seconds in brackets."""
    if took.wall < 0.1:
        return f"{1000 * took.wall:.2f} ms ({1000 * took.cpu:.2f})"
    return f"{took.wall:.2f} s ({took.cpu:.2f})"


def table(rows: list[Row]) -> None:
    """Print the rows as markdown."""
    print_header()
    print_rows(rows)


def print_header() -> None:
    """Begin a table whose rows are printed as they are found."""
    print("| work | ours, wall (cpu) | against, wall (cpu) | ratio | cpu ratio | must | aim | |")
    print("|---|---|---|---|---|---|---|---|", flush=True)


def print_rows(rows: list[Row]) -> None:
    """Print rows of a table that was begun."""
    for row in rows:
        cells = [f"{row.ratio:.2f}", "" if row.cpu is None else f"{row.cpu:.2f}"]
        cells += ["" if goal is None else f"{goal:g}" for goal in (row.must, row.aim)]
        cells = [row.work, row.ours, row.theirs, *cells, row.verdict]
        print(f"| {' | '.join(cells)} |", flush=True)


def load() -> str:
    """Return how busy the machine was over the last minute."""
    return f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown"


@contextmanager
def measured():
    """Say on which machine and under which load the measurement within this context was made."""
    before, began = load(), now()
    print(f"{time.strftime('%Y-%m-%d %H:%M')}, {platform.machine()}, {os.cpu_count()} cores, "
          f"{THREADS} threads a side; load average {before} at the start", flush=True)  # fmt: skip
    yield
    took = now() - began
    print(f"\nLoad average {before} at the start, {load()} at the end; "
          f"{took.wall:.0f} s in all, {took.cpu:.0f} s of processor time.", flush=True)  # fmt: skip
