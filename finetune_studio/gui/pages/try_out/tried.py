"""What was tried and what came of it: pure values, sentences, and a table for spreadsheets."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from finetune_studio.core.dataset import Row
from finetune_studio.core.events import Event, Noted, PhaseStarted, Prediction, Progress
from finetune_studio.core.job import Control
from finetune_studio.core.shares import fine
from finetune_studio.gui.pages.try_out.inputs import Given, expanded, is_text_task, sample_of
from finetune_studio.tasks import nouns

_NAME_LETTERS = 160
percent = fine
ADDED = "Tried texts"  # where samples come from that were added on the Try page


@dataclass(frozen=True, slots=True)
class Tried:
    """One file or text that was tried, with its answer or the reason why there is none."""

    id: int
    prediction: Prediction

    @property
    def path(self) -> str:
        """Return the file, or the text itself."""
        return self.prediction.input

    @property
    def name(self) -> str:
        """Return the file's name, or the beginning of a text."""
        given = self.path
        if given.startswith("{") and '"question"' in given:
            given = given.removeprefix('{"question": "').replace('", "context": "', " · ")
        if len(given) < 1024 and "\n" not in given and os.path.isfile(given):  # noqa: PTH113  a Path raises on odd texts
            return Path(given).name
        return " ".join(given[:_NAME_LETTERS].split())

    @property
    def certainty(self) -> float:
        """Return the probability of the answer, from 0 to 1; 0 where none is known."""
        known = self.prediction.answer.get("certainty")
        if known is not None:
            return float(known)
        return self.prediction.probabilities.get(str(self.prediction.label), 0.0)

    def at(self, path: str) -> Tried:
        """Return the same answer for another place of the file."""
        return replace(self, prediction=replace(self.prediction, input=path))

    @property
    def unlike(self) -> bool:
        """Whether the model turns it away as unlike what it learnt from."""
        return bool(self.prediction.answer.get("none_of_these"))

    @property
    def said(self) -> str:
        """Return the answer in a line, or that it is none of the classes."""
        label = " ".join(str(self.prediction.label or "–").split())
        return f"none of these (most like {label})" if self.unlike else label

    @property
    def trouble(self) -> str:
        """Return why there is no answer; empty if there is one."""
        return self.prediction.error or ""


def trouble_beside_name(tried: Tried) -> str:
    """Return why there is no answer, without the file, whose name stands beside it."""
    told = tried.trouble.removeprefix(f"{tried.path} ")
    return told[:1].upper() + told[1:]


def answer_in_words(tried: Tried) -> str:
    """Return how sure the model is and how long it took, as a sentence."""
    several = "labels" in tried.prediction.answer
    shares = [] if several else sorted(tried.prediction.probabilities.values(), reverse=True)
    milliseconds = tried.prediction.seconds * 1000
    took = f"{milliseconds:.1f} ms" if milliseconds < 10 else f"{milliseconds:.0f} ms"
    if milliseconds >= 10_000:
        took = f"{milliseconds / 1000:.1f} s"
    doubt = ""
    if len(shares) > 1 and shares[0] - shares[1] < 0.2:
        second = [n for n, s in tried.prediction.probabilities.items() if s == shares[1]][-1]
        doubt = f" It wavers: {second} is nearly as likely."
    return f"Answered in {took} on this computer.{doubt}"


def called(task: str) -> tuple[str, str]:
    """Return what one and several of the things that are tried are called."""
    return nouns(task) if is_text_task(task) else ("picture", "pictures")


def summary(all_tried: Sequence[Tried], task: str = "") -> str:
    """Return in a line what was tried."""
    count = len(all_tried)
    broken = sum(bool(tried.trouble) for tried in all_tried)
    one, many = called(task)
    text = f"1 {one} tried" if count == 1 else f"{count:,} {many} tried"
    return f"{text}, {broken:,} could not be read" if broken else text


