"""The bar under the header that tells the user something, with details and a way out."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from finetune_studio.core.errors import StudioError

_GOES_AFTER_MS = 6000


class NoticeBar(QFrame):
    """Shows one notice at a time; good news goes away by itself, trouble stays until it is closed.

    Signals:
        acted: The button of the notice was pressed; carries the notice's action name.
    """

    acted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._action = self._other_action = ""
        self._report = ""
        self._make_parts()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._on_closed)
        self.hide()

    def _make_parts(self) -> None:
        self._text = QLabel()
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._button = self._flat("")
        self._button.clicked.connect(self._on_acted)
        self._other = self._flat("")
        self._other.clicked.connect(self._on_other_acted)
        self._details = self._flat(self.tr("Details"))
        self._details.setCheckable(True)
        self._details.toggled.connect(self._on_details_toggled)
        self._copy = self._flat(self.tr("Copy report"))
        self._copy.clicked.connect(self._on_copy_clicked)
        self._close = self._flat(self.tr("Close"))
        self._close.clicked.connect(self._on_closed)
        self.report_box = QPlainTextEdit()
        self.report_box.setReadOnly(True)
        self.report_box.setMaximumHeight(180)
        self.report_box.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self._text, 1)
        for button in (self._other, self._button, self._copy, self._details, self._close):
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 6, 6, 6)
        column.addLayout(row)
        column.addWidget(self.report_box)

    @staticmethod
    def _flat(text: str) -> QPushButton:
        button = QPushButton(text)
        button.setProperty("flat", True)
        return button

    @property
    def text(self) -> str:
        """Return what the bar says at the moment; empty while it is hidden."""
        return "" if self.isHidden() else self._text.text()

    @property
    def report(self) -> str:
        """Return what the details say at the moment."""
        return self._report

    def say(
        self,
        text: str,
        level: str = "info",
        *,
        action: str = "",
        action_text: str = "",
        other: tuple[str, str] = ("", ""),
        goes: bool = False,
    ) -> None:
        """Show a text; ``action`` is what :attr:`acted` says when the button is pressed.

        ``other`` is the action and the text of a second button, where there is one. Good news with a
        button stays, unless it ``goes``.
        """
        self._show(text, level, action, action_text, report="")
        self._other_action, other_text = other
        self._other.setText(other_text)
        self._other.setVisible(bool(other_text))
        if level in ("ok", "info") and (goes or not action):
            self._timer.start(_GOES_AFTER_MS)

    def complain(self, error: StudioError) -> None:
        """Show an error: what happened, what to do next, and its details to unfold or copy."""
        report = error.details or f"{error.message}\n{error.hint}"
        self._show(f"{error.message} {error.hint}".strip(), "bad", "", "", report=report)

    def _show(self, text: str, level: str, action: str, action_text: str, *, report: str) -> None:
        self._timer.stop()
        self._action, self._report = action, report
        self._text.setText(text)
        self._button.setText(action_text)
        self._button.setVisible(bool(action))
        self._other.hide()
        self._details.setChecked(False)
        self._details.setVisible(bool(report))
        self._copy.setVisible(bool(report))
        self.report_box.setPlainText(report)
        self.report_box.hide()
        self.setProperty("level", level)
        self.style().unpolish(self)
        self.style().polish(self)
        self.setAccessibleName(text)
        self.show()

    @Slot()
    def _on_closed(self) -> None:
        self._timer.stop()
        self.hide()

    @Slot()
    def _on_acted(self) -> None:
        self._on_closed()
        self.acted.emit(self._action)

    @Slot()
    def _on_other_acted(self) -> None:
        self._on_closed()
        self.acted.emit(self._other_action)

    @Slot(bool)
    def _on_details_toggled(self, shown: bool) -> None:
        self.report_box.setVisible(shown)

    @Slot()
    def _on_copy_clicked(self) -> None:
        QGuiApplication.clipboard().setText(f"{self._text.text()}\n\n{self._report}")
        self._copy.setText(self.tr("Copied"))
        QTimer.singleShot(2000, self._copy, lambda: self._copy.setText(self.tr("Copy report")))
