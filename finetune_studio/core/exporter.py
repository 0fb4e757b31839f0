"""The contract of an exporter: it writes a model that answers without this program."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from finetune_studio.core.events import Prediction
from finetune_studio.core.task import Bundle, Signature, Task


class Exporter(ABC):
    """One format.

    Class attributes:
        exact: Whether its answers must be the trained model's; a difference then refuses the export.
        predict: The text of ``predict.py``, which must define ``look(path)``, giving what the network
            sees, ``ask(seen)``, giving one probability a label, and run as a program with files as
            arguments.
        files: What each file is, in words, for the export's README.
    """

    exact: ClassVar[bool] = True
    predict: ClassVar[str]
    files: ClassVar[dict[str, str]]

    def accepts(self, task: Task) -> bool:
        """Whether models of this task can be written so; image models can."""
        return task.models == "image"

    @abstractmethod
    def library(self, architecture: dict[str, Any]) -> str:
        """Return the library that loads the export, under the Hub's name for it."""

    @abstractmethod
    def packages(self, architecture: dict[str, Any]) -> list[str]:
        """Return the packages that ``predict.py`` imports."""

    @abstractmethod
    def write(self, bundle: Bundle, signature: Signature, folder: Path) -> None:
        """Write the model's own files; labels, preprocessing and words come from the engine."""

    @abstractmethod
    def open(self, folder: Path) -> Callable[[str], Prediction]:
        """Return a function that answers one input by the files in the folder."""
