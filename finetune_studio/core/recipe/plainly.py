"""What each practice of a recipe does, as a sentence for people who have never heard of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from finetune_studio.core.recipe.whole import Recipe, fields

SECTIONS = (
    *("layers", "optimiser", "augment", "regularise", "stop", "forgetting"),
    *("crossval", "search"),
)

_AMOUNTS = {
    "head_only": "Only the new last layer learns.",
    "last_stage": "Only the last stage of the model learns.",
    "later_half": "Only the later half of the model learns.",
    "everything": "Every layer of the model learns.",
    "adapters": "Small adapters learn beside the layers, which stay as they are.",
    "custom": "The layers that you ticked learn.",
}
_WAKING = {
    "none": "All that may change learns from the start.",
    "head_then_all": "The new last layer learns alone for a tenth of the run, then all learn.",
    "top_down": "Layers begin to learn one stage after the other, from the last to the first.",
}
_SCHEDULES = {
    "cosine": "Steps become smaller along a smooth curve.",
    "linear": "Steps become smaller evenly.",
    "constant": "Steps stay equally large to the end.",
    "one_cycle": "Steps grow for a third of the run and then shrink to nearly nothing.",
}
_BALANCES = {
    "none": "Every sample counts the same, however rare its class is.",
    "weights": "Mistakes on rare classes count more.",
    "sampler": "Samples of rare classes are shown more often.",
}
_STRENGTHS = {
    "none": "Pictures are not varied.",
    "light": "Pictures are varied a little.",
    "medium": "Pictures are varied clearly.",
    "strong": "Pictures are varied strongly.",
}
_METHODS = {
    "steps": "The model learns in small steps.",
    "solve": "The best last layer is computed at once, without small steps.",
}
_SEARCHED = {
    "learning_rate": "the learning rate",
    "depth": "how much is retrained",
    "augmentation": "how much pictures are varied",
}


def _n(value: float) -> str:
    return f"{value:,.6g}"


def _count(number: int, one: str, many: str = "") -> str:
    return f"1 {one}" if number == 1 else f"{number:,} {many or one + 's'}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _switch(on: str, off: str) -> Callable[[Any], str]:
    return lambda value: on if value else off


def _with(on: str, off: str, how: Callable[[Any], str] = _n) -> Callable[[Any], str]:
    """Return what says ``off`` of nothing, and ``on`` with the value in it of anything else."""
    return lambda value: on.format(how(value)) if value else off


def _epochs(on: str, off: str = "") -> Callable[[Any], str]:
    return _with(on, off, lambda value: _count(int(value), "epoch"))


def _modules(own: str, off: str) -> Callable[[Any], str]:
    """Return what says that so many parts of the model have something that the others have not."""

    def say(value: Any) -> str:
        has = "has" if len(value) == 1 else "have"
        return f"{_count(len(value), 'part')} of the model {has} {own}." if value else off

    return say


def _averaging(value: float) -> str:
    if not value:
        return "Weights are not averaged."
    return (
        f"The weights of about the last {_count(round(1 / (1 - value)), 'step')} are averaged, which"
        " steadies the result."
    )


def _blend(value: float) -> str:
    if value == 1:
        return "The result is the fine-tuned model alone."
    return f"The result is {_percent(value)} fine-tuned model and {_percent(1 - value)} original model."


def _slower(value: float) -> str:
    if value == 1:
        return "Early layers learn as fast as late ones."
    return (
        f"Early layers learn more slowly: each stage takes {_n(value)} times the step of the next."
    )


def _over(value: list[str]) -> str:
    if not value:
        return "The search changes nothing."
    return f"The search tries {_listed([_SEARCHED[name] for name in value])}."


_SAYS: dict[str, Callable[[Any], str]] = {
    "layers.amount": _AMOUNTS.__getitem__,
    "layers.trainable": _modules("been ticked and may change", "No part is ticked by itself."),
    "layers.head_first": _epochs(
        "Only the new last layer learns for the first {}.",
        "The new last layer does not learn alone first.",
    ),
    "layers.unfreeze_at": _modules(
        "an epoch to begin in, set on the timeline",
        "The timeline holds no part of the model back.",
    ),
    "layers.unfreezing": _WAKING.__getitem__,
    "layers.rate_decay": _slower,
    "layers.rates": _modules(
        "another step size than the rest",
        "No part of the model has a step size of its own.",
    ),
    "layers.keep_statistics": _switch(
        "Levels that the model learnt in pretraining are kept (batch norms).",
        "Levels inside the model follow your own samples (batch norms).",
    ),
    "layers.lora_rank": _with(
        "Adapters have rank {}: the higher, the more they can learn.",
        "Adapters are only where a layer has a rank of its own.",
    ),
    "layers.lora_alpha": lambda v: f"What adapters say counts with strength {_n(v)}.",
    "layers.lora_dropout": _with(
        "{} of what adapters see is left out at random.", "Adapters see everything.", _percent
    ),
    "layers.dora": _switch(
        "Adapters learn strength and direction apart (DoRA).", "Adapters are plain ones (LoRA)."
    ),
    "layers.lora_layers": _with(
        "Adapters lie at these layers: {}.", "Adapters lie at the usual layers.", ", ".join
    ),
    "layers.lora_ranks": _modules(
        "another adapter rank than the rest", "All adapters have the same rank."
    ),
    "layers.lora_4bit": _switch(
        "Frozen layers are kept in a quarter of the memory (4 bits).",
        "Frozen layers are kept in full.",
    ),
    "optimiser.method": _METHODS.__getitem__,
    "optimiser.epochs": lambda v: (
        f"Every sample is seen {'once' if v == 1 else f'up to {v:,} times'}."
    ),
    "optimiser.batch_size": _with(
        "The model changes after every {} samples.",
        "How many samples a step looks at is found out.",
    ),
    "optimiser.accumulation": _with(
        "A step is computed in {} parts.", "A step is computed in as few parts as fit into memory."
    ),
    "optimiser.learning_rate": lambda v: f"Pretrained layers take steps of size {_n(v)}.",
    "optimiser.head_learning_rate": lambda v: f"The new last layer takes steps of size {_n(v)}.",
    "optimiser.find_rate": _switch(
        "The best step size is looked for before the run.", "The step size is taken as it is set."
    ),
    "optimiser.weight_decay": _with(
        "Weights are pulled towards zero, with strength {}.", "Weights are not pulled towards zero."
    ),
    "optimiser.label_smoothing": _with(
        "The model is taught to leave {} of doubt in each answer.",
        "The model is taught to be fully certain of each label.",
        _percent,
    ),
    "optimiser.schedule": _SCHEDULES.__getitem__,
    "optimiser.warmup_share": _with(
        "Steps grow from zero during the first {} of the run.",
        "Steps are large from the first one on.",
        _percent,
    ),
    "optimiser.gradient_clip": _with(
        "Steps that would be too long are cut (at length {}).", "No step is cut, however long."
    ),
    "optimiser.balance": _BALANCES.__getitem__,
    "augment.strength": _STRENGTHS.__getitem__,
    "augment.horizontal_flip": _switch(
        "Pictures are also shown mirrored.", "Pictures are not mirrored."
    ),
    "augment.views": lambda v: (
        f"{_count(v, 'varied copy', 'varied copies')} of each sample are kept."
    ),
    "regularise.head_dropout": _with(
        "{} of what the last layer sees is left out at random.",
        "The last layer sees everything.",
        _percent,
    ),
    "regularise.mixup": _with(
        "Samples are blended in pairs, with their labels (evenness {}).", "Samples are not blended."
    ),
    "regularise.cutmix": _with(
        "Pieces of pictures are pasted into others (evenness {}).",
        "No pieces of pictures are pasted into others.",
    ),
    "regularise.towards_pretrained": _with(
        "Layers are pulled back to where they began, with strength {}.",
        "Layers are not pulled back to where they began.",
    ),
    "regularise.averaging": _averaging,
    "stop.early": _switch(
        "The run ends by itself when nothing more is gained.",
        "The run goes on to its last epoch, whether anything is gained or not.",
    ),
    "stop.patience": _epochs("The run ends after {} without gain."),
    "stop.after": _epochs("The run is ended after {}.", "The run is not ended before its time."),
    "forgetting.blend": _blend,
    "forgetting.old_answers": _with(
        "The model must also answer as it did before, which counts {} times as much as your classes.",
        "The model's answers of before are not kept.",
    ),
    "forgetting.replay": _with(
        "{} of each step are samples of the earlier run.",
        "No samples of an earlier run are shown again.",
        _percent,
    ),
    "forgetting.held_out": _with(
        "What the model knew is measured with your own samples of it ({}).",
        "What the model knew is measured with your validation samples.",
        str,
    ),
    "crossval.folds": _with(
        "The data are divided {} times, so that every sample is judged once (cross-validation).",
        "The data are divided once.",
    ),
    "crossval.final": _switch(
        "A final model then learns from all samples.", "The best fold's model is kept."
    ),
    "search.trials": _with(
        "Up to {} recipes are tried, and the best is kept.", "No other recipes are tried."
    ),
    "search.minutes": _with("The search ends after {} min.", "The search has no time limit."),
    "search.over": _over,
}


def practices() -> list[str]:
    """Return the dotted names of the fields that say how a model is trained."""
    return [name for name in fields() if name.partition(".")[0] in SECTIONS]


def can_say(name: str) -> bool:
    """Whether a field is a practice, of which there is a sentence."""
    return name in _SAYS


def sentence(name: str, value: Any) -> str:
    """Return what a value of a practice does, in plain words, such as that weights are not averaged."""
    text = _SAYS[name](value)
    return text[:1].upper() + text[1:]


def sentences(settings: Mapping[str, Any]) -> list[str]:
    """Return what settings do, a sentence each; fields that are no practices are named with their value."""
    known = fields()
    return [
        sentence(name, value)
        if name in _SAYS
        else f"{known.get(name, {}).get('title', name)}: {value}."
        for name, value in settings.items()
    ]


# Practices that do nothing unless another choice is made.
_NEEDS: dict[str, Callable[[Recipe], bool]] = {
    "layers.trainable": lambda r: r.layers.amount == "custom",
    **dict.fromkeys(
        (f"layers.{name}" for name in ("lora_rank", "lora_alpha", "lora_dropout", "lora_layers")),
        lambda r: r.layers.amount == "adapters",
    ),
    **dict.fromkeys(
        ("layers.lora_ranks", "layers.lora_4bit", "layers.dora"),
        lambda r: r.layers.amount == "adapters",
    ),
    **dict.fromkeys(
        (
            *("layers.head_first", "layers.unfreeze_at", "layers.unfreezing", "layers.rate_decay"),
            *("layers.rates", "layers.keep_statistics", "optimiser.learning_rate"),
            *("regularise.towards_pretrained", "forgetting.old_answers"),
        ),
        lambda r: r.layers.amount != "head_only",
    ),
    **dict.fromkeys(
        (
            *("optimiser.head_learning_rate", "optimiser.schedule", "optimiser.warmup_share"),
            *("optimiser.gradient_clip", "optimiser.find_rate", "optimiser.accumulation"),
            *("regularise.head_dropout", "regularise.mixup", "regularise.cutmix"),
            *("regularise.averaging",),
        ),
        lambda r: not is_solved(r),
    ),
    "optimiser.method": lambda r: r.layers.amount == "head_only",
    "augment.views": lambda r: r.augment.strength != "none",
    "stop.patience": lambda r: r.stop.early,
    "crossval.final": lambda r: r.crossval.folds > 0,
    "search.minutes": lambda r: r.search.trials > 0,
    "search.over": lambda r: r.search.trials > 0,
}


def is_solved(recipe: Recipe) -> bool:
    """Whether the head alone learns, and is computed at once."""
    return recipe.optimiser.method == "solve" and recipe.layers.amount == "head_only"


def matters(name: str, recipe: Recipe) -> bool:
    """Whether a practice does anything beside the other choices of a recipe."""
    return _NEEDS[name](recipe) if name in _NEEDS else True
