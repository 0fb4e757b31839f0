"""The balanced preset against what people do without this program, on the same split and the same backbone.

    python benchmarks/recipes.py [--data clothing20 signs] [--sides balanced trainer head one_rate fastai]
                                 [--seeds 3 4 5] [--split validation]

Sides: ``balanced`` is the preset as it is; ``trainer`` transformers' Trainer with its defaults (everything
trained, 5e-5, linear, batch 8, usual augmentation of pictures) for as many epochs as fit into the processor
time that balanced took, three at least; ``head`` the head alone for as many epochs as balanced;
``one_rate`` every layer at one rate, also for as many
epochs as fit, three at least; ``fastai`` its ``fine_tune`` with defaults for as long as balanced
took, where it is installed. ``--sides`` also takes settings, as ``regularise.averaging=0.99`` or several
joined by ``+``: the preset with these (ablations); another preset is named first, as ``best`` or
``best+compute.threads=1``. Data: clothing10 whole, cut to 20 photos a class (the
other splits whole), sign-digits and medical abstracts. Presets are tuned with other seeds than 0, 1 and 2,
on validation; for the table of record ``--split test --seeds 0 1 2`` reads each test split once a side and
seed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
from pathlib import Path

import measure
from measure import CLOTHING, MOBILENET, SHARED, SIGNS, Took, told

ABSTRACTS = SHARED / "data" / "txt-medical-abstracts"
DATA = {
    "clothing": ("image_classification", CLOTHING),
    "clothing20": ("image_classification", CLOTHING),
    "signs": ("image_classification", SIGNS),
    "abstracts": ("text_classification", ABSTRACTS),
}
FIXED = {
    "balanced": [],
    "head": ["layers.amount=head_only"],
    "one_rate": ["layers.amount=everything", "optimiser.head_learning_rate=0.0002"],
}
PRESETS = ("quick", "balanced", "best")
SCORE = {"image_classification": "accuracy", "text_classification": "macro_f1"}


def cut(source: Path, target: Path, each: int) -> Path:
    """Copy the data with so many training photos a class, and the other splits whole."""
    measure.subset(source, target, train=each * len([*(source / "train").iterdir()]))
    for split in ("validation", "test"):
        shutil.copytree(source / split, target / split)
    return target


def ours(
    task: str, data: Path, side: str, seed: int, split: str, project: Path, epochs: int = 0
) -> tuple:
    """Train through the terminal; return the score on the split, what it took, and the epochs.

    ``epochs`` 0 means as many as the preset has.
    """
    words = side.split("+")
    preset = next((word for word in words if word in PRESETS), "balanced")
    settings = FIXED.get(side, [word for word in words if "=" in word])
    settings = settings + [f"optimiser.epochs={epochs}"] * bool(epochs)
    model = "minilm" if task == "text_classification" else str(MOBILENET)
    asked = [word for setting in settings for word in ("--set", setting)]
    home = project.parent / "home"
    events, took = measure.terminal(
        "train", "--task", task, "--data", str(data), "--model", model, "--preset", preset,
        "--seed", str(seed), "--out", str(project), *asked, home=home,
    )  # fmt: skip
    last = events[-1]
    found = last["metrics"]
    if split != "validation":
        scored, _ = measure.terminal("evaluate", last["run"], "--split", split, home=home)
        found = scored[-1]["metrics"]
    began = next(event for event in events if event["event"] == "run_started")
    return found[SCORE[task]], took, began["epochs"]


def fitting(task: str, data: Path, side: str, seed: int, room: Path, seconds: float) -> int:
    """Return how many epochs of a side fit into so many processor seconds, by trying one; three at least."""
    project = room / "tried" / "project"
    ours(task, data, side, seed, "validation", project, epochs=1)
    shutil.rmtree(room / "tried" / "home", ignore_errors=True)
    lines = next((project / "runs").glob("*/events.jsonl")).read_text("utf-8").splitlines()
    cost = next(e for e in map(json.loads, lines) if e["event"] == "cost_measured")
    return max(3, round(seconds / cost["processor_s"]))


def theirs(task: str, side: str, seed: int, split: str, project: Path, seconds: float) -> tuple:
    """Let another library train on the project's samples in a fresh process."""
    said, took = measure.child(
        __file__, "--work", side, "--project", str(project), "--task", task, "--seeds", str(seed),
        "--split", split, "--seconds", f"{seconds:.1f}",
    )  # fmt: skip
    about = json.loads(said.splitlines()[-1])
    return about["score"], took, about["epochs"]


