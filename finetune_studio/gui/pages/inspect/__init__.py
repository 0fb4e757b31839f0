"""The Inspect page: how good a run is, where it errs, and why."""

from __future__ import annotations

from finetune_studio.gui.pages.inspect.page import InspectPage

__all__ = ["InspectPage"]
