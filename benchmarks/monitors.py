"""What the monitors say of runs that really go wrong, and how often they raise a false alarm.

    python benchmarks/monitors.py [--seeds 1 2 3] [--keep FOLDER]

The thresholds were set while looking at seed 0; the default seeds are others.

Each run is a whole one through the engine, with the network that comes with the program or a tiny text
network made on the spot. Of a run that goes wrong, it counts whether the monitor that should speak
does, and after how many epochs. Of a healthy one, every warning counts as a false alarm. --keep writes the
events of each run into a folder, so that thresholds can be tried on them again (--replay FOLDER).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, Validated, from_json
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe, from_values
from finetune_studio.core.settings import resources
from finetune_studio.core.watching import MonitorSpoke
from tests import tiny, tiny_models

LEAVES = resources() / "samples" / "leaves"
ALARM = ("warning", "bad")
STEPS = {"optimiser.method": "steps", "augment.strength": "none", "compute.device": "cpu"}


@dataclass
class Case:
    """One run: its data as rows, its settings, and which monitor should speak (none: it is healthy)."""

    name: str
    task: str
    rows: Callable[[Path], list[Row]]
    settings: dict[str, Any]
    wanted: tuple[str, ...] = ()
    events: list[Event] = field(default_factory=list)


# --- data -----------------------------------------------------------------------------------------


def leaves(per_class: int, seed: int) -> Callable[[Path], list[Row]]:
    """Return photos of the sample, of four classes, a quarter of them to validate with."""

    def rows(_: Path) -> list[Row]:
        found = []
        for kind in sorted(p for p in LEAVES.iterdir() if p.is_dir()):
            files = sorted(kind.iterdir())
            random.Random(seed).shuffle(files)
            for place, file in enumerate(files[:per_class]):
                split = "validation" if place % 4 == 3 else "train"
                found.append(Row(str(file), kind.name, split))
        return found

    return rows


def texts(count: int, seed: int) -> Callable[[Path], list[Row]]:
    """Return short texts of three classes by the tests' small grammar."""

    def rows(_: Path) -> list[Row]:
        rng = random.Random(seed)
        found = []
        for index in range(count):
            kind = tiny.CLASSES[index % 3]
            text = f"{tiny._sentence(rng, kind)} {tiny._sentence(rng, kind)}"
            split = "validation" if index // 3 % 4 == 3 else "train"
            found.append(Row("", kind, split, None, {"text": text, "row": index}))
        return found

    return rows


def senseless(rows: Callable[[Path], list[Row]], seed: int) -> Callable[[Path], list[Row]]:
    """Return the same samples with classes dealt at random: they can only be learnt by heart."""

    def dealt(folder: Path) -> list[Row]:
        found = rows(folder)
        names = [row.label for row in found]
        random.Random(seed).shuffle(names)
        return [replace(row, label=name) for row, name in zip(found, names, strict=True)]

    return dealt


def leaking(rows: Callable[[Path], list[Row]], share: float) -> Callable[[Path], list[Row]]:
    """Return the samples with copies of some training samples in validation."""

    def planted(folder: Path) -> list[Row]:
        found = rows(folder)
        train = [row for row in found if row.split == "train"]
        wanted = round(share * sum(row.split == "validation" for row in found))
        for number, row in enumerate(random.Random(0).sample(train, wanted)):
            if row.path:
                file = folder / f"copy {number}{Path(row.path).suffix}"
                file.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(row.path, file)
                found.append(replace(row, path=str(file), split="validation"))
            else:
                found.append(replace(row, split="validation"))
        return found

    return planted


def lopsided(count: int, seed: int) -> Callable[[Path], list[Row]]:
    """Return texts of which one class is rare in training and says the same as another."""

    def rows(_: Path) -> list[Row]:
        rng, found = random.Random(seed), []
        for index in range(count):
            kind = tiny.CLASSES[index % 2]
            rare = index % 10 == 0  # each of these is of the first class
            split = "validation" if index // 2 % 4 == 3 else "train"
            label = "rare" if rare else kind
            found.append(Row("", label, split, None, {"text": tiny._sentence(rng, kind)}))
        return found

    return rows


# --- runs -----------------------------------------------------------------------------------------

TEXT = "text_classification"
PHOTO = "image_classification"
WHOLE = {"layers.amount": "everything"}


def rates(body: float, head: float) -> dict[str, Any]:
    return {"optimiser.learning_rate": body, "optimiser.head_learning_rate": head}


