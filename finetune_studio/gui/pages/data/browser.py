"""The data at hand: split bar, classes or filters, health, the samples, and the one that is looked at."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from finetune_studio.core.dataset import Sample
from finetune_studio.gui import theme
from finetune_studio.gui.pages.data import filters, kinds, texts, words
from finetune_studio.gui.pages.data.faces import Faces
from finetune_studio.gui.pages.data.kinds import Kind
from finetune_studio.gui.pages.data.length_card import LengthCard
from finetune_studio.gui.pages.data.shelf import Shown, View
from finetune_studio.gui.pages.data.split_card import SplitCard
from finetune_studio.gui.pages.data.tools import Tools
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets.bar_list import BarList, BarRow
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.class_list import ClassList
from finetune_studio.gui.widgets.elided_label import ElidedLabel
from finetune_studio.gui.widgets.health_panel import HealthPanel
from finetune_studio.gui.widgets.notice_bar import NoticeBar
from finetune_studio.gui.widgets.sample_detail import SampleDetail
from finetune_studio.gui.widgets.sample_grid import SampleGrid
from finetune_studio.gui.widgets.sample_view import SampleView
from finetune_studio.gui.widgets.scrolled import scrolled
from finetune_studio.gui.widgets.text_detail import TextDetail
from finetune_studio.gui.widgets.text_list import TextLine, TextList


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
        self._shown = Shown()
        self.missing_bar, self.news_bar = NoticeBar(), NoticeBar()
        self.split = SplitCard()
        self.split.bar.picked.connect(self._on_split_picked)
        self.classes = ClassList()
        self.classes.picked.connect(self._on_class_picked)
        self.health = HealthPanel()
        self.grid = SampleGrid(thumbnails)
        self.texts = TextList(self._line)
        self.detail = SampleDetail(thumbnails)
        self.text_detail = TextDetail()
        self.texts.activated.connect(self.text_detail.begin)  # Enter goes from the list to the text
        self._left = self._make_left()
        self._middle = self._make_middle()
        self._right = Faces()
        self._right.addWidget(_card_around(self.detail))
        self._right.addWidget(_card_of(self.text_detail))
        middle = QHBoxLayout()
        middle.setSpacing(12)
        middle.addWidget(self._left)
        middle.addWidget(self._middle, 1)
        middle.addWidget(self._right)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(self.missing_bar)
        column.addWidget(self.news_bar)
        column.addWidget(self.split)
        column.addLayout(middle, 1)
        self._set_kind(Kind())

    # --- parts ------------------------------------------------------------------------------------

    def _make_left(self) -> QWidget:
        self._shelf = Card(self.tr("Classes"))
        self.filters_list = BarList()
        self.filters_list.setAccessibleName(self.tr("Filters"))
        self.filters_list.fit_height()
        self.filters_list.picked.connect(self._on_offer_picked)
        self._shelf.body.addWidget(self.classes)
        self._shelf.body.addWidget(self.filters_list)
        self._shelf.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.lengths = LengthCard()
        self.lengths.show_wanted.connect(self._on_long_wanted)
        self.lengths.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.health.setMinimumHeight(theme.px(240))
        inside = QWidget()
        inside.setProperty("clear", True)
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(self._shelf)
        column.addWidget(self.lengths)
        column.addWidget(self.health, 1)
        return scrolled(inside)

    def _make_middle(self) -> QWidget:
        self.tools = tools = Tools()
        tools.filtered.connect(self._on_filter_chosen)
        tools.searched.connect(self._on_searched)
        tools.ordered.connect(self._on_order_chosen)
        tools.zoom.valueChanged.connect(self.grid.set_zoom)
        self.grid.zoomed.connect(tools.zoom.setValue)
        self.filters, self.search, self.order = tools.choices, tools.search, tools.order
        self._told = ElidedLabel()
        self._told.setProperty("role", "small")
        self.all_button = QPushButton(self.tr("Show all"))
        self.all_button.setObjectName("show_all")
        self.all_button.setProperty("link", True)
        self.all_button.clicked.connect(self._on_all_wanted)
        card = Card()
        card.title.hide()
        told = QHBoxLayout()
        told.addWidget(self._told, 1)
        told.addWidget(self.all_button)
        self._nothing = QLabel()
        self._nothing.setProperty("role", "muted")
        self._nothing.setTextFormat(Qt.TextFormat.PlainText)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._nothing.setWordWrap(True)
        card.body.addWidget(self.tools)
        card.body.addLayout(told)
        card.body.addWidget(self.grid, 1)
        card.body.addWidget(self.texts, 1)
        card.body.addWidget(self._nothing, 1)
        return card

    @property
    def kind(self) -> Kind:
        """Return what kind of samples is shown."""
        return self._shown.kind

    @property
    def items(self) -> SampleView:
        """Return the view that shows the samples: the grid of pictures, or the list of texts."""
        return self.texts if self.kind.is_text else self.grid

    @property
    def panel(self) -> SampleDetail | TextDetail:
        """Return the panel that shows the sample that is looked at."""
        return self.text_detail if self.kind.is_text else self.detail

    def _set_kind(self, kind: Kind) -> None:
        """Show the widgets that suit a kind of samples."""
        self._shelf.set_title(
            self.tr("Types of names")
            if kind.shown == kinds.SPANS
            else self.tr("Classes")
            if kind.has_classes
            else self.tr("Filters")
        )
        self.classes.setVisible(kind.has_classes)
        self.filters_list.setVisible(not kind.has_classes)
        self.lengths.setVisible(kind.is_text)
        self._right.setCurrentIndex(int(kind.is_text))
        self.tools.set_kind(kind)
        self.split.set_kind(kind)
        order = str(self.order.currentData())
        if order != self.view.order:
            self.view = replace(self.view, order=order)
        self._share_width()

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        self._share_width()
        super().resizeEvent(event)

    def _share_width(self) -> None:
        """Give the sides their widths: a text needs more room to be read than a picture to be seen."""
        side = max(theme.px(196), min(theme.px(252), round(self.width() * 0.2)))
        right = side
        if self.kind.is_text:
            side = max(side, theme.px(208))  # a bar to scroll with stands beside the cards
            part = 0.46 if self.kind.shown == kinds.SUMMARY else 0.39
            right = max(theme.px(292), min(theme.px(680), round(self.width() * part)))
        self._left.setFixedWidth(side)
        self._right.setFixedWidth(right)
        self.tools.place(self.width() - side - right - 24)

    @override
    def minimumSizeHint(self) -> QSize:
        # Less than the tools need in one row: they are placed in two when it gets narrow.
        return QSize(theme.px(740), theme.px(400))

    # --- what is shown ----------------------------------------------------------------------------

    def show_data(self, shown: Shown, task: str) -> None:
        """Show what was arranged for :attr:`view`."""
        other = shown.kind != self.kind
        self._task, self._shown = task, shown
        survey, kind = shown.survey, shown.kind
        if other:
            self._set_kind(kind)
        self.items.show_samples(shown.samples, shown.rows)
        self.classes.set_counts(survey.classes if kind.has_classes else {})
        self.classes.set_picked(self.view.label)
        self.split.set_survey(survey)
        self.detail.set_names(list(survey.classes))
        self.text_detail.set_counts(survey.classes)
        self._show_filters()
        self._show_lengths()
        called = filters.title_of(self.view.shown, survey, kind)
        self._told.setText(words.narrowed(self.view, len(shown.samples), task, called))
        self._told.setVisible(self.view.narrowed)
        self.all_button.setVisible(self.view.narrowed)
        self.grid.setVisible(bool(shown.samples) and not kind.is_text)
        self.texts.setVisible(bool(shown.samples) and kind.is_text)
        self._nothing.setVisible(not shown.samples)
        nothing = self.tr("No {one} fits. Show all, or search for something else.")
        self._nothing.setText(nothing.format(one=kind.one) if self.view.narrowed else "")

    def _show_filters(self) -> None:
        survey, kind = self._shown.survey, self.kind
        offers = filters.offers(survey, kind)
        self.tools.show_offers(offers, self.view.shown, survey.total)
        if not kind.has_classes:
            rows = [BarRow(o.title, o.count, f"{o.count:,}", muted=not o.count) for o in offers]
            self.filters_list.set_rows(rows, survey.total)
            self.filters_list.set_picked(filters.title_of(self.view.shown, survey, kind))

    def _show_lengths(self) -> None:
        if self.kind.is_text:
            self.lengths.show_lengths(*words.lengths(self._shown.seen, self.kind))

    def _line(self, sample: Sample) -> TextLine:
        return texts.line(sample, self.kind.shown, self._shown.seen, self.view.search)

    def show_first(self) -> None:
        """Look at the first text found, if the one looked at is not among them."""
        if self.texts.current_id() < 0:
            self.texts.choose(self._shown.samples[0].id)

    def show_finding(self, ids: list[int], title: str) -> None:
        """Show the samples of a finding only."""
        self._want(View("finding", order=self.view.order, ids=frozenset(ids), ids_title=title))

    def start_anew(self) -> None:
        """Forget what was searched and filtered, for another project."""
        self.tools.set_search("")
        self.view = View(order=self.view.order)
        self.grid.forget_pictures()

    def _want(self, view: View) -> None:
        if view == self.view:
            return
        self.view = view
        self.tools.set_search(view.search)
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

    @Slot(str)
    def _on_offer_picked(self, title: str) -> None:
        offers = filters.offers(self._shown.survey, self.kind)
        self._want(
            replace(self.view, shown=next((o.value for o in offers if o.title == title), "all"))
        )

    @Slot()
    def _on_long_wanted(self) -> None:
        self._want(View(texts.CUT, order=self.view.order))

    @Slot(str)
    def _on_order_chosen(self, order: str) -> None:
        self._want(replace(self.view, order=order))

    @Slot(str)
    def _on_searched(self, search: str) -> None:
        self._want(replace(self.view, search=search))

    @Slot()
    def _on_all_wanted(self) -> None:
        self._want(View(order=self.view.order))


def _card_around(widget: QWidget) -> Card:
    """Return a card whose inside scrolls where the window is low."""
    return _card_of(scrolled(widget))


def _card_of(widget: QWidget) -> Card:
    card = Card()
    card.body.addWidget(widget)
    return card
