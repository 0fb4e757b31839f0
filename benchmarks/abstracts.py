"""Classes of medical abstracts with MiniLM through the terminal: macro-F1 on the validation split, by seed.

    python benchmarks/abstracts.py [--preset quick balanced] [--seeds 0 1 2] [--set field=value]

One run a preset and seed, on the split that the program makes by itself (70, 15 and 15 %, from the seed), so
that nothing but the validation split is read. Presets are tuned with other seeds than 0, 1 and 2.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import measure
from measure import SHARED, Took, told

ABSTRACTS = SHARED / "data" / "txt-medical-abstracts"
GOALS = {"quick": (0.56, 0.56), "balanced": (0.58, 0.60)}


def trained(preset: str, seed: int, settings: list[str], home: Path) -> tuple[dict, dict, Took]:
    """Train through the terminal; return how the run began and ended, and the time."""
    events, took = measure.terminal(
        "train", "--task", "text_classification", "--data", str(ABSTRACTS), "--preset", preset,
        "--seed", str(seed), "--out", str(home / f"{preset}-{seed}"), *settings, home=home,
    )  # fmt: skip
    return next(e for e in events if e["event"] == "run_started"), events[-1], took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--preset", nargs="+", default=["quick", "balanced"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--set", action="append", default=[], help="a setting, as in the terminal")
    args = parser.parse_args()
    settings = [word for setting in args.set for word in ("--set", setting)]
    with tempfile.TemporaryDirectory() as folder, measure.measured():
        print(
            "| preset | seed | macro-F1 | accuracy | baseline | best epoch | whole run, wall (cpu) |"
        )
        print("|---|---|---|---|---|---|---|", flush=True)
        for preset in args.preset:
            found = []
            for seed in args.seeds:
                began, end, took = trained(preset, seed, settings, Path(folder))
                scores = end["metrics"]
                found.append(scores["macro_f1"])
                base = began["baseline"]["value"]
                print(
                    f"| {preset} | {seed} | {scores['macro_f1']:.3f} | {scores['accuracy']:.3f} |"
                    f" {base:.3f} | {end['best_epoch']:g} | {told(took)} |",
                    flush=True,
                )
            mean = statistics.mean(found)
            must, aim = GOALS.get(preset, (0.0, 0.0))
            verdict = "MISSED" if mean < must else "reached" if mean < aim else "aim reached"
            spread = f"{min(found):.3f} to {max(found):.3f}"
            print(
                f"| {preset} | mean | **{mean:.3f}** ({spread}) | must {must} | aim {aim} | | {verdict} |"
            )


if __name__ == "__main__":
    main()
