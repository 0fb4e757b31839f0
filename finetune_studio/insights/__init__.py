"""Ways of looking at results: one file each."""

from __future__ import annotations

from finetune_studio.core.catalogue import Catalogue, Entry

_HERE = "finetune_studio.insights"

CATALOGUE = Catalogue(
    "insight",
    [
        Entry(
            "confusion",
            "Confusion",
            "Counts which class is taken for which.",
            f"{_HERE}.confusion:confusion",
        ),
        Entry(
            "per_class",
            "Classes one by one",
            "Says for each class how much of it is found and how often its name is right.",
            f"{_HERE}.per_class:per_class",
        ),
        Entry(
            "worst",
            "Most wrong",
            "Orders samples by how wrong, unsure or right the model is.",
            f"{_HERE}.worst:ordered",
        ),
        Entry(
            "saliency",
            "Where it looked",
            "Shows which part of a picture spoke for a class (Grad-CAM).",
            f"{_HERE}.saliency:heat",
        ),
    ],
)
