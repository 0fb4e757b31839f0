"""What smaller formats cost and bring: ONNX exports of a quick run, their scores, and their speed in turns.

    python benchmarks/exports.py [--train 800] [--validation 341] [--rounds 9] [--project PROJECT]

Trains MobileNetV2 with its ImageNet weights on clothing10 through the terminal, exports the run in each
format (which proves it on the validation photos), then lets onnxruntime answer the same 32 photos by each
file in turn, on one thread. The run turns unlike inputs away (2 % of its own): each export is asked photos
of the validation split and photos of hands, whether it turns the same ones away as the run does.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import measure
from measure import CLOTHING, MOBILENET, SIGNS, timed

FORMATS = ("onnx", "onnx-fp16", "onnx-int8")
MUST = (1.0, 1.5)  # faster than fp32; with VNNI one and a half times
WITHIN = 0.02


def vnni() -> bool:
    """Whether the processor multiplies bytes by itself."""
    try:
        return "vnni" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False


def sessions(exports: dict[str, str]) -> dict[str, object]:
    """Open each file in onnxruntime, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return {
        name: onnxruntime.InferenceSession(
            str(Path(place) / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        for name, place in exports.items()
    }


def speeds(exports: dict[str, str], photos: list[Path], rounds: int) -> dict[str, measure.Took]:
    """Return what 32 photos take by each file, the files taking turns."""
    import numpy as np

    sys.path.insert(0, exports["onnx"])
    import preprocess

    seen = json.loads((Path(exports["onnx"]) / "preprocessing.json").read_text(encoding="utf-8"))
    pixels = np.stack([preprocess.squared(path, seen) for path in photos[:32]])
    sides = {
        name: lambda session=session: timed(lambda: session.run(None, {"pixels": pixels}))[1]
        for name, session in sessions(exports).items()
    }
    found = measure.interleaved(sides, rounds, warm=2)
    return {name: measure.middle(times) for name, times in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--train", type=int, default=800)
    parser.add_argument("--validation", type=int, default=341)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--asked", type=int, default=100, help="own and foreign photos each")
    parser.add_argument("--project", type=Path, help="trained already: only export and measure")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, measure.measured():
        home = Path(folder) / "home"
        run = str(args.project / "runs" / "1") if args.project else trained(Path(folder), args)
        measure.terminal("inspect", run, "--turn-away", "0.02", home=home)
        proven = {
            name: measure.terminal("export", run, "--format", name, home=home)[0][-1]
            for name in FORMATS
        }
        photos = measure.pictures(CLOTHING / "validation")
        took = speeds({n: e["path"] for n, e in proven.items()}, photos, args.rounds)
        tell(proven, took)
        own, foreign = photos[:: max(1, len(photos) // args.asked)], hands(args.asked)
        tell_unlike({"run": run, **{n: e["path"] for n, e in proven.items()}}, own, foreign)


def hands(count: int) -> list[Path]:
    """Return photos of hands, of every sign alike."""
    found = sorted(measure.pictures(SIGNS), key=lambda p: (p.stem, p.parent))
    return found[:: max(1, len(found) // count)]


def tell_unlike(sources: dict[str, str], own: list[Path], foreign: list[Path]) -> None:
    """Print a row a source: who is turned away, and whether these are those that the run turns away."""
    from finetune_studio.core.job import Control
    from finetune_studio.engine import decision, evaluate

    print(
        "\n| source | own turned away | foreign turned away | as the run does | likeness off by |"
    )
    print("|---|---|---|---|---|")
    first: list[dict] = []
    for name, source in sources.items():
        asked = evaluate.predict(Path(source), [str(p) for p in (*own, *foreign)], Control())
        said = [answer.answer for answer in asked]
        away = [bool(one.get(decision.UNLIKE)) for one in said]
        first = first or said
        same = sum(
            a == bool(b.get(decision.UNLIKE)) for a, b in zip(away, first, strict=True)
        ) / len(said)
        off = max(abs(a["likeness"] - b["likeness"]) for a, b in zip(said, first, strict=True))
        print(
            f"| {name} | {sum(away[: len(own)])} of {len(own)} |"
            f" {sum(away[len(own) :])} of {len(foreign)} | {same:.3f} | {off:.4f} |"
        )


def trained(folder: Path, args: argparse.Namespace) -> str:
    """Train a quick run on a part of the photos; return its folder."""
    data = measure.subset(CLOTHING, folder / "photos", train=args.train, validation=args.validation)
    events, _ = measure.terminal(
        "train", "--task", "image_classification", "--data", str(data), "--model", str(MOBILENET),
        "--preset", "quick", "--seed", "0", "--out", str(folder / "project"), home=folder / "home",
    )  # fmt: skip
    return events[-1]["run"]


def tell(proven: dict[str, dict], took: dict[str, measure.Took]) -> None:
    """Print a row a format."""
    must = MUST[vnni()]
    print(
        "| format | size | agreement | largest difference | accuracy before, after"
        " | 32 photos, one thread (cpu) | times fp32's speed | verdict |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name, event in proven.items():
        ratio = took["onnx"].cpu / took[name].cpu
        verdict = ""
        if name == "onnx-int8":
            lost = event["metric_before"] - event["metric_after"]
            fine = lost <= WITHIN and ratio >= must
            verdict = f"{'reached' if fine else 'MISSED'} (must: within 2 points, {must:g})"
        print(
            f"| {name} | {event['size_mb']:.2f} MB | {event['agreement']:.4f} |"
            f" {event['max_abs_diff']:.1e} | {event['metric_before']:.3f}, {event['metric_after']:.3f} |"
            f" {took[name].wall * 1000:.0f} ms ({took[name].cpu * 1000:.0f}) | {ratio:.2f} | {verdict} |"
        )


if __name__ == "__main__":
    main()