def samples(project: Path, task: str, split: str) -> list[tuple[str, str]]:
    """Return (file or text, class) of a split of our project."""
    from finetune_studio.core.project import Project

    with Project(project, task) as opened:
        found = opened.dataset.samples(split=split, usable=True)
    return [(sample.path or sample.fields["text"], str(sample.label)) for sample in found]


def work(args: argparse.Namespace) -> None:
    """Train with another library in this process; print the score and the epochs."""
    parts = {split: samples(args.project, args.task, split) for split in ("train", args.split)}
    classes = sorted({label for _, label in parts["train"]})
    from rivals import by_fastai, by_trainer

    by = by_fastai if args.work == "fastai" else by_trainer
    said, epochs = by(args.task, parts["train"], parts[args.split], classes, args)
    truth = [classes.index(label) for _, label in parts[args.split]]
    from sklearn.metrics import accuracy_score, f1_score

    picture = args.task == "image_classification"
    score = accuracy_score(truth, said) if picture else f1_score(truth, said, average="macro")
    print(json.dumps({"score": float(score), "epochs": epochs}))


def compare(name: str, sides: list[str], seeds: list[int], split: str) -> None:
    """Print a line a side for one set of data; the sides of a seed follow each other."""
    task, source = DATA[name]
    found: dict[str, list[tuple[float, Took]]] = {side: [] for side in sides}
    epochs: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        data = cut(source, room / "data", 20) if name == "clothing20" else source
        for seed in seeds:
            seconds, reference = 0.0, room / "none"
            for number, side in enumerate(sides):
                project = room / f"{seed}-{number}" / "project"
                if side in ("trainer", "fastai"):
                    if not seconds:
                        raise SystemExit(f"{side} needs another side before it, for split and time")
                    score, took, each = theirs(task, side, seed, split, reference, seconds)
                else:
                    if side == "one_rate" and seconds and side not in epochs:
                        epochs[side] = fitting(task, data, side, seed, room, seconds)
                    limit = epochs[side] if side == "one_rate" and seconds else 0
                    score, took, each = ours(task, data, side, seed, split, project, limit)
                    if not seconds:
                        seconds, reference = took.cpu, project
                found[side].append((score, took))
                epochs[side] = each
                print(f"  {name}, seed {seed}, {side}: {score:.3f}, {told(took)}", flush=True)
    for side, results in found.items():
        scores = [score for score, _ in results]
        spread = statistics.stdev(scores) if len(scores) > 1 else 0.0
        print(
            f"| {name} | {side} | {statistics.mean(scores):.3f} ± {spread:.3f} | {len(scores)} |"
            f" {epochs[side]} | {told(measure.middle([took for _, took in results]))} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", nargs="+", default=list(DATA), choices=list(DATA))
    parser.add_argument("--sides", nargs="+", default=["balanced", "trainer", "head", "one_rate"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[3, 4, 5])
    parser.add_argument("--split", default="validation", choices=["validation", "test"])
    for inner in ("--work", "--task"):
        parser.add_argument(inner, help=argparse.SUPPRESS)
    parser.add_argument("--project", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        work(args)
        return
    with measure.measured():
        print(f"\n| data | side | {args.split} | seeds | epochs | whole run, wall (cpu) |")
        print("|---|---|---|---|---|---|", flush=True)
        for name in args.data:
            compare(name, args.sides, args.seeds, args.split)


if __name__ == "__main__":
    main()
