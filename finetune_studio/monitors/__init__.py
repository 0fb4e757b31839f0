"""What watches a run and speaks up: one file a monitor."""

from __future__ import annotations

from finetune_studio.core.catalogue import Catalogue, Entry

_HERE = "finetune_studio.monitors"

# What a monitor sees is told under its title; ``lamp`` is the light on the Train page that it turns on.
CATALOGUE = Catalogue(
    "monitor",
    [
        Entry(
            "divergence",
            "Divergence",
            "Notices a loss that is no number any more or grows without end.",
            f"{_HERE}.divergence:Diverging",
            {"lamp": "diverging"},
        ),
        Entry(
            "rate_too_high",
            "Learning rate too high",
            "Notices a loss that jumps, swings or lies above where it began after the warm-up.",
            f"{_HERE}.rate_too_high:RateTooHigh",
            {"lamp": "diverging"},
        ),
        Entry(
            "leakage",
            "Leakage",
            "Notices validation samples that stand in training too, and scores too good to be true.",
            f"{_HERE}.leakage:Leakage",
            {"lamp": "learning"},
        ),
        Entry(
            "overfitting",
            "Overfitting",
            "Notices that samples are learnt by heart: validation loss rises while training loss falls.",
            f"{_HERE}.overfitting:Overfitting",
            {"lamp": "overfitting"},
        ),
        Entry(
            "forgetting",
            "Forgetting",
            "Notices pretrained layers that move far from where they began, and nothing is gained by it.",
            f"{_HERE}.forgetting:Forgetting",
            {"lamp": "forgetting"},
        ),
        Entry(
            "underfitting",
            "Underfitting",
            "Notices a model that hardly learns, or that still improves when the run ends.",
            f"{_HERE}.underfitting:Underfitting",
            {"lamp": "learning"},
        ),
        Entry(
            "never_predicted",
            "A class that is never named",
            "Notices classes that the model gives to no validation sample.",
            f"{_HERE}.never_predicted:NeverPredicted",
            {"lamp": "learning"},
        ),
        Entry(
            "plateau",
            "Plateau",
            "Notices that validation has not improved for a number of epochs.",
            f"{_HERE}.plateau:Standstill",
            {"lamp": "learning"},
        ),
    ],
)
