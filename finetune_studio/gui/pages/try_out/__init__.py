"""The Try page: what the trained model says about files it has never seen."""

from __future__ import annotations

from finetune_studio.gui.pages.try_out.page import TryOutPage

__all__ = ["TryOutPage"]
