"""Asks optuna where to look next, from the table of trials alone, so that it can go on after a kill."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from finetune_studio.core import study
from finetune_studio.core.study import Part
from finetune_studio.engine.studies.space import Space

_AT_RANDOM = 5  # trials before the sampler draws conclusions
_BEFORE_PRUNING = 4  # trials that are needed to say what is usual
_FIRST_PRUNED = 2  # the epoch after which a trial may be broken off at the earliest


class Asking:
    """Proposes places by a tree of Parzen estimators (Bergstra et al. 2011).

    It asks optuna (Akiba et al. 2019). The sampler is made anew for each trial, from the recipe's seed and
    the trial's number: what it proposes depends on the trials before, and not on whether the search was
    interrupted between them.
    """

    def __init__(self, space: Space, seed: int, *, less_is_better: bool) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna, self._seed = optuna, seed
        self._direction = "minimize" if less_is_better else "maximize"
        self._space: dict[str, Any] = {
            name: optuna.distributions.FloatDistribution(*values, log=True)
            if isinstance(values[0], float)
            else optuna.distributions.CategoricalDistribution(values)
            for name, values in space.items()
        }

    def place(self, number: int, parts: Sequence[Part]) -> dict[str, Any]:
        """Return where trial ``number`` looks, after these."""
        return dict(self._study(number, parts).ask(self._space).params)

    def falls_behind(self, number: int, parts: Sequence[Part], curve: Sequence[float]) -> bool:
        """Whether a trial whose epochs had these scores is worse than most were at that time.

        That is the median rule (Golovin et al. 2017): its best score so far is below the median of what
        the others had in the same epoch.
        """
        asked = self._study(number, parts)
        trial = asked.ask(self._space)
        for epoch, score in enumerate(curve, 1):
            trial.report(score, epoch)
        return bool(trial.should_prune())

    def _study(self, number: int, parts: Sequence[Part]) -> Any:
        optuna = self._optuna
        made = optuna.create_study(
            direction=self._direction,
            sampler=optuna.samplers.TPESampler(
                seed=self._seed * 1009 + number, n_startup_trials=_AT_RANDOM
            ),
            pruner=optuna.pruners.MedianPruner(_BEFORE_PRUNING, _FIRST_PRUNED),
        )
        states = {
            study.FINISHED: optuna.trial.TrialState.COMPLETE,
            study.PRUNED: optuna.trial.TrialState.PRUNED,
            study.FAILED: optuna.trial.TrialState.FAIL,
        }
        for part in parts:
            if part.number < number and part.outcome:
                made.add_trial(
                    optuna.trial.create_trial(
                        state=states[part.outcome],
                        value=part.score if part.outcome == study.FINISHED else None,
                        params=part.place,
                        distributions=self._space,
                        intermediate_values=dict(enumerate(part.curve, 1)),
                    )
                )
        return made
