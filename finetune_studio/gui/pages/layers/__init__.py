"""The Layers page: how much of the model may change, and what that means."""

from finetune_studio.gui.pages.layers.page import LayersPage

__all__ = ["LayersPage"]
