"""A gallery: pictures in a grid or a strip, texts in a list; each with what the model said."""

from __future__ import annotations

from finetune_studio.gui.widgets.gallery.item_model import GalleryItem, GalleryItemModel
from finetune_studio.gui.widgets.gallery.view import Gallery, top_left

__all__ = ["Gallery", "GalleryItem", "GalleryItemModel", "top_left"]
