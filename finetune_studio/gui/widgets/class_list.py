"""The classes of a dataset: counts as bars, renamed and merged in place."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QContextMenuEvent, QKeyEvent
from PySide6.QtWidgets import QLineEdit, QMenu, QSizePolicy, QVBoxLayout, QWidget
from typing_extensions import override

from finetune_studio.gui.widgets.bar_list import BarList, BarRow
from finetune_studio.gui.widgets.name_field import NameField

_FEWEST = 5  # rows that are shown at the least
_MANY = 14  # so many classes get a field to find one


class ClassList(QWidget):
    """A click shows one class only, F2 renames it, the context menu also merges it.

    Signals:
        picked: The class to show; empty for all.
        renamed: A class's name, and its new one.
        merged: A class's name, and the one it becomes part of.
    """

    picked = Signal(str)
    renamed = Signal(str, str)
    merged = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._counts: dict[str, int] = {}
        self._edited = ""
        self._merging = False
        self.finder = QLineEdit()
        self.finder.setPlaceholderText(self.tr("Find a class"))
        self.finder.setClearButtonEnabled(True)
        self.finder.textChanged.connect(self._on_find_changed)
        self.bars = _ClassBars()
        self.bars.setAccessibleName(self.tr("Classes"))
        self.bars.fit_height(_MANY)
        self.bars.picked.connect(self.picked)
        self.bars.menu_wanted.connect(self._on_menu_wanted)
        self.bars.rename_wanted.connect(self.ask_name)
        self.field = NameField(self.bars.viewport())
        self.field.setObjectName("class_name")
        self.field.named.connect(self._on_named)
        self.field.given_up.connect(self._on_given_up)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.finder)
        column.addWidget(self.bars)

    def set_counts(self, counts: Mapping[str, int]) -> None:
        """Show the classes, the one with most samples first."""
        self._counts = dict(sorted(counts.items(), key=lambda item: -item[1]))
        self.finder.setVisible(len(counts) > _MANY)
        self._show()

    def set_picked(self, name: str) -> None:
        """Mark a class as the one shown, without saying so."""
        self.bars.set_picked(name)

    def _show(self) -> None:
        wanted = self.finder.text().casefold() if len(self._counts) > _MANY else ""
        rows = [
            BarRow(name, count, f"{count:,}")
            for name, count in self._counts.items()
            if wanted in name.casefold()
        ]
        self.bars.set_rows(rows, max(self._counts.values(), default=0) or 1)

    @Slot(str)
    def ask_name(self, name: str) -> None:
        """Let the user type another name for a class, where its name stands."""
        self._ask(name, merging=False)

    @Slot(str)
    def ask_target(self, name: str) -> None:
        """Let the user name the class that this one becomes part of."""
        self._ask(name, merging=True)

    def _ask(self, name: str, *, merging: bool) -> None:
        row = self.bars.row_of(name)
        if row.isNull():
            return
        self._edited, self._merging = name, merging
        others = [other for other in self._counts if other != name]
        box = row.adjusted(0, -2, 0, 2)
        box.setHeight(max(box.height(), self.field.sizeHint().height()))
        box.moveTop(max(0, min(box.top(), self.bars.viewport().height() - box.height())))
        self.field.setGeometry(box)
        if merging:
            self.field.ask(others, "", self.tr("Merge {name} into…").format(name=name))
        else:
            self.field.ask([], name)
        self.field.setAccessibleName(self.field.placeholderText() or self.tr("New name"))

    @Slot(str)
    def _on_find_changed(self) -> None:
        self._show()

    @Slot(str)
    def _on_named(self, name: str) -> None:
        self.bars.setFocus()
        if name != self._edited:
            (self.merged if self._merging else self.renamed).emit(self._edited, name)

    @Slot()
    def _on_given_up(self) -> None:
        self.bars.setFocus()

    @Slot(str, QPoint)
    def _on_menu_wanted(self, name: str, place: QPoint) -> None:
        menu = self.menu_for(name)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(place)

    def menu_for(self, name: str) -> QMenu:
        """Return what can be done with a class."""
        menu = QMenu(self)
        shown = self.bars.picked_name() == name
        text = self.tr("Show all classes") if shown else self.tr("Show only this class")
        menu.addAction(text, lambda: self.bars.pick("" if shown else name))
        menu.addSeparator()
        menu.addAction(self.tr("Rename…\tF2"), lambda: self.ask_name(name))
        merge = menu.addAction(self.tr("Merge into…"), lambda: self.ask_target(name))
        merge.setEnabled(len(self._counts) > 1)
        return menu


class _ClassBars(BarList):
    """Bars that can be renamed.

    Signals:
        menu_wanted: A class's name, and where on the screen its menu belongs.
        rename_wanted: A class's name.
    """

    menu_wanted = Signal(str, QPoint)
    rename_wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        # As high as its rows need, lower where the window is low; then it scrolls.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    @override
    def minimumSizeHint(self) -> QSize:
        rows = min(_FEWEST, max(1, self.model().rowCount()))
        return QSize(100, rows * (self.fontMetrics().height() + 10) + 2)

    def pick(self, name: str) -> None:
        """Pick a class as a click does."""
        self.set_picked(name)
        self.picked.emit(name)

    def row_of(self, name: str) -> QRect:
        """Return where a class stands in the viewport, scrolled into view; null if nowhere."""
        model = self.model()
        for row in range(model.rowCount()):
            index = model.index(row, 0)
            if index.data() == name:
                self.scrollTo(index)
                return self.visualRect(index)
        return QRect()

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        index = self.currentIndex()
        if event.key() == Qt.Key.Key_F2 and index.isValid():
            self.rename_wanted.emit(str(index.data()))
            return
        super().keyPressEvent(event)

    @override
    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        index = self.currentIndex() if by_key else self.indexAt(event.pos())
        if index.isValid():
            place = self.visualRect(index).bottomLeft() if by_key else event.pos()
            self.menu_wanted.emit(str(index.data()), self.viewport().mapToGlobal(place))
