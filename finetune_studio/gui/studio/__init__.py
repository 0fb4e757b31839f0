"""The state of the window: the open project, its recipe, the run looked at, the jobs at work."""

from finetune_studio.gui.studio.jobs import Jobs
from finetune_studio.gui.studio.state import IMPORT, TRAINING, Studio

__all__ = ["IMPORT", "TRAINING", "Jobs", "Studio"]
