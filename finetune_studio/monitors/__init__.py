"""What watches a run and speaks up: one file a monitor."""

from __future__ import annotations

from finetune_studio.core.catalogue import Catalogue, Entry

CATALOGUE = Catalogue(
    "monitor",
    [
        Entry(
            "divergence",
            "Divergence",
            "Notices a loss that is no number any more or grows without end.",
            "finetune_studio.monitors.divergence:Divergence",
        ),
        Entry(
            "plateau",
            "Plateau",
            "Notices that validation has not improved for a number of epochs.",
            "finetune_studio.monitors.plateau:Plateau",
        ),
    ],
)
