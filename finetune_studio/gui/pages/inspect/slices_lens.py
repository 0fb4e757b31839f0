"""The Slices tab: parts of the data with their score, those that are worse than chance explains first."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from finetune_studio.core.project import Project
from finetune_studio.engine import trust_words
from finetune_studio.gui.pages.inspect.lens import Lens, Narrowed, sentence
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.interval_list import IntervalList, IntervalRow
from finetune_studio.gui.widgets.message import Message

if TYPE_CHECKING:
    from pathlib import Path

    from finetune_studio.engine.slicing import SliceLook
    from finetune_studio.gui.pages.inspect.results import Results

_SHOWN = 200


class SlicesLens(Lens):
    """A row a slice, with its interval; each shows its samples in the gallery."""

    name: ClassVar[str] = "slices"
    title: ClassVar[str] = "Slices"
    insight: ClassVar[str] = "slices"
    heading: ClassVar[str] = "Is it worse on a part of the data?"

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(studio, parent)
        self._look: SliceLook | None = None
        self.says = sentence()
        self.says.setText(self.tr("Measuring the samples…"))
        self.rows = IntervalList()
        self.shortcut = Message()
        self.column.addWidget(self.says)
        self.column.addWidget(self.trouble)
        self.column.addWidget(self.rows, 1)
        self.column.addWidget(self.shortcut)
        self.rows.picked.connect(self._on_picked)

    @override
    def question(self, results: Results) -> Callable[[], Any] | None:
        project = self.studio.project
        return partial(_look, project, results.folder) if project is not None else None

    @override
    def show_answer(self, answer: Any) -> None:
        look: SliceLook = answer
        self._look = look
        self.says.setText(trust_words.slices(look.slices, look.metric, look.tried))
        self.rows.show_rows(
            [
                IntervalRow(
                    f"{one.column}: {one.value}",
                    one.score,
                    one.low,
                    one.high,
                    one.count,
                    "small" if one.small else "worse" if one.worse else "",
                )
                for one in look.slices[:_SHOWN]
            ],
            look.score,
        )
        found = look.shortcut
        if found is None or found.reason:
            self.shortcut.say("")
        else:
            self.shortcut.say(found.sentence, found.level)

    @override
    def unpick(self) -> None:
        self.rows.set_picked(-1)

    @Slot(int)
    def _on_picked(self, place: int) -> None:
        if self._look is None or place < 0:
            self.narrowed.emit(None)
            return
        one = self._look.slices[place]
        title = f"{one.column}: {one.value}: {one.count:,}"
        self.narrowed.emit(Narrowed(title, frozenset(one.ids)))


def _look(project: Project, folder: Path) -> Any:
    from finetune_studio.engine import slicing

    return slicing.look(project, folder)
