"""The Model page: which pretrained network to begin with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtCore import Slot
from PySide6.QtWidgets import (
    QBoxLayout,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
)
from typing_extensions import override

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Progress
from finetune_studio.gui import theme
from finetune_studio.gui.page import DONE, NEEDS_ATTENTION, NOT_STARTED, Page
from finetune_studio.gui.pages import model_rows
from finetune_studio.gui.pages.layers.words import memory_words
from finetune_studio.gui.pages.outlook import Data, Outlook, data_of, free_memory_mb
from finetune_studio.gui.pages.shift_card import ShiftCard
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.file_problem import FileProblem
from finetune_studio.gui.widgets.form import RecipeForm
from finetune_studio.gui.widgets.happenings import span
from finetune_studio.gui.widgets.model_card import ModelCard
from finetune_studio.gui.widgets.model_table import ModelRow, ModelTable

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from finetune_studio.engine.estimate import TimeEstimate
    from finetune_studio.engine.probe import ModelLook

DOWNLOAD = "download"
_NARROW = 700


@dataclass(frozen=True, slots=True)
class _Measured:
    """What was found out about a model on this computer, in words."""

    memory: str
    time: str = ""
    note: str = ""


class ModelPage(Page):
    """A table of models at the left, the chosen one at the right."""

    name: ClassVar[str] = "model"
    title: ClassVar[str] = "Model"
    next_text: ClassVar[str] = "Next: layers"

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self.subtitle.setText(self.tr("The pretrained network to begin with"))
        self._rows: list[ModelRow] = []
        self._refusal = ""
        self._entered = False
        self._fetching = ""
        self._trying = 0
        self._measured: dict[str, _Measured] = {}
        self._looks: dict[str, ModelLook] = {}  # at models of the user's own
        self._wanted_file = ""
        self._data: Data = data_of(studio)
        self.outlook = Outlook(studio, self)
        self._columns = QHBoxLayout()
        self._columns.setSpacing(12)
        self._columns.addWidget(self._table_card(), 3)
        self._columns.addLayout(self._side(), 2)
        self.body.addLayout(self._columns, 1)
        self._listen()
        self._show_rows()

    # --- parts ------------------------------------------------------------------------------------

    def _table_card(self) -> Card:
        card = Card(self.tr("Pretrained models"))
        self.table = ModelTable()
        self.table.setObjectName("model_table")
        self.table.setMinimumHeight(theme.px(240))
        self.table.model_chosen.connect(self._on_model_chosen)
        self._file = file = QPushButton(self.tr("Use a weights file…"))
        file.setObjectName("use_file")
        file.setToolTip(self.tr("A .pth, .pt or .safetensors file; nothing in it is ever run."))
        file.clicked.connect(self._on_file_clicked)
        self._folder = folder = QPushButton(self.tr("Use a folder…"))
        folder.setObjectName("use_folder")
        folder.clicked.connect(self._on_folder_clicked)
        for button in (file, folder):  # at the top, where they are seen in a low window too
            card.head.addWidget(button)
        card.body.addWidget(self.table, 1)
        self.problem = FileProblem()
        self.problem.picked.connect(self._on_architecture_picked)
        card.body.addWidget(self.problem)
        return card

    def _side(self) -> QVBoxLayout:
        self.card = ModelCard()
        self.card.setMinimumWidth(theme.px(280))
        self.card.download_wanted.connect(self._on_download_wanted)
        self.card.cancel_wanted.connect(partial(self.studio.stop, DOWNLOAD))
        self.card.settings_wanted.connect(partial(self.page_wanted.emit, "settings"))
        self.shift = ShiftCard(self.studio)
        self._form_card = Card(self.tr("Input"))
        self._form = RecipeForm(["model.image_size", "model.fit"], expert=True)
        self._form.changed.connect(self._on_field_changed)
        self._form_card.body.addWidget(self._form)
        column = QVBoxLayout()
        column.setSpacing(12)
        column.addWidget(self.card, 1)
        column.addWidget(self.shift)
        column.addWidget(self._form_card)
        return column

    def _listen(self) -> None:
        studio = self.studio
        self.outlook.looked.connect(self._on_looked)
        self.outlook.timed.connect(self._on_timed)
        self.outlook.refused.connect(self._on_refused)
        studio.project_changed.connect(self._on_project_changed)
        studio.recipe_changed.connect(self._on_recipe_changed)
        studio.settings_changed.connect(self._show_download)
        studio.depth_changed.connect(self._show_rows)
        studio.job_stated.connect(self._on_job_stated)
        studio.busy_changed.connect(self._on_busy_changed)

    # --- what the page says of itself -------------------------------------------------------------

    @override
    def entered(self) -> None:
        self._entered = True
        self._data = data_of(self.studio)
        self._show_rows()
        self._ask()

    @override
    def blocked(self) -> str:
        row = self._chosen
        if row is not None and not row.local:
            return self.tr("This model is not on this computer yet.")
        return getattr(self, "_refusal", "")

    @override
    def state(self) -> str:
        if self._refusal or (self._chosen is not None and not self._chosen.local):
            return NEEDS_ATTENTION
        return DONE if self._entered else NOT_STARTED

    @override
    def rail_note(self) -> str:
        return self._chosen.title if self._chosen is not None else ""

    @property
    def _chosen(self) -> ModelRow | None:
        """Return the row of the recipe's model."""
        rows = getattr(self, "_rows", [])
        return next((row for row in rows if row.source == self.studio.recipe.model.source), None)

    def _ask(self) -> None:
        row = self._chosen
        self.shift.setVisible(row is not None and row.local and bool(self._data.train))
        self.shift.ask()
        if self.studio.project is not None and row is not None:
            self.outlook.ask(self.studio.recipe, self._data, time=row.local)

    # --- showing ----------------------------------------------------------------------------------

    @Slot()
    def _show_rows(self) -> None:
        rows = model_rows.rows(self.studio.recipe, self.studio.project)
        looks = self._looks
        self._rows = [
            model_rows.seen_of(r, looks[r.source]) if r.source in looks else r for r in rows
        ]
        self.table.set_rows(self._rows, self.studio.recipe.model.source)
        self.card.show_model(self._chosen)
        found = self._measured.get(self.studio.recipe.model.source)
        if found is not None:
            self.card.show_measured(found.memory, found.time, found.note)
        self._form.set_recipe(self.studio.recipe)
        texts = model_rows.reads_texts(self.studio.recipe)
        self._form_card.setVisible(self.studio.expert and not texts)
        self._file.setVisible(not texts)
        self._folder.setToolTip(
            self.tr(
                "A folder with config.json, model.safetensors and tokenizer.json, or a run of this"
                " program."
            )
            if texts
            else self.tr(
                "A folder with config.json and model.safetensors, or a run of this program."
            )
        )
        self._show_download()
        self.refresh_next()

    @Slot()
    def _show_download(self) -> None:
        row = self._chosen
        needed = row is not None and not row.local and not row.own and not row.inside
        if row is None or self._fetching != row.source:
            self.card.show_download(needed=needed, offline=self.studio.settings.offline)

    def _complain(self, error: StudioError) -> None:
        self.problem.complain(f"{error.message} {error.hint}".strip())

    # --- what the user does -----------------------------------------------------------------------

    @Slot(object)
    def _on_model_chosen(self, row: ModelRow) -> None:
        self.problem.forget()
        self._trying += 1
        self._choose(row.source)

    def _choose(self, source: str, architecture: str = "") -> None:
        recipe = self.studio.recipe
        settings = model_rows.choose(recipe, source, architecture)
        if self.studio.set_recipe(settings) and "layers.amount" in settings:
            self.studio.noticed.emit(
                self.tr(
                    "Your own choice of layers belonged to the other model; the last stage is"
                    " retrained now."
                ),
                "info",
            )

    @Slot()
    def _on_file_clicked(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self,
            self.tr("Use a weights file"),
            "",
            self.tr("Weights (*.pth *.pt *.bin *.ckpt *.safetensors);;All files (*)"),
        )
        if name:
            self.try_source(name)

    @Slot()
    def _on_folder_clicked(self) -> None:
        name = QFileDialog.getExistingDirectory(self, self.tr("Use a folder with a model"))
        if name:
            self.try_source(name)

    def try_source(self, source: str, architecture: str = "") -> None:
        """Try a file or folder as a run would; take it over if it fits, else say why not."""
        self._trying += 1
        number = self._trying
        self.problem.forget()
        self._wanted_file = source if Path(source).is_file() else ""
        recipe = self.studio.recipe.with_settings(
            {
                "model.source": source,
                "model.architecture": architecture,
                "layers.amount": "head_only",
            }
        )
        self.studio.noticed.emit(self.tr("Looking into {n}…").format(n=Path(source).name), "info")
        self.studio.ask(
            partial(model_rows.try_model, recipe, self._data.labels),
            partial(self._on_fits, number, architecture),
            partial(self._on_does_not_fit, number),
        )

    def _on_fits(self, number: int, architecture: str, look: ModelLook) -> None:
        if number != self._trying:
            return
        self._looks.pop(look.origin, None)  # the folder may be another one now
        self._choose(look.origin, architecture)  # a project stands for its only run
        self.studio.noticed.emit(look.note, "ok")

    def _on_does_not_fit(self, number: int, error: StudioError) -> None:
        if number != self._trying:
            return
        self._complain(error)
        if self._wanted_file:
            self.studio.ask(model_rows.architectures, self._on_architectures)

    def _on_architectures(self, names: list[str]) -> None:
        if self._wanted_file and self.problem.isVisible():
            self.problem.offer(names)

    @Slot(str)
    def _on_architecture_picked(self, name: str) -> None:
        if self._wanted_file:
            self.try_source(self._wanted_file, name)

    @Slot()
    def _on_download_wanted(self) -> None:
        from finetune_studio.models import hub
        from finetune_studio.models.zoo import CATALOGUE

        row = self._chosen
        if row is None or row.own or self._fetching:
            return
        self._fetching = row.source
        self.card.show_download(needed=True, offline=False, share=0.0, text=self.tr("Connecting…"))
        self.studio.start(DOWNLOAD, partial(hub.fetch, CATALOGUE[row.source]))

    @Slot(str, object)
    def _on_field_changed(self, name: str, value: Any) -> None:
        if not self.studio.set_recipe({name: value}):
            self._form.set_recipe(self.studio.recipe)

    # --- what the studio says ---------------------------------------------------------------------

    @Slot(str, object)
    def _on_job_stated(self, name: str, event: Any) -> None:
        row = self._chosen
        if name != DOWNLOAD or row is None or row.source != self._fetching:
            return
        if isinstance(event, Progress) and event.total:
            text = self.tr("{done} of {total} MB").format(
                done=f"{event.done / 2**20:.1f}", total=f"{event.total / 2**20:.1f}"
            )
            if event.seconds_left:
                text += self.tr(", about {time} left").format(time=span(event.seconds_left))
            self.card.show_download(
                needed=True, offline=False, share=event.done / event.total, text=text
            )

    @Slot()
    def _on_busy_changed(self) -> None:
        if self._fetching and DOWNLOAD not in self.studio.jobs:
            self._fetching = ""
            self._show_rows()
            self._ask()

    @Slot()
    def _on_project_changed(self) -> None:
        self._entered, self._refusal = False, ""
        self._measured.clear()
        self._looks.clear()
        self.outlook.forget()
        self._data = data_of(self.studio)
        self._show_rows()

    @Slot()
    def _on_recipe_changed(self) -> None:
        self._refusal = ""
        self._show_rows()
        if self.isVisible():
            self._ask()

    # --- what was found out -----------------------------------------------------------------------

    @Slot(object)
    def _on_looked(self, look: ModelLook) -> None:
        self._refusal = ""
        memory = " ".join(memory_words(look.memory_mb, free_memory_mb()))
        row = self._chosen
        if row is not None and row.own and row.source not in self._looks:
            self._looks[row.source] = look
            self._show_rows()
        self._keep_measured(_Measured(memory, note=look.note if look.local else ""))
        self.refresh_next()

    @Slot(object)
    def _on_timed(self, found: TimeEstimate) -> None:
        text, first = span(found.epoch_s), span(found.first_epoch_s)
        if found.epoch_s >= 1:
            text = self.tr("about {time}").format(time=text)
        if found.cached and first != span(found.epoch_s):
            text = self.tr("{time}; the first about {first}").format(time=text, first=first)
        self._keep_measured(replace(self._measured[self.studio.recipe.model.source], time=text))

    def _keep_measured(self, found: _Measured) -> None:
        self._measured[self.studio.recipe.model.source] = found
        self.card.show_measured(found.memory, found.time, found.note)

    @Slot(object)
    def _on_refused(self, error: StudioError) -> None:
        self._refusal = error.message
        self._complain(error)
        self.refresh_next()
        self.state_changed.emit()

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() < theme.px(_NARROW)
        direction = QBoxLayout.Direction
        self._columns.setDirection(direction.TopToBottom if narrow else direction.LeftToRight)
