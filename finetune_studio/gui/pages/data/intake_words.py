"""What the intake says for each task: what may be dropped, and what columns are called; no Qt here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from finetune_studio.tasks import CATALOGUE, nouns

_TABLES = "*.csv *.tsv *.tab *.txt *.jsonl *.ndjson *.json *.parquet"
_ROLES = {
    "path_column": "File",
    "question_column": "Question",
    "text_column": "Text",
    "label_column": "Label",
    "target_column": "Answer",
    "split_column": "Split",
    "group_column": "Group",
}
_OWN_ROLES: Mapping[str, Mapping[str, str]] = {
    "summarization": {"target_column": "Summary"},
    "question_answering": {"text_column": "Text with the answer"},
    "causal_lm": {"text_column": "Prompt", "target_column": "Reply"},
}


@dataclass(frozen=True, slots=True)
class Invitation:
    """What is said where data are to be dropped.

    Attributes:
        title: What to do.
        text: What may be dropped.
        folder: The title of the dialog for a folder.
        kinds: The files that the other dialog offers, as Qt writes them.
        file_button: What the button for a file says.
    """

    title: str
    text: str
    folder: str
    kinds: str
    file_button: str = "Choose a zip or table…"


_KEPT = " Everything is read where it lies; your files are never changed."
_INVITATIONS = {
    "image_classification": Invitation(
        "Drop your photos here",
        "A folder with one folder for each class, such a folder split into train, validation and test,"
        " a zip of either, or a table (CSV, TSV, JSONL, Parquet) that names files and labels."
        + _KEPT,
        "Choose the folder with your photos",
        f"Zips and tables (*.zip {_TABLES});;All files (*)",
    ),
    "text_classification": Invitation(
        "Drop your texts here",
        "A table (CSV, TSV, JSONL, Parquet) with a column of texts and a column of labels, a folder with"
        " tables called train, validation and test, a folder of text files for each class, or a zip of any"
        " of these." + _KEPT,
        "Choose the folder with your texts",
        f"Tables and zips ({_TABLES} *.zip);;All files (*)",
        "Choose a table or zip…",
    ),
    "token_classification": Invitation(
        "Drop your marked texts here",
        "CoNLL files (a word and its tag a line, an empty line after each sentence) or JSONL files of texts"
        " with spans; a folder with such files called train, validation and test, or a zip of it."
        + _KEPT,
        "Choose the folder with your marked texts",
        "Marked texts (*.conll *.tsv *.txt *.iob *.bio *.jsonl *.json *.zip);;All files (*)",
        "Choose a file or zip…",
    ),
    "question_answering": Invitation(
        "Drop your questions here",
        "A SQuAD file (JSON), or a table (CSV, TSV, JSONL, Parquet) with columns of questions, of the texts"
        " that hold the answers, and of the answers; a folder of these, or a zip." + _KEPT,
        "Choose the folder with your questions",
        f"Questions ({_TABLES} *.zip);;All files (*)",
        "Choose a file or zip…",
    ),
    "summarization": Invitation(
        "Drop your texts and summaries here",
        "A table (CSV, TSV, JSONL, Parquet) with a column of texts and one or more columns of their"
        " summaries, a folder with tables called train, validation and test, or a zip of it."
        + _KEPT,
        "Choose the folder with your texts",
        f"Tables and zips ({_TABLES} *.zip);;All files (*)",
        "Choose a table or zip…",
    ),
    "causal_lm": Invitation(
        "Drop your conversations or texts here",
        "Conversations as JSONL (OpenAI, ShareGPT or Alpaca), a table of prompts and replies, or plain text"
        " files; a folder of these, or a zip." + _KEPT,
        "Choose the folder with your conversations or texts",
        f"Conversations and texts ({_TABLES} *.md *.zip);;All files (*)",
        "Choose a file or zip…",
    ),
}


def invitation(task: str) -> Invitation:
    """Return what is said where data for a task are to be dropped."""
    return _INVITATIONS.get(task, _INVITATIONS["image_classification"])


def has_sample(task: str) -> bool:
    """Whether a sample of such data comes with the program."""
    return task == "image_classification"


def back(task: str) -> str:
    """Return what the way back to the samples is called."""
    return f"Back to the {nouns(task)[1]}"


def role_titles(task: str) -> dict[str, str]:
    """Return what each role of a column is called."""
    return {**_ROLES, **_OWN_ROLES.get(task, {})}


def classes_title(task: str) -> str:
    """Return what stands above the classes, or above the types of names, with their counts."""
    return "Types of names" if task == "token_classification" else "Classes"


def is_text(task: str) -> bool:
    """Whether a task learns from texts."""
    return task in CATALOGUE and CATALOGUE[task].facts["inputs"] == "texts"
