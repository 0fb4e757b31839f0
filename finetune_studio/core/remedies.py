"""What monitors propose for the next run: smaller steps, fewer layers, more restraint."""

from __future__ import annotations

from typing import Any

from finetune_studio.core import shares
from finetune_studio.core.monitor import Action

_LESS = {"everything": "later_half", "later_half": "last_stage", "last_stage": "head_only"}
_WORDS = {
    "everything": "everything",
    "later_half": "the later half only",
    "last_stage": "the last stage only",
    "head_only": "the head only",
}
_STRONGER = {"none": "light", "light": "medium", "medium": "strong"}
_RATE, _HEAD_RATE = "optimiser.learning_rate", "optimiser.head_learning_rate"
_MOST_DECAY = 1.0
_DROPOUT = 0.3
_PULL = 30.0


def rounded(value: float) -> float:
    """Return a number with one digit that counts, as rates are written: 0.00067 becomes 0.0007."""
    return float(f"{value:.0e}")


def rates(settings: dict[str, Any], factor: float, title: str) -> Action | None:
    """Return an action that multiplies the learning rates of all that learns; None if they are unknown."""
    names = [_HEAD_RATE] if settings.get("layers.amount") == "head_only" else [_RATE, _HEAD_RATE]
    found = {n: rounded(settings[n] * factor) for n in names if n in settings}
    if not found:
        return None
    shown = " and ".join(f"{value:g}" for value in found.values())
    return Action(f"{title} ({shown})", found)


def fewer_layers(settings: dict[str, Any]) -> Action | None:
    """Return an action that lets less of the network learn; None where the head alone does."""
    amount = str(settings.get("layers.amount", ""))
    if amount == "adapters" and int(settings.get("layers.lora_rank", 0)) >= 4:
        rank = int(settings["layers.lora_rank"]) // 2
        return Action(f"Use adapters of rank {rank}", {"layers.lora_rank": rank})
    if amount not in _LESS:
        return None
    less = _LESS[amount]
    return Action(f"Retrain {_WORDS[less]}", {"layers.amount": less})


def more_layers(settings: dict[str, Any]) -> Action | None:
    """Return an action that lets more of the network learn; None where all of it does, or its own choice."""
    amount = settings.get("layers.amount")
    for more, less in _LESS.items():
        if less == amount:
            return Action(f"Retrain {_WORDS[more]}", {"layers.amount": more})
    return None


def restraint(settings: dict[str, Any], *, varies: bool) -> Action | None:
    """Return an action that makes learning by heart harder: variation, dropout, or a pull to zero."""
    strength = str(settings.get("augment.strength", ""))
    if varies and strength in _STRONGER:
        stronger = _STRONGER[strength]
        return Action(f"Vary the samples more ({stronger})", {"augment.strength": stronger})
    if settings.get("regularise.head_dropout") == 0.0:
        dropout = {"regularise.head_dropout": _DROPOUT}
        return Action(f"Leave out {shares.whole(_DROPOUT)} of what the head sees", dropout)
    decay = float(settings.get("optimiser.weight_decay", _MOST_DECAY))
    if decay < _MOST_DECAY:
        more = min(_MOST_DECAY, rounded(max(3 * decay, 0.01)))
        return Action(f"Pull weights to zero more ({more:g})", {"optimiser.weight_decay": more})
    return None


def back_to_pretrained(settings: dict[str, Any]) -> Action | None:
    """Return an action that pulls weights back to the pretrained ones; None where they are already."""
    if settings.get("regularise.towards_pretrained") != 0.0:
        return None
    pull = {"regularise.towards_pretrained": _PULL}
    return Action("Pull weights back to the pretrained ones", pull)
