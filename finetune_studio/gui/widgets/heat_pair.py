"""One sample explained, or twice beside each other: what spoke for one answer and for another."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QScrollBar, QSizePolicy, QVBoxLayout, QWidget
from typing_extensions import override

from finetune_studio.core.preview import Picture, Preview
from finetune_studio.gui import theme
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets.elided_label import ElidedLabel
from finetune_studio.gui.widgets.preview_view import PreviewView

_WIDE = 560  # pixels from which on two texts stand side by side
_GAP = 8


class HeatPair(QWidget):
    """Shows a preview, and beside it the one that belongs beside it; texts scroll together.

    Args:
        thumbnails: Reads pictures in the background.
        least: Height and width in pixels below which one view will not shrink.
    """

    def __init__(
        self, thumbnails: Thumbnails, parent: QWidget | None = None, *, least: int = 120
    ) -> None:
        super().__init__(parent)
        self.setProperty("clear", True)
        self._least = least
        self.view = PreviewView(thumbnails, least=least)
        self.other = PreviewView(thumbnails, least=least)
        self.titles = (_title(), _title())
        self._columns: list[QWidget] = []
        self._line = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._line.setContentsMargins(0, 0, 0, 0)
        self._line.setSpacing(_GAP)
        for title, view in zip(self.titles, (self.view, self.other), strict=True):
            column = QWidget()
            column.setProperty("clear", True)
            inside = QVBoxLayout(column)
            inside.setContentsMargins(0, 0, 0, 0)
            inside.setSpacing(4)
            inside.addWidget(title)
            inside.addWidget(view, 1)
            self._columns.append(column)
            self._line.addWidget(column, 1)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        first, second = self.view.verticalScrollBar(), self.other.verticalScrollBar()
        first.valueChanged.connect(partial(_follow, second))
        second.valueChanged.connect(partial(_follow, first))
        self._show_titles(("", ""))
        self._columns[1].hide()

    @property
    def is_pair(self) -> bool:
        """Whether two stand beside each other."""
        return not self._columns[1].isHidden()

    def show_preview(
        self,
        preview: Preview | None,
        nothing: str = "",
        *,
        keep: bool = False,
        titles: tuple[str, str] = ("", ""),
    ) -> None:
        """Show another preview with the one beside it, or a sentence where there is none.

        Args:
            preview: What is shown.
            nothing: What is said where there is none.
            keep: Whether a text stays at its end.
            titles: What stands over the two where there are two; by default what they explain.
        """
        second = preview.beside if preview is not None else None
        # One legend, below both.
        self.view.show_preview(preview, nothing, keep=keep, legend=second is None)
        self._columns[1].setVisible(second is not None)
        self.other.show_preview(second)
        if second is None or preview is None:
            self._show_titles(("", ""))
        else:
            own = tuple((one.lines or ("",))[0] for one in (preview, second))
            self._show_titles((titles[0] or own[0], titles[1] or own[1]))
        self._fit()

    def _show_titles(self, texts: tuple[str, str]) -> None:
        for label, text in zip(self.titles, texts, strict=True):
            label.setText(text)
            label.setVisible(bool(text))

    def set_heat(self, strength: float) -> None:
        """Show heat this strongly, from 0 (not at all) to 1."""
        self.view.set_heat(strength)
        self.other.set_heat(strength)

    @property
    def shows_picture(self) -> bool:
        """Whether a picture is shown."""
        shown = self.view.preview
        return shown is not None and any(isinstance(mark, Picture) for mark in shown.marks)

    def most_height(self, width: int) -> int:
        """Return how high it may be at a width without leaving a picture's sides empty."""
        if not self.is_pair:
            return width
        above = max(label.sizeHint().height() for label in self.titles)
        return (width - _GAP) // 2 + above + 4

    def _fit(self) -> None:
        """Put pictures side by side, texts too where there is room, else one below the other."""
        across = self.shows_picture or self.width() >= theme.px(_WIDE)
        self._line.setDirection(
            QBoxLayout.Direction.LeftToRight if across else QBoxLayout.Direction.TopToBottom
        )
        least = theme.px(72) if self.is_pair else self._least
        for view in (self.view, self.other):
            view.setMinimumSize(least, least)
        self.updateGeometry()

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    @override
    def sizeHint(self) -> QSize:
        # A page with wrapped labels is as high as its parts wish.
        if not self.is_pair:
            return self.view.sizeHint()
        high = self.most_height(max(1, self.width())) if self.shows_picture else 2 * self._least
        return QSize(self.view.sizeHint().width(), max(self._least, high))

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(self._least, self._least)


def _title() -> ElidedLabel:
    """Return a line: wrapped ones of unequal height would put the pictures at unequal heights."""
    made = ElidedLabel()
    made.setProperty("role", "small")
    return made


def _follow(bar: QScrollBar, value: int) -> None:
    """Scroll the other text along as far as it goes."""
    if value <= bar.maximum():
        bar.setValue(value)
