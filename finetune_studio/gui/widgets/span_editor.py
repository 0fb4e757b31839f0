"""A text with its names marked in colours; more are marked by selecting words and pressing a type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget
from typing_extensions import override

from finetune_studio.gui import theme
from finetune_studio.gui.widgets import span_marks
from finetune_studio.gui.widgets.flow import flowing
from finetune_studio.gui.widgets.letters import matched, snapped
from finetune_studio.gui.widgets.mark_painters import mixed
from finetune_studio.gui.widgets.marked_text import Marked, MarkedText, colour
from finetune_studio.gui.widgets.name_field import NameField

_NUMBERS = tuple("123456789")
_KEYS = (*_NUMBERS, "N", "Del", "Backspace", "Return", "Enter", "Shift+Return", "Shift+Enter")


class SpanEditor(QWidget):
    """Marks, renames and takes away; every change is told at once.

    Signals:
        rewritten: The fields that are other now, and what was done, in words.
    """

    rewritten = Signal(dict, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fields: Mapping[str, Any] = {}
        self._spans: list[span_marks.Place] = []
        self._counts: dict[str, int] = {}
        self._types: list[str] = []
        self._search = ""
        self.view = MarkedText(_KEYS)
        self.view.setAccessibleName(self.tr("Text with its names"))
        self.view.pressed.connect(self._on_key_pressed)
        self.view.picked.connect(self._say)
        self.view.selected.connect(self._say)
        self._legend, self._flow = flowing()
        self.new_button = QPushButton(self.tr("New type… (N)"))
        self.new_button.setObjectName("new_type")
        self.new_button.setProperty("link", True)
        self.new_button.clicked.connect(self.ask_type)
        self.field = NameField()
        self.field.setObjectName("type_name")
        self.field.named.connect(self._on_named)
        self.field.given_up.connect(self._on_given_up)
        self.told = QLabel()
        self.told.setProperty("role", "small")
        self.told.setTextFormat(Qt.TextFormat.PlainText)
        self.told.setWordWrap(True)
        self.setFocusProxy(self.view)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        for widget in (self._legend, self.field, self.told):
            column.addWidget(widget)
        column.addWidget(self.view, 1)

    # --- what is shown ----------------------------------------------------------------------------

    def show_fields(self, fields: Mapping[str, Any], search: str = "") -> None:
        """Show a sample's text and what is marked in it."""
        self._fields, self._search = fields, search
        self._spans = span_marks.places(fields)
        text = str(fields.get("text", ""))
        self.view.show_text(text)
        self._offer()
        number = {name: at for at, name in enumerate(self._types)}
        marks = [Marked(start, end, number[name], name) for start, end, name in self._spans]
        self.view.set_marks(marks, matched(text, search))
        self._say()

    def set_counts(self, counts: Mapping[str, int]) -> None:
        """Offer the types of the data, the commonest first."""
        self._counts = dict(counts)

    @property
    def types(self) -> Sequence[str]:
        """Return the types that are offered, in the order of their keys."""
        return self._types

    def _offer(self) -> None:
        types = span_marks.ranked(self._counts, self._spans)
        if types == self._types and self._flow.count():
            return
        self._types = types
        while (item := self._flow.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None and widget is not self.new_button:
                widget.hide()
                widget.deleteLater()
        for number, name in enumerate(types):
            button = _TypeButton(name, number)
            button.setObjectName("type")
            button.clicked.connect(partial(self.mark, name))
            self._flow.addWidget(button)
        self._flow.addWidget(self.new_button)
        self._legend.updateGeometry()

    @Slot()
    def _say(self) -> None:
        """Say what can be done with the words that are selected, or with the mark at the caret."""
        text, picked = self.view.text, self.view.picked_mark
        start, end = self.view.selection()
        if picked >= 0 and picked < len(self._spans):
            first, last, name = self._spans[picked]
            words = span_marks.quoted(text, first, last)
            self.told.setText(
                self.tr("{name}: {words} · Delete removes it, a number changes its type").format(
                    name=name, words=words
                )
            )
        elif start < end:
            words = span_marks.quoted(text, *self._whole(start, end))
            self.told.setText(
                self.tr("{words} is what? Press a number, or a type").format(words=words)
            )
        else:
            self.told.setText(
                self.tr(
                    "Select words, then press a type or its number. Enter goes to the next name."
                )
            )

    def _whole(self, start: int, end: int) -> tuple[int, int]:
        blanks_only = bool(self._fields.get("split_words"))
        return snapped(self.view.text, start, end, blanks_only=blanks_only)

    # --- what the user does -----------------------------------------------------------------------

    @Slot(str)
    def _on_key_pressed(self, key: str) -> None:
        if key in _NUMBERS:
            if int(key) <= len(self._types):
                self.mark(self._types[int(key) - 1])
        elif key == "N":
            self.ask_type()
        elif key in ("Del", "Backspace"):
            self.remove()
        else:
            self.view.pick_next(-1 if key.startswith("Shift") else 1)

    def mark(self, name: str) -> None:
        """Mark the words that are selected, or give the mark at the caret this type."""
        text, picked = self.view.text, self.view.picked_mark
        start, end = self.view.selection()
        if picked >= 0:
            start, end, before = self._spans[picked]
            if before == name:
                return
            words = span_marks.quoted(text, start, end)
            self._rewrite(start, end, name, f"{before} {words} → {name}")
            return
        start, end = self._whole(start, end) if start < end else (start, start)
        if start < end:
            words = span_marks.quoted(text, start, end)
            self._rewrite(start, end, name, f"Marked {words} as {name}")

    def _rewrite(self, start: int, end: int, name: str, told: str) -> None:
        spans = span_marks.with_place(self._spans, start, end, name)
        self.view.select(start, start)
        self._tell(spans, told)

    def remove(self) -> None:
        """Take the mark at the caret away."""
        picked = self.view.picked_mark
        if picked >= 0:
            start, end, name = self._spans[picked]
            words = span_marks.quoted(self.view.text, start, end)
            told = f"{words} is no {name} any more"
            self._tell(span_marks.without_place(self._spans, picked), told)

    def _tell(self, spans: list[span_marks.Place], told: str) -> None:
        # Shown at once; the page writes it down and shows the sample again.
        fields = {"spans": [list(span) for span in spans]}
        self.show_fields({**self._fields, **fields}, self._search)
        self.view.setFocus(Qt.FocusReason.OtherFocusReason)
        self.rewritten.emit(fields, told)

    @Slot()
    def ask_type(self) -> None:
        """Let the user type what the selected words are."""
        self.field.setAccessibleName(self.tr("New type"))
        self.field.ask(self._types, "", self.tr("What are they? Type a name, then Enter"))

    @Slot(str)
    def _on_named(self, name: str) -> None:
        self.view.setFocus(Qt.FocusReason.OtherFocusReason)
        start, end = self.view.selection()
        if start == end and self.view.picked_mark < 0:
            self._counts.setdefault(name, 0)  # nothing to mark yet: it is offered from now on
            self._offer()
            return
        self.mark(name)

    @Slot()
    def _on_given_up(self) -> None:
        self.view.setFocus(Qt.FocusReason.OtherFocusReason)


class _TypeButton(QPushButton):
    """A type of name with its colour and the number that stands for it."""

    def __init__(self, name: str, number: int) -> None:
        super().__init__(name)
        self._number = number
        self._key = str(number + 1) if number < len(_NUMBERS) else ""
        self.setProperty("chip", True)
        key = f" ({self._key})" if self._key else ""
        self.setToolTip(self.tr("Mark the selected words so") + key)
        self.setAccessibleName(f"{name}{key}")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    @override
    def sizeHint(self) -> QSize:
        wide = self.fontMetrics().horizontalAdvance(self.text())
        return QSize(min(wide, 200) + (44 if self._key else 28), self.fontMetrics().height() + 10)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        now, strong = theme.tokens(), colour(self._number)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        part = 0.45 if self.isDown() or self.underMouse() else 0.22
        painter.setBrush(mixed(now.surface, strong, part))
        painter.setPen(now.accent if self.hasFocus() else mixed(now.surface, strong, 0.6))
        painter.drawRoundedRect(box, 5, 5)
        middle = int(Qt.AlignmentFlag.AlignVCenter)
        room = self.rect().adjusted(10, 0, -10, 0)
        painter.setPen(now.muted if not now.dark else now.text)
        if self._key:
            painter.drawText(room, middle, self._key)
            room.setLeft(room.left() + 16)
        painter.setPen(now.text)
        elide = Qt.TextElideMode.ElideRight
        shown = self.fontMetrics().elidedText(self.text(), elide, room.width())
        painter.drawText(room, middle, shown)
