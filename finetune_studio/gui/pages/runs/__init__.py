"""The Runs page: the runs that wait, and all that were."""

from finetune_studio.gui.pages.runs.page import RunsPage
from finetune_studio.gui.pages.runs.rows import list_runs

__all__ = ["RunsPage", "list_runs"]
