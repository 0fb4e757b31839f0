"""Most wrong: samples in the order in which a look at them pays."""

from __future__ import annotations

from collections.abc import Sequence

from finetune_studio.core.task import Pair

ORDERS = ("most_wrong", "least_sure", "best")


def ordered(pairs: Sequence[Pair], order: str = "most_wrong") -> list[Pair]:
    """Return the samples in an order: ``most_wrong``, ``least_sure`` or ``best``.

    Most wrong means that the model was most certain of another class than the label; right answers come
    last. Least sure means that the two likeliest classes are closest.
    """
    if order == "least_sure":
        return sorted(pairs, key=margin)
    wrongness = sorted(pairs, key=lambda pair: -wrong_by(pair))
    return wrongness if order == "most_wrong" else wrongness[::-1]


def wrong_by(pair: Pair) -> float:
    """Return how much likelier the answer is than the label, from 0 to 1; below 0 where it is right.

    A right answer counts minus its certainty, so that the surest right one comes last.
    """
    sample, answer = pair
    said = answer.probabilities.get(str(answer.label), 0.0)
    if str(answer.label) == str(sample.label):
        return -said
    return said - answer.probabilities.get(str(sample.label), 0.0)


def margin(pair: Pair) -> float:
    """Return the distance between the two likeliest classes, from 0 to 1."""
    shares = sorted(pair[1].probabilities.values(), reverse=True)
    return shares[0] - shares[1] if len(shares) > 1 else 1.0
