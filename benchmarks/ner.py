"""Names of diseases in NCBI-disease: train to test with MiniLM through the terminal, against a dictionary.

    python benchmarks/ner.py [--preset balanced] [--split validation] [--quick]

One run of a preset, from its own command; then one look at the split. Its devel part is the validation
split: presets are chosen with ``--split validation`` and other seeds, so that the test split is read once.
The simplest answer marks every name that the training part holds, wherever it occurs.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import measure
from measure import SHARED, Took, told

DISEASES = SHARED / "data" / "txt-ner-ncbi-disease" / "NCBI-disease-IOB"
MUST, AIM = 0.80, 0.83


def part(source: Path, target: Path, **counts: int) -> Path:
    """Copy the first sentences of each file (``train=320``)."""
    target.mkdir(parents=True, exist_ok=True)
    for name, count in counts.items():
        text = (source / f"{name}.tsv").read_text(encoding="utf-8").strip()
        sentences = text.split("\n\n")[:count]
        (target / f"{name}.tsv").write_text("\n\n".join(sentences) + "\n", encoding="utf-8")
    return target


def trained(data: Path, arguments: list[str], split: str) -> tuple[dict, dict, Took]:
    """Train through the terminal; return how the run ended, what the split gave, and the time."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        events, took = measure.terminal(
            "train", "--task", "token_classification", "--data", str(data), "--out",
            str(home / "project"), *arguments, home=home,
        )  # fmt: skip
        scored, _ = measure.terminal("evaluate", events[-1]["run"], "--split", split, home=home)
        return events[-1], scored[-1], took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", default="test", choices=["test", "validation"])
    parser.add_argument("--set", action="append", default=[], help="a setting, as in the terminal")
    parser.add_argument("--quick", action="store_true", help="320 sentences, to see that it works")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, measure.measured():
        data = DISEASES
        if args.quick:
            data = part(DISEASES, Path(folder), train=320, devel=80, test=80)
        settings = ["--preset", args.preset, "--seed", str(args.seed)]
        for setting in args.set:
            settings += ["--set", setting]
        end, scored, took = trained(data, settings, args.split)
        found, base = scored["metrics"], scored["baseline"]
        low, high = scored["intervals"]["entity_f1"]
        print(
            f"\n| {args.preset}, seed {args.seed}, {args.split} ({scored['samples']} sentences) | |"
        )
        print("|---|---|")
        print(f"| entity F1 (95 % interval) | {found['entity_f1']:.3f} ({low:.3f} to {high:.3f}) |")
        print(f"| precision, recall | {found['precision']:.3f}, {found['recall']:.3f} |")
        print(f"| {base['text']} | {base['value']:.3f} |")
        print(
            f"| best epoch, validation F1 | {end['best_epoch']:g}, {end['metrics']['entity_f1']:.3f} |"
        )
        print(f"| whole run, wall (CPU) | {told(took)} |")
        verdict = "aim reached" if found["entity_f1"] >= AIM else "reached"
        verdict = verdict if found["entity_f1"] >= MUST else "MISSED"
        print(f"| must {MUST:.2f}, aim {AIM:.2f} | {verdict} |")


if __name__ == "__main__":
    main()
