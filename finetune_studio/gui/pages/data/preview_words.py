"""What a preview says: how data may be read otherwise, the first samples, the splits; no Qt here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune_studio.core.recipe import DataChoices
from finetune_studio.gui.pages.data.intake_words import is_text
from finetune_studio.gui.widgets.reading_choices import Choice

if TYPE_CHECKING:
    from finetune_studio.engine.curate import DataLook

Tr = Callable[[str], str]


def reading_choices(look: DataLook, choices: DataChoices, task: str, tr: Tr) -> list[Choice]:
    """Return what can be corrected about how data are read."""
    found: list[Choice] = []
    if is_text(task):
        found += _format(look, choices, task, tr)
    if look.encoding or (is_text(task) and not look.columns):
        found.append(_encoding(look, choices, tr))
    if "labels_path" in look.guesses:
        found += [_names_of_labels(look, choices, tr), _between_labels(choices, tr)]
    return found


def _format(look: DataLook, choices: DataChoices, task: str, tr: Tr) -> list[Choice]:
    from finetune_studio.engine import curate

    rows = curate.formats(task)
    if len(rows) < 2:
        return []
    title = next((row.title for row in rows if row.name == look.reader), "")
    first = tr("{what} · recognised").format(what=title) if title else tr("Not recognised")
    known = [(row.name, row.title) for row in rows]
    options = (("", tr("Recognise it") if choices.reader else first), *known)
    help_text = tr("In which format the data are read.")
    return [Choice("reader", tr("Format"), options, choices.reader, "", help_text)]


def _encoding(look: DataLook, choices: DataChoices, tr: Tr) -> Choice:
    from finetune_studio.core.tables import ENCODINGS

    known = _listed(look.encoding) or _told_encoding(look)
    if not known and look.importable:
        known = tr("file by file")
    first = tr("{what} · recognised").format(what=known) if known else tr("Recognised by itself")
    first = tr("Recognise it") if choices.encoding else first
    return Choice(
        "encoding",
        tr("Encoding"),
        (("", first), *ENCODINGS.items()),
        choices.encoding,
        "",
        tr("How letters are written. If letters look wrong below, choose another encoding."),
    )


def _listed(encoding: str) -> str:
    """Return an encoding's name as the list to choose from has it."""
    from finetune_studio.core.tables import ENCODINGS, title

    return next((name for code, name in ENCODINGS.items() if title(code) == encoding), encoding)


def _told_encoding(look: DataLook) -> str:
    """Return how letters are read where that is one way: what is not UTF-8, the readers tell."""
    from finetune_studio.core.tables import ENCODINGS, title

    usual = ENCODINGS["utf-8"]
    told = [n for code, n in ENCODINGS.items() if any(title(code) in note for note in look.notes)]
    others = [name for name in told if name != usual]
    strange = any(" read as " in f" {note.lower()}" for note in look.notes)
    if not others:
        return usual if look.importable and not strange else ""
    files = {str(row.fields.get("file") or row.path) for row in look.rows}
    alone = len(told) == 1 and len(files) == 1 and len(look.splits) <= 1
    return others[0] if alone else ""  # of several files each may be written otherwise


def _names_of_labels(look: DataLook, choices: DataChoices, tr: Tr) -> Choice:
    found = look.guesses.get("labels_path", "")
    if choices.labels_path:
        first = tr("Look for a table beside")
    elif found:
        first = tr("{name} · found").format(name=found)
    else:
        first = tr("As they stand in the data")
    options = [("", first)]
    if found or choices.labels_path:
        options.append(("-", tr("As they stand in the data")))
    if choices.labels_path not in ("", "-"):
        options.append((choices.labels_path, Path(choices.labels_path).name))
    return Choice(
        "labels_path",
        tr("Names of labels"),
        tuple(options),
        choices.labels_path,
        tr("From another table…"),
        tr("A second table may say what codes such as 1 and 2 mean."),
    )


def _between_labels(choices: DataChoices, tr: Tr) -> Choice:
    return Choice(
        "label_separator",
        tr("Several labels a text"),
        (
            ("", tr("Recognised by itself")),
            ("-", tr("No: one label a text")),
            (";", tr("Separated by ;")),
            ("|", tr("Separated by |")),
            (",", tr("Separated by ,")),
        ),
        choices.label_separator,
        "",
        tr("By itself, ; or | separates labels only where the parts also stand elsewhere."),
    )


def first_rows(look: DataLook, tr: Tr) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the first samples of data that are no table, as columns and rows of plain text."""
    fields = [row.fields for row in look.rows]
    columns: list[tuple[str, list[str]]] = []
    if any(row.path for row in look.rows):
        columns.append((tr("File"), [row.path for row in look.rows]))
    for title, said in (
        (tr("Conversation"), _conversation),
        (tr("Question"), lambda f: str(f.get("question", ""))),
        (tr("Text"), lambda f: str(f.get("text") or f.get("context") or "")),
        (tr("Names"), _names),
        (tr("Answer"), _answers),
    ):
        cells = [said(each) for each in fields]
        if any(cells):
            columns.append((title, cells))
    if any(row.label for row in look.rows):
        columns.append((tr("Label"), [row.label or "" for row in look.rows]))
    if any(row.split for row in look.rows):
        columns.append((tr("Split"), [row.split or "" for row in look.rows]))
    if any(row.problem for row in look.rows):
        columns.append((tr("Set aside because"), [row.problem for row in look.rows]))
    return tuple(title for title, _ in columns), list(zip(*(c for _, c in columns), strict=True))


def _conversation(fields: Mapping[str, Any]) -> str:
    messages = fields.get("messages") or []
    return "\n".join(f"{each.get('role', '')}: {each.get('content', '')}" for each in messages)


def _names(fields: Mapping[str, Any]) -> str:
    text = str(fields.get("text", ""))
    spans = fields.get("spans") or []
    return "\n".join(f"{span[2]}: {text[span[0] : span[1]]}" for span in spans)


def _answers(fields: Mapping[str, Any]) -> str:
    if "answers" not in fields:
        return ""
    texts = dict.fromkeys(str(each.get("text", "")) for each in fields["answers"])
    return "\n".join(texts) or "no answer"


def split_sentence(look: DataLook, shares: DataChoices, tr: Tr) -> str:
    """Return which splits the data bring, or how they will be divided."""
    if look.splits:
        counts = " · ".join(f"{name} {count:,}" for name, count in look.splits.items())
        rest = look.samples - sum(look.splits.values())
        text = tr("Splits in the data: {counts}").format(counts=counts)
        if "validation" not in look.splits and look.complete:
            share = f"{100 * shares.validation_share:.0f} %"
            text += tr("; {share} of the rest will be for validation").format(share=share)
        elif rest > 0:
            text += tr("; {rest} without one").format(rest=f"{rest:,}")
        return text
    validation, test = (round(100 * s) for s in (shares.validation_share, shares.test_share))
    return tr("To be divided: train {train} %, validation {validation} %, test {test} %").format(
        train=100 - validation - test, validation=validation, test=test
    )
