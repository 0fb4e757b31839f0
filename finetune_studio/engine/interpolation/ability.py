"""What a network could do before it was fine-tuned, asked again at each place along the blend.

Three ways, by what there is: held-out samples with the original's own labels are scored; else the original
last layer answers the same samples before and after, and the share of equal answers counts (of names and
answers in texts, of whole samples: most words are none in any case, so that single tags say little); where
the original brought no last layer, what its body sees in them is compared (linear CKA, Kornblith et al.
2019).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from finetune_studio.core.dataset import Sample
from finetune_studio.core.task import Batch, Bundle, Pair, Task
from finetune_studio.models.original import Head


class Ability(ABC):
    """Sums up what is still known at each share of the blend.

    Attributes:
        measure: ``agreement``, ``likeness``, or the name of a score.
        about: What is measured, as a sentence.
        falls: Whether less of it is better.
    """

    measure = "agreement"
    about = ""
    falls = False

    @abstractmethod
    def look(self, share: float, bundle: Bundle, batch: Batch, kept: Sequence[Sample]) -> None:
        """Ask the network, which is blended so, about a batch."""

    @abstractmethod
    def results(self) -> dict[float, float]:
        """Return what was found, by share."""


class Scored(Ability):
    """The score on held-out samples under the original's own labels, or of a language model itself."""

    def __init__(self, task: Task, head: Head | None, names: dict[str, str], about: str) -> None:
        self._task, self._head, self._names = task, head, names
        self._pairs: dict[float, list[Pair]] = {}
        self.measure, self.falls, self.about = task.headline, task.less_is_better, about

    def look(self, share: float, bundle: Bundle, batch: Batch, kept: Sequence[Sample]) -> None:
        """Answer the batch and keep the answers beside the right ones."""
        with asked_with(bundle, self._head) if self._head else nullcontext(bundle) as asked:
            said = self._task.predict(asked, batch)
        truth = [renamed(sample, self._names) for sample in kept]
        answers = [replace(one, probabilities={}) for one in said]
        self._pairs.setdefault(share, []).extend(zip(truth, answers, strict=True))

    def results(self) -> dict[float, float]:
        """Return the task's headline score at each share."""
        return {
            share: self._task.score(pairs)[self.measure] for share, pairs in self._pairs.items()
        }


def renamed(sample: Sample, names: dict[str, str]) -> Sample:
    """Return a sample under the original's own names of classes; names in a text that it lacks go."""
    spans = sample.fields.get("spans")
    if not names or not isinstance(spans, list):
        return replace(sample, label=names.get(sample.label or "", sample.label))
    known = [[start, end, names[kind]] for start, end, kind in spans if kind in names]
    return replace(sample, fields={**sample.fields, "spans": known})


class Answering(Ability):
    """How often the task puts the same answer together with the original last layer as it did before."""

    def __init__(self, task: Task, head: Head, about: str) -> None:
        self._task, self._head, self.about = task, head, about
        self._said: dict[float, list[str | None]] = {}

    def look(self, share: float, bundle: Bundle, batch: Batch, kept: Sequence[Sample]) -> None:  # noqa: ARG002
        """Answer the batch with the original last layer."""
        with asked_with(bundle, self._head) as asked:
            said = [answer.label for answer in self._task.predict(asked, batch)]
        self._said.setdefault(share, []).extend(said)

    def results(self) -> dict[float, float]:
        """Return the share of samples that are answered as by the original network."""
        first = self._said.get(0.0, [])
        return {
            share: sum(a == b for a, b in zip(first, said, strict=True)) / max(1, len(first))
            for share, said in self._said.items()
        }


class Seeing(Ability):
    """An ability that is read off what reaches the last layer, while any other question is answered.

    So the validation samples go through the network once for both curves.
    """

    def __init__(self, task: Task, about: str) -> None:
        self._task, self.about = task, about
        self._seen: dict[float, list[Tensor]] = {}

    @contextmanager
    def watching(self, share: float, bundle: Bundle) -> Iterator[None]:
        """Look at what reaches the last layer meanwhile."""

        def watch(_module: nn.Module, args: tuple[Any, ...]) -> None:
            self._seen.setdefault(share, []).append(
                self.taken(args[0].detach().float(), bundle).cpu()
            )

        hook = bundle.network.get_submodule(bundle.head).register_forward_pre_hook(watch)
        try:
            yield
        finally:
            hook.remove()

    def look(self, share: float, bundle: Bundle, batch: Batch, kept: Sequence[Sample]) -> None:  # noqa: ARG002
        """Send a batch through the network and look at what reaches the last layer."""
        with self.watching(share, bundle):
            self._task.predict(bundle, batch)

    @abstractmethod
    def taken(self, features: Tensor, bundle: Bundle) -> Tensor:
        """Return what is kept of the features (sample, ..., feature) of a batch."""


class Agreeing(Seeing):
    """How often the original last layer says the same as it did on the original body; needs no labels."""

    def __init__(self, task: Task, head: Head, about: str) -> None:
        super().__init__(task, about)
        self._head = head

    def taken(self, features: Tensor, bundle: Bundle) -> Tensor:
        """Return the original head's answers: the likeliest class, or each that is likelier than not."""
        weight = self._head.weight.to(features)
        bias = None if self._head.bias is None else self._head.bias.to(features)
        scores = functional.linear(features, weight, bias)
        return scores > 0 if bundle.processor.get("several") else scores.argmax(-1)

    def results(self) -> dict[float, float]:
        """Return the share of answers that are those of the original network."""
        first = self._seen.get(0.0, [])
        return {
            share: _weighed([_same(a, b) for a, b in zip(first, said, strict=True)], first)
            for share, said in self._seen.items()
        }


def _same(one: Tensor, other: Tensor) -> float:
    """Return the share of samples (of a text's places) that are answered alike."""
    alike = one == other
    several = one.dtype == torch.bool  # a row of yes and no for each class
    return float((alike.all(-1) if several else alike).float().mean())


def _weighed(shares: Sequence[float], batches: Sequence[Tensor]) -> float:
    every = sum(len(batch) for batch in batches)
    return sum(s * len(b) for s, b in zip(shares, batches, strict=True)) / max(1, every)


class Alike(Seeing):
    """How alike what the last layer is given is to what the original body gave it."""

    measure = "likeness"

    def taken(self, features: Tensor, bundle: Bundle) -> Tensor:  # noqa: ARG002
        """Return a row a sample: of a text the mean over its places."""
        return features if features.ndim == 2 else features.flatten(1, -2).mean(1)

    def results(self) -> dict[float, float]:
        """Return the linear CKA with the original body, from 0 to 1 (the same but for a rotation)."""
        rows = {share: torch.cat(parts) for share, parts in self._seen.items()}
        return {share: likeness(rows[0.0], seen) for share, seen in rows.items()}


def likeness(one: Tensor, other: Tensor) -> float:
    """Return the linear centred kernel alignment of two tables (sample, feature) of the same samples."""
    a, b = (rows.double() - rows.double().mean(0) for rows in (one, other))
    lengths = (a.T @ a).norm() * (b.T @ b).norm()
    return float((a.T @ b).square().sum() / lengths) if lengths > 0 else 1.0


@contextmanager
def asked_with(bundle: Bundle, head: Head) -> Iterator[Bundle]:
    """Yield the bundle with the original last layer and its labels; the network gets its own back."""
    own = bundle.network.get_submodule(head.name)
    head.put_on(bundle.network)
    try:
        yield replace(bundle, labels=head.labels, class_weights=None)
    finally:
        bundle.network.set_submodule(head.name, own)
