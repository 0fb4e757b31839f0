"""What became of samples, as bars to click: each picks the samples of its kind."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from finetune_studio.gui.pages.inspect.sorting import Heap
from finetune_studio.gui.widgets.bar_list import BarList, BarRow


class HeapList(QWidget):
    """A bar a heap, and below them in words what the chosen one means.

    Signals:
        picked: The name of the heap that was picked; empty when none is any more.
    """

    picked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("clear", True)
        self._heaps: Sequence[Heap] = ()
        self.bars = BarList()
        self.bars.fit_height(12)
        self.bars.setAccessibleName(self.tr("What became of the samples"))
        self._meaning = QLabel()
        self._meaning.setProperty("role", "small")
        self._meaning.setTextFormat(Qt.TextFormat.PlainText)
        self._meaning.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.bars)
        column.addWidget(self._meaning)
        column.addStretch(1)
        self.bars.picked.connect(self._on_picked)

    def show_heaps(self, heaps: Sequence[Heap]) -> None:
        """Show other heaps; what was picked stays picked if it is among them."""
        self._heaps = heaps
        self.bars.set_rows([BarRow(heap.title, heap.count, f"{heap.count:,}") for heap in heaps])
        self._say()

    def picked_heap(self) -> Heap | None:
        """Return the heap that is picked."""
        title = self.bars.picked_name()
        return next((heap for heap in self._heaps if heap.title == title), None)

    def set_picked(self, title: str) -> None:
        """Pick a heap by its title without saying so; an unknown one picks none."""
        self.bars.set_picked(title)
        self._say()

    @property
    def meaning(self) -> str:
        """Return what is said below the bars."""
        return self._meaning.text()

    def _say(self) -> None:
        heap = self.picked_heap()
        self._meaning.setText(
            heap.tip if heap is not None else self.tr("Click one to see only those.")
        )

    @Slot(str)
    def _on_picked(self, title: str) -> None:
        self._say()
        heap = self.picked_heap() if title else None
        self.picked.emit(heap.name if heap is not None else "")
