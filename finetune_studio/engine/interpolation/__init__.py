"""A fine-tuned network blended with the one it was begun from: tried out, kept, or applied by a run."""

from finetune_studio.engine.blend_words import kept
from finetune_studio.engine.interpolation.along import GRID, along
from finetune_studio.engine.interpolation.ending import at_end, refuse
from finetune_studio.engine.interpolation.keeping import keep

__all__ = ["GRID", "along", "at_end", "keep", "kept", "refuse"]
