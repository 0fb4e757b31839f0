"""From the probabilities of a network to its answer, as was decided after its run; copied into exports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from finetune_studio.modality import decide


def told(
    shares: Mapping[str, float], decision: Mapping[str, Any], *, several: bool = False
) -> dict[str, Any]:
    """Return ``label``, ``certainty``, ``probabilities`` and ``answer``.

    Args:
        shares: Probabilities by name, as the network gives them.
        decision: ``temperature`` and ``thresholds`` by name; what is missing changes nothing.
        several: Whether a sample may have several classes, whose probabilities then stand alone.
    """
    found = decide.scaled(shares, float(decision.get("temperature", 1.0)), several=several)
    ordered = dict(sorted(found.items(), key=lambda item: -item[1]))
    names = decide.named(ordered, decision.get("thresholds", {}), several=several)
    answer: dict[str, Any] = {}
    if several:
        certainty = min((ordered[name] for name in names), default=1 - max(ordered.values()))
        answer["labels"] = names
    else:
        certainty = ordered[names[0]]
    return {
        "label": ", ".join(names),
        "certainty": certainty,
        "probabilities": ordered,
        "answer": answer,
    }
