"""Takes what was tried into the data, with the right label: a menu of classes, then one new sample."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QPoint, Signal
from PySide6.QtWidgets import QMenu, QPushButton

from finetune_studio.core.dataset import Dataset, Sample
from finetune_studio.gui.pages.try_out.inputs import is_text_task
from finetune_studio.gui.pages.try_out.tried import Tried, row_of
from finetune_studio.gui.studio import Studio

_NAME_LETTERS = 40
_COUNT = "tried_added"  # how many tried samples this project took in


class Adding(QObject):
    """Offers the classes, and adds the sample that was tried.

    Signals:
        added: What was done, in words.
        refused: Why nothing was, in words.
    """

    added = Signal(str)
    refused = Signal(str)

    def __init__(self, studio: Studio, passing: Path, parent: QObject | None = None) -> None:
        """Take pictures that lie in ``passing``, which goes with the page, into the project's folder."""
        super().__init__(parent)
        self._studio = studio
        self._passing = passing
        self.menu = QMenu()

    def offer(self, tried: Tried, task: str, button: QPushButton) -> None:
        """Let the user say what is right; the model's answer comes first."""
        project = self._studio.project
        if project is None or tried.trouble:
            return
        said = str(tried.prediction.label or "")
        self.menu.clear()
        classes = list(project.dataset.classes().values())
        if has_classes(tried):
            first = [said] if said in classes else []
            for name in [*first, *(other for other in classes if other not in first)]:
                shown = name.replace("&", "&&")
                text = self.tr("{name} (as the model said)").format(name=shown) if first else shown
                action = self.menu.addAction(text if name == said else shown)
                action.triggered.connect(partial(self.add, tried, task, name))
        else:
            action = self.menu.addAction(self.tr("As the model answered; correct it on Data"))
            action.triggered.connect(partial(self.add, tried, task, ""))
        height = self.menu.sizeHint().height()
        self.menu.popup(button.mapToGlobal(QPoint(0, -height)))

    def add(self, tried: Tried, task: str, label: str) -> None:
        """Add a sample to the training data; a refusal becomes a notice."""
        project = self._studio.project
        if project is None:
            return
        dataset = project.dataset
        number = int(dataset.get(_COUNT, "0")) + 1
        if (known := _in_the_data(tried, task, dataset)) is not None:
            # Twice in the data, it would be learnt from and judged by, or learnt under two names.
            text = self.tr(
                "This file is in your data already: {split}, {name}. Nothing was added; its class is changed"
                " on the Data page."
            )
            name = known.label or self.tr("without a class")
            self.refused.emit(text.format(split=self.tr(known.split), name=name))
            return

        def fill() -> None:
            row = row_of(self._kept(tried, task, project.folder), task, label, number)
            what = self.tr("Added {name} from Try").format(name=tried.name[:_NAME_LETTERS])
            with dataset.transaction():
                dataset.add(row, what)
                dataset.put(_COUNT, str(number))

        if self._studio.do_edit(fill):
            what = self.tr("as {name}").format(name=label) if label else self.tr("as answered")
            self.added.emit(
                self.tr(
                    "Added to the training data {what}. It is the last one on the Data page; Ctrl+Z there"
                    " takes it out again."
                ).format(what=what)
            )

    def _kept(self, tried: Tried, task: str, project: Path) -> Tried:
        """Return what was tried, a pasted picture moved to where it stays."""
        path = Path(tried.path) if not is_text_task(task) else None
        if path is None or self._passing not in path.parents:
            return tried
        home = project / "data" / "tried"
        home.mkdir(parents=True, exist_ok=True)
        number = 1
        while (place := home / f"{path.stem} {number}{path.suffix}").exists():
            number += 1
        shutil.copyfile(path, place)
        return tried.at(str(place))


def _in_the_data(tried: Tried, task: str, dataset: Dataset) -> Sample | None:
    """Return the sample that is the file which was tried; None for none, or one that was taken back."""
    if is_text_task(task):
        return None
    names = {tried.path, str(Path(tried.path).absolute()), str(Path(tried.path).resolve())}
    found = next((sample for sample in dataset.samples() if sample.path in names), None)
    back = found is not None and found.excluded and found.split == "train"
    return None if back else found


def has_classes(tried: Tried) -> bool:
    """Whether what was asked for is one of the project's classes."""
    return bool(tried.prediction.probabilities) and "start" not in tried.prediction.answer
