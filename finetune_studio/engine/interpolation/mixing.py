"""The numbers of a blend: so much of the fine-tuned network, the rest of the one it was begun from.

Wortsman et al. 2022, "Robust fine-tuning of zero-shot models" (WiSE-FT): theta = (1 - a) before + a after,
for every number but those of layers made anew, which stay fine-tuned. The running statistics of norms are
blended in the same way, not recomputed: so both ends are exactly the two networks, and no data are needed.
Of an adapter only its second matrix is taken times a, which is the same: its share of the layer is B A.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from finetune_studio.core.errors import StudioError
from finetune_studio.models.node import within

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch import Tensor

    from finetune_studio.core.task import Bundle
    from finetune_studio.engine.run import Run

_SECOND = ".lora_B."


def mixed(
    before: Mapping[str, Tensor], after: Mapping[str, Tensor], share: float
) -> dict[str, Tensor]:
    """Return ``after`` with each number that ``before`` knows too moved back towards it.

    Both ends are exact: ``share`` 1 gives ``after`` bit by bit, and 0 gives ``before``.
    """
    found = {}
    for name, value in after.items():
        old = before.get(name)
        if old is None or share == 1.0 or not value.is_floating_point():
            found[name] = value
        elif share == 0.0:
            found[name] = old.to(value)
        else:
            found[name] = old.to(value).lerp(value, share)
    return found


def before_learning(bundle: Bundle, names: Iterable[str]) -> dict[str, Tensor]:
    """Return what a network's moving tensors are before it learns, but for layers that are made anew.

    Adapters say nothing before they learn: their second matrices are zeros.

    Raises:
        StudioError: If its adapters cannot be blended.
    """
    refuse(bundle)
    state = bundle.network.state_dict()
    zeros = bool(bundle.architecture.get("adapters"))
    known = {
        n: state[n].new_zeros(state[n].shape) if zeros else state[n] for n in names if n in state
    }
    return {name: value.detach().clone() for name, value in only_blended(known, bundle).items()}


def only_blended(known: Mapping[str, Tensor], bundle: Bundle) -> dict[str, Tensor]:
    """Return the tensors that a blend moves: none of layers made anew, of adapters the second matrices."""
    from finetune_studio.models import layers

    made_anew = layers.always(bundle.network, bundle.head)
    adapters = bool(bundle.architecture.get("adapters"))
    return {
        name: value
        for name, value in known.items()
        if not any(within(name, part) for part in made_anew) and (not adapters or _SECOND in name)
    }


def of_run(began: Bundle, bundle: Bundle, names: Iterable[str]) -> dict[str, Tensor]:
    """Return the same of a run that has learnt: from the network that it was begun from.

    Raises:
        StudioError: If its adapters cannot be blended.
    """
    return before_learning(bundle if bundle.architecture.get("adapters") else began, names)


def refuse_unjudged(run: Run) -> None:
    """Refuse to score blends of a run that has no validation samples of its own.

    Raises:
        StudioError: If it is the final model of a cross-validation, which has learnt from every sample.
    """
    if run.samples.get("validation") == []:
        raise StudioError(
            f"Run {run.number} has learnt from every sample that could judge a blend of it.",
            "Set forgetting.blend and cross-validate again: the folds are then blended, too.",
        )


def refuse(bundle: Bundle) -> None:
    """Refuse adapters whose share of a layer is not in proportion to their numbers.

    Raises:
        StudioError: If the network has adapters with size (DoRA).
    """
    about = bundle.architecture.get("adapters") or {}
    if about.get("dora"):
        raise StudioError(
            "Adapters with size (DoRA) cannot be blended with the original: what they add to a layer is"
            " not in proportion to their numbers.",
            "Set layers.dora to false, or leave forgetting.blend at 1.",
        )
