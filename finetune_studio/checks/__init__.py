"""Searches for trouble in data: one file a check, each finding with a remedy."""

from __future__ import annotations

from finetune_studio.core.catalogue import Catalogue, Entry

CATALOGUE = Catalogue(
    "check",
    [
        Entry(
            "broken",
            "Unreadable files",
            "Opens every file and sets aside what cannot be read.",
            "finetune_studio.checks.broken:find",
            {"inputs": "images"},
        ),
        Entry(
            "leakage",
            "Copies across splits",
            "Looks for pictures and groups that stand both in training and where it is judged.",
            "finetune_studio.checks.leakage:find",
            {"inputs": "images"},
        ),
        Entry(
            "duplicates",
            "Copies",
            "Looks for pictures that are there more than once, also scaled, compressed or mirrored.",
            "finetune_studio.checks.duplicates:find",
            {"inputs": "images"},
        ),
        Entry(
            "small_classes",
            "Small classes",
            "Looks for classes with too few samples to learn from and to judge by.",
            "finetune_studio.checks.small_classes:find",
            {"inputs": "any"},
        ),
        Entry(
            "imbalance",
            "Unequal classes",
            "Compares the largest class with the smallest.",
            "finetune_studio.checks.imbalance:find",
            {"inputs": "any"},
        ),
    ],
)
