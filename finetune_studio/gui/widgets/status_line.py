"""The line at the bottom: the running job, and what just happened; a click opens the log."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.figure_label import FigureLabel

_MOST_LINES = 2000
_AROUND = 90  # pixels of margins and gaps
_LEAST = 120  # pixels of what just happened, whatever else needs room


class StatusLine(QFrame):
    """Shows values; keeps the lines of the log.

    Signals:
        cancel_wanted: The user wants the job to end that is shown.
    """

    cancel_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("bar", "status")
        self._line = self._job_says = self._goes_on = ""
        self._job = FigureLabel()
        self._job.setMaximumWidth(theme.px(420))
        self._bar = QProgressBar()
        self._bar.setRange(0, 1000)
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(theme.px(140))
        self._cancel = QPushButton(self.tr("Cancel"))
        self._cancel.setProperty("link", True)
        self._cancel.clicked.connect(self._on_cancel_clicked)
        self._last = QPushButton(self.tr("Ready"))
        self._last.setObjectName("log_button")
        self._last.setProperty("flat", True)
        self._last.setProperty("quiet", True)
        self._last.setCheckable(True)
        # Its words are shortened before the window is kept wide.
        self._last.setMinimumWidth(theme.px(_LEAST))
        self._last.setToolTip(self.tr("Show everything that happened since the window opened."))
        self._last.toggled.connect(self._on_log_toggled)
        self._log = QPlainTextEdit()
        self._log.setObjectName("log")
        self._log.setReadOnly(True)
        self._log.setMaximumBlockCount(_MOST_LINES)
        self._log.setFixedHeight(theme.px(160))
        self._log.setPlaceholderText(self.tr("Nothing has happened yet."))
        self._log.hide()
        row = QHBoxLayout()
        row.setContentsMargins(8, 0, 8, 0)
        row.setSpacing(8)
        row.addWidget(self._last, 1)
        row.addWidget(self._job, 0)
        row.addWidget(self._bar)
        row.addWidget(self._cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 1, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._log)
        column.addLayout(row)
        self._row_height = theme.px(32)
        row.addStrut(self._row_height)
        self._cancelled = False
        self.show_idle()

    @property
    def lines(self) -> list[str]:
        """Return what stands in the log."""
        return self._log.toPlainText().splitlines()

    @property
    def job_text(self) -> str:
        """Return what is said about the running job; empty while nothing works."""
        return "" if self._bar.isHidden() else self._job_says

    def show_job(self, text: str, share: float | None, *, can_cancel: bool) -> None:
        """Show the running job; ``share`` is how much of it is done, None where that is unknown."""
        self._job_says = text
        self._job.setText(text.removeprefix(self._goes_on).removeprefix(" · "))  # not said twice
        end = 0 if share is None else 1000
        if end != self._bar.maximum():
            self._bar.setRange(0, end)
        if share is not None:
            self._bar.setValue(round(1000 * max(0.0, min(1.0, share))))
        self._bar.setAccessibleName(text)
        for widget in (self._job, self._bar):
            widget.show()
        self._cancel.setVisible(can_cancel)
        self._show_last()

    def show_idle(self) -> None:
        """Show that nothing works, and that what was begun last is done."""
        for widget in (self._job, self._bar, self._cancel):
            widget.hide()
        self._job.setText("")
        self._cancelled = False
        if self._goes_on:
            self.add(self.tr("{what}: done").format(what=self._goes_on))
        self._show_last()

    def add(self, text: str, *, goes_on: bool = False) -> None:
        """Say what just happened, or goes on until nothing works, and keep it in the log."""
        line = " ".join(text.split())
        self._log.appendPlainText(f"{time.strftime('%H:%M:%S')}  {line}")
        if goes_on and self._cancelled:
            return  # the job had begun with that before it heard of its end
        self._line = line
        self._goes_on = line if goes_on else ""
        self._show_last()

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_last()

    def _show_last(self) -> None:
        taken = 0
        if not self._bar.isHidden():
            taken = (
                self._job.sizeHint().width() + self._bar.width() + self._cancel.sizeHint().width()
            )
        room = max(theme.px(_LEAST), self.width() - taken - theme.px(_AROUND))
        line = self._line or self.tr("Ready")
        shown = self._last.fontMetrics().elidedText(line, Qt.TextElideMode.ElideRight, room)
        shown = shown.replace("&", "&&")
        if shown != self._last.text():
            self._last.setText(shown)

    @Slot()
    def _on_cancel_clicked(self) -> None:
        self._cancelled = True
        self.cancel_wanted.emit()
        self.add(self.tr("Cancelled"))

    @Slot(bool)
    def _on_log_toggled(self, shown: bool) -> None:
        self._log.setVisible(shown)
