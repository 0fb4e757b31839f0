"""Which column of a table holds texts and which labels or summaries: guessed by looking at values."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from finetune_studio.core.columns import LABEL_WORDS, NONE, by_words, group_column, split_column
from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import DataChoices
from finetune_studio.core.tables import Cells, Table

TEXT_WORDS = (
    *("text", "sentence", "document", "article", "dialogue", "dialog", "abstract", "content"),
    *("body", "review", "comment", "message", "tweet", "post", "note", "report", "transcript"),
    *("passage", "utterance", "source", "input", "description", "question", "query", "title"),
)
SUMMARY_WORDS = (
    *("summary", "summaries", "highlights", "highlight", "abstract", "tldr", "reference"),
    *("references", "gist", "headline", "target", "output", "title"),
)
_LABEL_WORDS = (*LABEL_WORDS, "sentiment", "topic", "intent", "emotion", "rating", "stars", "genre")
_LONGEST_LABEL = 100
_LETTER = re.compile(r"[^\W\d_]")
# Letters of those that write without blanks between words.
_WIDE = re.compile("[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


def label_roles(table: Table, rows: Sequence[Cells], choices: DataChoices) -> dict[str, str]:
    """Return the columns of texts, labels, splits and groups, the user's choices first.

    Where classes have a column of 0 and 1 each, the label's columns are listed with commas.

    Raises:
        StudioError: If a chosen column is missing, or none fits.
    """
    refuse_missing(table, choices, ("text_column", "label_column", "split_column", "group_column"))
    label = choices.label_column or _label_by_name(table, rows, choices.text_column)
    taken = {label, choices.split_column, choices.group_column}
    text = choices.text_column or longest_text(_without(table.columns, taken), rows, TEXT_WORDS)
    if not text:
        raise none_fits(table, "texts", "the column with the texts")
    split = choices.split_column or split_column(_without(table.columns, {text, label}), rows)
    group = choices.group_column or group_column(_without(table.columns, {text, label, split}))
    rest = _without(table.columns, {text, split, group})
    flags = [c for c in rest if _is_flag(c, rows) and "," not in c]
    if len(flags) > 1 and not choices.label_column and label.strip().lower() not in LABEL_WORDS:
        label = ", ".join(flags) if not label or label in flags else label
    label = label or _label_by_values(rest, rows)
    if not label:
        raise none_fits(
            table, "labels", "the column with the labels, a few different words or numbers"
        )
    return {
        "text_column": text,
        "label_column": label,
        "split_column": "" if split == NONE else split,
        "group_column": "" if group == NONE else group,
    }


def summary_roles(table: Table, rows: Sequence[Cells], choices: DataChoices) -> dict[str, str]:
    """Return the columns of texts, summaries, splits and groups, the user's choices first.

    Of numbered summaries (``summary1``, ``summary2``) the first is returned; see :func:`numbered`.

    Raises:
        StudioError: If a chosen column is missing, or none fits.
    """
    known = table.columns
    target = choices.target_column
    if target and target != NONE and target not in known:
        target = next(iter(numbered(known, target)), target)
    refuse_missing(
        table,
        choices.model_copy(update={"target_column": target}),
        ("text_column", "target_column", "split_column", "group_column"),
    )
    if not target:
        free = _without(known, {choices.text_column, choices.split_column, choices.group_column})
        named = [c for c in free if _without_number(c) in SUMMARY_WORDS]
        named.sort(key=lambda c: (SUMMARY_WORDS.index(_without_number(c)), known.index(c)))
        target = _shorter(named, free, rows)
        siblings = numbered(known, target)
        target = siblings[0] if target in siblings else target
    if not target:
        raise none_fits(table, "summaries", "the column with the summaries")
    aside = {*numbered(known, target), target, choices.split_column, choices.group_column}
    text = choices.text_column or longest_text(_without(known, aside), rows, TEXT_WORDS)
    if not text:
        raise none_fits(table, "long texts", "the column with the texts that are summarised")
    split = choices.split_column or split_column(_without(known, aside | {text}), rows)
    group = choices.group_column or group_column(_without(known, aside | {text, split}))
    return {
        "text_column": text,
        "target_column": target,
        "split_column": "" if split == NONE else split,
        "group_column": "" if group == NONE else group,
    }


def flag_columns(columns: Sequence[str], label: str) -> list[str]:
    """Return the columns of 0 and 1 that stand for a class each, where the choice lists several."""
    if label in columns or "," not in label:
        return []
    parts = [part.strip() for part in label.split(",")]
    return parts if all(part in columns for part in parts) else []


def numbered(columns: Sequence[str], column: str) -> list[str]:
    """Return the columns that are called like one but for a number at their end, by that number."""
    base = _without_number(column)
    found = [
        (int(match.group(1)), c)
        for c in columns
        if (match := re.search(r"(\d+)$", c.strip())) and _without_number(c) == base
    ]
    return [c for _, c in sorted(found)]


def longest_text(columns: Sequence[str], rows: Sequence[Cells], words: Sequence[str]) -> str:
    """Return the column whose cells are long and of several words; the more so if it is called so.

    Where no cell has several words, only a usual name makes a column one of texts.
    """
    worth = {c: _worth(c, rows) * _called(c, words) for c in columns}
    best = max(worth, key=lambda c: worth[c], default="")
    if best and worth[best] > 0:
        return best
    return next((c for word in words for c in columns if c.strip().lower() == word), "")


def _called(column: str, words: Sequence[str]) -> float:
    """Return how much a column's name speaks for it: from 1 to 3, the most for the first word."""
    found = [i for i, word in enumerate(words) if by_words([column], [word])]
    return 3 - 2 * min(found) / len(words) if found else 1


