"""The pages of the window: one file a page, in the order of the work."""

from __future__ import annotations

import importlib

from finetune_studio.core.catalogue import Catalogue, Entry
from finetune_studio.gui.studio import work


def _row(name: str, title: str, summary: str, page: str, *, place: str) -> Entry:
    where = f"finetune_studio.gui.pages.{name}:{page}"
    return Entry(name, title, summary, where, {"place": place})


# ``place`` says where the rail shows a page: a numbered step, its foot, or nowhere.
PAGES = Catalogue(
    "page",
    [
        _row("start", "Start", "Choose or make a project.", "StartPage", place="hidden"),
        _row(
            "data",
            "Data",
            "Your samples, their classes and their health.",
            "DataPage",
            place="step",
        ),
        _row("model", "Model", "The pretrained model to begin with.", "ModelPage", place="step"),
        _row("layers", "Layers", "How much of the model may change.", "LayersPage", place="step"),
        _row("train", "Train", "Retrain the model and watch it learn.", "TrainPage", place="step"),
        _row(
            "inspect", "Inspect", "How good it is, and where it errs.", "InspectPage", place="step"
        ),
        _row("try_out", "Try", "Ask the model about new samples.", "TryOutPage", place="step"),
        _row("export", "Export", "Take the checked model with you.", "ExportPage", place="step"),
        _row("runs", "Runs", "Every training run of this project.", "RunsPage", place="foot"),
        _row(
            "guide", "Guide", "What the words mean, in plain sentences.", "GuidePage", place="foot"
        ),
        _row("settings", "Settings", "Theme, folders, room on disk.", "SettingsPage", place="foot"),
    ],
)


def load_modules() -> None:
    """Import every page and the plots, so that the first click on a step does not wait for them."""
    work.import_first()
    for name in (*(row.where.partition(":")[0] for row in PAGES), "pyqtgraph"):
        importlib.import_module(name)
