"""The card with the settings that only the project's task has."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.form import RecipeForm


class OwnOptions(Card):
    """Asks the engine once for each task which settings it has, and shows them as a form."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.set_title(self.tr("This task"))
        self.hide()
        self._studio = studio
        self._task = ""
        self.form: RecipeForm | None = None
        studio.project_changed.connect(self._on_changed)
        studio.recipe_changed.connect(self._on_changed)
        studio.depth_changed.connect(self._show)
        self._on_changed()

    @Slot()
    def _on_changed(self) -> None:
        task = self._studio.recipe.task if self._studio.project is not None else ""
        if task == self._task:
            self._show()
            return
        self._task = task
        if self.form is not None:
            self.form.deleteLater()
            self.form = None
        self._show()
        if task:
            self._studio.ask(partial(_fields, task), partial(self._on_known, task))

    def _on_known(self, task: str, fields: dict[str, dict[str, Any]]) -> None:
        if task != self._task or self.form is not None or not fields:
            return
        self.form = RecipeForm(list(fields), known=fields)
        self.form.changed.connect(self._on_form_changed)
        self.body.addWidget(self.form)
        self._show()

    @Slot(str, object)
    def _on_form_changed(self, name: str, value: object) -> None:
        self._studio.set_recipe({name: value})

    @Slot()
    def _show(self) -> None:
        if self.form is not None:
            self.form.set_expert(self._studio.expert)
            self.form.set_recipe(self._studio.recipe)
        self.setVisible(self.form is not None and self.form.shows_any)


def _fields(task: str) -> dict[str, dict[str, Any]]:
    from finetune_studio.engine.options import fields_of

    return fields_of(task)
