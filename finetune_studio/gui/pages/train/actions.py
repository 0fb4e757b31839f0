"""The buttons that start, pause, stop and resume a run, and which of them make sense now."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QPushButton

from finetune_studio.gui.page import Page


@dataclass(frozen=True, slots=True)
class Standing:
    """What the buttons depend on; ``reason`` says why no run can start."""

    shows_run: bool
    working: bool
    paused: bool
    has_run: bool
    can_resume: bool
    reason: str


class RunActions(QObject):
    """Puts its buttons into the head of a page.

    Signals:
        new_wanted, run_wanted, resume_wanted, pause_wanted, stop_wanted, start_wanted: A button was
            pressed.
    """

    new_wanted = Signal()
    run_wanted = Signal()
    resume_wanted = Signal()
    pause_wanted = Signal()
    stop_wanted = Signal()
    start_wanted = Signal()

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self._page = page
        self._new = self._add(self.tr("New run…"), "new_run")
        self._new.clicked.connect(self.new_wanted)
        self._run = self._add(self.tr("Show the run"), "show_run")
        self._run.clicked.connect(self.run_wanted)
        self._resume = self._add(self.tr("Resume"), "resume")
        self._resume.clicked.connect(self.resume_wanted)
        self.pause = self._add(self.tr("Pause"), "pause")
        self.pause.clicked.connect(self.pause_wanted)
        self.stop = self._add(self.tr("Stop and keep best"), "stop")
        self.stop.clicked.connect(self.stop_wanted)
        self.stop.setToolTip(
            self.tr("Ends after the step in hand. The best epoch is kept; it can be resumed.")
        )
        self.start = self._add(self.tr("Start training"), "start")
        self.start.clicked.connect(self.start_wanted)

    def _add(self, text: str, name: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        self._page.add_action(button)
        return button

    def begin(self) -> None:
        """Allow what was refused while the run before was ending."""
        self.pause.setEnabled(True)
        self.stop.setEnabled(True)

    def show_for(self, now: Standing) -> None:
        """Show the buttons that make sense."""
        self._new.setVisible(now.shows_run and not now.working)
        self._run.setVisible(not now.shows_run and now.has_run)
        self._resume.setVisible(now.shows_run and not now.working and now.can_resume)
        self.pause.setVisible(now.working)
        self.pause.setText(self.tr("Continue") if now.paused else self.tr("Pause"))
        self.stop.setVisible(now.working)
        self.start.setVisible(not now.shows_run)
        self.start.setEnabled(not now.reason)
        self.start.setToolTip(now.reason)
