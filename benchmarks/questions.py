"""Answers in English XQuAD, divided by paragraph: a check that the way is whole, beside the simplest answer.

    python benchmarks/questions.py [--preset balanced] [--quick]

MiniLM was never taught to answer, and about 830 questions teach it little: no claim of quality. The simplest
answer is the sentence that shares most words with the question.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import measure
from measure import SHARED, told

QUESTIONS = SHARED / "data" / "txt-xquad" / "xquad.en.json"


def part(source: Path, target: Path, articles: int) -> Path:
    """Copy the first articles."""
    whole = json.loads(source.read_text(encoding="utf-8"))
    whole["data"] = whole["data"][:articles]
    target.write_text(json.dumps(whole), encoding="utf-8")
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], help="a setting, as in the terminal")
    parser.add_argument("--quick", action="store_true", help="8 articles, to see that it works")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, measure.measured():
        home = Path(folder)
        data = part(QUESTIONS, home / "few.json", 8) if args.quick else QUESTIONS
        settings = [word for setting in args.set for word in ("--set", setting)]
        events, took = measure.terminal(
            "train", "--task", "question_answering", "--data", str(data), "--preset", args.preset,
            "--seed", str(args.seed), "--out", str(home / "project"), *settings, home=home,
        )  # fmt: skip
        scored, _ = measure.terminal("evaluate", events[-1]["run"], "--split", "test", home=home)
        found = scored[-1]
        began = next(event for event in events if event["event"] == "run_started")
        print(f"\n| {args.preset}, seed {args.seed} | F1 (95 % interval) | exact match |")
        print("|---|---|---|")
        low, high = found["intervals"]["f1"]
        metrics, kept, base = found["metrics"], events[-1]["metrics"], found["baseline"]
        print(
            f"| test ({found['samples']} questions) | {metrics['f1']:.3f} ({low:.3f} to {high:.3f})"
            f" | {metrics['exact_match']:.3f} |"
        )
        validation = began["samples"]["validation"]
        print(
            f"| validation ({validation} questions) | {kept['f1']:.3f} | {kept['exact_match']:.3f} |"
        )
        print(f"| {base['text']} | {base['value']:.3f} | |")
        print(f"\n{began['samples']['train']} questions to learn from; whole run {told(took)}.")


if __name__ == "__main__":
    main()
