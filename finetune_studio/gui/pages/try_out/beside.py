"""Another run's answers beside those of the chosen one, to see what a new model does otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QWidget
from typing_extensions import override

from finetune_studio.core.events import Event, Prediction
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.gui.pages.try_out.tried import Tried, percent
from finetune_studio.gui.studio import Studio

BESIDE = "try_beside"  # name of the job

Ask = Callable[[Path, Sequence[str], Control], Iterator[Event]]


class Beside(QWidget):
    """Lets the user choose another run, asks it the same, and says how the two compare.

    Signals:
        changed: Another run was chosen, or it has answered.
    """

    changed = Signal()

    def __init__(self, studio: Studio, ask: Ask, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("clear", True)
        self._studio = studio
        self._ask = ask
        self._pending: list[int] = []
        self._all: Sequence[Tried] = ()
        self._shown: Tried | None = None
        self.answers: dict[int, Prediction] = {}
        self.choice = QComboBox()
        self.choice.setObjectName("beside_run")
        self.choice.setAccessibleName(self.tr("Another run to compare with"))
        self.said = QLabel()
        self.said.setTextFormat(Qt.TextFormat.PlainText)
        self.said.setWordWrap(True)
        self.said.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        title = QLabel(self.tr("Beside it"))
        title.setProperty("role", "muted")
        title.setBuddy(self.choice)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(title)
        row.addWidget(self.choice)
        row.addWidget(self.said, 1)
        self.choice.activated.connect(self._on_chosen)
        studio.busy_changed.connect(self._go_on)
        studio.job_failed.connect(self._on_job_failed)
        self.hide()

    # --- which run --------------------------------------------------------------------------------

    def offer(self, project: Project | None, run: Path | None) -> None:
        """Offer the other runs of the project that have a trained network, the newest first."""
        folders = [] if project is None else [f for f in reversed(project.runs()) if f != run]
        usable = [f for f in folders if (f / "checkpoints" / "index.json").is_file()]
        before = self.run
        self.choice.clear()
        self.choice.addItem(self.tr("nothing"), None)
        for folder in usable:
            self.choice.addItem(self.tr("run {n}").format(n=folder.name), str(folder))
        place = self.choice.findData(str(before)) if before is not None else 0
        self.choice.setCurrentIndex(max(0, place))
        if before is not None and place < 0:
            self._on_chosen()
        self.setEnabled(bool(usable))

    @property
    def run(self) -> Path | None:
        """Return the run that answers beside; None for none."""
        found = self.choice.currentData()
        return Path(found) if found else None

    @property
    def title(self) -> str:
        """Return what the other run is called; empty for none."""
        return self.tr("Run {n}").format(n=self.run.name) if self.run is not None else ""

    @Slot()
    def _on_chosen(self) -> None:
        self._studio.stop(BESIDE)
        self.answers, self._pending = {}, []
        self._say()
        self.changed.emit()
        self._go_on()

    # --- asking -----------------------------------------------------------------------------------

    def follow(self, all_tried: Sequence[Tried], shown: Tried | None) -> None:
        """Ask the other run about what was tried, and compare with what is shown."""
        self._all, self._shown = all_tried, shown
        if not all_tried:
            self.answers = {}
        self.setVisible(bool(all_tried) and self.choice.count() > 1)
        self._say()
        self._go_on()

    @Slot()
    def _go_on(self) -> None:
        """Ask what is left, one job after the other: two at once would be slower than both in turn."""
        run = self.run
        if run is None or {"try", BESIDE} & set(self._studio.jobs):
            return
        left = [t for t in self._all if not t.trouble and t.id not in self.answers]
        if not left:
            return
        self._pending = [tried.id for tried in left]
        job = partial(self._ask, run, [tried.path for tried in left])
        self._studio.start(BESIDE, job, on_event=partial(self._on_stated, run))

    def _on_stated(self, run: Path, event: Event) -> None:
        if isinstance(event, Prediction) and self._pending and run == self.run:
            self.answers[self._pending.pop(0)] = event
            self._say()
            self.changed.emit()

    @Slot(str, object)
    def _on_job_failed(self, name: str, error: Any) -> None:
        if name == BESIDE:
            self.choice.setCurrentIndex(0)
            self.answers = {}
            self.said.setText(f"{error.message} {error.hint}".strip())
            self.changed.emit()

    # --- what is said -----------------------------------------------------------------------------

    def _say(self) -> None:
        if self.run is None:
            self.said.setText("")
            return
        other = self.answers.get(self._shown.id) if self._shown is not None else None
        if self._shown is None or self._shown.trouble:
            self.said.setText("")
        elif other is None:
            self.said.setText(self.tr("{run} is being asked…").format(run=self.title))
        else:
            self.said.setText(f"{compared(self._shown, other, self.title)} {self._together()}")

    def _together(self) -> str:
        both = [(t, self.answers[t.id]) for t in self._all if t.id in self.answers]
        if len(both) < 2:
            return ""
        same = sum(alike(tried, other) for tried, other in both)
        return self.tr("The two agree on {n} of {all}.").format(n=f"{same:,}", all=f"{len(both):,}")

    @override
    def changeEvent(self, event: Any) -> None:
        super().changeEvent(event)
        self.choice.setToolTip(
            self.tr("Another run answers the same, to see what changed.")
            if self.isEnabled()
            else self.tr("There is no other trained run in this project yet.")
        )


def alike(tried: Tried, other: Prediction) -> bool:
    """Whether two runs say the same: one that turns an input away names no class."""
    unlike = Tried(tried.id, other).unlike
    if tried.unlike or unlike:
        return tried.unlike and unlike
    return bool(tried.prediction.label == other.label)


def compared(tried: Tried, other: Prediction, title: str) -> str:
    """Return what another run says of the same, as a sentence."""
    if other.error:
        return f"{title} cannot answer: {other.error}"
    answered = Tried(tried.id, other)
    said = answered.said if answered.unlike else " ".join(str(other.label or "nothing").split())
    said = said if len(said) < 120 else f"{said[:120]}…"
    sure = f", {percent(answered.certainty)}" if answered.certainty and not answered.unlike else ""
    same = "the same" if alike(tried, other) else "another answer"
    return f"{title} says {said}{sure}: {same}."
