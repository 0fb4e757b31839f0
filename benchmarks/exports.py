"""What smaller formats cost and bring: ONNX exports of a quick run, their scores, and their speed in turns.

    python benchmarks/exports.py [--train 800] [--validation 341] [--rounds 9] [--project PROJECT]

Trains MobileNetV2 with its ImageNet weights on clothing10 through the terminal, exports the run in each
format (which proves it on the validation photos), then lets onnxruntime answer the same 32 photos by each
file in turn, on one thread.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import measure
from measure import CLOTHING, MOBILENET, timed

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
    parser.add_argument("--project", type=Path, help="trained already: only export and measure")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, measure.measured():
        home = Path(folder) / "home"
        run = str(args.project / "runs" / "1") if args.project else trained(Path(folder), args)
        proven = {
            name: measure.terminal("export", run, "--format", name, home=home)[0][-1]
            for name in FORMATS
        }
        photos = measure.pictures(CLOTHING / "validation")
        took = speeds({n: e["path"] for n, e in proven.items()}, photos, args.rounds)
        tell(proven, took)


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
