"""What every page has in common: a head with title, actions, Back and Next; a body that scrolls."""

from __future__ import annotations

from typing import ClassVar

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from finetune_studio.gui import theme
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.elided_label import ElidedLabel

NOT_STARTED = "not started"
NEEDS_ATTENTION = "needs attention"
DONE = "done"


class Page(QWidget):
    """One screen of the window.

    Class attributes:
        name: Its catalogue name.
        title: What stands at its top and in the rail.
        next_text: What the Next button says; empty for a page without Next.

    Signals:
        next_wanted: The user wants the next step.
        back_wanted: The user wants the step before.
        page_wanted: The user wants the page of that name (``guide/freezing`` names a guide page).
        state_changed: What :meth:`state` or :meth:`rail_note` say is not what it was.
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    next_text: ClassVar[str] = ""
    has_back: ClassVar[bool] = True

    next_wanted = Signal()
    back_wanted = Signal()
    page_wanted = Signal(str)
    state_changed = Signal()

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self.studio = studio
        self.setObjectName(f"{self.name}_page")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(16, 12, 16, 16)
        outer.setSpacing(8)
        self.head = self._make_head()
        outer.addLayout(self.head)
        outer.addWidget(self._reason, alignment=Qt.AlignmentFlag.AlignRight)
        outer.addWidget(self._make_body(), 1)
        self.refresh_next()

    def _make_head(self) -> QHBoxLayout:
        head = QHBoxLayout()
        head.setSpacing(12)
        title = QLabel(self.tr(self.title))
        title.setProperty("role", "title")
        self.subtitle = ElidedLabel()
        self.subtitle.setProperty("role", "muted")
        self._back = QPushButton(self.tr("Back"))
        self._back.setObjectName("back")
        self._back.clicked.connect(self.back_wanted)
        self._next = QPushButton(self.tr(self.next_text))
        self._next.setObjectName("next")
        self._next.setProperty("primary", True)
        self._next.clicked.connect(self._on_next_clicked)
        self._reason = QLabel()
        self._reason.setProperty("role", "small")
        self._reason.setTextFormat(Qt.TextFormat.PlainText)
        self._reason.hide()
        if not (self.has_back and self.next_text):
            self._back.hide()
        if not self.next_text:
            self._next.hide()
        head.addStrut(theme.px(36))
        head.addWidget(title)
        head.addWidget(self.subtitle, 1, Qt.AlignmentFlag.AlignVCenter)
        head.addWidget(self._back)
        head.addWidget(self._next)
        return head

    def _make_body(self) -> QWidget:
        inside = QWidget()
        inside.setProperty("clear", True)
        self.body = QVBoxLayout(inside)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(12)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.viewport().setProperty("clear", True)
        area.setWidget(inside)
        self._area = area
        return area

    def to_top(self) -> None:
        """Show the beginning of the page."""
        self._area.verticalScrollBar().setValue(0)

    def add_action(self, button: QPushButton) -> None:
        """Put a button into the head, left of Back and Next."""
        self.head.insertWidget(self.head.indexOf(self._back), button)

    def entered(self) -> None:
        """Bring the page up to date; called whenever it is shown."""

    def show_inside(self, name: str) -> None:
        """Show a part of the page by its name; most pages have none."""

    def blocked(self) -> str:
        """Return why Next cannot be, as a sentence; empty if it can."""
        return ""

    def state(self) -> str:
        """Return ``not started``, ``needs attention`` or ``done``, for the rail."""
        return NOT_STARTED

    def rail_note(self) -> str:
        """Return the small text under the step's name in the rail."""
        return ""

    def refresh_next(self) -> None:
        """Ask :meth:`blocked` again and show its reason beside Next."""
        reason = self.blocked() if self.next_text else ""
        self._next.setEnabled(not reason)
        self._next.setToolTip(reason)
        self._reason.setText(reason)
        self._reason.setVisible(bool(reason))

    def set_primary(self, button: QPushButton) -> None:
        """Make another button the page's primary one; Next becomes a plain button."""
        for other in (self._next, button):
            set_primary(other, primary=other is button)

    @Slot()
    def _on_next_clicked(self) -> None:
        self.refresh_next()
        if self._next.isEnabled():
            self.next_wanted.emit()


def set_primary(button: QPushButton, *, primary: bool) -> None:
    """Dress a button as the page's primary one, or as any other."""
    button.setProperty("primary", primary)
    button.style().unpolish(button)
    button.style().polish(button)
    button.updateGeometry()
