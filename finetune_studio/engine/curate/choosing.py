"""Where data lie, and which reader fits them: one of those that the task can use."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from finetune_studio.core.catalogue import Entry
from finetune_studio.core.errors import StudioError
from finetune_studio.core.reader import Reader, is_picture
from finetune_studio.core.recipe import DataChoices
from finetune_studio.readers import CATALOGUE
from finetune_studio.tasks import CATALOGUE as TASKS


def existing(path: Path) -> Path:
    """Return the path absolute.

    Raises:
        StudioError: If there is nothing.
    """
    path = Path(path).expanduser()
    if not str(path).strip(".") or not path.exists():
        raise StudioError(
            f"There is nothing at {path}.",
            "Check the path; if it lies on a drive, plug the drive in.",
        )
    return path.resolve()


def keep_apart(project_folder: Path, data: Path) -> None:
    """Refuse a project among the samples: its own files would become samples, and data stay untouched.

    Raises:
        StudioError: If the project's folder is the folder of the data, or lies in it.
    """
    folder = Path(project_folder).expanduser().resolve()
    if data.is_dir() and folder.is_relative_to(data):
        raise StudioError(
            f"The project {folder} would lie among the samples of {data}.",
            "Choose a folder for the project that is not in the folder of the data.",
        )


def fact(task: str, name: str, default: Any) -> Any:
    """Return what the catalogue knows of a task without loading it; a default for no task."""
    return TASKS[task].facts.get(name, default) if task in TASKS else default


def formats(task: str = "") -> list[Entry]:
    """Return the rows of the formats that a task can use, best first; of all without a task."""
    wanted = fact(task, "readers", [row.name for row in CATALOGUE])
    return [CATALOGUE[name] for name in wanted if name in CATALOGUE]


def reader_for(
    path: Path, choices: DataChoices, names: Collection[str] | None = None, task: str = ""
) -> Reader:
    """Return the reader that was chosen, or the one of the task's whose format fits best.

    Raises:
        StudioError: If none fits, or the chosen one is none of the task's.
    """
    rows = formats(task)
    known = "; ".join(f"{row.title}: {row.summary}" for row in rows)
    if choices.reader:
        row = CATALOGUE[choices.reader]
        if row not in rows:
            raise StudioError(
                f"{row.title} ({row.name}) is no format for {TASKS[task].title.lower()}.",
                f"Choose one of: {', '.join(r.name for r in rows)}; or none, and it is recognised.",
            )
        chosen: Reader = row.load()()
        return chosen
    if names is None and path.is_file() and is_picture(path.name):
        raise StudioError(
            f"{path} is a single picture.",
            "Choose the folder that holds a folder a class, or a table that names the pictures."
            if fact(task, "inputs", "images") == "images"
            else f"{TASKS[task].title} learns from texts. {known}",
        )
    fits = [(reader.recognises(path, names), reader) for reader in (row.load()() for row in rows)]
    best, reader = max(fits, key=lambda fit: fit[0], default=(0.0, None))
    if reader is None or best <= 0:
        raise StudioError(f"{path} is in no format that is known here.", f"Known are: {known}")
    fitting: Reader = reader
    return fitting
