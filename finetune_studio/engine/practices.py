"""What a recipe's practices mean for a network (rates by depth, pull, dropout), and what is said of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.nn import functional

from finetune_studio.core import recipe as recipes
from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, Noted
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.splits import rarest
from finetune_studio.core.task import Bundle, Task
from finetune_studio.engine import before, blending, run, unfreezing
from finetune_studio.engine.features.prefix import with_first_tensor
from finetune_studio.models import depths, layers
from finetune_studio.models.node import within

if TYPE_CHECKING:
    from finetune_studio.engine.feeds import Feed
    from finetune_studio.engine.launch import Team
    from finetune_studio.engine.methods import Way

_OF_STEPS = (
    *("layers.rate_decay", "layers.rates", "regularise.head_dropout", "regularise.mixup"),
    *("regularise.cutmix", "regularise.towards_pretrained", "regularise.averaging"),
    "forgetting.old_answers",
)
_OF_BODY = ("layers.rate_decay", "regularise.towards_pretrained", "forgetting.old_answers")


def settled(bundle: Bundle, recipe: Recipe, ever: frozenset[str]) -> Recipe:
    """Return the recipe with all that follows from the network filled in.

    Raises:
        StudioError: If it gives a rate to a layer that the network does not have.
    """
    depths.refuse_unknown(bundle.network, recipe.layers)
    return unfreezing.filled(bundle, recipe, ever)


def parts(bundle: Bundle, recipe: Recipe) -> list[depths.Part]:
    """Return what learns, by rate; the network must be marked with what learns in any epoch."""
    choices = recipe.layers
    stages = None if depths.alike(choices) else unfreezing.stages_of(bundle)
    return depths.parts(bundle.network, bundle.head, choices, stages)


def drop_before_head(bundle: Bundle) -> None:
    """Leave out a part of what the head sees, while it learns (Srivastava et al. 2014).

    It is no module of the network: names of weights, exports and stored activations stay as they are.
    """
    share = bundle.recipe.regularise.head_dropout if bundle.recipe else 0.0
    if not share:
        return

    def leave_out(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not module.training:
            return None

        def change(values: Tensor) -> Tensor:
            return functional.dropout(values, share)

        return with_first_tensor(args, kwargs, change)

    head = bundle.network.get_submodule(bundle.head)
    head.register_forward_pre_hook(leave_out, with_kwargs=True)


def starts(this: run.Run, bundle: Bundle, recipe: Recipe) -> dict[str, Tensor]:
    """Return where the pretrained parameters that learn began, if they are pulled back to it.

    It is to be asked for before a checkpoint is restored; a run that goes on has kept it.

    Raises:
        StudioError: If a run that goes on has lost it.
    """
    if not recipe.regularise.towards_pretrained:
        return {}
    heads = [bundle.head, *layers.always(bundle.network, bundle.head)]
    now = {
        name: parameter
        for name, parameter in bundle.network.named_parameters()
        if parameter.requires_grad and not any(within(name, head) for head in heads)
    }
    if not this.checkpoints.get("last"):
        return {name: parameter.detach().clone() for name, parameter in now.items()}
    kept = before.kept(this.folder)
    if not now.keys() <= kept.keys():
        raise StudioError(
            f"{this.folder / before.FILE} is gone, which holds the weights that this run is pulled back"
            " to.",
            "Start a new run with the same recipe.",
        )
    return {name: kept[name] for name in now}


# --- what is said ---------------------------------------------------------------------------------


def told(
    task: Task,
    bundle: Bundle,
    recipe: Recipe,
    train: Sequence[Sample],
    feed: Feed,
    way: Way,
    team: Team,
) -> Iterator[Event]:
    """Say what the practices come to, and which of them come to nothing."""
    if recipe.optimiser.method == "solve" and not way.solved:
        yield Noted(
            "Only a head on computed features can be solved; small steps are taken instead."
        )
    if words := balanced(task, bundle, recipe, train):
        yield Noted(words)
    for sentence in (*task.unheeded(bundle), *_idle(recipe, way)):
        yield Noted(sentence)
    if words := unfreezing.told(bundle, recipe):
        yield Noted(words)
    if blending.wanted(recipe) and not way.solved:
        if not blending.possible(task, bundle, train):
            yield Noted("Samples of this kind cannot be blended: mixup and cutmix do nothing.")
        elif recipe.regularise.cutmix and not feed.border.maps:
            yield Noted("The layers that learn now see no pictures: cutmix does nothing there.")
        elif team.size > 1:
            yield Noted("Each process blends its own samples, in pairs of its own.")


def balanced(task: Task, bundle: Bundle, recipe: Recipe, train: Sequence[Sample]) -> str:
    """Say what balancing does for the rarest class, in a sentence; nothing where nothing is balanced."""
    way = recipe.optimiser.balance
    if way == "none" or (way == "weights" and bundle.class_weights is None):
        return ""
    counts: Counter[str] = task.class_counts(train)
    one, does = task.counted, "counts {} times as much as"
    if way == "sampler":
        each = [tuple(task.class_counts([sample])) for sample in train]
        counts = Counter(kind for kind in rarest(each) if kind)
        one, does = "sample", "is drawn {} times as often as"
    if len(counts) < 2:
        return ""
    (most, many), (least, few) = counts.most_common(1)[0], counts.most_common()[-1]
    if many == few:
        return "All classes are equally frequent: there is nothing to balance."
    does = does.format(f"{many / few:.1f}")
    return f"Balanced: a {one} of {least!r} ({few:,} of them) {does} one of {most!r} ({many:,})."


def _idle(recipe: Recipe, way: Way) -> Iterator[str]:
    chosen, found = _chosen(recipe, _OF_STEPS), way.parts
    if way.solved and chosen:
        yield f"The head is solved at once and not in steps, so this does nothing: {_titles(chosen)}."
    if way.solved:
        return
    idle = [] if any(not part.head for part in found) else _chosen(recipe, _OF_BODY)
    if idle:
        yield f"The head alone learns, so this does nothing: {_titles(idle)}."
    if names := depths.idle(recipe.layers, found):
        yield f"These layers have a rate of their own and do not learn: {', '.join(names)}."


def _chosen(recipe: Recipe, names: Iterable[str]) -> list[str]:
    """Return the fields that are not as they are by default."""
    plain, found = Recipe(), []
    for name in names:
        section, _, field = name.partition(".")
        if getattr(getattr(recipe, section), field) != getattr(getattr(plain, section), field):
            found.append(name)
    return found


def _titles(names: Iterable[str]) -> str:
    known = recipes.fields()
    return ", ".join(str(known[name]["title"]).lower() for name in names)
