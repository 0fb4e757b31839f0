"""What a choice of layers means for this much data, in sentences a domain expert can act on; no Qt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finetune_studio.core.recipe import Recipe
from finetune_studio.models.node import within
from finetune_studio.tasks import CATALOGUE, nouns

AMOUNTS = (
    ("head_only", "Head only"),
    ("last_stage", "Last stage"),
    ("later_half", "Later half"),
    ("everything", "Everything"),
    ("adapters", "Adapters"),
)
TIPS = {
    "head_only": "Only the new last layer learns. Fastest, and safest with few samples.",
    "last_stage": "The last part of the network learns too, slowly. Usually better.",
    "later_half": "The later half learns. For some thousand samples, or unusual ones.",
    "everything": "Every layer learns. Slow; for many samples that differ much from everyday ones.",
    "adapters": "Small matrices (LoRA) learn beside the layers, which stay as they are. Little memory;"
    " the usual way for language models.",
    "custom": "The boxes that you ticked in the tree.",
}

# Rules of thumb for photos and networks pretrained on ImageNet; the quick and the balanced preset
# were measured with them on a few hundred to a few thousand photos (docs/benchmarks.md).
_FEW_A_CLASS = 15
_MANY = 5_000
_VERY_MANY = 50_000

# Photos per parameter that learns: above the first little can go wrong, below the second a network
# can learn its photos by heart many times over.
_SAFE = 0.01
_RISKY = 0.0005


@dataclass(frozen=True, slots=True)
class Expectation:
    """One sentence about a risk: its level, its name and degree, and why."""

    level: str
    word: str
    text: str


def recommend(samples: int, classes: int, task: str) -> str:
    """Return the choice that suits so many training samples."""
    if CATALOGUE[task].facts["family"] != "image":
        from finetune_studio.engine import presets

        return str(presets.settings("balanced", samples, task)["layers.amount"])
    if samples < _FEW_A_CLASS * max(1, classes):
        return "head_only"
    if samples < _MANY:
        return "last_stage"
    return "later_half" if samples < _VERY_MANY else "everything"


def recommendation(samples: int, classes: int, task: str) -> str:
    """Return the recommendation as a line; empty without samples."""
    if not samples:
        return ""
    title = dict(AMOUNTS)[recommend(samples, classes, task)].lower()
    article = "the " if title in ("head only", "last stage", "later half") else ""
    return f"Recommended for {samples:,} {nouns(task)[1]}: {article}{title}"


def overfitting(samples: int, trainable: int, task: str) -> Expectation:
    """Return the risk that the model learns samples by heart, by samples per trainable parameter."""
    _, many = nouns(task)
    if not samples or not trainable:
        return Expectation("info", "Overfitting: not known.", f"Add {many} on the Data page first.")
    ratio = samples / trainable
    count = _count(trainable)
    held = (
        "Varied samples and early stopping usually hold it off."
        if CATALOGUE[task].facts["inputs"] != "texts"
        else "Early stopping usually holds it off."
    )
    if ratio >= _SAFE:
        return Expectation(
            "ok", "Overfitting: low.", f"{samples:,} {many} for {count} parameters that learn."
        )
    if ratio >= _RISKY:
        return Expectation(
            "info",
            "Overfitting: moderate.",
            f"{samples:,} {many} for {count} parameters that learn. {held}",
        )
    return Expectation(
        "warning",
        "Overfitting: high.",
        f"{samples:,} {many} for {count} parameters that learn: the model can learn them by heart."
        " Early stopping keeps the best epoch; retraining less is safer.",
    )


def forgetting(trainable_body: int, body: int) -> Expectation:
    """Return the risk that the model loses what it knew, by the share of pretrained parameters."""
    share = trainable_body / body if body else 0.0
    if share == 0:
        return Expectation(
            "ok", "Forgetting: none.", "The pretrained layers stay exactly as they are."
        )
    percent = f"{100 * share:.0f} %" if share >= 0.01 else "Under 1 %"
    if share < 0.35:
        word, level = "Forgetting: low.", "ok"
        text = f"{percent} of the pretrained parameters change; the rest stays as it is."
    elif share < 0.8:
        word, level = "Forgetting: moderate.", "info"
        text = (
            f"{percent} of the pretrained parameters change. Some of what it knew about other"
            " things fades."
        )
    else:
        word, level = "Forgetting: likely.", "warning"
        text = (
            f"{percent} of the pretrained parameters change. It will know what your data teach,"
            " and less and less about anything else. That matters only if you need the rest."
        )
    return Expectation(level, word, text)


def adapted(trainable: int) -> Expectation:
    """Return the risk that the model loses what it knew, where only adapters learn beside its layers."""
    return Expectation(
        "ok",
        "Forgetting: low.",
        f"The pretrained layers stay exactly as they are; {_count(trainable)} parameters learn beside"
        " them and can be left away again.",
    )


def ranks_shown(adaptable: Iterable[str], chosen: Mapping[str, int] | None) -> dict[str, int]:
    """Return the rank of each layer that can have an adapter; nothing where adapters are not chosen."""
    return {} if chosen is None else {name: chosen.get(name, 0) for name in adaptable}


def with_rank(known: Mapping[str, int], module: str, rank: int) -> dict[str, int]:
    """Return the ranks of single modules after one was given another; those inside it follow."""
    return {name: own for name, own in known.items() if not within(name, module)} | {module: rank}


def groups_for_adapters(
    adaptable: Sequence[str], stages: Sequence[tuple[str, Sequence[str]]]
) -> list[tuple[str, tuple[str, ...]]]:
    """Return groups of layers that can have adapters, with the names that mean them.

    First what layers are called at their end (all ``query`` layers), where that is a word; then the
    stages of the network, which a convolutional one has names for.
    """
    ends = Counter(name.rpartition(".")[2] for name in adaptable)
    found: list[tuple[str, tuple[str, ...]]] = [
        (f"{end} ({_layers(count)})", (end,)) for end, count in ends.items() if not end.isdecimal()
    ]
    for title, modules in stages:
        inside = [name for name in modules if any(within(layer, name) for layer in adaptable)]
        count = sum(any(within(layer, name) for name in inside) for layer in adaptable)
        if count:
            found.append((f"{title} ({_layers(count)})", tuple(inside)))
    return found


def _layers(count: int) -> str:
    return "1 layer" if count == 1 else f"{count:,} layers"


def memory_words(needed_mb: float, free_mb: float, first_mb: float = 0.0) -> tuple[str, str]:
    """Return the figure and the sentence below it; ``first_mb`` is enough before layers are unfrozen."""
    free = f"{free_mb / 1024:.1f} GB"
    if needed_mb > 0.9 * free_mb:
        return _memory(needed_mb), f"more than fits into the {free} that are free; retrain less"
    at_first = f"; {_memory(first_mb)} at first" if 0 < first_mb < 0.8 * needed_mb else ""
    return _memory(needed_mb), f"of {free} free, an estimate{at_first}"


def _memory(mb: float) -> str:
    return f"{mb / 1024:.1f} GB" if mb >= 1024 else f"{max(1, mb):.0f} MB"


def settings_for(amount: str, recipe: Recipe, names: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return what the recipe takes over with a choice of layers.

    The exact solution is there for the head alone, so any other choice goes back to small steps. A
    custom choice stays in the recipe while another one is tried.
    """
    found: dict[str, Any] = {"layers.amount": amount}
    if amount == "custom" and names:
        found["layers.trainable"] = list(names)
    if amount != "head_only" and recipe.optimiser.method == "solve":
        found["optimiser.method"] = "steps"
    return found


def _count(number: int) -> str:
    if number >= 1_000_000:
        return f"{number / 1e6:.1f} million"
    return f"{number:,}"
