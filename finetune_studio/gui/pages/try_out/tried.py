"""What was tried and what came of it: pure values, sentences, and a table for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, Noted, PhaseStarted, Prediction, Progress
from finetune_studio.core.job import Control

MOST_FILES = 10_000


@dataclass(frozen=True, slots=True)
class Tried:
    """One file that was tried, with its answer or the reason why there is none."""

    id: int
    prediction: Prediction

    @property
    def path(self) -> str:
        """Return the file."""
        return self.prediction.input

    @property
    def name(self) -> str:
        """Return the file's name."""
        return Path(self.path).name

    @property
    def certainty(self) -> float:
        """Return the probability of the answer, from 0 to 1."""
        return self.prediction.probabilities.get(str(self.prediction.label), 0.0)

    @property
    def trouble(self) -> str:
        """Return why there is no answer; empty if there is one."""
        return self.prediction.error or ""


def percent(share: float) -> str:
    """Return a share as percent with one digit: ``92.4 %``."""
    return f"{share * 100:.1f} %"


def answer_in_words(tried: Tried) -> str:
    """Return how sure the model is and how long it took, as a sentence."""
    shares = sorted(tried.prediction.probabilities.values(), reverse=True)
    milliseconds = tried.prediction.seconds * 1000
    took = f"{milliseconds:.1f} ms" if milliseconds < 10 else f"{milliseconds:.0f} ms"
    doubt = ""
    if len(shares) > 1 and shares[0] - shares[1] < 0.2:
        second = [n for n, s in tried.prediction.probabilities.items() if s == shares[1]][-1]
        doubt = f" It wavers: {second} is nearly as likely."
    return f"Answered in {took} on this computer.{doubt}"


def summary(all_tried: Sequence[Tried]) -> str:
    """Return in a line what was tried."""
    count = len(all_tried)
    broken = sum(bool(tried.trouble) for tried in all_tried)
    text = "1 picture tried" if count == 1 else f"{count:,} pictures tried"
    return f"{text}, {broken:,} could not be read" if broken else text


def as_csv(all_tried: Iterable[Tried]) -> str:
    """Return a table with a line a file: path, answer, its probability, each class's, the reason."""
    rows = list(all_tried)
    classes = sorted({name for tried in rows for name in tried.prediction.probabilities})
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["file", "answer", "probability", "milliseconds", "problem", *classes])
    for tried in rows:
        shares = tried.prediction.probabilities
        answered = not tried.trouble
        writer.writerow(
            [
                _safe(tried.path),
                _safe(str(tried.prediction.label)) if answered else "",
                f"{tried.certainty:.6f}" if answered else "",
                f"{tried.prediction.seconds * 1000:.1f}" if answered else "",
                _safe(tried.trouble),
                *(f"{shares[name]:.6f}" if name in shares else "" for name in classes),
            ]
        )
    return text.getvalue()


def _safe(cell: str) -> str:
    """Return a text that a spreadsheet does not take for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def expanded(paths: Sequence[Path]) -> tuple[list[str], str]:
    """Return the picture files among paths and in folders, in order, and a note if some were left out.

    A file that was named is always tried, whatever it is called; in a folder only files that look like
    pictures are.
    """
    from PIL import Image

    suffixes = Image.registered_extensions()
    found: list[str] = []
    for path in paths:
        if path.is_dir():
            inside = (f for f in sorted(path.rglob("*")) if f.suffix.lower() in suffixes)
            found += [
                str(f)
                for f in inside
                if f.is_file() and not any(p.startswith(".") for p in f.relative_to(path).parts)
            ]
        else:
            found.append(str(path))
    if not found:
        raise StudioError(
            "There are no pictures in what you chose.", "Choose pictures or a folder."
        )
    left = len(found) - MOST_FILES
    note = f"Only the first {MOST_FILES:,} pictures are tried; {left:,} are left out."
    return found[:MOST_FILES], note if left > 0 else ""


def ask_model(source: Path, paths: Sequence[Path], control: Control) -> Iterator[Event]:
    """Answer files by a run's network; it stays loaded for the next try."""
    from finetune_studio.engine import evaluate

    inputs, note = expanded(paths)
    if note:
        yield Noted(note, "warning")
    yield PhaseStarted("try", "Asking the model", len(inputs))
    for number, prediction in enumerate(evaluate.predict(source, inputs, control), 1):
        yield prediction
        yield Progress("try", number, len(inputs))
