"""The Data page: getting data in, looking at them, and setting them right."""

from __future__ import annotations

from finetune_studio.gui.pages.data.page import DataPage

__all__ = ["DataPage"]
