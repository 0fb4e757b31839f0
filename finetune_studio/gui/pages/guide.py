"""The built-in guide: what the words mean, in plain sentences, with drawings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QListWidget, QListWidgetItem

from finetune_studio.core.settings import resources
from finetune_studio.gui import theme
from finetune_studio.gui.page import Page
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.reader import Reader


@dataclass(frozen=True, slots=True)
class GuidePart:
    """One page of the guide: the name other pages link to, its title, and its file."""

    name: str
    title: str
    file: Path


def parts(folder: Path) -> list[GuidePart]:
    """Return the pages in the order of their file names, such as ``02-freezing.md``."""
    found = []
    for file in sorted(folder.glob("*.md")):
        title = file.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ").strip()
        found.append(GuidePart(file.stem.partition("-")[2] or file.stem, title, file))
    return found


class GuidePage(Page):
    """A list of pages at the left, the chosen one at the right."""

    name = "guide"
    title = "Guide"

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self.subtitle.setText(self.tr("What the words mean, and what to look at"))
        self._parts = parts(resources() / "guide")
        self._list = QListWidget()
        self._list.setObjectName("guide_list")
        self._list.setWordWrap(True)
        self._list.setSpacing(1)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setAccessibleName(self.tr("Pages of the guide"))
        for part in self._parts:
            item = QListWidgetItem(part.title)
            item.setData(Qt.ItemDataRole.UserRole, part.name)
            self._list.addItem(item)
        self._list.currentRowChanged.connect(self._on_row_changed)
        self._reader = Reader(resources() / "guide")
        self._reader.part_wanted.connect(self.show_inside)
        contents = Card(self.tr("Pages"))
        contents.setFixedWidth(theme.px(252))
        contents.body.addWidget(self._list)
        text = Card()
        text.body.addWidget(self._reader)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(contents)
        row.addWidget(text, 1)
        self.body.addLayout(row, 1)
        studio.settings_changed.connect(self._on_settings_changed)
        if self._parts:
            self._list.setCurrentRow(0)

    @Slot(str)
    def show_inside(self, name: str) -> None:
        """Show the page of that name; an unknown one leaves what is shown."""
        for place, part in enumerate(self._parts):
            if part.name == name:
                self._list.setCurrentRow(place)

    @Slot(int)
    def _on_row_changed(self, place: int) -> None:
        if 0 <= place < len(self._parts):
            self._reader.show_text(self._parts[place].file.read_text(encoding="utf-8"))

    @Slot()
    def _on_settings_changed(self) -> None:
        self._on_row_changed(self._list.currentRow())
