"""The Labels tab: labels that are likely wrong, one key to mend each, and what mending them does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QProgressBar, QPushButton, QWidget
from typing_extensions import override

from finetune_studio.core import label_doubts
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, PhaseStarted, Progress
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine import trust_words
from finetune_studio.gui.pages.inspect.lens import Lens, Narrowed, sentence
from finetune_studio.gui.pages.inspect.results import Results
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.bar_list import BarList, BarRow
from finetune_studio.gui.widgets.flow import flowing

if TYPE_CHECKING:
    from pathlib import Path

    from finetune_studio.core.label_doubts import LabelDoubt
    from finetune_studio.core.task import Pair
    from finetune_studio.engine.label_errors import Rescored

LOOKING, RESCORING = "label_errors", "rescore"  # names of jobs

Found = tuple["list[LabelDoubt] | None", "list[Pair]"]


class LabelsLens(Lens):
    """Heaps of suspected labels by what is called what; the gallery shows them, the likeliest first."""

    name: ClassVar[str] = "labels"
    title: ClassVar[str] = "Labels"
    insight: ClassVar[str] = "label_errors"
    heading: ClassVar[str] = "Which labels are likely wrong?"
    wide: ClassVar[bool] = False

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(studio, parent)
        self._found: list[LabelDoubt] | None = None
        self._pairs: list[Pair] = []
        self.says = sentence()
        self.bars = BarList()
        self.bars.setAccessibleName(self.tr("Suspected labels: what is called what"))
        self.look_button = QPushButton(self.tr("Look for wrong labels"))
        self.look_button.setObjectName("look_for_wrong_labels")
        self.rescore_button = QPushButton(self.tr("Retrain with the corrections"))
        self.rescore_button.setObjectName("rescore")
        self.rescore_button.setToolTip(
            self.tr(
                "A small head learns anew from stored features, once without and once with your"
                " corrections. For the model itself, train again."
            )
        )
        self.rescored = sentence()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.hide()
        buttons, row = flowing(6)
        row.addWidget(self.look_button)
        row.addWidget(self.rescore_button)
        self.column.addWidget(self.says)
        self.column.addWidget(self.trouble)
        self.column.addWidget(self.bar)
        self.column.addWidget(self.bars, 1)
        self.column.addWidget(buttons)
        self.column.addWidget(self.rescored)
        self._rescored: list[Rescored] = []
        self.bars.picked.connect(self._on_picked)
        self.look_button.clicked.connect(self._on_look_clicked)
        self.rescore_button.clicked.connect(self._on_rescore_clicked)
        studio.job_failed.connect(self._on_job_failed)

    @override
    def suits(self, results: Results) -> bool:
        return super().suits(results) and any(
            sample.label is not None for sample, _ in results.pairs[:50]
        )

    @override
    def question(self, results: Results) -> Callable[[], Any] | None:
        project = self.studio.project
        return partial(_known, project) if project is not None else None

    @override
    def show_answer(self, answer: Any) -> None:
        self._found, self._pairs = answer
        self._show()

    def _show(self) -> None:
        known = self._found
        self.says.setText(self._told(known))
        heaps = trust_words.confused(known or [])
        self.bars.set_rows([BarRow(name, len(ids), f"{len(ids):,}") for name, ids in heaps.items()])
        self.bars.setVisible(bool(heaps))
        self.look_button.setText(
            self.tr("Look for wrong labels") if known is None else self.tr("Look again")
        )
        self.rescore_button.setVisible(known is not None)
        self._narrow()

    def _told(self, found: Sequence[LabelDoubt] | None) -> str:
        test = self.results.test if self.results is not None else None
        return trust_words.labels(found, test.samples if test and not test.opened else 0)

    def _narrow(self) -> None:
        if self._found is None:
            self.narrowed.emit(None)
            return
        heaps = trust_words.confused(self._found)
        picked = self.bars.picked_name()
        everything = {d.sample for d in self._found if d.suspected}
        ids = heaps[picked] if picked in heaps else frozenset(everything)
        pairs = [pair for pair in self._pairs if pair[0].id in ids]
        title = picked or self.tr("Likely wrong labels")
        self.narrowed.emit(Narrowed(f"{title}: {len(pairs):,}", None, pairs))

    @override
    def opened_again(self) -> None:
        self._narrow()

    @override
    def unpick(self) -> None:
        self.bars.set_picked("")

    # --- work -------------------------------------------------------------------------------------

    @Slot()
    def _on_picked(self) -> None:
        self._narrow()

    @Slot()
    def _on_look_clicked(self) -> None:
        project = self.studio.project
        if project is None or self.results is None:
            return
        self._begin()
        self.studio.start(
            LOOKING,
            partial(_find, project, self.results.folder),
            on_event=self._on_stated,
            on_done=self._on_found,
        )

    def _begin(self) -> None:
        self.trouble.say("")
        self.look_button.setEnabled(False)
        self.rescore_button.setEnabled(False)
        self.bar.setRange(0, 0)
        self.bar.show()

    def _end(self) -> None:
        self.bar.hide()
        self.look_button.setEnabled(True)
        self.rescore_button.setEnabled(True)

    def _on_stated(self, event: Event) -> None:
        if isinstance(event, PhaseStarted):
            self.says.setText(f"{event.text}…")
            self.bar.setRange(0, event.total)
        elif isinstance(event, Progress):
            self.bar.setRange(0, event.total)
            self.bar.setValue(event.done)

    def _on_found(self) -> None:
        self._end()
        self.says.setText(self.tr("Reading what was found…"))
        self.rescored.setText("")
        self._stale = True
        self.decided.emit()  # the model before fine-tuning has a score now
        self.entered()

    @Slot()
    def _on_rescore_clicked(self) -> None:
        project = self.studio.project
        if project is None or self.results is None:
            return
        self._begin()
        self._rescored = []
        self.studio.start(
            RESCORING,
            partial(_rescore, project, self.results.recipe, self._rescored),
            on_event=self._on_stated,
            on_done=self._on_rescored,
        )

    def _on_rescored(self) -> None:
        self._end()
        self.says.setText(self._told(self._found))
        if self._rescored:
            self.rescored.setText(trust_words.rescored(self._rescored[-1]))

    @Slot(str, object)
    def _on_job_failed(self, name: str, error: Any) -> None:
        if name in (LOOKING, RESCORING) and isinstance(error, StudioError):
            self._end()
            self.says.setText(self._told(self._found))
            self.say_trouble(error)


def _known(project: Project) -> Found:
    from finetune_studio.engine import label_errors

    found = label_doubts.open_ones(project.dataset)
    suspected = [doubt for doubt in found or [] if doubt.suspected]
    return found, label_errors.pairs(project, suspected)


def _find(project: Project, folder: Path, control: Control) -> Iterator[Event]:
    from finetune_studio.engine import label_errors

    yield from label_errors.look(project, folder, control)


def _rescore(
    project: Project, recipe: Recipe | None, made: list[Rescored], control: Control
) -> Iterator[Event]:
    from finetune_studio.engine import label_errors

    yield from label_errors.rescore(project, control, made, recipe)
