"""The formats in which data may come: one file a format."""

from __future__ import annotations

from finetune_studio.core.catalogue import Catalogue, Entry

CATALOGUE = Catalogue(
    "reader",
    [
        Entry(
            "image_folder",
            "A folder per class",
            "Pictures in a folder a class; train, validation and test folders may lie above.",
            "finetune_studio.readers.image_folder:ImageFolder",
            {"inputs": "images"},
        ),
        Entry(
            "image_table",
            "A table of pictures",
            "A CSV, TSV, JSONL or Parquet table whose columns name picture files and their labels.",
            "finetune_studio.readers.image_table:ImageTable",
            {"inputs": "images"},
        ),
        Entry(
            "text_table",
            "A table of texts",
            "A CSV, TSV, JSONL or Parquet table with a column of texts and a column of their labels.",
            "finetune_studio.readers.text_table:TextTable",
            {"inputs": "texts"},
        ),
        Entry(
            "text_folder",
            "A folder of texts per class",
            "Text files in a folder a class; train, validation and test folders may lie above.",
            "finetune_studio.readers.text_folder:TextFolder",
            {"inputs": "texts"},
        ),
        Entry(
            "summary_table",
            "A table of texts and summaries",
            "A CSV, TSV, JSONL or Parquet table with a column of texts and columns of their summaries.",
            "finetune_studio.readers.summary_table:SummaryTable",
            {"inputs": "texts"},
        ),
    ],
)
