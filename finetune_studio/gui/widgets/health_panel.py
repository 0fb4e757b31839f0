"""What the checks found: sentences with a count, and a remedy that can be undone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from finetune_studio.core.events import Finding
from finetune_studio.gui import theme
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.elided_label import ElidedLabel
from finetune_studio.gui.widgets.scrolled import scrolled

_BOLD = 96  # letters; bold paragraphs are hard to read
_ORDER = {"bad": 0, "warning": 1, "info": 2, "ok": 3}


class HealthPanel(Card):
    """A card of findings, the gravest first; what is fine stands together at the end.

    Signals:
        check_wanted: The user wants the data checked.
        stop_wanted: The check is to end.
        remedy_wanted: The Finding whose remedy is to be carried out.
        show_wanted: The Finding whose samples are to be shown.
    """

    check_wanted = Signal()
    stop_wanted = Signal()
    remedy_wanted = Signal(object)
    show_wanted = Signal(object)

    def __init__(self) -> None:
        super().__init__("")
        self.set_title(self.tr("Health"))
        self.check_button = QPushButton(self.tr("Check again"))
        self.check_button.setObjectName("check")
        self.check_button.setProperty("link", True)
        self.check_button.clicked.connect(self._on_check_clicked)
        self.head.addWidget(self.check_button)
        self._checking = False
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._doing = ElidedLabel()
        self._doing.setProperty("role", "small")
        self._hint = QLabel()
        self._hint.setProperty("role", "small")
        self._hint.setTextFormat(Qt.TextFormat.PlainText)
        self._hint.setWordWrap(True)
        self._list = QVBoxLayout()
        self._list.setSpacing(6)
        for widget in (self._doing, self._bar, self._hint):
            self.body.addWidget(widget)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 4, 0)
        column.addLayout(self._list)
        column.addStretch(1)
        self.body.addWidget(scrolled(inside), 1)
        self.findings: list[Finding] = []
        self._used: list[Finding] = []  # whose remedies were carried out since the check
        self.show_findings([], checked=False)

    def show_progress(self, text: str, share: float | None) -> None:
        """Show that a check is under way: what it does, and how much of it is done."""
        self._checking = True
        self._doing.setText(text)
        self._bar.setRange(0, 1000 if share is not None else 0)
        self._bar.setValue(round(1000 * (share or 0.0)))
        self._doing.show()
        self._bar.show()
        self._hint.hide()
        self.check_button.setText(self.tr("Stop"))

    def show_findings(
        self, findings: Sequence[Finding], *, checked: bool = True, stale: bool = False
    ) -> None:
        """Show what was found; ``stale`` if the data changed since."""
        self._checking = False
        self._doing.hide()
        self._bar.hide()
        self.findings = sorted(findings, key=lambda f: _ORDER.get(f.severity, 2))
        self._used = [one for one in self._used if any(one is now for now in findings)]
        self.check_button.setText(self.tr("Check again") if checked else self.tr("Check the data"))
        hint = self.tr("The data changed since this check.") if stale else ""
        if not checked:
            hint = self.tr(
                "Unreadable files, duplicates, leakage between splits and uneven classes"
                " are found here."
            )
        self._hint.setText(hint)
        self._hint.setVisible(bool(hint))
        self._fill()

    def _fill(self) -> None:
        while (item := self._list.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for finding in self.findings:
            if finding.severity != "ok":
                self._list.addWidget(self._box(finding))
        fine = [finding.message for finding in self.findings if finding.severity == "ok"]
        if fine:
            self._list.addWidget(_fine_box(fine))

    def _box(self, finding: Finding) -> QFrame:
        box, column = _frame(finding.severity)
        first, rest = parted(finding.message)
        if first:
            column.addWidget(_words(first, "heading"))
        if rest:
            column.addWidget(_words(rest, "body"))
        if finding.remedy and finding.edits:
            used = any(finding is one for one in self._used)
            told = self.tr("Done: {what}").format(what=finding.remedy)
            button = self._link(told if used else finding.remedy, "remedy")
            button.setEnabled(not used)
            button.clicked.connect(partial(self._on_remedy_clicked, finding))
            column.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        if finding.ids:
            button = self._link(self.tr("Show {n}").format(n=f"{len(finding.ids):,}"), "show")
            button.clicked.connect(partial(self.show_wanted.emit, finding))
            column.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        return box

    @staticmethod
    def _link(text: str, name: str) -> QPushButton:
        button = _Link(text)
        button.setObjectName(name)
        return button

    def _on_remedy_clicked(self, finding: Finding) -> None:
        """Offer a remedy once: until the data were checked again the finding is of before."""
        self._used = [*self._used, finding]
        self._fill()
        self.remedy_wanted.emit(finding)

    @Slot()
    def _on_check_clicked(self) -> None:
        (self.stop_wanted if self._checking else self.check_wanted).emit()


class _Link(QPushButton):
    """A button that shortens its text where there is too little room; the tooltip has all of it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._whole = text
        font = self.font()
        font.setPixelSize(theme.px(12))
        self.setFont(font)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setProperty("link", True)
        self.setAccessibleName(text)
        self.setToolTip(text)
        self.setText(text)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(40, super().minimumSizeHint().height())

    @override
    def sizeHint(self) -> QSize:
        wide = self.fontMetrics().horizontalAdvance(self._whole)
        return QSize(wide + 8, super().sizeHint().height())

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        room = self.width() - 6
        shown = self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideRight, room)
        if shown != self.text():
            self.setText(shown)


def _fine_box(messages: Sequence[str]) -> QFrame:
    box, column = _frame("ok")
    for message in messages:
        column.addWidget(_words(message, "body"))
    return box


def _frame(level: str) -> tuple[QFrame, QVBoxLayout]:
    box = QFrame()
    box.setProperty("level", level)
    column = QVBoxLayout(box)
    column.setContentsMargins(10, 8, 10, 8)
    column.setSpacing(2)
    return box, column


def _words(text: str, role: str) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setProperty("role", role)
    font = label.font()
    font.setPixelSize(theme.px(12))
    label.setFont(font)
    return label


def _opened(text: str) -> str:
    """Return a text without the bracket that it begins with and the one that closes it."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return text[1:place] + text[place + 1 :]
    return text[1:]


def _begun(rest: str) -> str:
    """Return words as the beginning of a sentence; a file's name stays as it is written."""
    first = rest.split(maxsplit=1)[0].rstrip(",;:")
    return rest if "." in first.rstrip(".") else rest[0].upper() + rest[1:]


def parted(message: str) -> tuple[str, str]:
    """Return what of a message is said in bold, and the rest: a short first sentence, or clause."""
    first, dot, rest = message.partition(". ")
    if len(first) <= _BOLD:
        return (first + ".", rest) if dot else (message, "")
    for mark in (", so ", " (", "; ", ", "):
        at = message.find(mark)
        if 20 < at <= _BOLD:
            rest = message[at:].lstrip(",; ")
            if rest.startswith("("):
                rest = _opened(rest)
            return message[:at] + ".", _begun(rest)
    return "", message
