"""How data are read, where that can be corrected: a row of drop-downs, each below its title."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from finetune_studio.gui import theme

_ELSEWHERE = "\0elsewhere"
_WIDEST_LIST = 420


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing to choose.

    Attributes:
        name: The recipe's field.
        title: What it is called.
        options: Values with their words; the first is what is found where nothing is chosen.
        value: The value that is set.
        elsewhere: What the last option says that lets a file be chosen; empty for none.
        help_text: A sentence about it.
    """

    name: str
    title: str
    options: tuple[tuple[str, str], ...]
    value: str = ""
    elsewhere: str = ""
    help_text: str = ""


class _Box(QComboBox):
    """Shortens what it shows with an ellipsis; the whole is its tooltip."""

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QStylePainter(self)
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        style, part = self.style(), QStyle.SubControl.SC_ComboBoxEditField
        room = style.subControlRect(QStyle.ComplexControl.CC_ComboBox, option, part, self).width()
        elide = Qt.TextElideMode.ElideRight
        option.currentText = self.fontMetrics().elidedText(self.currentText(), elide, room - 4)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)


class ReadingChoices(QWidget):
    """Shows choices; says when the user makes one.

    Signals:
        chosen: A value was chosen (the recipe's field, the value).
        file_wanted: A file is to be chosen for this field.
    """

    chosen = Signal(str, str)
    file_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("clear", True)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(12)
        self._shown: tuple[Choice, ...] = ()
        self._boxes: dict[str, QComboBox] = {}

    def show_choices(self, choices: Sequence[Choice]) -> None:
        """Show these choices; the drop-downs stay where only their values differ."""
        if tuple(c.name for c in choices) != tuple(c.name for c in self._shown):
            self._rebuild(choices)
        self._shown = tuple(choices)
        for choice in choices:
            self._fill(self._boxes[choice.name], choice)
        self.setVisible(bool(choices))

    def box(self, name: str) -> QComboBox:
        """Return the drop-down of a field."""
        return self._boxes[name]

    def _rebuild(self, choices: Sequence[Choice]) -> None:
        while (item := self._row.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self._boxes = {}
        for choice in choices:
            self._row.addWidget(self._made(choice), 1)
        self._row.addStretch(0)

    def _made(self, choice: Choice) -> QWidget:
        place = QWidget()
        place.setProperty("clear", True)
        column = QVBoxLayout(place)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        title = QLabel(choice.title)
        title.setProperty("role", "small")
        title.setTextFormat(Qt.TextFormat.PlainText)
        box = _Box()
        box.setObjectName(choice.name)
        box.setAccessibleName(choice.title)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(9)
        box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        place.setMaximumWidth(theme.px(260))
        box.activated.connect(self._on_activated)
        title.setBuddy(box)
        column.addWidget(title)
        column.addWidget(box)
        self._boxes[choice.name] = box
        return place

    def _fill(self, box: QComboBox, choice: Choice) -> None:
        options = list(choice.options)
        if choice.value not in [value for value, _ in options]:
            options.append((choice.value, choice.value))
        box.blockSignals(True)
        box.clear()
        for value, text in options:
            box.addItem(text, value)
        if choice.elsewhere:
            box.addItem(choice.elsewhere, _ELSEWHERE)
        box.setCurrentIndex(box.findData(choice.value))
        box.blockSignals(False)
        told = f"{box.currentText()}\n{choice.help_text}".strip()
        box.setToolTip(f"<p>{html.escape(told)}</p>".replace("\n", "<br>"))
        wanted = box.view().sizeHintForColumn(0) + 24
        box.view().setMinimumWidth(min(wanted, _WIDEST_LIST))

    @Slot(int)
    def _on_activated(self, index: int) -> None:
        box = self.sender()
        assert isinstance(box, QComboBox)
        value = str(box.itemData(index))
        choice = next(c for c in self._shown if c.name == box.objectName())
        if value == _ELSEWHERE:
            box.setCurrentIndex(box.findData(choice.value))  # until a file is really chosen
            self.file_wanted.emit(choice.name)
        elif value != choice.value:
            self.chosen.emit(choice.name, value)
