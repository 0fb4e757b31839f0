"""What a model card says of parts of the data, the worst first, and of where the model came from."""

from __future__ import annotations

from finetune_studio.core.errors import StudioError
from finetune_studio.core.project import Project
from finetune_studio.engine import slicing, trust_words
from finetune_studio.engine.facts import Facts, name_of
from finetune_studio.engine.run import Run
from finetune_studio.models import zoo

_SHOWN = 12
_MARKS = "\\`*_{}[]<>#|!~$"  # what Markdown would take for its own


def plain(text: str) -> str:
    """Return text from data so that Markdown shows it as it is."""
    flat = " ".join(text.split())
    return "".join(f"\\{c}" if c in _MARKS else c for c in flat)


def slices(project: Project, facts: Facts) -> tuple[str, ...]:
    """Return lines of Markdown; none where nothing is known that could part the samples."""
    if not facts.pairs:
        return ()
    look = slicing.look(project, facts.run.folder)
    judged = [one for one in look.slices if not one.small]
    if not judged:
        return ()
    lines = [
        "## Scores on parts of the data",
        "",
        plain(trust_words.slices(look.slices, look.metric, look.tried)),
        "",
        f"| part | {plain(name_of(look.metric))} | 95 % interval | elsewhere | samples |",
        "|---|--:|--:|--:|--:|",
    ]
    for one in judged[:_SHOWN]:
        part = plain(f"{one.column}: {one.value}")
        score = f"{one.score:.3f} | {one.low:.3f} to {one.high:.3f} | {one.rest:.3f}"
        lines.append(f"| {part}{' (worse)' if one.worse else ''} | {score} | {len(one.ids):,} |")
    if (found := look.shortcut) is not None and not found.reason:
        lines += ["", plain(found.sentence)]
    return (*lines, "")


def repository(run: Run) -> str:
    """Return what the Hub calls the model that the network was begun from; empty where that is not known."""
    line = [*run.model.get("line", ()), run.recipe.model.source or run.model.get("origin", "")]
    try:
        return str(zoo.CATALOGUE[str(line[0])].facts.get("repository", ""))
    except StudioError:
        return ""
