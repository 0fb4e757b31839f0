"""A rehearsal before a run: the real thing on a few samples, measured, and scaled to all of them."""

from finetune_studio.engine.rehearsal.rehearsing import none_beside, rehearse

__all__ = ["none_beside", "rehearse"]
