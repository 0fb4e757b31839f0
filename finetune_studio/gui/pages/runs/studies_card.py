"""The card of the studies on the Runs page: one is chosen, its table shown, its best recipe taken over."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from finetune_studio.gui.pages.runs.study_rows import StudyView, list_studies, study_at_work
from finetune_studio.gui.studio import Studio, work
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.figures_table import FiguresTable
from finetune_studio.gui.widgets.message import Message


class StudiesCard(Card):
    """Shows cross-validations and searches; hidden while there are none.

    Signals:
        page_wanted: Another page is to be shown.
    """

    page_wanted = Signal(str)

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self._studio = studio
        self._views: list[StudyView] = []
        self.set_title(self.tr("Studies"))
        self.title.setWordWrap(False)
        self.head.setStretch(0, 0)
        self.choice = QComboBox()
        self.choice.setObjectName("studies")
        self.choice.setAccessibleName(self.tr("The study that is shown"))
        self.choice.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.choice.currentIndexChanged.connect(self._show_chosen)
        self.head.addWidget(self.choice, 1)
        self._text = QLabel()
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        self.body.addWidget(self._text)
        self.table = FiguresTable()
        self.table.setObjectName("study_table")
        self.table.setAccessibleName(self.tr("Folds or trials of the study"))
        self.body.addWidget(self.table)
        self._warning = Message()
        self.body.addWidget(self._warning)
        self.body.addLayout(self._make_buttons())
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.hide()
        studio.project_changed.connect(self._on_project_changed)
        studio.run_stated.connect(self._on_run_stated)

    def _make_buttons(self) -> QHBoxLayout:
        self._best = self._button(self.tr("Use the best recipe"), "use_best_recipe")
        self._best.setToolTip(self.tr("The next run takes over the settings of the best trial."))
        self._best.clicked.connect(self._on_best_clicked)
        self._resume = self._button(self.tr("Go on with it"), "resume_study")
        self._resume.clicked.connect(self._on_resume_clicked)
        self._delete = self._button("", "delete_study")
        self._delete.setProperty("danger", True)
        self._delete.setToolTip(
            self.tr("Deletes its table and its answers; the run that came out of it stays.")
        )
        self._delete.clicked.connect(self._on_delete_clicked)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._best)
        row.addWidget(self._resume)
        row.addStretch(1)
        row.addWidget(self._delete)
        return row

    @staticmethod
    def _button(text: str, name: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        return button

    @property
    def chosen(self) -> StudyView | None:
        """Return the study that is shown."""
        place = self.choice.currentIndex()
        return self._views[place] if 0 <= place < len(self._views) else None

    @property
    def text(self) -> str:
        """Return the sentence about the study that is shown."""
        return self._text.text()

    @Slot()
    def refresh(self) -> None:
        """Read the studies as they are now, off the window's thread."""
        project = self._studio.project
        if project is not None:
            at_work = study_at_work(self._studio.training_run) if self._studio.training else ""
            self._studio.ask(partial(list_studies, project, at_work), self.show_studies)

    def show_studies(self, views: Sequence[StudyView]) -> None:
        """Show these studies; the one that was chosen stays chosen, else the newest is."""
        before = self.chosen.folder if self.chosen else ""
        self._views = list(views)
        self.choice.blockSignals(True)
        self.choice.clear()
        for view in views:
            self.choice.addItem(view.title)
        folders = [view.folder for view in views]
        self.choice.setCurrentIndex(folders.index(before) if before in folders else 0)
        self.choice.blockSignals(False)
        self.setVisible(bool(views))
        self._show_chosen()

    @Slot()
    def _show_chosen(self) -> None:
        view = self.chosen
        if view is None:
            return
        self._text.setText(self.tr(view.text))
        descending = Qt.SortOrder.DescendingOrder if view.sorts else Qt.SortOrder.AscendingOrder
        self.table.show_figures(
            [self.tr(title) for title in view.titles],
            view.rows,
            wide=len(view.titles) - 1 if view.sorts else 0,
            sorted_by=(4, descending) if view.sorts else None,
        )
        self.table.setVisible(bool(view.rows))
        self._warning.say(self.tr(view.warning), "warning")
        self._best.setVisible(view.best is not None)
        self._resume.setVisible(view.can_resume)
        self._resume.setEnabled(not self._studio.training)
        self._delete.setEnabled(not self._studio.training)
        self._delete.setText(self.tr("Delete this study…"))

    @Slot()
    def _on_best_clicked(self) -> None:
        view = self.chosen
        if view is not None and view.best is not None and self._studio.use_recipe(view.best):
            text = self.tr("The next run takes over the best recipe of the search.")
            self._studio.noticed.emit(text, "ok")
            self.page_wanted.emit("train/setup")

    @Slot()
    def _on_resume_clicked(self) -> None:
        if self.chosen is not None:
            self._studio.resume_run(Path(self.chosen.folder))
            self.page_wanted.emit("train/run")

    @Slot()
    def _on_delete_clicked(self) -> None:
        """Ask with the first click, delete with the second."""
        sure = self.tr("Delete it for good")
        view, project = self.chosen, self._studio.project
        if view is None or project is None:
            return
        if self._delete.text() != sure:
            self._delete.setText(sure)
        elif self._studio.do_quietly(partial(project.delete_study, Path(view.folder))):
            self.refresh()

    @Slot()
    def _on_project_changed(self) -> None:
        self.show_studies([])

    @Slot(object)
    def _on_run_stated(self, event: object) -> None:
        if self.isVisible() and work.changes_study(event):
            self.refresh()