def wrong(seeds: list[int]) -> Iterator[Case]:
    """Yield runs that really go wrong."""
    for seed in seeds:
        epochs = {"seed": seed, "stop.early": False}
        by_heart = {**epochs, **WHOLE, **rates(3e-3, 1e-2), "optimiser.epochs": 16}
        yield Case(
            f"texts, classes dealt at random, {seed}",
            TEXT,
            senseless(texts(90, seed), seed),
            by_heart,
            ("overfitting",),
        )
        yield Case(
            f"photos, classes dealt at random, {seed}",
            PHOTO,
            senseless(leaves(20, seed), seed),
            {**epochs, "layers.amount": "last_stage", **rates(2e-3, 5e-3), "optimiser.epochs": 16},
            ("overfitting",),
        )
        yield Case(
            f"texts, steps far too large, {seed}",
            TEXT,
            texts(90, seed),
            {
                **epochs,
                **WHOLE,
                **rates(3.0, 3.0),
                "optimiser.epochs": 6,
                "optimiser.gradient_clip": 0.0,
            },
            ("divergence", "rate_too_high"),
        )
        yield Case(
            f"photos, steps far too large, {seed}",
            PHOTO,
            leaves(20, seed),
            {
                **epochs,
                "layers.amount": "head_only",
                **rates(10.0, 30.0),
                "optimiser.epochs": 6,
            },
            ("divergence", "rate_too_high"),
        )
        yield Case(
            f"texts, steps far too small, {seed}",
            TEXT,
            texts(90, seed),
            {**epochs, **WHOLE, **rates(1e-7, 1e-7), "optimiser.epochs": 6},
            ("underfitting",),
        )
        yield Case(
            f"photos, steps far too small, {seed}",
            PHOTO,
            leaves(20, seed),
            {**epochs, "layers.amount": "head_only", **rates(1e-7, 1e-7), "optimiser.epochs": 6},
            ("underfitting",),
        )
        yield Case(
            f"texts, nothing gained any more, {seed}",
            TEXT,
            texts(180, seed),
            {**epochs, **WHOLE, **rates(2e-3, 1e-2), "optimiser.epochs": 16, "stop.patience": 4},
            ("plateau",),
        )
        for share in (0.1, 0.5):
            yield Case(
                f"photos, {share:.0%} planted copies, {seed}",
                PHOTO,
                leaking(senseless(leaves(20, seed), seed), share),
                {
                    **epochs,
                    "layers.amount": "last_stage",
                    **rates(2e-3, 5e-3),
                    "optimiser.epochs": 3,
                },
                ("leakage",),
            )
        yield Case(
            f"texts, 30 % planted copies, {seed}",
            TEXT,
            leaking(texts(90, seed), 0.3),
            {**epochs, **WHOLE, **rates(2e-3, 1e-2), "optimiser.epochs": 4},
            ("leakage",),
        )
        yield Case(
            f"texts, a rare class like another, {seed}",
            TEXT,
            lopsided(240, seed),
            {**epochs, **WHOLE, **rates(1e-3, 3e-3), "optimiser.epochs": 6},
            ("never_predicted",),
        )


def healthy(seeds: list[int]) -> Iterator[Case]:
    """Yield runs with which nothing is wrong: enough samples for what is learnt, usual rates."""
    for seed in seeds:
        own = {"seed": seed, "optimiser.epochs": 8}
        for per_class in (24, 60):
            head = {**own, "layers.amount": "head_only", **rates(2e-4, 2e-3)}
            yield Case(
                f"photos, {per_class} a class, head, {seed}", PHOTO, leaves(per_class, seed), head
            )
            stage = {**own, "layers.amount": "last_stage", **rates(2e-4, 2e-3)}
            yield Case(
                f"photos, {per_class} a class, last stage, {seed}",
                PHOTO,
                leaves(per_class, seed),
                stage,
            )
        solved = {**own, "layers.amount": "head_only", "optimiser.method": "solve"}
        yield Case(f"photos, head solved, {seed}", PHOTO, leaves(60, seed), solved)
        for count in (180, 480):
            learnt = {**own, **WHOLE, **rates(1e-3, 3e-3)}
            yield Case(f"{count} texts, everything, {seed}", TEXT, texts(count, seed), learnt)
        for task, kind, count in (
            ("token_classification", "bert", 150),
            ("causal_lm", "llama", 150),
        ):
            learnt = {**own, **WHOLE, **rates(1e-3, 3e-3), "model.source": kind}
            yield Case(f"{task}, {count} texts, {seed}", task, made(task, count), learnt)


def made(task: str, count: int) -> Callable[[Path], list[Row]]:
    """Return the rows of a task's tiny data, read as any data are."""

    def rows(folder: Path) -> list[Row]:
        getattr(tiny, task)(folder / "data", count)
        return []

    return rows


