"""A project: one folder with its dataset, runs, exports and report."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from pathlib import Path
from typing import Any, Self

import psutil

from finetune_studio.core import own_run
from finetune_studio.core.dataset import Dataset
from finetune_studio.core.errors import StudioError
from finetune_studio.core.files import explained, write_text
from finetune_studio.core.recipe import Recipe, from_values


class Project:
    """One folder; opened by one process at a time.

    Args:
        folder: Where the project lies; made if missing.
        task: What it teaches; needed when the project is new.
        lock: Whether this process claims the folder. Processes that follow another, which holds the
            lock, do not, and only read.

    Raises:
        StudioError: If the folder may not be written, holds another task, or is open elsewhere.
    """

    def __init__(self, folder: Path, task: str = "", *, lock: bool = True) -> None:
        self.folder = Path(folder).expanduser().resolve()
        if self.folder.exists() and not self.folder.is_dir():
            raise StudioError(f"{self.folder} is a file.", "Choose a folder for the project.")
        with explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        self._lock_file = self.folder / ".lock"
        self._locks = lock
        if lock:
            self._take_lock()
        try:
            self.dataset = Dataset(self.folder / "project.sqlite")
            before = self.dataset.get("task")
            if task and before and task != before:
                raise StudioError(
                    f"{self.folder} is a project for {before}, not for {task}.",
                    "Choose another folder for this task.",
                )
            if task and not before:
                self.dataset.put("task", task)
                self.dataset.put("created", str(time.time()))
        except BaseException:
            self._drop_lock()
            raise

    @staticmethod
    def exists(folder: Path) -> bool:
        """Whether a folder holds a project."""
        return (Path(folder) / "project.sqlite").is_file()

    @property
    def name(self) -> str:
        """Return what the user calls the project."""
        return self.dataset.get("name") or self.folder.name

    @property
    def task(self) -> str:
        """Return the catalogue name of its task."""
        return self.dataset.get("task")

    @property
    def runs_folder(self) -> Path:
        """Return the folder of all runs."""
        return self.folder / "runs"

    @property
    def exports_folder(self) -> Path:
        """Return the folder of all exports."""
        return self.folder / "exports"

    def runs(self) -> list[Path]:
        """Return the folders of the runs, the oldest first."""
        return numbered(self.runs_folder)

    def new_run(self) -> Path:
        """Make the folder of the next run; numbers are never used twice."""
        highest = max([int(f.name) for f in self.runs()] + [int(self.dataset.get("last_run", "0"))])
        folder = self.runs_folder / str(highest + 1)
        with explained(folder):
            folder.mkdir(parents=True)
        self.dataset.put("last_run", folder.name)
        return folder

    def delete_run(self, folder: Path) -> None:
        """Delete one of this project's runs.

        Raises:
            StudioError: If the folder is not a run of this project.
        """
        if folder not in self.runs():
            raise StudioError(f"{folder} is not a run of this project.", "Reload the list of runs.")
        with explained(folder):
            shutil.rmtree(folder)

    def studies(self) -> list[Path]:
        """Return the folders of the studies, which are made of several runs; the oldest first."""
        return numbered(self.folder / "studies")

    def new_study(self) -> Path:
        """Make the folder of the next study; numbers are never used twice."""
        known = [int(f.name) for f in self.studies()] + [int(self.dataset.get("last_study", "0"))]
        folder = self.folder / "studies" / str(max(known) + 1)
        with explained(folder):
            folder.mkdir(parents=True)
        self.dataset.put("last_study", folder.name)
        return folder

    def delete_study(self, folder: Path) -> None:
        """Delete one of this project's studies; the run that came out of it stays.

        Raises:
            StudioError: If the folder is not a study of this project.
        """
        if folder not in self.studies():
            raise StudioError(f"{folder} is not a study of this project.", "Reload the list.")
        with explained(folder):
            shutil.rmtree(folder)

    def recipe(self) -> Recipe:
        """Return the choices made so far for the next run."""
        saved = self.dataset.get("recipe")
        if not saved:
            return Recipe(task=self.task)
        recipe = from_values(json.loads(saved))
        recipe.model.source = own_run.source_found(recipe.model.source, self.folder)
        return recipe

    def keep_recipe(self, recipe: Recipe) -> None:
        """Remember the choices for the next run."""
        values = recipe.model_dump(mode="json")
        source = own_run.source_kept(recipe.model.source, self.folder)
        values["model"]["source"] = source  # the project may be moved meanwhile
        self.dataset.put("recipe", json.dumps(values))

    def log(self, what: str, **facts: Any) -> None:
        """Note something that must be traceable, such as a look at the test split."""
        known = json.loads(self.dataset.get("log", "[]"))
        self.dataset.put("log", json.dumps([*known, {"time": time.time(), "what": what, **facts}]))

    def logged(self, what: str) -> list[dict[str, Any]]:
        """Return what was noted under that word, the oldest first."""
        return [note for note in json.loads(self.dataset.get("log", "[]")) if note["what"] == what]

    def close(self) -> None:
        """Close the dataset and let other processes open the project."""
        self.dataset.close()
        self._drop_lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take_lock(self) -> None:
        """Claim the folder; a lock whose process no longer lives is taken over."""
        mine = json.dumps({"pid": os.getpid(), "born": psutil.Process().create_time()})
        for _ in range(3):
            if _written_first(self._lock_file, mine):
                return
            owner = _living_owner(self._lock_file)
            if owner == os.getpid():
                return
            if owner is not None:
                raise StudioError(
                    f"The project {self.folder} is open in another window or terminal"
                    f" (process {owner}).",
                    "Close it there first, or choose another project.",
                )
            with explained(self._lock_file):
                self._lock_file.unlink(missing_ok=True)
        write_text(self._lock_file, mine)

    def _drop_lock(self) -> None:
        if not self._locks:
            return
        try:
            self._lock_file.unlink(missing_ok=True)
        except OSError:  # a folder that became read-only; the lock of a dead process is taken over
            return


def _written_first(lock: Path, text: str) -> bool:
    """Write a lock whole, unless there is one; of several processes at a time only one succeeds."""
    own = lock.with_name(f"{lock.name}.{os.getpid()}")
    write_text(own, text)
    try:
        os.link(own, lock)  # unlike a rename, it fails where the name is taken
    except FileExistsError:
        return False
    except OSError:  # a file system without links: not proof against the same instant
        if lock.exists():
            return False
        write_text(lock, text)
    finally:
        own.unlink(missing_ok=True)
    return True


def _living_owner(lock: Path) -> int | None:
    """Return the process that holds a lock; None if it no longer lives, or the lock says nothing."""
    try:
        owner = json.loads(lock.read_text(encoding="utf-8"))
        alive = psutil.Process(int(owner["pid"])).create_time() == owner["born"]
        return int(owner["pid"]) if alive else None
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None


def numbered(folder: Path) -> list[Path]:
    """Return the folders in a folder that have a number for a name, the lowest first."""
    if not folder.is_dir():
        return []
    found = [f for f in folder.iterdir() if f.name.isdigit() and f.is_dir()]
    return sorted(found, key=lambda one: int(one.name))


def folder_name(title: str) -> str:
    """Return a title as a folder name that every file system takes."""
    return re.sub(r"[^\w.-]+", "-", title.strip()).strip("-.")[:80] or "project"
