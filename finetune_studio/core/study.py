"""A study on disk: a folder with its recipe, its table of parts, and the runs that it is made of.

``PROJECT/studies/<n>/`` holds ``recipe.toml``, ``study.json`` (this file writes it, atomically, after each
part), ``runs/<k>/`` (a run a part, as :class:`finetune_studio.engine.run.Run` knows it) and, after a
cross-validation, ``oof.jsonl``. The runs of a study have no number of the project; what comes out of it (the
final model, or the best part's) becomes an ordinary run, with ``study.json`` in its folder.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune_studio.core import files
from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import Recipe, load

if TYPE_CHECKING:
    from finetune_studio.core.project import Project

CROSSVAL, SEARCH = "crossval", "search"
FINISHED, PRUNED, FAILED = "finished", "pruned", "failed"
FOLD, TRIAL, FINAL = "fold", "trial", "final"  # what a run is in its study
MARK = "study.json"  # beside the table it has the same name in a run that came out of a study
_WEIGHTS = ("checkpoints", "processor", "frozen.safetensors", "pretrained.safetensors")


@dataclass
class Part:
    """A fold or a trial.

    Attributes:
        number: Counted from 1.
        settings: The fields of the recipe in which it differs from the study's own, by dotted name.
        outcome: ``finished``, ``pruned`` (broken off, since it fell behind) or ``failed``; empty before.
        score: The headline score of its best epoch.
        reason: Why it failed, in words.
        place: Where a trial lies in what is searched; ``curve`` its headline score epoch by epoch.
    """

    number: int
    settings: dict[str, Any] = field(default_factory=dict)
    outcome: str = ""
    score: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    best_epoch: float = 0.0
    epochs: int = 0
    seconds: float = 0.0
    reason: str = ""
    place: dict[str, Any] = field(default_factory=dict)
    curve: list[float] = field(default_factory=list)


class Study:
    """A study that was begun; each change is on disk when :meth:`keep` returns.

    Args:
        folder: ``PROJECT/studies/<n>``.

    Raises:
        StudioError: If there is no study in the folder, or a damaged one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        try:
            values = json.loads((self.folder / MARK).read_text(encoding="utf-8"))
            self.kind = str(values["kind"])
            self.before = int(values["before"])  # the project's last run when it began
            self.began = float(values["began"])
            self.run = str(values["run"])  # of the project, that came out of it; empty before
            self.finished = bool(values["finished"])
            self.facts: dict[str, Any] = dict(values["facts"])
            self.parts = [Part(**part) for part in values["parts"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StudioError(
                f"The study in {self.folder} cannot be read: {error!r}.", "Start it anew."
            ) from error

    @classmethod
    def begin(
        cls, project: Project, kind: str, recipe: Recipe, began: float, **facts: Any
    ) -> Study:
        """Make a study's folder in a project."""
        folder = project.new_study()
        recipe.save(folder / "recipe.toml")
        before = int(project.dataset.get("last_run", "0"))
        values = {"kind": kind, "before": before, "began": began, "run": "", "finished": False}
        files.write_json(folder / MARK, values | {"facts": facts, "parts": []})
        return cls(folder)

    def keep(self) -> None:
        """Write the table."""
        values = {
            "kind": self.kind,
            "before": self.before,
            "began": self.began,
            "run": self.run,
            "finished": self.finished,
            "facts": self.facts,
            "parts": [asdict(part) for part in self.parts],
        }
        files.write_json(self.folder / MARK, values)

    def note_stop(self, *, stopped: bool) -> None:
        """Remember whether the user stopped it: it is then not offered again by itself."""
        self.facts["stopped"] = stopped
        self.keep()

    @property
    def number(self) -> int:
        """Return its number in the project."""
        return int(self.folder.name)

    @property
    def recipe(self) -> Recipe:
        """Return the choices that it was started with."""
        return load(self.folder / "recipe.toml")

    @property
    def done(self) -> list[Part]:
        """Return the parts that came to an end, however they ended."""
        return [part for part in self.parts if part.outcome]

    @property
    def best(self) -> Part | None:
        """Return the finished part with the best score; of equal ones the first."""
        scored = [p for p in self.parts if p.score is not None and p.outcome == FINISHED]
        sign = 1 if self.facts.get("less_is_better") else -1
        return min(scored, key=lambda p: (sign * (p.score or 0.0), p.number), default=None)

    def recipe_of(self, part: Part) -> Recipe:
        """Return the recipe of a part's run."""
        return single(self.recipe, part.settings)

    def run_of(self, part: Part) -> Path:
        """Return the folder of a part's run."""
        return self.folder / "runs" / str(part.number)

    def slim(self, part: Part) -> None:
        """Delete a part's weights; its recipe, its log and its answers stay."""
        folder = self.run_of(part)
        for name in _WEIGHTS:
            if (folder / name).is_dir():
                shutil.rmtree(folder / name, ignore_errors=True)
            else:
                (folder / name).unlink(missing_ok=True)


def single(recipe: Recipe, settings: dict[str, Any] | None = None) -> Recipe:
    """Return the recipe of a single run: without the study that it is a part of."""
    alone = {"crossval.folds": 0, "search.trials": 0, "optimiser.find_rate": False}
    return recipe.with_settings(alone | (settings or {}))


def all_of(project: Project) -> list[Study]:
    """Return a project's studies, the oldest first; damaged ones are left out."""
    found = []
    for folder in project.studies():
        try:
            found.append(Study(folder))
        except StudioError:
            continue
    return found


def unfinished(project: Project) -> Study | None:
    """Return the newest study, if it is not finished and no other run was begun after it."""
    studies = all_of(project)
    runs = [folder for folder in project.runs() if (folder / "recipe.toml").is_file()]
    if not studies or studies[-1].finished:
        return None
    newest = studies[-1]
    later = int(runs[-1].name) if runs else 0
    return newest if later <= newest.before or str(later) == newest.run else None


def holding(project: Project, folder: Path) -> Study | None:
    """Return the unfinished study that a folder is, or that its run is a part of."""
    for study in all_of(project):
        own = folder == study.folder or study.folder in folder.parents
        if not study.finished and (own or folder == project.runs_folder / (study.run or "-")):
            return study
    return None


def mark_of(run: Path) -> dict[str, Any]:
    """Return what a run is in a study: ``study``, ``kind`` (fold, trial or final), ``part``; or nothing."""
    try:
        return dict(json.loads((Path(run) / MARK).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}
