"""The Train page: presets, then the run as it learns."""

from finetune_studio.gui.pages.train.page import TrainPage

__all__ = ["TrainPage"]
