"""The buttons that start, pause, stop and resume a run, and which of them make sense now."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QPushButton

from finetune_studio.gui.page import Page, set_primary


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
        self._queue = self._add(self.tr("Add to the queue"), "queue_run")
        self._queue.clicked.connect(self._on_queue_clicked)
        self.start = self._add(self.tr("Start training"), "start")
        self.start.clicked.connect(self.start_wanted)
        self.main = self.start

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
        self._new.setVisible(now.shows_run)
        self._run.setVisible(not now.shows_run and now.has_run)
        self._resume.setVisible(now.shows_run and not now.working and now.can_resume)
        self.pause.setVisible(now.working and now.shows_run)
        self.pause.setText(self.tr("Continue") if now.paused else self.tr("Pause"))
        self.stop.setVisible(now.working and now.shows_run)
        waiting = len(self._page.studio.queue.waiting)
        self.start.setVisible(not now.shows_run and not now.working)
        self._queue.setVisible(not now.shows_run and (now.working or waiting > 0))
        set_primary(self._queue, primary=now.working)
        self.main = self._queue if now.working else self.start
        self.start.setToolTip(now.reason)
        self._queue.setToolTip(now.reason or self._about_queue(waiting, working=now.working))
        for button in (self.start, self._queue):
            button.setEnabled(not now.reason)

    def _about_queue(self, waiting: int, *, working: bool) -> str:
        if working and not waiting:
            return self.tr("Begins by itself, with these choices, when the run at work has ended.")
        return self.tr("Begins by itself, with these choices, after the runs that wait already.")

    @Slot()
    def _on_queue_clicked(self) -> None:
        self._page.studio.queue.add(self._page.studio.recipe)
