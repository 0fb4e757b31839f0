"""The blend that a run's recipe asks for, applied to the best epoch before the run is finished."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from finetune_studio.core.events import Event, Noted
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Bundle
from finetune_studio.engine import before
from finetune_studio.engine.facts import figure, name_of
from finetune_studio.engine.interpolation import asking, mixing

if TYPE_CHECKING:
    from torch import Tensor

    from finetune_studio.engine.session import Session


def refuse(bundle: Bundle, recipe: Recipe) -> None:
    """Refuse a run at its start, where its recipe asks for something at the end that cannot be done.

    Raises:
        StudioError: If its adapters cannot be blended, or it is to be asked about samples that are not
            there.
    """
    if recipe.forgetting.blend < 1:
        mixing.refuse(bundle)
    if recipe.forgetting.held_out:
        asking.existing(recipe.forgetting.held_out)


def at_end(session: Session) -> Iterator[Event]:
    """Blend the best network of a finished run as its recipe says, once; judge it anew.

    A run that was stopped is not blended: it can still go on. The blend is saved before the run is
    finished, so that a crash in between blends nothing twice.
    """
    from finetune_studio.engine import judging

    share, place, task = session.recipe.forgetting.blend, session.place, session.task
    if share >= 1 or place.blended or not place.done or not session.best:
        return
    known = mixing.only_blended(before.kept(session.folder), session.bundle)
    unblended = place.best_metrics.get(task.headline)
    session.best = mixing.mixed(_moved(known, session), session.best, share)
    session.load(session.best)
    pairs, loss = judging.validate(session)
    metrics = task.score(pairs) if pairs else {}  # nothing judges the final model of a study
    session.best_pairs, place.best_metrics, place.best_loss = pairs, dict(metrics), loss
    place.best_score, place.blended = metrics.get(task.headline, -loss), True
    yield session.save()
    told = name_of(task.headline)
    text = f"Blended with the original: {share:.0%} of what was learnt.".replace("%", " %")
    if unblended is not None and task.headline in metrics:
        text += (
            f" Its {told} is {figure(task.headline, metrics[task.headline])};"
            f" unblended it was {figure(task.headline, unblended)}."
        )
    yield Noted(text if known else f"{text} Only the last layer has learnt, so nothing changed.")


def _moved(known: dict[str, Tensor], session: Session) -> dict[str, Tensor]:
    """Return what was kept, where the network now is."""
    return {name: value.to(session.device.torch) for name, value in known.items()}
