"""Lets a run learn from samples that are blended in pairs, where the layers that learn begin."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from finetune_studio.core.blend import Blend, drawn
from finetune_studio.core.dataset import Sample
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Batch, Bundle, Task
from finetune_studio.engine.features.prefix import with_first_tensor
from finetune_studio.engine.feeds import Border
from finetune_studio.modality import mixing


def made(
    task: Task, bundle: Bundle, recipe: Recipe, train: list[Sample], *, solved: bool
) -> Blending | None:
    """Return what blends samples, where the recipe asks for it and they can be blended."""
    if solved or not wanted(recipe) or not possible(task, bundle, train):
        return None
    return Blending(task, bundle, recipe)


def wanted(recipe: Recipe) -> bool:
    """Whether a recipe asks for blended samples."""
    return recipe.regularise.mixup > 0 or recipe.regularise.cutmix > 0


class Blending:
    """Blends what reaches the first layer that learns (Verma et al. 2019), its border.

    It is the same whether or not frozen layers are computed once. Where everything learns, pictures
    themselves are blended, and of texts what reaches the head. All samples of a step have the same share;
    each is blended with its counterpart from the other end of the batch, or of the part of it that is
    computed at a time, which comes in random order. Random numbers come from the seed and the step alone.
    """

    def __init__(self, task: Task, bundle: Bundle, recipe: Recipe) -> None:
        self._task = task
        self._bundle = bundle
        self._recipe = recipe
        self._border = Border()
        self._hook: Any = None
        self._blend: Blend | None = None
        self._acting = False

    def begin(self, border: Border, step: int) -> None:
        """Draw how the samples of a step are blended at the border."""
        if self._hook is None or border != self._border:
            self._stand_at(border)
        choices = self._recipe.regularise
        rng = random.Random(f"{self._recipe.seed}/{step}/blend")
        self._blend = drawn(rng, choices.mixup, choices.cutmix if border.maps else 0.0)

    def _stand_at(self, border: Border) -> None:
        if self._hook is not None:
            self._hook.remove()
        self._border = border
        module = self._bundle.network.get_submodule(border.name or self._bundle.head)
        self._hook = module.register_forward_pre_hook(self._reached, with_kwargs=True)

    def _reached(
        self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        if not self._acting or self._blend is None:
            return None
        blend = self._blend

        def change(values: Tensor) -> Tensor:
            return mixing.blended(values, blend)

        return with_first_tensor(args, kwargs, change)

    def blended(self, batch: Batch) -> Batch:
        """Return a batch with blended targets, and with blended inputs where no layer does that."""
        if self._blend is None:
            return batch
        targets = self._task.mixed(self._bundle, batch.targets, self._blend)
        inputs = batch.inputs
        if self._at_inputs(inputs):
            inputs = mixing.blended(inputs, self._blend)
        return replace(batch, inputs=inputs, targets=targets)

    def _at_inputs(self, inputs: Any) -> bool:
        return not self._border.name and isinstance(inputs, Tensor)

    @contextmanager
    def acting(self, batch: Batch) -> Iterator[None]:
        """Blend at the border as long as the context lasts."""
        self._acting = not self._at_inputs(batch.inputs)
        try:
            yield
        finally:
            self._acting = False


def possible(task: Task, bundle: Bundle, samples: Sequence[Sample]) -> bool:
    """Whether samples of the task can be blended."""
    targets = task.targets(list(samples[:1]), bundle)
    return task.mixed(bundle, targets, Blend(1.0)) is not None
