"""The row above the samples: saved filters, search, size of the pictures, and the order."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QComboBox, QGridLayout, QLineEdit, QSlider, QWidget

from finetune_studio.gui import theme
from finetune_studio.gui.pages.data import filters
from finetune_studio.gui.pages.data.filters import Offer
from finetune_studio.gui.pages.data.kinds import Kind
from finetune_studio.gui.widgets.choice_bar import ChoiceBar
from finetune_studio.gui.widgets.sample_grid.view import LARGEST, SMALLEST, USUAL
from finetune_studio.gui.widgets.short_choice import ShortChoice

_SEARCH_AFTER_MS = 200
_ONE_ROW = 640  # pixels above which all tools of pictures stand in one row
_ONE_ROW_OF_TEXTS = 360  # and with a box of filters beside:
_ONE_ROW_WITH_BOX = 540


class Tools(QWidget):
    """Knows which filters and orders there are; says what is wanted.

    Signals:
        filtered: The filter that the user chose.
        searched: The words that the user typed, once the typing rests.
        ordered: The order that the user chose.
    """

    filtered = Signal(str)
    searched = Signal(str)
    ordered = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("clear", True)
        self._kind = Kind()
        self._offers: list[Offer] = []
        self._options: list[tuple[str, str]] = []
        self._shown = "all"
        self._total = 0
        self._placed: tuple[bool, bool, bool] | None = None
        # Each has its parent at once: one that is shown before would open a window of its own.
        self.choices = ChoiceBar([("all", self.tr("All"))], self)
        self.choices.chosen.connect(self.filtered)
        self.filter_box = ShortChoice(self)
        self.filter_box.setAccessibleName(self.tr("Which texts are shown"))
        self.filter_box.activated.connect(self._on_filter_chosen)
        self.search = QLineEdit(self)
        self.search.setClearButtonEnabled(True)
        self.search.setMinimumWidth(90)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._on_search_settled)
        self.search.textChanged.connect(self._on_search_changed)
        self.zoom = QSlider(Qt.Orientation.Horizontal, self)
        self.zoom.setRange(SMALLEST, LARGEST)
        self.zoom.setValue(USUAL)
        self.zoom.setMinimumHeight(theme.px(22))
        self.zoom.setAccessibleName(self.tr("Size of the pictures"))
        self.zoom.setToolTip(self.tr("Size of the pictures (Ctrl and the mouse wheel)"))
        self.order = ShortChoice(self)
        self.order.setAccessibleName(self.tr("Order"))
        self.order.activated.connect(self._on_order_chosen)
        for box in (self.filter_box, self.order):
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            box.setMinimumContentsLength(5)
            box.setMinimumWidth(theme.px(84))
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(8)
        self.set_kind(Kind())
        self.place(_ONE_ROW + 1)

    # --- what is offered --------------------------------------------------------------------------

    def set_kind(self, kind: Kind) -> None:
        """Offer what suits a kind of samples."""
        if kind == self._kind and self.order.count():
            return
        self._kind = kind
        chosen = self.order.currentData()
        self.order.clear()
        for value, text in filters.orders(kind):
            self.order.addItem(self.tr(text), value)
        self.order.setCurrentIndex(max(0, self.order.findData(chosen)))
        fit = QComboBox.SizeAdjustPolicy
        policy = fit.AdjustToMinimumContentsLengthWithIcon if kind.is_text else fit.AdjustToContents
        self.order.setSizeAdjustPolicy(policy)
        self.search.setPlaceholderText(
            self.tr("Search the {many}").format(many=kind.many)
            if kind.is_text
            else self.tr("Search file or label")
        )
        self.zoom.setVisible(not kind.is_text)
        self.choices.setVisible(not kind.is_text)
        self.filter_box.setVisible(kind.is_text and kind.has_classes)

    def show_offers(self, offers: Sequence[Offer], shown: str, total: int) -> None:
        """Offer saved filters, of which one is chosen; pictures' without numbers where room is scarce."""
        self._offers, self._shown, self._total = list(offers), shown, total
        if self._kind.is_text:
            self._fill_box()
            return
        one_row = self._placed is not None and self._placed[0]
        named = [(o.value, f"{o.title} {o.count:,}" if one_row else o.title) for o in offers]
        options = [("all", self.tr("All")), *named]
        if options != self._options:
            self._options = options
            self.choices.set_options(options)
        self.choices.set_value(shown)  # none for a finding; the line below names it
        for offer in offers:
            self.choices.set_enabled(offer.value, offer.count > 0 or offer.value == shown)

    def _fill_box(self) -> None:
        options = [Offer("all", self.tr("All"), self._total), *self._offers]
        kept = [o for o in options if o.count or o.value in ("all", self._shown)]
        self.filter_box.clear()
        for offer in kept:
            self.filter_box.addItem(f"{offer.title} {offer.count:,}", offer.value)
        self.filter_box.setCurrentIndex(self.filter_box.findData(self._shown))
        self.filter_box.setPlaceholderText(self.tr("Finding"))

    def place(self, width: int) -> None:
        """Place the tools in one row, or in two where the width is too small."""
        kind = self._kind
        of_texts = _ONE_ROW_WITH_BOX if kind.has_classes else _ONE_ROW_OF_TEXTS
        one_row = width > theme.px(of_texts if kind.is_text else _ONE_ROW)
        if (one_row, kind.is_text, kind.has_classes) == self._placed:
            return
        self._placed = one_row, kind.is_text, kind.has_classes
        tools = (self.choices, self.filter_box, self.search, self.zoom, self.order)
        for widget in tools:
            self._grid.removeWidget(widget)
        for column in range(5):
            self._grid.setColumnStretch(column, 0)
        (self._place_texts if kind.is_text else self._place_pictures)(one_row=one_row)
        self.show_offers(self._offers, self._shown, self._total)

    def _place_pictures(self, *, one_row: bool) -> None:
        rest = (self.search, self.zoom, self.order)
        if one_row:
            self._grid.addWidget(self.choices, 0, 0)
            for column, widget in enumerate(rest):
                self._grid.addWidget(widget, 0, column + 2)
        else:
            self._grid.addWidget(self.choices, 0, 0, 1, 3, Qt.AlignmentFlag.AlignLeft)
            for column, widget in enumerate(rest):
                self._grid.addWidget(widget, 1, column)
        self._grid.setColumnStretch(int(one_row), 1)
        self.search.setMaximumWidth(theme.px(200) if one_row else 16_777_215)
        self.zoom.setFixedWidth(theme.px(100 if one_row else 64))

    def _place_texts(self, *, one_row: bool) -> None:
        self.search.setMaximumWidth(16_777_215)
        boxes = [self.filter_box, self.order] if self._kind.has_classes else [self.order]
        if one_row:
            self._grid.addWidget(self.search, 0, 0)
            for column, widget in enumerate(boxes):
                self._grid.addWidget(widget, 0, column + 1)
            self._grid.setColumnStretch(0, 1)
            return
        self._grid.addWidget(self.search, 0, 0, 1, 2)
        for column, widget in enumerate(boxes):
            self._grid.addWidget(widget, 1, column, 1, 2 // len(boxes))
            self._grid.setColumnStretch(column, 5 - column)

    # --- what the user does -----------------------------------------------------------------------

    def set_search(self, words: str) -> None:
        """Show other words to search for, without saying so."""
        if self.search.text() != words:
            self.search.setText(words)
        self._timer.stop()

    @Slot(int)
    def _on_filter_chosen(self) -> None:
        self.filtered.emit(str(self.filter_box.currentData()))

    @Slot(int)
    def _on_order_chosen(self) -> None:
        self.ordered.emit(str(self.order.currentData()))

    @Slot(str)
    def _on_search_changed(self) -> None:
        self._timer.start(_SEARCH_AFTER_MS)

    @Slot()
    def _on_search_settled(self) -> None:
        self.searched.emit(self.search.text().strip())