def warning(tried: Tried | None, task: str = "") -> str:
    """Return what must be said of an input that is unlike what the model learnt from; else nothing."""
    if tried is None or not tried.unlike:
        return ""
    return (
        f"This {called(task)[0]} is unlike what the model learnt from: further from all training samples than"
        f" was allowed on Inspect. None of its classes may fit; the nearest is {tried.prediction.label}."
    )


def as_csv(
    all_tried: Iterable[Tried],
    task: str = "",
    beside: str = "",
    others: Mapping[int, Prediction] | None = None,
) -> str:
    """Return a table with a line a file or text: what was asked, the answer, how sure, the reason.

    ``others`` are the answers of another run, called ``beside``, by what was tried.
    """
    others = (others or {}) if beside else {}
    rows = list(all_tried)
    what = "text" if is_text_task(task) else "file"
    classes = sorted({name for tried in rows for name in tried.prediction.probabilities})
    text = io.StringIO()
    writer = csv.writer(text)
    more = [f"{beside} answer", f"{beside} probability"] if beside else []
    writer.writerow([what, "answer", "probability", "milliseconds", "problem", *classes, *more])
    for tried in rows:
        shares = tried.prediction.probabilities
        answered = not tried.trouble
        writer.writerow(
            [
                _safe(tried.path),
                _safe(_cell(tried)) if answered else "",
                f"{tried.certainty:.6f}" if answered and tried.certainty else "",
                f"{tried.prediction.seconds * 1000:.1f}" if answered else "",
                _safe(tried.trouble),
                *(f"{shares[name]:.6f}" if name in shares else "" for name in classes),
                *(_other(tried, others.get(tried.id)) if beside else ()),
            ]
        )
    return text.getvalue()


def _cell(tried: Tried) -> str:
    return "none of these" if tried.unlike else str(tried.prediction.label)


def _other(tried: Tried, answer: Prediction | None) -> tuple[str, str]:
    if answer is None or answer.error:
        return "", ""
    found = Tried(tried.id, answer)
    return _safe(_cell(found)), f"{found.certainty:.6f}" if found.certainty else ""


def _safe(cell: str) -> str:
    """Return a text that a spreadsheet does not take for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def ask_model(source: Path, given: Sequence[Given], control: Control) -> Iterator[Event]:
    """Answer files and texts by a run's network; it stays loaded for the next try."""
    from finetune_studio.engine import evaluate
    from finetune_studio.engine.run import Run

    inputs, note = expanded(given, Run(source).recipe.task)
    if note:
        yield Noted(note, "warning")
    yield PhaseStarted("try", "Asking the model", len(inputs))
    for number, prediction in enumerate(evaluate.predict(source, inputs, control), 1):
        yield prediction
        yield Progress("try", number, len(inputs))


def row_of(tried: Tried, task: str, label: str, number: int) -> Row:
    """Return what was tried as a sample to learn from.

    Args:
        tried: What was tried.
        task: Of the project.
        label: The right class; empty takes the model's answer as it is.
        number: Which of the tried samples that were added it is; it stands in its place.
    """
    if not is_text_task(task):
        return Row(str(Path(tried.path).resolve()), label, "train")
    fields: dict[str, Any] = dict(sample_of(tried.path, task).fields)
    fields |= {"file": ADDED, "row": number}
    about = tried.prediction.answer
    if "labels" in about:
        fields["labels"] = [label] if label else list(about["labels"])
        return Row(split="train", fields=fields)
    if label:
        return Row(label=label, split="train", fields=fields)
    if "spans" in about:
        fields["spans"] = [[int(s[0]), int(s[1]), str(s[2])] for s in about["spans"]]
    elif "start" in about:
        text = str(about.get("text") or "")
        fields["answers"] = [{"text": text, "start": int(about["start"])}] if text else []
    elif "summary" in about:
        fields["summaries"] = [str(about["summary"])]
    return Row(split="train", fields=fields)