def refuse_missing(table: Table, choices: DataChoices, names: Sequence[str]) -> None:
    """Refuse a column that the user chose and the table lacks.

    Raises:
        StudioError: If there is one, offering those that are there.
    """
    for name in names:
        wanted = getattr(choices, name)
        if name == "label_column" and flag_columns(table.columns, wanted):
            continue
        if wanted and wanted != NONE and wanted not in table.columns:
            near = difflib.get_close_matches(wanted, table.columns, n=1)
            meant = f"Did you mean {near[0]!r}? " if near else ""
            raise StudioError(f"{table.path} has no column {wanted!r}.", meant + offer(table))


def none_fits(table: Table, what: str, column: str) -> StudioError:
    """Return the refusal of a table in which no column looks right."""
    if len(table.columns) < 2:
        return StudioError(
            f"{table.path} has one column only, {table.columns[0]!r}, and none for {what}.",
            "Give it a column of each, or choose another format or table.",
        )
    return StudioError(
        f"No column of {table.path} looks like {what}.", f"Choose {column}. {offer(table)}"
    )


def offer(table: Table) -> str:
    """Return the names of a table's columns as a sentence."""
    return f"Its columns are: {', '.join(table.columns)}."


def looks_headless(table: Table, rows: Sequence[Cells]) -> bool:
    """Whether the first row of a CSV is a sample rather than the names of columns.

    So it is where one of its cells is a whole sentence, or stands again in its column among few others.
    """
    if table.kind != "text":
        return False
    for name in table.columns:
        if len(name) > 60 and name.count(" ") >= 6:
            return True
        cells = [cell for row in rows if (cell := row.get(name))]
        different = set(cells)
        if len(cells) >= 4 and name in different and len(different) <= max(2, len(cells) // 2):
            return True
    return False


def _label_by_name(table: Table, rows: Sequence[Cells], text: str) -> str:
    """Return the column that is called like labels, if its cells are short; names before numbers."""
    free = _without(table.columns, {text})
    short = [
        c for c in free if 0 < _mean_length(c, rows) <= _LONGEST_LABEL and not _sentences(c, rows)
    ]
    found = by_words(short, _LABEL_WORDS)
    if not found:
        return ""
    called = [c for c in short if c != found and c.lower().startswith(f"{found.lower()}_")]
    named = (c for c in called if c.lower().endswith(("_name", "_text", "_title")))
    return next((c for c in named if _same_classes(found, c, rows)), found)


def _label_by_values(columns: Sequence[str], rows: Sequence[Cells]) -> str:
    kinds: dict[str, int] = {}
    for column in columns:
        values = [v.strip() for r in rows if (v := r.get(column)) and v.strip()]
        different = len(set(values))
        few = 2 <= different <= max(2, len(values) // 2)
        if values and few and max(map(len, values)) < _LONGEST_LABEL:
            kinds[column] = different
    if kinds:
        return min(kinds, key=lambda c: kinds[c])
    only = columns[0] if len(columns) == 1 else ""
    return only if 0 < _mean_length(only, rows) < 50 and not _all_differ(only, rows) else ""


def _is_flag(column: str, rows: Sequence[Cells]) -> bool:
    """Whether a column says yes or no in each row, as one for each class does."""
    values = {(row.get(column) or "").strip().lower() for row in rows}
    return len(rows) >= 4 and bool(values) and values <= {"0", "1", "true", "false"}


def _same_classes(code: str, name: str, rows: Sequence[Cells]) -> bool:
    pairs = {(row.get(code), row.get(name)) for row in rows}
    return len({c for c, _ in pairs}) == len(pairs) == len({n for _, n in pairs})


def _sentences(column: str, rows: Sequence[Cells]) -> bool:
    """Whether nearly every cell is another one and most have many words: texts, not labels."""
    values = [v.strip() for r in rows if (v := r.get(column)) and v.strip()]
    many = sum(v.count(" ") >= 4 for v in values)
    return len(values) > 4 and len(set(values)) > 0.9 * len(values) and many > len(values) / 2


def _worth(column: str, rows: Sequence[Cells]) -> float:
    """Return the mean length of cells, less where they are one word or a few that recur."""
    values = [v.strip() for r in rows if (v := r.get(column)) and v.strip()]
    if not values:
        return 0.0
    length = sum(map(len, values)) / len(values)
    worded = sum(_has_words(v) for v in values) / len(values)
    if worded < 0.2:
        return 0.0
    varied = len(set(values)) / len(values)
    return length * worded * (0.1 + varied)


def _has_words(value: str) -> bool:
    """Whether a cell is words rather than one word, a number or a date."""
    blank = " " in value or "\n" in value
    return bool((blank and _LETTER.search(value)) or _WIDE.search(value))


def _shorter(named: Sequence[str], free: Sequence[str], rows: Sequence[Cells]) -> str:
    """Return the summaries: by name, but never the longest of all texts; else the second longest."""
    texts = sorted((c for c in free if _worth(c, rows) > 1), key=lambda c: -_worth(c, rows))
    fitting = [c for c in named if not texts or c != texts[0]]
    return next(iter(fitting or texts[1:]), "")


def _all_differ(column: str, rows: Sequence[Cells]) -> bool:
    """Whether a column holds many values of which most stand there once: names or measurements."""
    values = [v.strip() for r in rows if (v := r.get(column)) and v.strip()]
    return len(values) > 10 and len(set(values)) > len(values) / 2


def _mean_length(column: str, rows: Sequence[Cells]) -> float:
    values = [v.strip() for r in rows if (v := r.get(column)) and v.strip()]
    return sum(map(len, values)) / len(values) if values else 0.0


def _without_number(column: str) -> str:
    return re.sub(r"[\s_\-.]*\d+$", "", column.strip().lower())


def _without(columns: Sequence[str], taken: set[str]) -> list[str]:
    return [c for c in columns if c not in taken]
