"""The card of the runs that wait: their order, whether they begin by themselves, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from finetune_studio.core.queue import Past
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.message import Message
from finetune_studio.gui.widgets.waiting_list import WaitingList, WaitingRow


class QueueCard(Card):
    """Shows the queue; hidden while nothing waits and nothing went wrong.

    Signals:
        start_wanted, hold_wanted, forget_wanted: A button was pressed.
        moved: The id of a run, and its new place counted from 0.
        removed: The id of the run to take out.
        copy_wanted: The id of the run whose settings the next one takes over.
    """

    start_wanted = Signal()
    hold_wanted = Signal()
    forget_wanted = Signal()
    moved = Signal(int, int)
    removed = Signal(int)
    copy_wanted = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self._rows: list[WaitingRow] = []
        self._make_head()
        self.list = WaitingList()
        self.list.setObjectName("waiting_list")
        self.list.row_chosen.connect(self._show_buttons)
        self.list.moved.connect(self.moved)
        self.list.removed.connect(self.removed)
        self.list.opened.connect(self._on_copy_clicked)
        self.body.addWidget(self.list)
        self.body.addLayout(self._make_buttons())
        self._trouble = Message()
        self._forget = self._button(self.tr("Forget"), "forget_failures")
        self._forget.clicked.connect(self.forget_wanted)
        told = QHBoxLayout()
        told.addWidget(self._trouble, 1)
        told.addWidget(self._forget, 0, Qt.AlignmentFlag.AlignVCenter)
        self.body.addLayout(told)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.hide()

    def _make_head(self) -> None:
        self._state = QLabel()
        self._state.setTextFormat(Qt.TextFormat.PlainText)
        self._state.setProperty("role", "muted")
        self._state.setWordWrap(True)
        self._start = self._button(self.tr("Start the queue"), "start_queue")
        self._start.clicked.connect(self.start_wanted)
        self._hold = self._button(self.tr("Hold the queue"), "hold_queue")
        self._hold.setToolTip(
            self.tr("The run at work goes on to its end; the next one does not begin.")
        )
        self._hold.clicked.connect(self.hold_wanted)
        self.head.setStretch(0, 0)
        self.title.setWordWrap(False)
        self.head.addWidget(self._state, 1)
        self.head.addWidget(self._start)
        self.head.addWidget(self._hold)

    def _make_buttons(self) -> QHBoxLayout:
        self._up = self._button(self.tr("Move up"), "move_up")
        self._up.setToolTip(self.tr("Alt+Up; runs can also be dragged."))
        self._down = self._button(self.tr("Move down"), "move_down")
        self._down.setToolTip(self.tr("Alt+Down; runs can also be dragged."))
        self._copy = self._button(self.tr("Duplicate and change…"), "copy_waiting")
        self._copy.setToolTip(
            self.tr("Takes its settings over for the next run; this one goes on waiting.")
        )
        self._remove = self._button(self.tr("Remove"), "remove_waiting")
        self._remove.setToolTip(self.tr("Takes the run out of the queue (Delete)."))
        self._up.clicked.connect(self._on_up_clicked)
        self._down.clicked.connect(self._on_down_clicked)
        self._copy.clicked.connect(self._on_copy_clicked)
        self._remove.clicked.connect(self.list.remove_chosen)
        row = QHBoxLayout()
        row.setSpacing(8)
        for button in (self._up, self._down, self._copy):
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(self._remove)
        return row

    @staticmethod
    def _button(text: str, name: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        return button

    def show_queue(
        self, rows: Sequence[WaitingRow], failures: Sequence[Past], *, going: bool, training: bool
    ) -> None:
        """Show the waiting runs, whether they begin by themselves, and the newest errors."""
        self._rows = list(rows)
        self.set_title(self.tr("Waiting"))
        self._state.setText(self._sentence(going=going, training=training))
        self._start.setVisible(bool(rows) and not going)
        self._hold.setVisible(bool(rows) and going)
        for part in (self.list, self._up, self._down, self._copy, self._remove):
            part.setVisible(bool(rows))
        self.list.set_rows(rows)
        self._trouble.say(self._errors(failures), "bad")
        self._forget.setVisible(bool(failures))
        self.setVisible(bool(rows or failures))

    def _sentence(self, *, going: bool, training: bool) -> str:
        if not self._rows:
            return self.tr("No run waits any more.")
        if going:
            return self.tr("Begin by themselves, one after the other, also when one fails.")
        if training:
            return self.tr("Held: none begins when the run at work has ended.")
        return self.tr("Held: none begins until you start the queue.")

    def _errors(self, failures: Sequence[Past]) -> str:
        lines = []
        for past in failures[-2:]:
            who = self.tr("Run {n}").format(n=past.run) if past.run else self.tr("A queued run")
            lines.append(self.tr("{who} ended with an error: {why}").format(who=who, why=past.text))
        if len(failures) > len(lines):
            more = self.tr("{n} more ended with an error before.")
            lines.append(more.format(n=len(failures) - len(lines)))
        return "\n".join(lines)

    @Slot()
    def _show_buttons(self) -> None:
        place = self.list.currentIndex().row()
        self._up.setEnabled(place > 0)
        self._down.setEnabled(0 <= place < len(self._rows) - 1)

    @Slot()
    def _on_up_clicked(self) -> None:
        self.list.move_chosen(-1)

    @Slot()
    def _on_down_clicked(self) -> None:
        self.list.move_chosen(1)

    @Slot()
    def _on_copy_clicked(self) -> None:
        if (row := self.list.chosen()) is not None:
            self.copy_wanted.emit(row.id)
