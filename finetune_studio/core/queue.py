"""The runs that wait for their turn: kept in the project, so that they survive whatever ends the program."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from finetune_studio.core import own_run, study
from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import Recipe, from_values, load

if TYPE_CHECKING:
    from finetune_studio.core.project import Project

FINISHED, STOPPED, FAILED = "finished", "stopped", "failed"
_KEY = "queue"
_MOST_PAST = 50


@dataclass(frozen=True)
class Waiting:
    """A run that waits; its recipe is the one it was queued with, whatever is chosen since."""

    id: int
    recipe: Recipe
    added: float


@dataclass(frozen=True)
class Past:
    """How a run of the queue ended: ``finished``, ``stopped`` or ``failed``, and why, in words."""

    time: float
    run: str
    outcome: str
    text: str = ""


class Queue:
    """The waiting runs of a project in their order; each change is on disk when its call returns.

    A run that begins stays written down until it ends, so that one which never came to have a folder
    (a power cut while its model was loaded) waits again when the project is opened.

    Args:
        project: The project, open.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self.waiting: list[Waiting] = []
        self.past: list[Past] = []
        self._at_work: tuple[Waiting, str] | None = None  # and the last run's number before it
        self._next = 1
        self._load()

    @property
    def at_work(self) -> Waiting | None:
        """Return the run of the queue that began and has not ended."""
        return self._at_work[0] if self._at_work else None

    @property
    def failures(self) -> list[Past]:
        """Return the runs that ended with an error, the newest last."""
        return [past for past in self.past if past.outcome == FAILED]

    def add(self, recipe: Recipe) -> Waiting:
        """Let a run wait behind the others, with these choices."""
        fixed = recipe.model_copy(deep=True)
        made = Waiting(self._next, fixed, time.time())
        self._next += 1
        self._keep([*self.waiting, made], self._at_work)
        return made

    def remove(self, number: int) -> None:
        """Let a run wait no longer."""
        self._keep([one for one in self.waiting if one.id != number], self._at_work)

    def move(self, number: int, place: int) -> None:
        """Put a waiting run at another place, counted from 0; beyond an end is that end."""
        moved = next((one for one in self.waiting if one.id == number), None)
        if moved is None:
            return
        others = [one for one in self.waiting if one.id != number]
        others.insert(max(0, place), moved)
        self._keep(others, self._at_work)

    def begin(self) -> Waiting | None:
        """Take the first run out of the queue; it counts as at work until :meth:`end`."""
        if not self.waiting:
            return None
        first, *others = self.waiting
        self._keep(others, (first, self._project.dataset.get("last_run", "0")))
        return first

    def end(self, outcome: str, *, run: str = "", text: str = "") -> None:
        """Note how the run at work ended."""
        self.past = [*self.past, Past(time.time(), run, outcome, text)][-_MOST_PAST:]
        self._keep(self.waiting, None)

    def forget_past(self) -> None:
        """Forget how earlier runs ended."""
        self.past = []
        self._keep(self.waiting, self._at_work)

    # --- on disk ----------------------------------------------------------------------------------

    def _keep(self, waiting: list[Waiting], at_work: tuple[Waiting, str] | None) -> None:
        values = {
            "next": self._next,
            "waiting": [self._plain(one) for one in waiting],
            "past": [vars(past) for past in self.past],
            "at_work": None,
        }
        if at_work:
            values["at_work"] = self._plain(at_work[0]) | {"before": at_work[1]}
        self._project.dataset.put(_KEY, json.dumps(values))
        self.waiting, self._at_work = waiting, at_work

    def _load(self) -> None:
        saved = self._project.dataset.get(_KEY)
        if not saved:
            return
        try:
            values = json.loads(saved)
            self._next = int(values["next"])
            self.past = [Past(**past) for past in values["past"]]
            found, begun = list(values["waiting"]), values["at_work"]
        except (ValueError, TypeError, KeyError) as error:
            self._project.dataset.put(f"{_KEY}_unreadable", saved)
            text = f"The runs that waited cannot be read any more: {error!r}."
            self.past = [Past(time.time(), "", FAILED, text)]
            self._keep([], None)
            return
        if begun and not self._has_folder(begun):
            found.insert(0, begun)
        lost = []
        for one in found:
            try:
                recipe = self._recipe(one["recipe"])
            except StudioError as error:  # made by another version of the program
                lost.append(Past(time.time(), "", FAILED, f"{error.message} {error.hint}".strip()))
            else:
                self.waiting.append(Waiting(int(one["id"]), recipe, float(one["added"])))
        if begun or lost:
            self.past = [*self.past, *lost][-_MOST_PAST:]
            self._keep(self.waiting, None)

    def _has_folder(self, begun: dict[str, Any]) -> bool:
        """Whether a run, or study, that had begun came as far as a folder with its recipe: it is resumed."""
        try:
            recipe = self._kept(self._recipe(begun["recipe"]))
        except StudioError:  # made by another version of the program
            recipe = begun["recipe"]
        before = int(begun["before"])
        runs = [folder for folder in self._project.runs() if int(folder.name) > before]
        studies = [one.folder for one in study.all_of(self._project) if one.before >= before]
        for folder in (*runs, *studies):
            try:
                its = self._kept(load(folder / "recipe.toml"))
            except StudioError:
                continue
            if its == recipe:
                return True
        return False

    def _plain(self, one: Waiting) -> dict[str, Any]:
        return {"id": one.id, "recipe": self._kept(one.recipe), "added": one.added}

    def _kept(self, recipe: Recipe) -> dict[str, Any]:
        """Return a recipe as plain values; the project may be moved before the run begins."""
        values = recipe.model_dump(mode="json")
        model = values["model"]
        model["source"] = own_run.source_kept(model["source"], self._project.folder)
        return values

    def _recipe(self, kept: dict[str, Any]) -> Recipe:
        recipe = from_values(kept)
        source = own_run.source_found(recipe.model.source, self._project.folder)
        recipe.model.source = source
        return recipe
