"""Eight bits for a text classifier: ranges fixed by training samples, or found while it is asked.

    python benchmarks/int8_texts.py [--run PROJECT/runs/1 [--export FOLDER]] [--train 400]
                                    [--validation 200] [--rounds 5]

Trains MiniLM with the quick preset on medical abstracts through the terminal, exports it as ONNX (which
proves that file), and makes files of 8 bits out of it: ``dynamic`` (weights alone; activations get their
range from each text), with the table of words in 8 bits or as it is, ``static`` (as pictures get it: ranges
from 100 training texts, with all that lies between) and ``static, products`` (only the products). All
answer the validation texts, then the same 1 and 32 texts in turn, on one thread.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import measure
from measure import timed

CALIBRATED = 100


def trained(home: Path, train: int, validation: int) -> Path:
    """Train a classifier of abstracts; return its run."""
    from texts import subset

    data = subset(home / "data", train, validation)
    events, took = measure.terminal(
        "train", "--task", "text_classification", "--data", str(data), "--preset", "quick",
        "--out", str(home / "project"), home=home,
    )  # fmt: skip
    print(f"Trained on {train} texts in {measure.told(took)}.", flush=True)
    return Path(events[-1]["run"])


def variants(plain: Path, room: Path, seen: Sequence[dict[str, Any]]) -> dict[str, Path]:
    """Write the file in 8 bits in each way."""
    from unittest.mock import patch

    from finetune_studio.models import smaller

    files = {"fp32": plain}
    files["dynamic"] = room / "dynamic.onnx"
    smaller.quantise_weights(plain, files["dynamic"])
    files["dynamic, words too"] = room / "words.onnx"
    with patch.object(smaller, "_DYNAMIC", ["MatMul", "Gemm", "Gather"]):
        smaller.quantise_weights(plain, files["dynamic, words too"])
    files["static"] = room / "static.onnx"
    smaller.quantise(plain, files["static"], seen)
    files["static, products"] = room / "products.onnx"
    with patch.object(smaller, "_STATIC", ["MatMul", "Gemm"]):
        smaller.quantise(plain, files["static, products"], seen)
    return files


def answers(session: Any, inputs: Sequence[dict[str, Any]]) -> Any:
    """Return the probabilities of each text, (texts, classes)."""
    import numpy as np

    return np.concatenate([session.run(None, given)[0] for given in inputs])


def together(inputs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return texts as one batch, filled up to the longest of them."""
    import numpy as np

    longest = max(given["input_ids"].shape[1] for given in inputs)
    return {
        name: np.concatenate(
            [np.pad(g[name], ((0, 0), (0, longest - g[name].shape[1]))) for g in inputs]
        )
        for name in inputs[0]
    }


def opened(files: Mapping[str, Path]) -> dict[str, Any]:
    """Open each file in onnxruntime, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return {
        name: onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        for name, file in files.items()
    }


def times(
    sessions: Mapping[str, Any], batch: dict[str, Any], rounds: int
) -> dict[str, measure.Took]:
    """Return what a batch takes by each file, the files taking turns."""
    sides = {
        name: lambda session=session: timed(lambda: session.run(None, batch))[1]
        for name, session in sessions.items()
    }
    found = measure.interleaved(sides, rounds, warm=1)
    return {name: measure.middle(took) for name, took in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--run", type=Path, help="trained already: only export and measure")
    parser.add_argument("--export", type=Path, help="the run's export as ONNX, made already")
    parser.add_argument("--train", type=int, default=400)
    parser.add_argument("--validation", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, measure.measured():
        home = Path(folder)
        run = args.run or trained(home, args.train, args.validation)
        if (export := args.export) is None:
            proven, _ = measure.terminal(
                "export", str(run), "--format", "onnx", "--out", str(home / "onnx"), home=home
            )
            export = Path(proven[-1]["path"])
        tell(run, export, home, args.rounds, args.validation)


def tell(run: Path, export: Path, room: Path, rounds: int, texts: int) -> None:
    """Make the smaller files, let all answer, and print the table."""
    import numpy as np

    from finetune_studio.core import scores
    from finetune_studio.core.project import Project
    from finetune_studio.engine import evaluate, ranges

    task = evaluate.load_task("text_classification")
    with Project(run.parent.parent) as project:
        train = project.dataset.samples(split="train", usable=True)[:CALIBRATED]
        judged = project.dataset.samples(split="validation", usable=True)[:texts]
    files = variants(export / "model.onnx", room, ranges.inputs(task, export, train))
    inputs = ranges.inputs(task, export, judged)
    sessions = opened(files)
    found = {name: answers(session, inputs) for name, session in sessions.items()}
    one, many = inputs[0], together(inputs[:32])
    single, batched = times(sessions, one, 4 * rounds), times(sessions, many, rounds)
    names = (export / "labels.json").read_text(encoding="utf-8")
    labels = json.loads(names)
    widths = [given["input_ids"].shape[1] for given in inputs]
    print(f"\n{len(judged)} validation texts of {statistics.mean(widths):.0f} tokens on average; one text of"
          f" {widths[0]}, 32 of up to {max(widths[:32])} tokens.")  # fmt: skip
    heads = (
        "file",
        "size",
        "agreement",
        "largest difference",
        "macro-F1",
        "1 text",
        "32 texts",
        "ratio",
    )
    print(f"\n| {' | '.join(heads)} |")
    print("|---|---|---|---|---|---|---|---|")
    for name, file in files.items():
        said = found[name].argmax(1)
        agreed = float((said == found["fp32"].argmax(1)).mean())
        apart = float(np.abs(found[name] - found["fp32"]).max())
        pairs = zip((str(s.label) for s in judged), (labels[n] for n in said), strict=True)
        f1 = scores.single(pairs)["macro_f1"]
        ratio = batched["fp32"].cpu / batched[name].cpu
        cells = [
            name,
            f"{file.stat().st_size / 1e6:.1f} MB",
            f"{agreed:.3f}",
            f"{apart:.1e}",
            f"{f1:.4f}",
        ]
        cells += [measure.told(single[name]), measure.told(batched[name]), f"{ratio:.2f}"]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
