"""Kills a real training process at twenty moments; each time the run must go on to the same end.

    python benchmarks/kills.py [--seed 0] [--kills 20]

The embedded sample and starter, last stage, varied pictures, a fresh home each time. The moments are
drawn from the seed and spread over loading, computing features, steps, validation and the writing of
checkpoints: each is a pause of so many milliseconds after an event was printed, as long as the next
event is away in an undisturbed run. After ``kill -9`` every file is read, then ``--resume`` carries on.
Metrics and final weights must be those of the undisturbed run, bit for bit.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import measure
import torch
from measure import LEAVES
from safetensors.torch import load_file

STAGES = ("load", "features", "steps", "validation", "checkpoint")
Told = list[tuple[float, dict]]  # events with the second at which they were read


@dataclass(frozen=True)
class Moment:
    """When to kill: so long after an event like this one."""

    stage: str
    event: dict
    wait: float

    def has_come(self, event: dict) -> bool:
        """Whether this is the event; steps are not all printed, so a later one will do."""
        if event["event"] != self.event["event"]:
            return False
        if "step" in event:
            return event["step"] >= self.event["step"]
        return all(event.get(name) == self.event.get(name) for name in ("phase", "text", "done"))


def command(project: Path, settings: list[str], *more: str) -> list[str]:
    """Return the command that trains."""
    own = [part for setting in settings for part in ("--set", setting)]
    return [
        sys.executable, "-m", "finetune_studio", "train", "--task", "image_classification",
        "--data", str(LEAVES), "--model", "starter", "--out", str(project), "--json", *own, *more,
    ]  # fmt: skip


def carried_out(arguments: list[str], home: Path, moment: Moment | None = None) -> Told:
    """Run the program; kill it at the moment, if there is one. Return what it printed, and when."""
    told: Told = []
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=measure.ROOT,
        env=measure.surroundings(home, 1), start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            told.append((time.perf_counter(), json.loads(line)))
            if moment is not None and moment.has_come(told[-1][1]):
                time.sleep(moment.wait)
                os.killpg(process.pid, signal.SIGKILL)  # its own group: helpers of it die too
                break
        code = process.wait()
        if moment is None and code:
            raise SystemExit(f"It ended with {code}: {process.stderr.read()[-2000:]}")
    return told


def moments(whole: Told, kills: int, seed: int) -> list[Moment]:
    """Draw moments, as many of each stage as possible."""
    rng = random.Random(seed)
    places: dict[str, list[tuple[dict, float]]] = {stage: [] for stage in STAGES}
    for (at, event), (then, following) in pairwise(whole):
        stage = stage_of(event, following)
        if stage:
            places[stage].append((event, then - at))
    missing = [stage for stage, found in places.items() if not found]
    if missing:
        raise SystemExit(f"The undisturbed run had no moment of {', '.join(missing)}.")
    stages = [STAGES[i % len(STAGES)] for i in range(kills)]
    chosen = [(stage, *rng.choice(places[stage])) for stage in stages]
    return [Moment(stage, event, rng.uniform(0, gap)) for stage, event, gap in chosen]


def stage_of(event: dict, following: dict) -> str:
    """Return what the program does between two events that follow each other."""
    word, after = event["event"], following["event"]
    if after == "checkpoint_saved":
        return "checkpoint"
    if after == "validated":
        return "validation"
    if event.get("phase") == "load":
        return "load"
    if event.get("phase") == "features":
        return "features"
    if word == "progress" and event["phase"] == "train":
        return "steps"
    return ""


def damage(home: Path) -> list[str]:
    """Read every file of a project and of the cache; return which cannot be read."""
    found = []
    for path in sorted(home.rglob("*")):
        if path.is_dir() or any(part.startswith(".") for part in path.relative_to(home).parts):
            continue  # what a killed process was about to write is hidden and not part of a run
        try:
            if path.suffix == ".json":
                json.loads(path.read_text(encoding="utf-8"))
            elif path.suffix == ".jsonl":
                for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
                    if line.endswith("\n"):  # the last line may be cut off: readers pass over it
                        json.loads(line)
            elif path.suffix == ".safetensors":
                load_file(path)
            elif path.suffix == ".pt":
                torch.load(path, weights_only=True)
            elif path.suffix == ".sqlite":
                found += _damaged_base(path)
        except Exception as error:  # noqa: BLE001  whatever is raised is what is looked for
            found.append(f"{path.name}: {error}")
    return found


def _damaged_base(path: Path) -> list[str]:
    """Look at a copy of a database and its journal: opening the real one would mend it."""
    with tempfile.TemporaryDirectory() as folder:
        for part in path.parent.glob(f"{path.name}*"):
            shutil.copy(part, folder)
        with closing(sqlite3.connect(Path(folder) / path.name)) as base:
            answer = base.execute("PRAGMA integrity_check").fetchone()
    return [] if answer == ("ok",) else [f"{path.name}: {answer}"]


def weights(finished: dict) -> dict[str, torch.Tensor]:
    """Return the last and the best weights of a finished run."""
    checkpoints = Path(finished["run"]) / "checkpoints"
    place = checkpoints / json.loads((checkpoints / "index.json").read_text())["last"]
    return {
        f"{kind}/{name}": tensor
        for kind in ("weights", "best")
        for name, tensor in load_file(place / f"{kind}.safetensors").items()
    }


def same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    """Whether two sets of weights are the same, bit for bit."""
    return ours.keys() == theirs.keys() and all(
        ours[name].dtype == theirs[name].dtype and torch.equal(ours[name], theirs[name])
        for name in theirs
    )


def lost(killed: Told, resumed: Told, died: float) -> tuple[float, str]:
    """Return the seconds of work that were done and had to be done again, and how that is known."""
    before = [e for _, e in killed if e["event"] == "step_done"]
    after = next((e for _, e in resumed if e["event"] == "step_done"), None)
    if not before:  # what was loaded and computed before the first step, at the most
        return died - killed[0][0], "at most"
    if after is None:  # every step had been kept
        return 0.0, "of steps"
    kept = [e["seconds"] for e in before if e["step"] < after["step"]]
    return max(0.0, before[-1]["seconds"] - (kept[-1] if kept else 0.0)), "of steps"


def try_one(
    moment: Moment, settings: list[str], end: dict, expected: dict[str, torch.Tensor]
) -> tuple[list[str], float]:
    """Kill once and go on; return the cells of a row, and the seconds lost."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        project = home / "project"
        told = carried_out(command(project, settings), home, moment)
        died = time.perf_counter()
        done = next((e for _, e in told if e["event"] == "run_finished"), None)
        broken = damage(home)
        again = carried_out(command(project, settings, "--resume"), home)
        finished = again[-1][1]
        names = ("metrics", "best_epoch", "stopped")
        agrees = all(finished[name] == end[name] for name in names)
        identical = same(weights(finished), expected)
        broken += damage(home)
        seconds, how = lost(told, again, died)
        hit = told[-1][1]
        where = " ".join(str(hit[n]) for n in ("event", "phase", "step") if n in hit)
        fine = ["yes" if one else "NO" for one in (agrees, identical, not broken)]
        if done:
            where += " (too late: it had finished)"
        print(*broken, sep="\n", end="", file=sys.stderr)
        return [moment.stage, f"{where} + {1000 * moment.wait:.0f} ms", *fine,
                f"{seconds:.1f} s {how}"], seconds  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--epochs", type=int, default=60,
        help="enough for a run of over half a minute, so that checkpoints are written on the way",
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="five kills of a short run")
    args = parser.parse_args()
    if args.quick:
        args.kills, args.epochs = 5, 3
    settings = [
        "preset=balanced", "layers.amount=last_stage", f"optimiser.epochs={args.epochs}",
        "stop.early=false", "augment.views=2", "compute.threads=1",
    ]  # fmt: skip
    with measure.measured(), tempfile.TemporaryDirectory() as folder:
        whole = carried_out(command(Path(folder) / "project", settings), Path(folder))
        end = whole[-1][1]
        expected = weights(end)
        print(f"Undisturbed: {whole[-1][0] - whole[0][0]:.0f} s from the first event to the last, "
              f"metrics {end['metrics']}\n", flush=True)  # fmt: skip
        print("| during | killed after | same metrics | identical weights | files whole | lost |")
        print("|---|---|---|---|---|---|", flush=True)
        failed, worst = 0, 0.0
        for moment in moments(whole, args.kills, args.seed):
            cells, seconds = try_one(moment, settings, end, expected)
            failed += "NO" in cells
            worst = max(worst, seconds)
            print(f"| {' | '.join(cells)} |", flush=True)
        print(f"\n{args.kills - failed} of {args.kills} went on to the same end with no file "
              f"damaged (must: all); at most {worst:.1f} s were lost (must: 60 s).")  # fmt: skip
    return 1 if failed or worst > 60 else 0


if __name__ == "__main__":
    sys.exit(main())
