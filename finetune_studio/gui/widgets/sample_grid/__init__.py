"""The grid of a dataset's pictures, as quick with a hundred thousand as with ten."""

from __future__ import annotations

from finetune_studio.gui.widgets.sample_grid.view import SampleGrid
from finetune_studio.gui.widgets.sample_items import SampleItemModel

__all__ = ["SampleGrid", "SampleItemModel"]
