"""Finds how a run's original network can be asked what it knew, and with which samples."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.job import Control
from finetune_studio.core.passing import passing_folder
from finetune_studio.core.portion import spread
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import DataChoices
from finetune_studio.core.task import Task
from finetune_studio.engine.interpolation import ability
from finetune_studio.engine.run import Run
from finetune_studio.models import layers, original
from finetune_studio.models.original import Head
from finetune_studio.tasks import CATALOGUE, nouns

MOST = 300  # samples that each place along a blend is tried on


@dataclass(frozen=True)
class Question:
    """What the original network is asked: samples, and what becomes of its answers."""

    samples: Sequence[Sample]
    ability: ability.Ability | None
    own: bool = False  # whether the samples are the validation samples themselves
    why: str = ""  # there is nothing to ask, in a sentence


def question(
    run: Run,
    task: Task,
    network: object,
    validation: Sequence[Sample],
    held_out: str,
    stack: ExitStack,
) -> Question:
    """Return what to ask; the samples of a folder stay readable until the stack is closed.

    Raises:
        StudioError: If the held-out samples cannot be read.
    """
    head = _head(run)
    _, many = nouns(task.name)
    if held_out:
        return _about_folder(run, task, network, head, held_out, stack)
    some = list(validation)
    if head is not None:
        about = (
            f"How often a network with {head.title} answers {len(some):,} of your validation {many} as it"
            " did before. Nobody says which answers are right: it is agreement, no score."
        )
        if head.together:
            return Question(some, ability.Answering(task, head, about))
        return Question(some, ability.Agreeing(task, head, about), own=True)
    if _keeps_its_head(network, run):
        why = (
            f"What the model knew can be measured on held-out {many} that it knew:"
            " name a folder or table of them ('Samples of what it knew' on the Train page;"
            " forgetting.held_out in the terminal)."
        )
        return Question((), None, why=why)
    about = (
        f"The model brought no last layer of its own that could be asked. How alike what it sees in"
        f" {len(some):,} of your validation {many} is to what it saw before (linear CKA): 1 is the same."
    )
    return Question(some, ability.Alike(task, about), own=True)


def _about_folder(
    run: Run, task: Task, network: object, head: Head | None, held_out: str, stack: ExitStack
) -> Question:
    samples = read(held_out, task, stack)
    _, many = nouns(task.name)
    if head is None and _keeps_its_head(network, run):
        about = f"On {len(samples):,} held-out {many}, answered by the model itself."
        return Question(samples, ability.Scored(task, None, {}, about))
    if head is None:
        about = (
            f"How alike what the model sees in {len(samples):,} held-out {many} is to what it saw before"
            " (linear CKA): 1 is the same. It brought no last layer that could be asked."
        )
        return Question(samples, ability.Alike(task, about))
    if head.together and not head.labels.names:
        about = f"On {len(samples):,} held-out {many}, answered with {head.title}."
        return Question(samples, ability.Scored(task, head, {}, about))
    known = named_alike(head.labels.names, set(task.class_counts(samples)))
    labelled = [s for s in samples if known.keys() & task.class_counts([s]).keys()]
    if labelled:
        about = f"On {len(labelled):,} held-out {many} of {len(known):,} classes, answered with {head.title}."
        if len(labelled) < len(samples):
            about += f" {len(samples) - len(labelled):,} more have a label that it does not know."
        return Question(labelled, ability.Scored(task, head, known, about))
    about = (
        f"How often a network with {head.title} answers {len(samples):,} held-out {many} as it did before."
        " None of their labels is a class of its own, so nobody says which answers are right."
    )
    if head.together:
        return Question(samples, ability.Answering(task, head, about))
    return Question(samples, ability.Agreeing(task, head, about))


def existing(place: str) -> None:
    """Refuse a place of samples where there is nothing.

    Raises:
        StudioError: If there is nothing.
    """
    if not Path(place).expanduser().exists():
        raise StudioError(
            f"There is nothing at {place}.",
            "Set forgetting.held_out to a folder or table of samples, or leave it empty.",
        )


def read(place: str, task: Task, stack: ExitStack) -> list[Sample]:
    """Return the samples in a folder or table, at most a few hundred, spread over all of them.

    Raises:
        StudioError: If there are none, or they cannot be read.
    """
    from finetune_studio.engine import curate

    existing(place)
    home = stack.enter_context(passing_folder("held-out"))
    with Project(home / "held-out", task.name) as project:
        for _ in curate.import_data(project, DataChoices(path=place), 0, Control()):
            pass
        found = [s for s in project.dataset.samples(usable=True) if task.teaches(s)]
    if not found:
        raise StudioError(
            f"There is no sample in {place} that can be asked about.",
            "Set forgetting.held_out to samples of the same kind as your own.",
        )
    return spread(found, MOST)


def _head(run: Run) -> Head | None:
    facts = CATALOGUE[run.recipe.task].facts
    choices = run.recipe.model
    return original.head_of(
        choices, facts["family"], task=run.recipe.task, auto=facts.get("auto", "")
    )


def _keeps_its_head(network: object, run: Run) -> bool:
    """Whether a network's last layer is the original's own, as a language model's is."""
    return not layers.always(network, str(run.model["head"]))  # type: ignore[arg-type]  # a network


def named_alike(known: Sequence[str], given: set[str]) -> dict[str, str]:
    """Return, for each given label that stands for a class, the class's name.

    Capitals, underlines and hyphens do not count, one of several names of a class is enough, and its
    number will do.
    """
    places: dict[str, str] = {}
    for number, name in enumerate(known):
        for one in (name, *name.split(",")):
            places.setdefault(_plain(one), name)
        places.setdefault(str(number), name)
    return {label: places[_plain(label)] for label in given if _plain(label) in places}


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").replace("-", " ").casefold().split())
