"""The lower half of the Inspect page: errors or classes at the left, the samples they mean beside."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from finetune_studio.core.task import Pair
from finetune_studio.gui.pages.inspect import words
from finetune_studio.gui.pages.inspect.results import Results
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.choice_bar import ChoiceBar
from finetune_studio.gui.widgets.class_table import ClassTable
from finetune_studio.gui.widgets.confusion_view import ConfusionView
from finetune_studio.gui.widgets.empty_state import EmptyState
from finetune_studio.gui.widgets.gallery import Gallery, GalleryItem
from finetune_studio.insights.confusion import in_cell
from finetune_studio.insights.worst import ordered


class ErrorsPanel(QWidget):
    """Filters a gallery by a cell, a row or a column of the confusion matrix; knows values only.

    Args:
        thumbnails: Reads pictures in the background.
        beside: What stands at the right of the gallery.

    Signals:
        sample_chosen: The number of the sample to look at; -1 if there is none.
        selection_changed: How many samples are selected.
    """

    sample_chosen = Signal(int)
    selection_changed = Signal(int)

    def __init__(self, thumbnails: Thumbnails, beside: Card, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("clear", True)
        self._pairs: dict[int, Pair] = {}
        self._heading = self.tr("True class (rows) and what the model said")
        self.view_bar = ChoiceBar([("errors", self.tr("Errors")), ("classes", self.tr("Classes"))])
        self.confusion = ConfusionView()
        self.classes = ClassTable()
        self.gallery = Gallery(thumbnails)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addLayout(self._make_bar())
        self._row = QHBoxLayout()
        self._row.setSpacing(12)
        for card, least in ((self._make_left(), 250), (self._make_gallery(), 210), (beside, 236)):
            card.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
            card.setMinimumWidth(least)
            self._row.addWidget(card)
        column.addLayout(self._row, 1)
        self._on_view_chosen("errors")
        self._listen()

    def _make_bar(self) -> QHBoxLayout:
        self.all_button = QPushButton(self.tr("Show all samples"))
        self.all_button.setObjectName("show_all")
        self.all_button.setProperty("link", True)
        kept = self.all_button.sizePolicy()
        kept.setRetainSizeWhenHidden(True)  # nothing jumps when it comes and goes
        self.all_button.setSizePolicy(kept)
        self.all_button.hide()
        self.order = QComboBox()
        self.order.setObjectName("order")
        self.order.setAccessibleName(self.tr("Order of the samples"))
        self.order.setToolTip(self.tr("Which samples come first."))
        for value, text in words.ORDERS:
            self.order.addItem(self.tr(text), value)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self.view_bar)
        row.addStretch(1)
        row.addWidget(self.all_button)
        row.addWidget(self.order)
        return row

    def _make_left(self) -> Card:
        self._left = Card(self._heading)
        self._left_pile = QStackedWidget()
        self._left_pile.addWidget(self.confusion)
        self._left_pile.addWidget(self.classes)
        self._left.body.addWidget(self._left_pile)
        return self._left

    def _make_gallery(self) -> Card:
        self.shown = Card(" ")
        self._nothing = EmptyState(
            self.tr("No samples here"), self.tr("No validation sample fell into this cell.")
        )
        self._pile = QStackedWidget()
        self._pile.addWidget(self.gallery)
        self._pile.addWidget(self._nothing)
        self.shown.body.addWidget(self._pile)
        return self.shown

    def _listen(self) -> None:
        self.view_bar.chosen.connect(self._on_view_chosen)
        self.confusion.picked.connect(self._on_cell_picked)
        self.classes.picked.connect(self._on_class_picked)
        self.all_button.clicked.connect(self._on_show_all_clicked)
        self.order.activated.connect(self._on_order_chosen)
        self.gallery.chosen.connect(self.sample_chosen)
        self.gallery.selectionModel().selectionChanged.connect(self._on_selection_changed)

    def show_results(self, results: Results, *, other_run: bool) -> None:
        """Show results; for the same run as before, filter and chosen sample stay."""
        self._pairs = {pair[0].id: pair for pair in results.pairs}
        if other_run:
            self.confusion.set_picked("", "")
            self.classes.set_picked("")
        self.confusion.show_grid(results.grid)
        self.classes.show_rows(results.rows)
        self._show_gallery(None if other_run else self.gallery.chosen_id())

    def pair(self, number: int) -> Pair | None:
        """Return a sample and its answer by the sample's number."""
        return self._pairs.get(number)

    def _show_gallery(self, chosen: int | None = None) -> None:
        truth, said = self.confusion.picked_names()
        found = in_cell(list(self._pairs.values()), truth or None, said or None)
        pairs = ordered(found, str(self.order.currentData()))
        self.shown.set_title(words.gallery_heading(truth, said, len(pairs)))
        self.all_button.setVisible(bool(truth or said))
        self._pile.setCurrentIndex(0 if pairs else 1)
        self.gallery.show_items([_item(pair) for pair in pairs], chosen)

    @Slot(str)
    def _on_view_chosen(self, view: str) -> None:
        classes = view == "classes"
        self._left_pile.setCurrentIndex(1 if classes else 0)
        for place, share in enumerate((56, 28, 22) if classes else (42, 36, 22)):
            self._row.setStretch(place, share)
        self._left.set_title(
            self.tr("How well each class is told apart") if classes else self._heading
        )

    @Slot(str, str)
    def _on_cell_picked(self, truth: str, said: str) -> None:
        self.classes.set_picked("" if said else truth)
        self._show_gallery()

    @Slot(str)
    def _on_class_picked(self, name: str) -> None:
        self.confusion.set_picked(name, "")
        self._show_gallery()

    @Slot()
    def _on_show_all_clicked(self) -> None:
        self.confusion.set_picked("", "")
        self.classes.set_picked("")
        self._show_gallery()

    @Slot()
    def _on_order_chosen(self) -> None:
        self._show_gallery()

    @Slot()
    def _on_selection_changed(self) -> None:
        self.selection_changed.emit(len(self.gallery.selected_ids()))


def _item(pair: Pair) -> GalleryItem:
    sample, prediction = pair
    return GalleryItem(
        sample.id,
        sample.path,
        f"said {prediction.label}",
        words.percent(words.certainty(pair)),
        f"labelled {sample.label}",
        "" if words.is_right(pair) else "bad",
    )
