"""Shows samples to a view: one row a sample, in the order that was arranged elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from finetune_studio.core.dataset import Sample

Index = QModelIndex | QPersistentModelIndex
SAMPLE_ROLE = int(Qt.ItemDataRole.UserRole) + 1


class SampleItemModel(QAbstractListModel):
    """Holds the samples that are shown and finds them by their numbers."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.samples: Sequence[Sample] = []
        self._rows: Mapping[int, int] = {}

    def set_samples(self, samples: Sequence[Sample], rows: Mapping[int, int] | None = None) -> None:
        """Show other samples; ``rows`` says where each number stands, if that is known already."""
        self.beginResetModel()
        self.samples = samples
        self._rows = {s.id: row for row, s in enumerate(samples)} if rows is None else rows
        self.endResetModel()

    def are_at(self, samples: Sequence[Sample], rows: Mapping[int, int] | None) -> bool:
        """Whether these are the same samples in the same order, whatever is known about them."""
        if rows is not None:
            return rows == self._rows
        now = self.samples
        return len(now) == len(samples) and all(
            a.id == b.id for a, b in zip(now, samples, strict=True)
        )

    def replace(self, samples: Sequence[Sample]) -> None:
        """Show samples of the same order with other facts; nothing moves, nothing is deselected."""
        self.samples = samples
        if samples:
            self.dataChanged.emit(self.index(0), self.index(len(samples) - 1))

    def row_of(self, number: int) -> int:
        """Return the row of a sample; -1 if it is not shown."""
        return self._rows.get(number, -1)

    @override
    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(self.samples)

    @override
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or not 0 <= index.row() < len(self.samples):
            return None
        sample = self.samples[index.row()]
        if role == SAMPLE_ROLE:
            return sample
        if role == Qt.ItemDataRole.DisplayRole:
            return self.caption(sample)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{self.caption(sample)}, {PurePath(sample.path).name}"
        return None

    def caption(self, sample: Sample) -> str:
        """Return what stands below a picture."""
        return self.tr("no label") if sample.label is None else sample.label
