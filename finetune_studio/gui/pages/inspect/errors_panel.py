"""The lower half of the Inspect page: a way of looking at the left, the samples that it means beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from finetune_studio.core.task import Pair
from finetune_studio.gui.pages.inspect import words
from finetune_studio.gui.pages.inspect.heap_list import HeapList
from finetune_studio.gui.pages.inspect.items import gallery_item
from finetune_studio.gui.pages.inspect.lens import Lens, Narrowed
from finetune_studio.gui.pages.inspect.results import Results
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.choice_bar import ChoiceBar
from finetune_studio.gui.widgets.class_table import ClassTable
from finetune_studio.gui.widgets.confusion_view import ConfusionView
from finetune_studio.gui.widgets.empty_state import EmptyState
from finetune_studio.gui.widgets.gallery import Gallery
from finetune_studio.gui.widgets.one_of import OneOf
from finetune_studio.insights.confusion import alike_together, in_cell

# Shares of the width: what went wrong, the gallery, the chosen sample.
_SHARES = {"errors": (42, 29, 29), "classes": (48, 28, 24)}
_TEXT_SHARES = {"errors": (22, 34, 44), "classes": (34, 28, 38)}
_MATRIX_SHARES = {"errors": (36, 34, 30), "classes": (44, 28, 28)}
_LENS_SHARES = (38, 38, 24)
_WIDE_SHARES = (56, 44, 0)


class ErrorsPanel(QWidget):
    """Filters a gallery by a cell of the confusion matrix, a class, what became of samples, or a lens.

    Args:
        thumbnails: Reads pictures in the background.
        beside: What stands at the right of the gallery.
        lenses: Further ways of looking, each a tab.

    Signals:
        sample_chosen: The number of the sample to look at; -1 if there is none.
        selection_changed: How many samples are selected.
        lens_opened: Whether a lens is open now, which likes to have room.
    """

    sample_chosen = Signal(int)
    selection_changed = Signal(int)
    lens_opened = Signal(bool)

    def __init__(
        self,
        thumbnails: Thumbnails,
        beside: Card,
        lenses: Sequence[Lens] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setProperty("clear", True)
        self.lenses = {lens.name: lens for lens in lenses}
        self._beside = beside
        self._narrowed: Narrowed | None = None
        self._wanted: int | None = None
        self._pairs: dict[int, Pair] = {}
        self._results: Results | None = None
        self.view_bar = ChoiceBar([("errors", self.tr("Errors")), ("classes", self.tr("Classes"))])
        self.confusion = ConfusionView()
        self.classes = ClassTable()
        self.heaps = HeapList()
        self.gallery = Gallery(thumbnails)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addLayout(self._make_bar())
        self._row = QHBoxLayout()
        self._row.setSpacing(12)
        for card, least in ((self._make_left(), 220), (self._make_gallery(), 210), (beside, 236)):
            card.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
            card.setMinimumWidth(least)
            self._row.addWidget(card)
        column.addLayout(self._row, 1)
        self._on_view_chosen("errors")
        self._listen()

    def _make_bar(self) -> QHBoxLayout:
        self.all_button = QPushButton()
        self.all_button.setObjectName("show_all")
        self.all_button.setProperty("link", True)
        self.all_button.hide()
        self.order = QComboBox()
        self.order.setObjectName("order")
        self.order.setAccessibleName(self.tr("Order of the samples"))
        self.order.setToolTip(self.tr("Which samples come first."))
        self.order.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.order.setMinimumContentsLength(9)
        for value, text in words.ORDERS:
            self.order.addItem(self.tr(text), value)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self.view_bar)
        row.addStretch(1)
        return row

    def _make_left(self) -> Card:
        self._left = Card(" ")
        self.matrix_button = QToolButton()
        self.matrix_button.setObjectName("matrix_choices")
        self.matrix_button.setText("⋯")
        self.matrix_button.setAccessibleName(self.tr("How the matrix is shown"))
        self.matrix_button.setToolTip(self.tr("Percent or counts, and in which order."))
        self.matrix_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self.matrix_button)
        self.shares_action = menu.addAction(self.tr("Percent of each row"))
        self.alike_action = menu.addAction(self.tr("Confused classes together"))
        for action in (self.shares_action, self.alike_action):
            action.setCheckable(True)
            action.toggled.connect(self._show_matrix)
        self.matrix_button.setMenu(menu)
        self._left.head.addWidget(self.matrix_button)
        self._left_pile = OneOf()
        self._parts: list[QWidget] = [
            self.confusion,
            self.classes,
            self.heaps,
            *self.lenses.values(),
        ]
        for part in self._parts:
            self._left_pile.addWidget(part)
        self._left.body.addWidget(self._left_pile)
        return self._left

    def _make_gallery(self) -> Card:
        self.shown = Card(" ")
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.all_button)
        row.addWidget(self.order, 1)
        self.shown.body.addLayout(row)
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
        self.heaps.picked.connect(self._on_heap_picked)
        self.all_button.clicked.connect(self._on_show_all_clicked)
        self.order.activated.connect(self._on_order_chosen)
        self.gallery.chosen.connect(self.sample_chosen)
        self.gallery.selectionModel().selectionChanged.connect(self._on_selection_changed)
        for lens in self.lenses.values():
            lens.narrowed.connect(partial(self._on_narrowed, lens))

    def show_results(self, results: Results, *, other_run: bool) -> None:
        """Show results; for the same run as before, filter and chosen sample stay."""
        other_task = self._results is None or self._results.task.name != results.task.name
        self._results = results
        self._pairs = {pair[0].id: pair for pair in results.pairs}
        if other_run:
            self.confusion.set_picked("", "")
            self.classes.set_picked("")
            self.heaps.set_picked("")
            self._narrowed = None
        for lens in self.lenses.values():
            lens.show_results(results)
        sorting = results.sorting
        self._show_matrix()
        self.classes.show_rows(sorting.rows, types=results.sorter == "entities")
        self.heaps.show_heaps(sorting.heaps)
        if other_task:
            self._suit(results)
        self._offer_orders(results)
        self._on_view_chosen(self.view_bar.value())
        self._show_gallery(None if other_run else self.gallery.chosen_id())
        wanted, self._wanted = self._wanted, None
        if wanted is not None and other_run:
            self.gallery.choose(wanted)

    def look_for(self, number: int) -> None:
        """Choose this sample, among all of them, as soon as the results of another run are shown."""
        self._wanted = number
        self.view_bar.set_value("errors")
        self._on_view_chosen("errors")
        self._on_show_all_clicked()
        self.gallery.choose(number)

    @Slot(object)
    def take_out(self, ids: Sequence[int]) -> None:
        """Show samples no more that were left out: the next is chosen before all is read anew."""
        gone, chosen = set(ids), self._narrowed
        self._pairs = {n: pair for n, pair in self._pairs.items() if n not in gone}
        if chosen is not None and chosen.pairs is not None:
            kept = [pair for pair in chosen.pairs if pair[0].id not in gone]
            self._narrowed = replace(chosen, pairs=kept)
        for lens in self.lenses.values():
            lens.outdate()
        self._show_gallery(self.gallery.chosen_id())

    @Slot()
    def _show_matrix(self) -> None:
        grid = self._results.sorting.grid if self._results is not None else None
        if grid is not None:
            self.confusion.show_shares(self.shares_action.isChecked())
            alike = self.alike_action.isChecked()
            self.confusion.show_grid(alike_together(grid) if alike else grid)
            if self.view_bar.value() == "errors":
                self._left.set_title(self._left_heading(classes=False, matrix=True))

    def _suit(self, results: Results) -> None:
        """Offer what suits the task: classes or types, and the order of doubt where it is known."""
        _, many = words.called(results.task.name)
        self.all_button.setText(self.tr("Show all"))
        self.all_button.setToolTip(self.tr("Show all {samples}").format(samples=many))
        types = results.sorter == "entities"
        tabs = [("errors", self.tr("Errors"))]
        if results.sorting.rows:
            tabs.append(("classes", self.tr("Types") if types else self.tr("Classes")))
        suiting = (lens for lens in self.lenses.values() if lens.suits(results))
        tabs += [(lens.name, self.tr(lens.title)) for lens in suiting]
        self.view_bar.set_options(tabs)
        self.view_bar.setVisible(len(tabs) > 1)

    def _offer_orders(self, results: Results) -> None:
        sorting, kept = results.sorting, str(self.order.currentData())
        self.order.clear()
        for value, text in words.orders(
            results.sorter, doubt=sorting.has_doubt, labels=bool(sorting.labels)
        ):
            self.order.addItem(self.tr(text), value)
        self.order.setCurrentIndex(max(0, self.order.findData(kept)))

    def pair(self, number: int) -> Pair | None:
        """Return a sample and its answer by the sample's number."""
        if self._narrowed is not None and self._narrowed.pairs is not None:
            found = (pair for pair in self._narrowed.pairs if pair[0].id == number)
            return next(found, None) or self._pairs.get(number)
        return self._pairs.get(number)

    def _show_gallery(self, chosen: int | None = None) -> None:
        if self._results is None:
            return
        results, task = self._results, self._results.task.name
        found, heading, narrowed = self._filtered()
        own_order = self._narrowed is not None and self._narrowed.pairs is not None
        self.order.setVisible(not own_order)
        pairs = (
            found if own_order else results.sorting.ordered(found, str(self.order.currentData()))
        )
        self.shown.set_title(heading or words.gallery_heading("", "", len(pairs), task))
        self.all_button.setVisible(narrowed)
        self._pile.setCurrentIndex(0 if pairs else 1)
        items = [
            gallery_item(results.sorter, pair, results.preview(pair), results.sorting)
            for pair in pairs
        ]
        self.gallery.show_items(items, chosen)

    def _filtered(self) -> tuple[list[Pair], str, bool]:
        """Return the samples that are left, what they are in words, and whether some are left out."""
        assert self._results is not None
        sorting, task = self._results.sorting, self._results.task.name
        pairs = list(self._pairs.values())
        if self.view_bar.value() in self.lenses:
            return self._seen_through(pairs)
        if sorting.grid is not None:
            truth, said = self.confusion.picked_names()
            found = in_cell(pairs, truth or None, said or None)
            heading = words.gallery_heading(truth, said, len(found), task)
            return found, heading, bool(truth or said)
        heap, name = self.heaps.picked_heap(), self.classes.picked_name()
        ids = heap.ids if heap is not None else sorting.of_rows.get(name)
        if ids is None:
            return pairs, "", False
        found = [pair for pair in pairs if pair[0].id in ids]
        title = heap.title if heap is not None else name
        many = words.samples(len(found), task)
        return found, self.tr("{what}: {n}").format(what=title, n=many), True

    def _seen_through(self, pairs: list[Pair]) -> tuple[list[Pair], str, bool]:
        """Return the samples that the lens leaves, what they are in words, and whether some are left out."""
        chosen = self._narrowed
        if chosen is None:
            return pairs, "", False
        if chosen.pairs is not None:
            return list(chosen.pairs), chosen.title, chosen.back
        ids = chosen.ids
        return [p for p in pairs if ids is None or p[0].id in ids], chosen.title, True

    def _on_narrowed(self, lens: Lens, chosen: Narrowed | None) -> None:
        if self.view_bar.value() == lens.name:
            first, self._narrowed = self._narrowed is None, chosen
            self._show_gallery(None if first else self.gallery.chosen_id())

    @Slot(str)
    def _on_view_chosen(self, view: str) -> None:
        lens, before = self.lenses.get(view), self._parts[self._left_pile.currentIndex()]
        if before is not lens and isinstance(before, Lens):
            before.unpick()
        if before is not lens and self._narrowed is not None:
            self._narrowed = None
            self._show_gallery()
        self._beside.setVisible(lens is None or not lens.wide)
        self.shown.setVisible(lens is None or not lens.alone)
        self.lens_opened.emit(lens is not None)
        if lens is not None:
            self._left_pile.setCurrentIndex(self._parts.index(lens))
            self._left.set_title(self.tr(lens.heading))
            self.matrix_button.hide()
            for place, share in enumerate(_WIDE_SHARES if lens.wide else _LENS_SHARES):
                self._row.setStretch(place, share)
            if self._results is not None:
                lens.entered()
            return
        self._show_view(view)

    def _show_view(self, view: str) -> None:
        """Show errors or classes at the left."""
        results = self._results
        classes = view == "classes"
        matrix = results is None or results.sorting.grid is not None
        pictures = results is None or words.called(results.task.name)[1] == "samples"
        self._left_pile.setCurrentIndex(1 if classes else 0 if matrix else 2)
        shares = _SHARES if pictures else _MATRIX_SHARES if matrix else _TEXT_SHARES
        for place, share in enumerate(shares["classes" if classes else "errors"]):
            self._row.setStretch(place, share)
        self.matrix_button.setVisible(matrix and not classes)
        self._left.set_title(self._left_heading(classes=classes, matrix=matrix))

    def _left_heading(self, *, classes: bool, matrix: bool) -> str:
        if classes:
            types = self._results is not None and self._results.sorter == "entities"
            return (
                self.tr("How well each type is found")
                if types
                else self.tr("How well each class is told apart")
            )
        if matrix:
            told = self.tr("True class (rows) and what the model said")
            return f"{told}, %" if self.shares_action.isChecked() else told
        assert self._results is not None
        scored = self._results.scored
        headline = next(iter(scored.metrics), "") if scored is not None else ""
        return self.tr(words.heaps_heading(self._results.sorter, self._results.task.name, headline))

    @Slot(str, str)
    def _on_cell_picked(self, truth: str, said: str) -> None:
        self.classes.set_picked("" if said else truth)
        self._show_gallery()

    @Slot(str)
    def _on_class_picked(self, name: str) -> None:
        self.confusion.set_picked(name, "")
        self.heaps.set_picked("")
        self._show_gallery()

    @Slot()
    def _on_heap_picked(self) -> None:
        self.classes.set_picked("")
        self._show_gallery()

    @Slot()
    def _on_show_all_clicked(self) -> None:
        self.confusion.set_picked("", "")
        self.classes.set_picked("")
        self.heaps.set_picked("")
        self._narrowed = None
        if (lens := self.lenses.get(self.view_bar.value())) is not None:
            lens.unpick()
        self._show_gallery()

    @Slot()
    def _on_order_chosen(self) -> None:
        self._show_gallery()

    @Slot()
    def _on_selection_changed(self) -> None:
        self.selection_changed.emit(len(self.gallery.selected_ids()))
