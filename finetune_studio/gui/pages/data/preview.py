"""What dropped data would become: a sentence, the first rows or pictures, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget
from typing_extensions import override

from finetune_studio.core.dataset import Sample
from finetune_studio.core.recipe import DataChoices
from finetune_studio.gui import theme
from finetune_studio.gui.pages.data import intake_words, preview_words
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets.bar_list import BarList, BarRow
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.column_mapping import ColumnMapping, RowsView
from finetune_studio.gui.widgets.elided_label import ElidedLabel
from finetune_studio.gui.widgets.reading_choices import ReadingChoices
from finetune_studio.gui.widgets.sample_grid import SampleGrid
from finetune_studio.gui.widgets.scrolled import scrolled

if TYPE_CHECKING:
    from finetune_studio.engine.curate import DataLook

_LOSS = ("Left out", "The classes ")  # what is lost, or looks wrong, is more than told
_LOWEST = 190  # pixels: two rows of a table below the choices for its columns
_USUAL = "UTF-8"  # how nearly all tables are written; not worth a word


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with data that are previewed.

    Attributes:
        task: What they are for.
        choices: How they were read.
        said: Something the user must know before importing; may be empty.
        refusal: Why they cannot be imported; empty if they can.
        button: What the import button says.
    """

    task: str
    choices: DataChoices
    said: str = ""
    refusal: str = ""
    button: str = ""


class ImportPreview(Card):
    """Shows a look at data; how they are read can be corrected.

    Signals:
        mapped: Data are to be read otherwise (a dict of the recipe's fields to values).
        table_wanted: A table is to be chosen in a dialog, for this field of the recipe.
        import_wanted: This is to be imported.
        left: Something else is wanted.
    """

    mapped = Signal(object)
    table_wanted = Signal(str)
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
        self.reading = ReadingChoices()
        self.reading.chosen.connect(self._on_reading_chosen)
        self.reading.file_wanted.connect(self.table_wanted)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for widget in (self._path, self._said, self._refusal):
            column.addWidget(widget)
        column.addLayout(self._problems)
        column.addWidget(self.reading)
        column.addLayout(self._make_middle(thumbnails), 1)
        self.body.addWidget(scrolled(inside), 1)  # many warnings push no button out of sight
        self.body.addLayout(self._make_buttons())

    def _make_middle(self, thumbnails: Thumbnails) -> QHBoxLayout:
        self.classes = BarList(pickable=False)
        self.classes.setMinimumWidth(180)
        self.grid = SampleGrid(thumbnails)
        self.table = ColumnMapping()
        self.table.mapped.connect(self.mapped)
        self.rows = RowsView()
        self._left = QWidget()
        self._left.setProperty("clear", True)
        self._left.setMaximumWidth(260)
        left = QVBoxLayout(self._left)
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(4)
        self._classes_title = QLabel()
        self._classes_title.setProperty("role", "small")
        left.addWidget(self._classes_title)
        left.addWidget(self.classes, 1)
        middle = QHBoxLayout()
        middle.setSpacing(16)
        middle.addWidget(self._left, 1)
        for widget in (self.grid, self.table, self.rows):
            widget.setMinimumHeight(theme.px(_LOWEST))
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
        self._splits = ElidedLabel()
        self._splits.setProperty("role", "small")
        self._splits.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self._splits, 1)
        return row

    def show_look(self, look: DataLook, seen: Standing) -> None:
        """Show a look at data, and how it stands with them."""
        self.look = look
        self.set_title(look.title or seen.refusal)
        self._path.setText(look.path)
        for label, text in ((self._said, seen.said), (self._refusal, seen.refusal)):
            label.setText(text)
            label.setVisible(bool(text) and text != look.title)
        self._show_problems(look, quiet=intake_words.is_text(seen.task))
        choices = preview_words.reading_choices(look, seen.choices, seen.task, self.tr)
        self.reading.show_choices(choices)
        self.import_button.setText(seen.button)
        self.import_button.setEnabled(not seen.refusal)
        self.classes.set_rows(
            [
                BarRow(name, count, f"{count:,}")
                for name, count in sorted(look.classes.items(), key=lambda item: -item[1])
            ]
        )
        self._left.setVisible(bool(look.classes))
        self._classes_title.setText(self.tr(intake_words.classes_title(seen.task)))
        splits = preview_words.split_sentence(look, seen.choices, self.tr)
        self._splits.setText(splits if look.importable else "")
        self._show_rows(look, seen.task)

    def _show_problems(self, look: DataLook, *, quiet: bool) -> None:
        """Show what should be known; of texts what is merely told stands together in one place."""
        while (item := self._problems.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        told: list[str] = []
        warned: list[str] = []
        for text in [look.blocked, *look.problems] if look.importable else look.problems:
            about_letters = bool(look.encoding) and look.encoding in text
            if not text or (about_letters and look.encoding == _USUAL):
                continue
            if about_letters or (quiet and text in look.notes and not text.startswith(_LOSS)):
                told.append(text)
            else:
                warned.append(text)
        for level, texts in (("info", ["\n".join(told)] if told else []), ("warning", warned)):
            for text in texts:
                label = _level_label(level)
                label.setText(text)
                self._problems.addWidget(label)

    def _show_rows(self, look: DataLook, task: str) -> None:
        table, texts = bool(look.columns), intake_words.is_text(task)
        there = look.unpacked_mb == 0 and not table and not texts
        samples = [
            Sample(number, _joined(look.root, row.path), row.label, None, row.split or "")
            for number, row in enumerate(look.rows)
            if row.path
        ]
        self.table.setVisible(table)
        self.grid.setVisible(there and bool(samples))
        self.rows.setVisible(not table and not there and bool(look.rows))
        if table:
            titles = {r: self.tr(t) for r, t in intake_words.role_titles(task).items()}
            self.table.show_table(look.columns, look.cells, look.guesses, titles)
        elif there:
            self.grid.show_samples(samples)
        else:
            self.rows.show_cells(*preview_words.first_rows(look, self.tr))

    @Slot(str, str)
    def _on_reading_chosen(self, name: str, value: str) -> None:
        self.mapped.emit({name: value})


class _Words(QLabel):
    """Keeps the height that its lines need: a page that scrolls would squeeze them."""

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.setMinimumHeight(max(0, self.heightForWidth(self.width())))


def _level_label(level: str) -> QLabel:
    label = _Words()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setProperty("level", level)
    return label


def _joined(root: str, path: str) -> str:
    return str(Path(root) / path)
