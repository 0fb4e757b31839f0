"""The way from ticked runs to their comparison: the button, and the panel that takes the table's place."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from finetune_studio.core.errors import StudioError
from finetune_studio.gui.pages.runs import compared
from finetune_studio.gui.pages.runs.compared import Comparison
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.runs_table import RunRow

if TYPE_CHECKING:
    from finetune_studio.gui.pages.runs.comparison import ComparisonPanel

FEWEST, MOST = 2, 6


class Comparing(QWidget):
    """Is hidden until runs are compared.

    Signals:
        opened: Whether the comparison is shown now (in place of the table) or was left.
        run_wanted: The folder of a run to be inspected (a Path), and the number of a sample to begin with.
    """

    opened = Signal(bool)
    run_wanted = Signal(object, int)

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("clear", True)
        self._studio = studio
        self._rows: Sequence[RunRow] = ()
        self.panel: ComparisonPanel | None = None
        self.button = QPushButton()
        self.button.setObjectName("compare_runs")
        self.button.clicked.connect(self._on_clicked)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self.set_ticked(())
        self.hide()

    def set_ticked(self, rows: Sequence[RunRow]) -> None:
        """Take note of which runs are ticked."""
        self._rows = tuple(rows)
        fits = FEWEST <= len(rows) <= MOST
        self.button.setEnabled(fits)
        self.button.setText(
            self.tr("Compare {n} runs").format(n=len(rows)) if fits else self.tr("Compare runs")
        )
        self.button.setToolTip(
            self.tr("Shows curves, differences and the samples whose answer changes.")
            if fits
            else self.tr("Tick two to six runs in the table first.")
        )

    @Slot()
    def _on_clicked(self) -> None:
        project = self._studio.project
        if project is not None:
            folders = [Path(row.folder) for row in self._rows]
            self.button.setEnabled(False)
            self.button.setText(self.tr("Reading the runs…"))
            question = partial(compared.read, folders, project.folder)
            self._studio.ask(question, self._on_read, self._on_unreadable)

    def _on_unreadable(self, error: StudioError) -> None:
        self.set_ticked(self._rows)
        self._studio.troubled.emit(error)

    def _on_read(self, found: Comparison) -> None:
        from finetune_studio.gui.pages.runs.comparison import ComparisonPanel

        self.set_ticked(self._rows)
        if self.panel is None:
            self.panel = ComparisonPanel(self._studio)
            self.panel.left.connect(self.leave)
            self.panel.run_wanted.connect(self.run_wanted)
            self._column.addWidget(self.panel)
        self.show()
        self.opened.emit(True)
        self.panel.show_comparison(found)

    @Slot()
    def leave(self) -> None:
        """Go back to the table."""
        if not self.isHidden():
            self.hide()
            self.opened.emit(False)
