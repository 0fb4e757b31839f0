"""The samples of a project: where they lie, their labels and splits, and edits with undo.

Rows live in SQLite (write-ahead log, one transaction for each thing the user does). The files
themselves are read where they lie and are never changed, moved or deleted.
"""

from __future__ import annotations

from finetune_studio.core.dataset.samples import Dataset
from finetune_studio.core.dataset.words import Edit, Labels, Row, Sample, Trace

__all__ = ["Dataset", "Edit", "Labels", "Row", "Sample", "Trace"]
