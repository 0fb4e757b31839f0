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
        Entry(
            "conll",
            "Words with tags (CoNLL)",
            "A word a line with its tag beside it, an empty line after each sentence; any usual tag scheme.",
            "finetune_studio.readers.conll:Conll",
            {"inputs": "texts"},
        ),
        Entry(
            "span_lines",
            "Texts with spans",
            "JSON lines of a text and the places in it that have a type, as labelling programs write them.",
            "finetune_studio.readers.span_lines:SpanLines",
            {"inputs": "texts"},
        ),
        Entry(
            "squad",
            "Questions on paragraphs (SQuAD)",
            "SQuAD files, version 1.1 or 2, also several languages or splits in one folder.",
            "finetune_studio.readers.squad:Squad",
            {"inputs": "texts"},
        ),
        Entry(
            "question_table",
            "A table of questions",
            "A CSV, TSV, JSONL or Parquet table of questions, the texts that answer them, and the answers.",
            "finetune_studio.readers.question_table:QuestionTable",
            {"inputs": "texts"},
        ),
        Entry(
            "chat_lines",
            "Conversations",
            "JSON or Parquet of messages as OpenAI or ShareGPT write them, or of tasks as Alpaca does.",
            "finetune_studio.readers.chat_lines:ChatLines",
            {"inputs": "texts"},
        ),
        Entry(
            "chat_table",
            "A table of prompts",
            "A CSV, TSV, JSONL or Parquet table of prompts and responses.",
            "finetune_studio.readers.chat_table:ChatTable",
            {"inputs": "texts"},
        ),
        Entry(
            "plain_text",
            "Plain text",
            "Text files, cut between paragraphs into pieces.",
            "finetune_studio.readers.plain_text:PlainText",
            {"inputs": "texts"},
        ),
    ],
)
