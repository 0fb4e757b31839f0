"""A run on disk: its recipe, events and checkpoints, complete at any instant."""

from finetune_studio.engine.run.checkpoints import (
    Place,
    load_checkpoint,
    read_state,
    save_checkpoint,
    save_state,
)
from finetune_studio.engine.run.folder import (
    EventLog,
    NoLog,
    Run,
    forget_unless_begun,
    keep_chosen,
    load_bundle,
    moving_names,
    save_model,
    without_network,
)

__all__ = [
    "EventLog",
    "NoLog",
    "Place",
    "Run",
    "forget_unless_begun",
    "keep_chosen",
    "load_bundle",
    "load_checkpoint",
    "moving_names",
    "read_state",
    "save_checkpoint",
    "save_model",
    "save_state",
    "without_network",
]
