"""What a model can be taught: one file a task."""

from __future__ import annotations

from finetune_studio.core.catalogue import Catalogue, Entry

CATALOGUE = Catalogue(
    "task",
    [
        Entry(
            "image_classification",
            "Image classification",
            "Tells which of your classes a picture belongs to.",
            "finetune_studio.tasks.image_classification:ImageClassification",
            {"readers": ["image_folder", "image_table"], "headline": "accuracy"},
        ),
    ],
)
