"""What dropped data would become: a sentence, the first rows or pictures, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from finetune_studio.core.dataset import Sample
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets.bar_list import BarList, BarRow
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.column_mapping import ColumnMapping, TableItemModel
from finetune_studio.gui.widgets.elided_label import ElidedLabel
from finetune_studio.gui.widgets.sample_grid import SampleGrid

if TYPE_CHECKING:
    from finetune_studio.engine.curate import DataLook

_USUAL = "UTF-8"  # how nearly all tables are written; not worth a word


class ImportPreview(Card):
    """Shows a look at data; of a table the columns can be corrected.

    Signals:
        mapped: Columns of the table were given other roles (dict of role to column).
        import_wanted: This is to be imported.
        left: Something else is wanted.
    """

    mapped = Signal(object)
    import_wanted = Signal()
    left = Signal()

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(" ", parent)
        self.look: DataLook | None = None
        self._path = ElidedLabel(mode=Qt.TextElideMode.ElideMiddle)
        self._path.setProperty("role", "small")
        self._said = _level_label("info")
        self._refusal = _level_label("bad")
        self._problems = QVBoxLayout()
        self._problems.setSpacing(6)
        for widget in (self._path, self._said, self._refusal):
            self.body.addWidget(widget)
        self.body.addLayout(self._problems)
        self.body.addLayout(self._make_middle(thumbnails), 1)
        self.body.addLayout(self._make_buttons())

    def _make_middle(self, thumbnails: Thumbnails) -> QHBoxLayout:
        self.classes = BarList(pickable=False)
        self.classes.setMinimumWidth(180)
        self.classes.setMaximumWidth(260)
        self.grid = SampleGrid(thumbnails)
        self.table = ColumnMapping()
        self.table.mapped.connect(self.mapped)
        self.rows = QTableView()
        self._rows = TableItemModel(self.rows)
        self.rows.setModel(self._rows)
        self.rows.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.rows.setShowGrid(False)
        self.rows.setWordWrap(False)
        self.rows.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.rows.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        left = QVBoxLayout()
        left.setSpacing(4)
        self._classes_title = QLabel(self.tr("Classes"))
        self._classes_title.setProperty("role", "small")
        left.addWidget(self._classes_title)
        left.addWidget(self.classes, 1)
        middle = QHBoxLayout()
        middle.setSpacing(16)
        middle.addLayout(left, 1)
        for widget in (self.grid, self.table, self.rows):
            middle.addWidget(widget, 3)
        return middle

    def _make_buttons(self) -> QHBoxLayout:
        self.import_button = QPushButton(self.tr("Import"))
        self.import_button.setObjectName("import")
        self.import_button.clicked.connect(self.import_wanted)
        self.other_button = QPushButton(self.tr("Choose something else"))
        self.other_button.setObjectName("choose_other")
        self.other_button.clicked.connect(self.left)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.import_button)
        row.addWidget(self.other_button)
        row.addStretch(1)
        return row

    def show_look(self, look: DataLook, *, said: str, refusal: str, button: str) -> None:
        """Show a look at data.

        Args:
            look: What is there.
            said: Something the user must know before importing; may be empty.
            refusal: Why it cannot be imported; empty if it can.
            button: What the import button says.
        """
        self.look = look
        self.set_title(look.title or refusal)
        self._path.setText(look.path)
        for label, text in ((self._said, said), (self._refusal, refusal)):
            label.setText(text)
            label.setVisible(bool(text) and text != look.title)
        self._show_problems(look)
        self.import_button.setText(button)
        self.import_button.setEnabled(not refusal)
        self.classes.set_rows(
            [
                BarRow(name, count, f"{count:,}")
                for name, count in sorted(look.classes.items(), key=lambda item: -item[1])
            ]
        )
        self.classes.setVisible(bool(look.classes))
        self._classes_title.setVisible(bool(look.classes))
        self._show_rows(look)

    def _show_problems(self, look: DataLook) -> None:
        while (item := self._problems.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for text in [look.blocked, *look.problems] if look.importable else look.problems:
            about_letters = bool(look.encoding) and look.encoding in text
            if not text or (about_letters and look.encoding == _USUAL):
                continue
            label = _level_label("info" if about_letters else "warning")
            label.setText(text)
            self._problems.addWidget(label)

    def _show_rows(self, look: DataLook) -> None:
        table = bool(look.columns)
        there = look.unpacked_mb == 0 and not table
        samples = [
            Sample(number, _joined(look.root, row.path), row.label, None, row.split or "")
            for number, row in enumerate(look.rows)
            if row.path
        ]
        self.table.setVisible(table)
        self.grid.setVisible(there and bool(samples))
        self.rows.setVisible(not table and not there)
        if table:
            self.table.show_table(look.columns, look.cells, look.guesses)
        elif there:
            self.grid.show_samples(samples)
        else:
            cells = [(row.path, row.label or "", row.split or "") for row in look.rows]
            self._rows.set_cells((self.tr("File"), self.tr("Label"), self.tr("Split")), cells)
            header = self.rows.horizontalHeader()
            header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)


def _level_label(level: str) -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setProperty("level", level)
    return label


def _joined(root: str, path: str) -> str:
    return str(Path(root) / path)
