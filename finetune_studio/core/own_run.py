"""A run as the start of another one: where it lies, what it is called, and its classes of today."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from finetune_studio.core.dataset import Dataset, Labels
from finetune_studio.core.errors import StudioError


def found_at(place: Path) -> Path:
    """Return the run that a folder stands for: itself, or a project's only trained run.

    Any other folder is returned as it is.

    Raises:
        StudioError: If a project has no trained run, or several.
    """
    project = place.parent if place.name == "runs" else place
    if not (project / "project.sqlite").is_file():
        return place
    trained = sorted(
        (index.parents[1] for index in (project / "runs").glob("[0-9]*/checkpoints/index.json")),
        key=lambda run: (len(run.name), run.name),
    )
    if not trained:
        raise StudioError(
            f"The project {project} has no trained run yet.",
            "Train one in it first, or choose another model.",
        )
    if len(trained) > 1:
        names = ", ".join(run.name for run in trained)
        raise StudioError(
            f"The project {project} has {len(trained)} trained runs ({names}).",
            f"Say which one: {trained[-1]} is the newest.",
        )
    return trained[0]


def title(source: str, home: Path | None = None) -> str:
    """Return what a run is called as a model (``Run 3 of this project``); empty for any other model.

    Args:
        source: A recipe's model; nothing need be there any more.
        home: The folder of the project that is being looked at.
    """
    place = Path(source).expanduser()
    if place.parent.name != "runs" or not place.name.isdigit():
        return ""
    project = place.parent.parent
    here = home is not None and project.resolve() == home.resolve()
    return f"Run {place.name} of {'this project' if here else project.name}"


def source_kept(source: str, home: Path) -> str:
    """Return how a model's place is written down in a project: its own runs relative to its folder."""
    place = Path(source).expanduser()
    if not source or not place.is_absolute():
        return source
    for folder in (home, home.resolve()):
        if place.is_relative_to(folder):
            return place.relative_to(folder).as_posix()
    return source


def source_found(kept: str, home: Path) -> str:
    """Return a model's place as it is now; what was written down in full is left as it is."""
    own = kept.partition("/")[0] in ("runs", "studies")
    return str(home / kept) if own else kept


def names_today(run: Path, labels: Labels) -> tuple[str, ...]:
    """Return a run's class names as its project has them now; as they were if that is gone."""
    file = run.parent.parent / "project.sqlite"
    if run.parent.name != "runs" or not file.is_file():
        return labels.names
    try:
        dataset = Dataset(file)
    except StudioError:  # on a drive that may only be read; asking a model writes nothing
        return labels.names
    try:
        return dataset.current(labels).names
    finally:
        dataset.close()


@dataclass(frozen=True)
class KnownClasses:
    """The classes that a run's last layer tells apart.

    Attributes:
        run: The run's folder.
        labels: Its classes under the names they had when it began, one an output.
    """

    run: Path
    labels: Labels

    def outputs_for(self, labels: Labels) -> list[list[int]]:
        """Return, for each class, which of the run's outputs stand for it today.

        A class is found by its name of today, so renamed classes are found again, and one that
        several were merged into has several outputs. None means that the class is new.
        """
        today = names_today(self.run, self.labels)
        numbers = labels.ids or (None,) * len(labels)
        found = []
        for name, number in zip(labels.names, numbers, strict=True):
            same = [place for place, now in enumerate(today) if now == name]
            if not same and number is not None:  # a run that goes on under its names of then
                then = zip(self.labels.ids, self.labels.names, strict=False)
                same = [place for place, one in enumerate(then) if one == (number, name)]
            found.append(same)
        return found

    def note(self, labels: Labels) -> str:
        """Say how many of the classes the run knows, how many are new, and what is left out."""
        outputs = self.outputs_for(labels)
        known = sum(bool(places) for places in outputs)
        new = len(labels) - known
        lost = len({*range(len(self.labels))} - {place for places in outputs for place in places})
        if not known:
            return "None of your classes is known to this run; its last layer is made anew."
        are = "1 class is" if known == 1 else f"{known:,} classes are"
        text = f"{are} known already"
        if new:
            text += f", {new:,} {'is' if new == 1 else 'are'} new"
        if lost:
            gone = "1 class" if lost == 1 else f"{lost:,} classes"
            text += f"; {gone} of the run {'is' if lost == 1 else 'are'} no longer there"
        return f"{text}."
