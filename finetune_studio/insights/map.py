"""A map of samples: those that the network sees alike lie near each other."""

from __future__ import annotations

import numpy as np

_LANDMARKS = 4000  # samples that are laid out by themselves; the others join their neighbours
_DIRECTIONS = 50
_NEAREST = 5
_ROWS = 2048


def principal(values: np.ndarray) -> np.ndarray:
    """Return the two directions in which samples differ most, (samples, 2), within -1 and 1.

    Principal components (Pearson 1901): at once, and faithful to large distances.
    """
    return _scaled(directions(values, 2))


def directions(values: np.ndarray, count: int) -> np.ndarray:
    """Return samples in the main directions of their features, float32 (samples, count)."""
    if len(values) < 2:
        return np.zeros((len(values), count), np.float32)
    centred = values - values.mean(0)
    lengths, turned = np.linalg.eigh(centred.T @ centred)
    found = np.zeros((len(values), count), np.float32)
    best = np.argsort(lengths)[::-1][: min(count, len(lengths))]
    found[:, : len(best)] = centred @ turned[:, best]
    return found


def neighbourhoods(values: np.ndarray, seed: int) -> np.ndarray:
    """Return places in which neighbours stay neighbours, (samples, 2), within -1 and 1.

    t-SNE (van der Maaten and Hinton 2008) of at most 4,000 samples; each further one lies among its
    nearest of these. Distances between far groups mean nothing.
    """
    from sklearn.manifold import TSNE

    short = directions(values, _DIRECTIONS)
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(short))[:_LANDMARKS])
    crowd = max(2.0, min(30.0, (len(chosen) - 1) / 4))
    if len(chosen) < 4:
        return principal(values)
    laid = TSNE(perplexity=crowd, init="pca", random_state=seed).fit_transform(short[chosen])
    if len(chosen) == len(short):
        return _scaled(laid)
    places = np.empty((len(short), 2), np.float32)
    squares = np.square(short[chosen]).sum(1)
    for start in range(0, len(short), _ROWS):
        part = short[start : start + _ROWS]
        ways = squares - 2 * part @ short[chosen].T
        near = np.argpartition(ways, _NEAREST, axis=1)[:, :_NEAREST]
        places[start : start + _ROWS] = np.median(laid[near], axis=1)
    places[chosen] = laid
    return _scaled(places)


def _scaled(places: np.ndarray) -> np.ndarray:
    """Return places around 0 within -1 and 1; a few far ones do not press the others together."""
    if not len(places):
        return np.zeros((0, 2), np.float32)
    middle = np.median(places, axis=0)
    reach = np.quantile(np.abs(places - middle), 0.995) or 1.0
    return np.asarray(np.clip((places - middle) / reach, -1, 1), np.float32)
