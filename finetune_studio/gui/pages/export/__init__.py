"""The Export page: the model leaves the app, proven to answer as it did here."""

from __future__ import annotations

from finetune_studio.gui.pages.export.page import ExportPage

__all__ = ["ExportPage"]
