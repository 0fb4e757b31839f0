"""What an export does with the network's answers, in words: temperature, thresholds, who is turned away."""

from __future__ import annotations

import json
from pathlib import Path

from finetune_studio.core import shares
from finetune_studio.engine import decision
from finetune_studio.engine.card_parts import plain
from finetune_studio.modality import foreign


def decided(run_folder: Path, export: Path) -> list[str]:
    """Return in words what was decided about its answers after the run."""
    seen = json.loads((export / "preprocessing.json").read_text(encoding="utf-8"))
    inside, kept = seen.get("decision", {}), decision.read(run_folder)
    lines = []
    if (temperature := inside.get("temperature", 1.0)) != 1.0:
        lines.append(
            f"- Its probabilities are scaled by a temperature of {temperature:.3g}, found on the validation"
            " samples, so that they are as certain as the model is right."
        )
    for name, value in inside.get("thresholds", {}).items():
        lines.append(f"- {plain(name)} is named from a probability of {value:.3g} on.")
    if inside.get("least_likeness", -1.0) > -1:
        lines.append(
            "- Inputs that are unlike all training samples are answered “none of these”; of the validation"
            f" samples {shares.fine(kept.turned_away)} are turned away so."
        )
    elif kept.least_likeness > -1:
        lines.append(
            "- In Finetune Studio inputs that are unlike the training samples are turned away. This export"
            " answers them too: it does not know the training samples."
        )
    return lines


def unlike(export: Path) -> list[str]:
    """Return what happens to inputs that are unlike all training samples, where something does."""
    if not (export / foreign.FILE).is_file():
        return []
    seen = json.loads((export / "preprocessing.json").read_text(encoding="utf-8"))
    least = seen["decision"]["least_likeness"]
    return [
        "## Inputs that are unlike what it learnt from",
        "",
        "An input that is less like any training sample than nearly all validation samples were is",
        "turned away: the answer that is printed is `none of these (most like LABEL)`, and the last column",
        "is how sure the model is of that label. Programs that ask over HTTP find `none_of_these` in the",
        f"`answer`, beside the `likeness`: the cosine, from -1 to 1, which must reach {least:.4f}.",
        f"`{foreign.FILE}` holds what is compared: what the last layer was told of up to 2,000 training",
        "samples, as numbers; no sample can be read from it, but whoever has one can tell that it is there.",
        "",
    ]
