"""What a run states for those who watch it: the answers to the same samples, gradients and drift."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from finetune_studio.core.events import Event
from finetune_studio.core.project import Project
from finetune_studio.core.task import Pair
from finetune_studio.core.watching import Heated, WatchBegun, Watched
from finetune_studio.engine import copies, followed, heat
from finetune_studio.engine.session import Session


class Lookout:
    """Follows one run; nothing that it does changes a number of the run.

    Args:
        session: The run, before its first step or after its checkpoint was restored.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._seconds = 0.0
        bundle, seed = session.bundle, session.recipe.seed
        samples = followed.chosen(session.task, session.validation, seed, bundle.asked)
        self._numbers = [sample.id for sample in samples]
        self._heat = heat.Heat(bundle, session.folder)

    def begun(self, project: Project) -> WatchBegun:
        """Return what is known of the data."""
        session = self._session
        return WatchBegun(
            len(session.bundle.labels),
            copies.in_training(project.dataset, session.train, session.validation),
            session.task.varies,
            list(self._numbers),
        )

    def feeling(self, learn: Callable[[], Tensor], *, last: bool) -> Callable[[], Tensor]:
        """Return what computes a step's gradients; those of an epoch's ``last`` step are measured too."""
        return (lambda: self._felt(learn)) if last else learn

    def _felt(self, learn: Callable[[], Tensor]) -> Tensor:
        loss, began = learn(), time.perf_counter()
        scale = float(self._session.method.scaled(torch.ones((), device=loss.device)))
        self._heat.feel(scale)
        self._seconds += time.perf_counter() - began
        return loss

    def judged(self, pairs: Sequence[Pair]) -> Iterator[Event]:
        """State what an epoch has changed, once its answers are known."""
        epoch = float(self._session.place.epoch)
        said = followed.answers(self._session.task, pairs, self._numbers)
        yield Watched(epoch, said, followed.never_said(pairs))
        began = time.perf_counter()
        rows = self._heat.rows()
        gradient, drift = heat.in_all(rows)
        seconds, self._seconds = self._seconds + time.perf_counter() - began, 0.0
        yield Heated(epoch, rows, gradient, drift, round(seconds, 5))
