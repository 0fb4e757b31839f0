"""The tabs of the Inspect page beside Errors and Classes, in their order."""

from __future__ import annotations

from finetune_studio.gui.pages.inspect.calibration_lens import CalibrationLens
from finetune_studio.gui.pages.inspect.forgetting_lens import ForgettingLens
from finetune_studio.gui.pages.inspect.labels_lens import LabelsLens
from finetune_studio.gui.pages.inspect.lens import Lens
from finetune_studio.gui.pages.inspect.map_lens import MapLens
from finetune_studio.gui.pages.inspect.slices_lens import SlicesLens
from finetune_studio.gui.pages.inspect.threshold_lens import ThresholdLens

LENSES: tuple[type[Lens], ...] = (
    LabelsLens,
    MapLens,
    SlicesLens,
    ThresholdLens,
    CalibrationLens,
    ForgettingLens,
)
