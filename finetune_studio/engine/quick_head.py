"""A small head on stored features, fitted in about a second: for questions that need many heads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_STEPS = 60
_STRENGTH = 1e-3  # L2 on the weights, per sample
_MOST = 256  # directions of the features that are kept
_PARTS = 5


def reduced(values: np.ndarray) -> np.ndarray:
    """Return features centred, in their main directions and of comparable size, float32.

    Principal components, found through the features' covariance; small ones are left out, for they are
    slow and say little.
    """
    if not values.size:
        return values.astype(np.float32)
    import torch

    centred = values - values.mean(0)
    # Not numpy's: on two threads of a busy computer that took eleven seconds, this a fifth of one.
    spread = torch.from_numpy(centred.T @ centred / len(centred))
    lengths, turned = (found.numpy() for found in torch.linalg.eigh(spread))
    best = np.argsort(lengths)[::-1][: min(_MOST, len(centred))]
    found = centred @ turned[:, best]
    return np.asarray(found / (np.sqrt(max(float(lengths[best[0]]), 1e-12))), np.float32)


def fitted(
    values: np.ndarray, labels: np.ndarray, classes: int, start: np.ndarray | None = None
) -> np.ndarray:
    """Return the weights (features + 1, classes) of softmax regression, by L-BFGS.

    Args:
        values: (samples, features).
        labels: The place of each sample's class.
        classes: How many there are.
        start: Weights to begin with, as those of a similar fit.
    """
    import torch

    inputs = torch.from_numpy(_with_one(values))
    targets = torch.from_numpy(np.asarray(labels, np.int64))
    first = np.zeros((inputs.shape[1], classes), np.float32) if start is None else start
    weights = torch.from_numpy(first.copy()).requires_grad_()
    solver = torch.optim.LBFGS(
        [weights], max_iter=_STEPS, history_size=10, line_search_fn="strong_wolfe"
    )

    def closure() -> torch.Tensor:
        solver.zero_grad()
        scores = inputs @ weights
        lost = torch.nn.functional.cross_entropy(scores, targets)
        lost = lost + _STRENGTH * weights[:-1].square().sum()
        lost.backward()
        return lost

    with torch.enable_grad():
        solver.step(closure)
    return np.asarray(weights.detach().numpy())


def answered(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return probabilities (samples, classes)."""
    scores = _with_one(values) @ weights
    lifted = np.exp(scores - scores.max(1, keepdims=True))
    return np.asarray(lifted / lifted.sum(1, keepdims=True))


def _with_one(values: np.ndarray) -> np.ndarray:
    return np.concatenate([values, np.ones((len(values), 1), np.float32)], 1).astype(np.float32)


def parts_of(labels: np.ndarray, groups: Sequence[str | None], seed: int) -> np.ndarray:
    """Return in which of five parts each sample is: classes evenly, groups whole.

    Samples of one group (copies of each other, pictures of one patient) are never in two parts, for else
    a model would have seen the sample that it is asked about.
    """
    rng = np.random.default_rng(seed)
    parts = np.zeros(len(labels), int)
    counts = np.zeros((_PARTS, int(labels.max(initial=0)) + 1), int)
    members: dict[object, list[int]] = {}
    for place, group in enumerate(groups):
        members.setdefault(group if group is not None else place, []).append(place)
    units = list(members.values())
    for unit in sorted(rng.permutation(len(units)).tolist(), key=lambda n: -len(units[n])):
        places = units[unit]
        own = labels[places[0]]
        best = min(range(_PARTS), key=lambda part: (counts[part, own], counts[part].sum()))
        parts[places] = best
        np.add.at(counts[best], labels[places], 1)
    return parts


def cross_answered(
    values: np.ndarray, labels: np.ndarray, classes: int, parts: np.ndarray
) -> np.ndarray:
    """Return probabilities (samples, classes) of each part by a head fitted to the others."""
    found = np.zeros((len(values), classes))
    for part in range(_PARTS):
        here = parts == part
        if (
            here.any() and not here.all()
        ):  # each from nothing: another's weights have seen this part
            found[here] = answered(values[here], fitted(values[~here], labels[~here], classes))
    return found
