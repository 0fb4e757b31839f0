"""Getting data in and judging them: look, import, news, checks and their remedies."""

from __future__ import annotations

from finetune_studio.engine.curate.choosing import existing, formats, keep_apart
from finetune_studio.engine.curate.health import apply_remedy, check
from finetune_studio.engine.curate.importing import add_news, import_data, news, relink
from finetune_studio.engine.curate.looking import DataLook, look, task_of

__all__ = [
    "DataLook",
    "add_news",
    "apply_remedy",
    "check",
    "existing",
    "formats",
    "import_data",
    "keep_apart",
    "look",
    "news",
    "relink",
    "task_of",
]
