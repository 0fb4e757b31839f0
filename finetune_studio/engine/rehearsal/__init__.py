"""A rehearsal before a run: the real thing on a few samples, measured, and scaled to all of them."""

from finetune_studio.engine.rehearsal.rehearsing import rehearse, wait_for_end

__all__ = ["rehearse", "wait_for_end"]
