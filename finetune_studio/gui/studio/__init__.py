"""The state of the window: the open project, its recipe, the run looked at, the jobs at work."""

from finetune_studio.gui.studio.jobs import Jobs
from finetune_studio.gui.studio.state import Studio
from finetune_studio.gui.studio.work import IMPORT, TRAINING

__all__ = ["IMPORT", "TRAINING", "Jobs", "Studio"]
