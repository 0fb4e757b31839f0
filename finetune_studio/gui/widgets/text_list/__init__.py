"""The list of a dataset's texts, as quick with a hundred thousand as with ten."""

from __future__ import annotations

from finetune_studio.gui.widgets.text_list.line import TextLine
from finetune_studio.gui.widgets.text_list.view import TextList

__all__ = ["TextLine", "TextList"]
