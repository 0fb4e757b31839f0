"""The data at hand: split bar, classes, health, the grid, and the sample that is looked at."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from finetune_studio.gui import theme
from finetune_studio.gui.pages.data import words
from finetune_studio.gui.pages.data.shelf import Shown, Survey, View
from finetune_studio.gui.pages.data.split_card import SplitCard
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.choice_bar import ChoiceBar
from finetune_studio.gui.widgets.class_list import ClassList
from finetune_studio.gui.widgets.elided_label import ElidedLabel
from finetune_studio.gui.widgets.health_panel import HealthPanel
from finetune_studio.gui.widgets.notice_bar import NoticeBar
from finetune_studio.gui.widgets.sample_detail import SampleDetail
from finetune_studio.gui.widgets.sample_grid import SampleGrid
from finetune_studio.gui.widgets.sample_grid.view import LARGEST, SMALLEST, USUAL

_SEARCH_AFTER_MS = 200
_ONE_ROW = 640  # pixels of the grid's card above which all of its tools stand in one row


class Browser(QWidget):
    """Knows values only; the page brings them and carries out what is wanted.

    Signals:
        view_changed: Other samples, or another order, are to be shown (a View).
    """

    view_changed = Signal(object)

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = View()
        self._task = ""
        self._survey = Survey()
        self._options: list[tuple[str, str]] = []
        self.missing_bar, self.news_bar = NoticeBar(), NoticeBar()
        self.split = SplitCard()
        self.split.bar.picked.connect(self._on_split_picked)
        self.classes = ClassList()
        self.classes.picked.connect(self._on_class_picked)
        self.health = HealthPanel()
        self.grid = SampleGrid(thumbnails)
        self.detail = SampleDetail(thumbnails)
        self._left = self._make_left()
        self._right = _card_around(self.detail)
        middle = QHBoxLayout()
        middle.setSpacing(12)
        middle.addWidget(self._left)
        middle.addWidget(self._make_middle(), 1)
        middle.addWidget(self._right)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(self.missing_bar)
        column.addWidget(self.news_bar)
        column.addWidget(self.split)
        column.addLayout(middle, 1)

    # --- parts ------------------------------------------------------------------------------------

    def _make_left(self) -> QWidget:
        card = Card(self.tr("Classes"))
        card.body.addWidget(self.classes)
        card.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.health.setMinimumHeight(theme.px(160))
        inside = QWidget()
        inside.setProperty("clear", True)
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(card)
        column.addWidget(self.health, 1)
        return inside

    def _make_middle(self) -> QWidget:
        self.filters = ChoiceBar([("all", self.tr("All"))])
        self.filters.chosen.connect(self._on_filter_chosen)
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search file or label"))
        self.search.setClearButtonEnabled(True)
        self.search.setMinimumWidth(90)
        self._search_timer = QTimer(self)
        self._search_timer.setSingleShot(True)
        self._search_timer.timeout.connect(self._on_search_settled)
        self.search.textChanged.connect(self._on_search_changed)
        self.zoom = QSlider(Qt.Orientation.Horizontal)
        self.zoom.setRange(SMALLEST, LARGEST)
        self.zoom.setValue(USUAL)
        self.zoom.setMinimumHeight(theme.px(22))
        self.zoom.setAccessibleName(self.tr("Size of the pictures"))
        self.zoom.setToolTip(self.tr("Size of the pictures (Ctrl and the mouse wheel)"))
        self.zoom.valueChanged.connect(self.grid.set_zoom)
        self.grid.zoomed.connect(self.zoom.setValue)
        self.order = QComboBox()
        self.order.setAccessibleName(self.tr("Order"))
        for value, text in (
            ("mixed", self.tr("Mixed")),
            ("newest", self.tr("Newest")),
            ("name", self.tr("Name")),
            ("class", self.tr("Class")),
            ("size", self.tr("File size")),
        ):
            self.order.addItem(text, value)
        self.order.activated.connect(self._on_order_chosen)
        self._told = ElidedLabel()
        self._told.setProperty("role", "small")
        self.all_button = QPushButton(self.tr("Show all"))
        self.all_button.setObjectName("show_all")
        self.all_button.setProperty("link", True)
        self.all_button.clicked.connect(self._on_all_wanted)
        card = Card()
        card.title.hide()
        self._tools = QGridLayout()
        self._tools.setSpacing(8)
        told = QHBoxLayout()
        told.addWidget(self._told, 1)
        told.addWidget(self.all_button)
        self._nothing = QLabel()
        self._nothing.setProperty("role", "muted")
        self._nothing.setTextFormat(Qt.TextFormat.PlainText)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._nothing.setWordWrap(True)
        card.body.addLayout(self._tools)
        card.body.addLayout(told)
        card.body.addWidget(self.grid, 1)
        card.body.addWidget(self._nothing, 1)
        self._one_row: bool | None = None
        self._place_tools(one_row=True)
        return card

    def _place_tools(self, *, one_row: bool) -> None:
        if one_row == self._one_row:
            return
        self._one_row = one_row
        tools: tuple[QWidget, ...] = (self.filters, self.search, self.zoom, self.order)
        for widget in tools:
            self._tools.removeWidget(widget)
        if one_row:
            for column, widget in enumerate(tools):
                self._tools.addWidget(widget, 0, column + (column > 0))
        else:
            self._tools.addWidget(self.filters, 0, 0, 1, 3, Qt.AlignmentFlag.AlignLeft)
            for column, widget in enumerate(tools[1:]):
                self._tools.addWidget(widget, 1, column)
        for column in range(5):
            self._tools.setColumnStretch(column, int(column == int(one_row)))
        self.search.setMaximumWidth(theme.px(200) if one_row else 16_777_215)
        self.zoom.setFixedWidth(theme.px(100 if one_row else 64))
        self._show_filters(self._survey)

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        side = max(theme.px(196), min(theme.px(252), round(self.width() * 0.2)))
        self._left.setFixedWidth(side)
        self._right.setFixedWidth(side)
        self._place_tools(one_row=self.width() - 2 * side - 24 > theme.px(_ONE_ROW))
        super().resizeEvent(event)

    @override
    def minimumSizeHint(self) -> QSize:
        # Less than the tools need in one row: they are placed in two when it gets narrow.
        return QSize(theme.px(740), theme.px(400))

    # --- what is shown ----------------------------------------------------------------------------

    def show_data(self, shown: Shown, task: str) -> None:
        """Show what was arranged for :attr:`view`."""
        self._task = task
        self._survey = survey = shown.survey
        self.grid.show_samples(shown.samples, shown.rows)
        self.classes.set_counts(survey.classes)
        self.classes.set_picked(self.view.label)
        self.split.set_survey(survey)
        self.detail.set_names(list(survey.classes))
        self._show_filters(survey)
        self._told.setText(words.narrowed(self.view, len(shown.samples), task))
        self._told.setVisible(self.view.narrowed)
        self.all_button.setVisible(self.view.narrowed)
        self.grid.setVisible(bool(shown.samples))
        self._nothing.setVisible(not shown.samples)
        self._nothing.setText(
            self.tr("No photo fits. Show all, or search for something else.")
            if self.view.narrowed
            else ""
        )

    def _show_filters(self, survey: Survey) -> None:
        """Offer the saved filters; where room is scarce, without their numbers."""
        offers = [
            ("excluded", self.tr("Excluded"), survey.excluded),
            ("unreadable", self.tr("Unreadable"), survey.unreadable),
        ]
        if survey.unlabelled:
            offers.append(("unlabelled", self.tr("No label"), survey.unlabelled))
        numbered = [(v, f"{text} {n:,}" if self._one_row else text) for v, text, n in offers]
        options = [("all", self.tr("All")), *numbered]
        if options != self._options:
            self._options = options
            self.filters.set_options(options)
        self.filters.set_value(self.view.shown)  # none for a finding; the line below names it
        for value, _, number in offers:
            self.filters.set_enabled(value, number > 0 or value == self.view.shown)

    def show_finding(self, ids: list[int], title: str) -> None:
        """Show the samples of a finding only."""
        self._want(View("finding", order=self.view.order, ids=frozenset(ids), ids_title=title))

    def start_anew(self) -> None:
        """Forget what was searched and filtered, for another project."""
        self.search.clear()
        self._search_timer.stop()
        self.view = View(order=self.view.order)
        self.grid.forget_pictures()

    def _want(self, view: View) -> None:
        if view == self.view:
            return
        self.view = view
        if self.search.text() != view.search:
            self.search.setText(view.search)
            self._search_timer.stop()
        self.view_changed.emit(view)

    # --- what the user does -----------------------------------------------------------------------

    @Slot(str)
    def _on_class_picked(self, name: str) -> None:
        self._want(replace(self.view, label=name))

    @Slot(str)
    def _on_split_picked(self, split: str) -> None:
        self._want(replace(self.view, split="" if split == self.view.split else split))

    @Slot(str)
    def _on_filter_chosen(self, shown: str) -> None:
        self._want(replace(self.view, shown=shown))

    @Slot(int)
    def _on_order_chosen(self) -> None:
        self._want(replace(self.view, order=str(self.order.currentData())))

    @Slot(str)
    def _on_search_changed(self) -> None:
        self._search_timer.start(_SEARCH_AFTER_MS)

    @Slot()
    def _on_search_settled(self) -> None:
        self._want(replace(self.view, search=self.search.text().strip()))

    @Slot()
    def _on_all_wanted(self) -> None:
        self._want(View(order=self.view.order))


def _card_around(widget: QWidget) -> Card:
    """Return a card whose inside scrolls where the window is low."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.viewport().setProperty("clear", True)
    widget.setProperty("clear", True)
    area.setWidget(widget)
    card = Card()
    card.body.addWidget(area)
    return card
