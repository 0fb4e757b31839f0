"""The health of the data: runs the checks, keeps what they found, carries out remedies."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from finetune_studio.core import events
from finetune_studio.core.events import CheckFinished, Event, Finding
from finetune_studio.gui.pages.data import work
from finetune_studio.gui.pages.data.lane import Lane
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.studio.offers import UNDO
from finetune_studio.gui.widgets.health_panel import HealthPanel

CHECK = "check"
_QUICK_S = 2.0  # a check that took no longer is repeated by itself after an edit
_AGAIN_AFTER_MS = 1500


class Checking(QObject):
    """Carries out what the health panel wants.

    Signals:
        found: A check ended; samples may have been set aside.
        show_wanted: The samples of a finding are to be shown: their numbers, and a title.
    """

    found = Signal()
    show_wanted = Signal(list, str)

    def __init__(self, studio: Studio, panel: HealthPanel, lane: Lane, parent: QObject) -> None:
        super().__init__(parent)
        self._studio, self._panel, self._lane = studio, panel, lane
        self.findings: list[Finding] = []
        self._gathered: list[Finding] = []
        self._last: CheckFinished | None = None
        self._text = ""
        self._stale = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.start)
        panel.check_wanted.connect(self.start)
        panel.stop_wanted.connect(self._on_stop_wanted)
        panel.remedy_wanted.connect(self._on_remedy_wanted)
        panel.show_wanted.connect(self._on_show_wanted)
        studio.job_stated.connect(self._on_job_stated)
        studio.job_finished.connect(self._on_job_ended)
        studio.job_failed.connect(self._on_job_ended)

    @property
    def at_work(self) -> bool:
        """Whether a check is under way."""
        return CHECK in self._studio.jobs

    @property
    def grave(self) -> bool:
        """Whether something was found that spoils the result."""
        return any(finding.severity == "bad" for finding in self.findings)

    def start_anew(self) -> None:
        """Forget what was found, and read what is kept of another project."""
        self._timer.stop()
        self.findings, self._gathered, self._last, self._stale = [], [], None, False
        self._panel.show_findings([], checked=False)
        project = self._studio.project
        if project is not None:
            self._studio.ask(
                partial(work.kept_findings, project.dataset), self._on_kept, self._on_unkept
            )

    @Slot()
    def start(self) -> None:
        """Check the data."""
        project = self._studio.project
        self._timer.stop()
        if project is None or not self._lane.stock.samples:
            return
        self._gathered = []
        self._panel.show_progress(self.tr("Checking…"), None)
        self._studio.start(CHECK, partial(work.check, project))

    def note_change(self) -> None:
        """Take note that the data changed; a quick check is repeated by itself."""
        if self._last is None:
            return
        self._stale = True
        if self._last.seconds < _QUICK_S:
            self._timer.start(_AGAIN_AFTER_MS)
        elif not self.at_work:
            self._show()

    def _show(self) -> None:
        self._panel.show_findings(self.findings, checked=self._last is not None, stale=self._stale)

    def _on_kept(self, kept: list[Event]) -> None:
        if self._last is not None or self.at_work:
            return
        self.findings = [event for event in kept if isinstance(event, Finding)]
        self._last = next((event for event in kept if isinstance(event, CheckFinished)), None)
        self._show()
        self.found.emit()

    def _on_unkept(self, error: object) -> None:
        """Go on without what was kept: a check is made again in no time."""

    @Slot(str, object)
    def _on_job_stated(self, name: str, event: Any) -> None:
        if name != CHECK:
            return
        match event:
            case events.PhaseStarted():
                self._text = event.text
                self._panel.show_progress(event.text, None)
            case events.Progress():
                share = event.done / event.total if event.total else None
                self._panel.show_progress(self._text, share)
            case Finding():
                self._gathered.append(event)
            case CheckFinished():
                self.findings, self._last, self._stale = self._gathered, event, False

    @Slot(str)
    @Slot(str, object)
    def _on_job_ended(self, name: str, error: object = None) -> None:
        del error  # the window tells it
        if name == CHECK:
            self._show()
            self.found.emit()

    @Slot()
    def _on_stop_wanted(self) -> None:
        self._studio.stop(CHECK)

    @Slot(object)
    def _on_remedy_wanted(self, finding: Finding) -> None:
        project = self._studio.project
        if project is None:
            return
        chosen = [edit for edit in finding.edits if edit["action"] == "recipe"]
        for edit in chosen:
            self._studio.set_recipe(dict(edit["value"]))
        undone = len(chosen) < len(finding.edits)
        if undone:
            remedy = partial(work.apply_remedy, project, finding)
            self._lane.edit(project.dataset, remedy)
            done = self.tr("Done: {what}. Ctrl+Z takes it back.")
        else:
            done = self.tr("Done: {what}. The Train page shows it among the choices.")
            self.start()
        said = done.format(what=finding.remedy.rstrip("."))
        self._studio.replayed.emit(said, "ok", UNDO if undone else "")

    @Slot(object)
    def _on_show_wanted(self, finding: Finding) -> None:
        self.show_wanted.emit(list(finding.ids), titled(finding))


def titled(finding: Finding) -> str:
    """Return a short name for a finding's samples."""
    return finding.check.replace("_", " ").capitalize()
