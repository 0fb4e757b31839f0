"""A chat as bubbles, turn by turn; each turn can be rewritten where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from PySide6.QtCore import QEvent, QSize, Qt, Signal, Slot
from PySide6.QtGui import QEnterEvent, QFocusEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.letters import plain
from finetune_studio.gui.widgets.said_label import SaidLabel
from finetune_studio.gui.widgets.span_marks import quoted
from finetune_studio.gui.widgets.writing_field import WritingField

_MOST = 80  # turns that are shown; a longer chat says how many more there are
_LETTERS = 8000  # of a turn that are shown


class ChatEditor(QScrollArea):
    """Shows who said what; a double click or Enter on a turn rewrites it.

    Signals:
        rewritten: The fields that are other now, and what was done, in words.
    """

    rewritten = Signal(dict, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._messages: list[dict[str, Any]] = []
        self._search = ""
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.viewport().setProperty("clear", True)
        inside = QWidget()
        inside.setProperty("clear", True)
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(0, 0, 6, 0)
        self._column.setSpacing(8)
        self._more = QLabel()
        self._more.setProperty("role", "small")
        self.bubbles: list[Bubble] = []
        self._column.addWidget(self._more)
        self._column.addStretch(1)
        self.setWidget(inside)

    def show_fields(self, fields: Mapping[str, Any], search: str = "") -> None:
        """Show a sample's turns."""
        messages = [dict(turn) for turn in fields.get("messages") or () if isinstance(turn, dict)]
        other = len(messages) != len(self._messages)
        self._messages, self._search = messages, search
        while len(self.bubbles) < min(_MOST, len(messages)):
            number = len(self.bubbles)
            bubble = Bubble()
            bubble.rewritten.connect(partial(self._on_rewritten, number))
            self.bubbles.append(bubble)
            self._column.insertWidget(number, bubble)
        for number, bubble in enumerate(self.bubbles):
            shown = number < len(messages)
            bubble.setVisible(shown)
            if shown:
                turn = messages[number]
                bubble.show_turn(str(turn.get("role", "")), str(turn.get("content") or ""), search)
        left = len(messages) - _MOST
        self._more.setVisible(left > 0)
        self._more.setText(self.tr("{n} more turns are not shown here.").format(n=f"{left:,}"))
        if other:
            self.verticalScrollBar().setValue(0)

    def _on_rewritten(self, number: int, text: str) -> None:
        turn = self._messages[number]
        messages = [dict(each) for each in self._messages]
        messages[number]["content"] = text
        self._messages = messages
        told = f"Turn {number + 1} ({turn.get('role', '')}) → {quoted(text, 0, len(text))}"
        self.rewritten.emit({"messages": messages}, told)


class Bubble(QWidget):
    """One turn: the user's at the right, the assistant's at the left, the instruction across.

    Signals:
        rewritten: What the turn says now.
    """

    rewritten = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("clear", True)
        self._role, self._text = "", ""
        self.box = _Box()
        self.box.edit_wanted.connect(self.edit)
        self.who = QLabel()
        self.who.setProperty("role", "small")
        self.said = SaidLabel(selectable=False)
        self.said.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self.edit_button = QPushButton(self.tr("Edit"))
        self.edit_button.setObjectName("edit_turn")
        self.edit_button.setProperty("link", True)
        self.edit_button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # Enter on the bubble does it
        self.edit_button.clicked.connect(self.edit)
        kept = self.edit_button.sizePolicy()
        kept.setRetainSizeWhenHidden(True)
        self.edit_button.setSizePolicy(kept)
        self.edit_button.hide()
        self.box.looked_at.connect(self._on_looked_at)
        self.field = WritingField()
        self.field.setObjectName("turn")
        self.field.setToolTip(self.tr("Ctrl+Enter or a click elsewhere keeps it, Escape does not."))
        self.field.hide()
        self.field.written.connect(self._on_written)
        self.field.left.connect(self._on_left)
        head = QHBoxLayout()
        head.addWidget(self.who, 1)
        head.addWidget(self.edit_button)
        inside = QVBoxLayout(self.box)
        inside.setContentsMargins(10, 6, 10, 8)
        inside.setSpacing(2)
        inside.addLayout(head)
        inside.addWidget(self.said)
        inside.addWidget(self.field)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(0)
        self._row.addStretch(0)
        self._row.addWidget(self.box, 1)
        self._row.addStretch(0)

    def show_turn(self, role: str, text: str, search: str = "") -> None:
        """Show who says what; a turn that is being rewritten stays open."""
        names = {
            "user": self.tr("User"),
            "assistant": self.tr("Assistant"),
            "system": self.tr("Instruction"),
        }
        self._role, self._text = role, text
        self.who.setText(names.get(role, role))
        short = plain(text[:_LETTERS]) + (" …" if len(text) > _LETTERS else "")
        self.said.say(short or self.tr("(empty)"))
        found = bool(search) and search.casefold() in text.casefold()
        self.box.setProperty("turn", "found" if found else role)
        self.box.style().unpolish(self.box)
        self.box.style().polish(self.box)
        self.box.setAccessibleName(f"{self.who.text()}: {short[:200]}")
        self._row.setStretch(0, 1 if role == "user" else 0)
        self._row.setStretch(1, 9 if role == "system" else 8)
        self._row.setStretch(2, 1 if role == "assistant" else 0)
        if not self.field.isHidden():
            self.field.show_text(text)

    @Slot()
    def edit(self) -> None:
        """Let the user rewrite the turn where it stands."""
        high = max(self.said.height() + 16, theme.px(84))
        self.said.hide()
        self.edit_button.hide()
        self.field.setFixedHeight(min(theme.px(320), high))
        self.field.setAccessibleName(self.who.text())
        self.field.show()
        self.field.show_text(self._text)
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot(bool)
    def _on_looked_at(self, looked_at: bool) -> None:
        self.edit_button.setVisible(looked_at and self.field.isHidden())

    @Slot(str)
    def _on_written(self, text: str) -> None:
        self._text = text
        self.said.say(plain(text[:_LETTERS]) or self.tr("(empty)"))
        self.rewritten.emit(text)

    @Slot()
    def _on_left(self) -> None:
        had = self.field.hasFocus()
        self.field.hide()
        self.said.show()
        if had:
            self.box.setFocus(Qt.FocusReason.OtherFocusReason)


class _Box(QFrame):
    """The frame of a turn, reached by Tab.

    Signals:
        edit_wanted: A double click, Enter or F2.
        looked_at: Whether the mouse or the keyboard is at the turn.
    """

    edit_wanted = Signal()
    looked_at = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setToolTip(self.tr("A double click or Enter rewrites it"))

    @override
    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        self.looked_at.emit(True)

    @override
    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.looked_at.emit(self.hasFocus())

    @override
    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.looked_at.emit(True)

    @override
    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.looked_at.emit(self.underMouse())

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_F2):
            self.edit_wanted.emit()
            return
        super().keyPressEvent(event)

    @override
    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.edit_wanted.emit()

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(80, super().minimumSizeHint().height())