def carry_out(case: Case, folder: Path, models: Path) -> float:
    """Train one case; return the seconds it took."""
    from finetune_studio.engine import curate
    from finetune_studio.engine.train import train

    began = time.perf_counter()
    data = folder / "data"
    data.mkdir(parents=True)
    rows = case.rows(folder)
    settings = {**STEPS, **case.settings}
    if case.task != PHOTO:
        kind = str(settings.get("model.source", "sentence"))
        settings["model.source"] = str(model(models, kind))
    recipe = Recipe(task=case.task).with_settings({"optimiser.batch_size": 16, **settings})
    with Project(folder / "project", case.task) as project:
        if rows:
            project.dataset.fill(rows, root=data)
        else:
            recipe = recipe.with_settings({"data.path": str(data)})
            list(curate.import_data(project, recipe.data, recipe.seed, Control()))
        try:
            for event in train(project, recipe, Control()):
                case.events.append(event)
        except StudioError as error:  # a run that cannot be saved has said so before
            print(f"    {error.message}", file=sys.stderr)
    return time.perf_counter() - began


def model(models: Path, kind: str) -> Path:
    """Return a tiny network that knows the words of the tests' grammar."""
    place = models / kind
    if not place.is_dir():
        rng = random.Random(0)
        words = [tiny._sentence(rng, kind) for kind in tiny.CLASSES for _ in range(60)]
        words += [" ".join(tiny.tagged(index)).replace("\tO", "") for index in range(40)]
        tiny_models.folder(place, kind, [*tiny_models.TEXTS, *words], chat=kind == "llama")
    return place


# --- what was heard -------------------------------------------------------------------------------


def heard(case: Case) -> dict[str, MonitorSpoke]:
    """Return what each monitor said first of those that raised an alarm or were waited for."""
    found: dict[str, MonitorSpoke] = {}
    for event in case.events:
        if isinstance(event, MonitorSpoke) and (
            event.severity in ALARM or (event.monitor in case.wanted and event.state)
        ):
            found.setdefault(event.monitor, event)
    return found


def show(cases: list[Case]) -> None:
    """Print the table, then what of it was right."""
    print("| run | epochs | should speak | spoke (after epoch) |")
    print("|---|---|---|---|")
    for case in cases:
        epochs = sum(isinstance(e, Validated) for e in case.events)
        said = ", ".join(f"{n} ({e.epoch:g})" for n, e in heard(case).items()) or "–"
        wanted = " or ".join(case.wanted) or "none"
        print(f"| {case.name} | {epochs} | {wanted} | {said} |")
    bad = [case for case in cases if case.wanted]
    good = [case for case in cases if not case.wanted]
    found = sum(any(name in heard(case) for name in case.wanted) for case in bad)
    false = [case for case in good if heard(case)]
    judged = sum(isinstance(e, Validated) for case in good for e in case.events)
    print(f"\nRuns that go wrong: {found} of {len(bad)} were told by the right monitor.")
    print(
        f"Healthy runs: {len(false)} of {len(good)} raised a false alarm"
        f" ({sum(len(heard(c)) for c in false)} alarms in {judged} judged epochs)."
    )


def keep(case: Case, folder: Path, recipe_values: dict[str, Any]) -> None:
    record = {
        "name": case.name,
        "task": case.task,
        "wanted": case.wanted,
        "recipe": recipe_values,
        "events": [e.as_json() for e in case.events],
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{case.name}.json").write_text(json.dumps(record), encoding="utf-8")


def replayed(folder: Path) -> list[Case]:
    """Return kept runs as today's monitors hear them."""
    from finetune_studio.engine import watching

    cases = []
    for file in sorted(folder.glob("*.json")):
        record = json.loads(file.read_text(encoding="utf-8"))
        events = [e for e in map(from_json, record["events"]) if e is not None]
        case = Case(record["name"], record["task"], lambda _: [], {}, tuple(record["wanted"]))
        case.events = watching.replayed(from_values(record["recipe"]), events)
        cases.append(case)
    return sorted(cases, key=lambda case: not case.wanted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--replay", type=Path)
    parser.add_argument("--only", choices=["wrong", "healthy"])
    chosen = parser.parse_args()
    if chosen.replay:
        show(replayed(chosen.replay))
        return
    cases = [] if chosen.only == "healthy" else list(wrong(chosen.seeds))
    cases += [] if chosen.only == "wrong" else list(healthy(chosen.seeds))
    with tempfile.TemporaryDirectory() as place:
        os.environ["FINETUNE_STUDIO_HOME"] = f"{place}/home"
        for number, case in enumerate(cases):
            took = carry_out(case, Path(place) / str(number), Path(place) / "models")
            said = ", ".join(heard(case)) or "–"
            print(f"    {case.name}: {took:.0f} s: {said}", file=sys.stderr, flush=True)
            if chosen.keep:
                from finetune_studio.engine.run import Run

                recipe = Run(Path(place) / str(number) / "project" / "runs" / "1").recipe
                keep(case, chosen.keep, recipe.model_dump())
            shutil.rmtree(Path(place) / str(number))
    show(cases)


if __name__ == "__main__":
    main()
