"""How far the user's data lie from what a pretrained network knows, and what follows from it."""

from finetune_studio.engine.shift.measuring import kept, measure

__all__ = ["kept", "measure"]
