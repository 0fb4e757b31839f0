"""The Inspect page's card of forgetting: how far layers moved, and a blend with the original."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QBoxLayout,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from finetune_studio.core.events import Event, PhaseStarted, Progress, RunFinished
from finetune_studio.core.job import Control
from finetune_studio.core.measures import BlendMeasured
from finetune_studio.core.project import Project
from finetune_studio.core.words import fine_percent
from finetune_studio.gui import theme
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.bar_list import BarList, BarRow
from finetune_studio.gui.widgets.blend_view import BlendView
from finetune_studio.gui.widgets.card import Card

if TYPE_CHECKING:
    from finetune_studio.engine.drift import Drift
    from finetune_studio.engine.forgetting import Known

FORGETTING, BLEND = "forgetting", "blend"  # names of jobs
_NARROW = 700


class ForgettingCard(Card):
    """Is fed a run; measures on demand; keeps a blend as a run of its own."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.set_title(self.tr("What the model has forgotten"))
        self.setObjectName("forgetting_card")
        self._studio = studio
        self._folder: Path | None = None
        self._held_out = ""
        self._asked = 0
        self._make_head()
        self._moved, self._said, self._working = _words(), _words(), _words("muted")
        self.guards = _words("muted")
        self._stages = BarList()
        self._stages.setMinimumHeight(theme.px(150))
        self._stages.setAccessibleName(
            self.tr("How far each stage moved from its pretrained weights")
        )
        self.blend = BlendView()
        self.blend.kept.connect(self._on_keep)
        left, right = QVBoxLayout(), QVBoxLayout()
        left.addWidget(self._moved)
        left.addWidget(self._stages, 1)
        left.addWidget(self.guards)
        right.addWidget(self._said)
        right.addWidget(self.blend, 1)
        self._columns = QHBoxLayout()
        self._columns.setSpacing(16)
        self._columns.addLayout(left, 2)
        self._columns.addLayout(right, 3)
        self.body.addWidget(self._working)
        self.body.addWidget(self._bar)
        self.body.addLayout(self._columns)
        studio.busy_changed.connect(self._on_busy_changed)
        self._show(None)

    def _make_head(self) -> None:
        self.measure_button = QPushButton(self.tr("Measure"))
        self.measure_button.setObjectName("measure_forgetting")
        self.measure_button.clicked.connect(self._on_measure)
        self.folder_button = QPushButton(self.tr("Ask it about a folder…"))
        self.folder_button.setObjectName("held_out")
        self.folder_button.setProperty("link", True)
        self.folder_button.setToolTip(
            self.tr(
                "Samples of what the original model knows, in folders named after its own classes. Without"
                " them, its answers to your validation samples are compared."
            )
        )
        self.folder_button.clicked.connect(self._on_folder)
        self.stop_button = QPushButton(self.tr("Stop"))
        self.stop_button.setProperty("link", True)
        self.stop_button.clicked.connect(self._on_stop)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        for button in (self.folder_button, self.measure_button, self.stop_button):
            self.head.addWidget(button)

    # --- what is shown ----------------------------------------------------------------------------

    def show_run(self, folder: Path | None) -> None:
        """Show what is known of a run; nothing is computed."""
        self._folder = folder
        self._asked += 1
        self._show(None)
        if folder is not None:
            number = self._asked
            self._studio.ask(partial(_known, folder), partial(self._on_known, number), _nothing)

    def _on_known(self, number: int, known: Known) -> None:
        if number == self._asked:
            self._show(known)

    def _show(self, known: Known | None) -> None:
        drift = known.drift if known else None
        blend = known.blend if known else None
        nothing = drift is None and blend is None
        self._say(
            self.tr(
                "Fine-tuning moves a model away from what it knew. Here you see how far each part moved, what"
                " the original can still do, and what a blend of both would keep."
            )
            if nothing
            else ""
        )
        self.guards.setText(known.guards if known else "")
        self.guards.setVisible(bool(known and known.guards))
        self._show_drift(drift)
        self._show_blend(blend)
        self._show_work(self._at_work)

    def _show_drift(self, drift: Drift | None) -> None:
        self._moved.setText(drift.text.replace(" %", "\u00a0%") if drift else "")
        rows = [
            BarRow(
                stage.name,
                stage.relative,
                self.tr("new") if stage.new else fine_percent(stage.relative),
            )
            for stage in (drift.stages if drift else ())
        ]
        self._stages.set_rows(rows)
        for part in (self._moved, self._stages):
            part.setVisible(drift is not None)

    def _show_blend(self, blend: BlendMeasured | None) -> None:
        if blend is not None:
            from finetune_studio.engine import blend_words

            self._said.setText(" ".join(blend_words.sentences(blend)))
            self.blend.show_blend(blend, blend_words.advised(blend))
        self._said.setVisible(blend is not None)
        self.blend.setVisible(blend is not None)

    def _say(self, text: str) -> None:
        self._working.setText(text)
        self._working.setVisible(bool(text))

    @property
    def _at_work(self) -> bool:
        return FORGETTING in self._studio.jobs or BLEND in self._studio.jobs

    def _show_work(self, at_work: bool) -> None:
        self._bar.setVisible(at_work)
        self.stop_button.setVisible(at_work)
        for button in (self.measure_button, self.folder_button):
            button.setVisible(not at_work)
            button.setEnabled(self._folder is not None)
        self.blend.keep_button.setEnabled(not at_work)

    # --- what the user does -----------------------------------------------------------------------

    @Slot()
    def _on_measure(self) -> None:
        self._start(FORGETTING, _measure, self._held_out)

    @Slot()
    def _on_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, self.tr("Samples of what the original knows"))
        if name:
            self._held_out = name
            self._on_measure()

    @Slot(float)
    def _on_keep(self, share: float) -> None:
        self._start(BLEND, _keep, share)

    @Slot()
    def _on_stop(self) -> None:
        for name in (FORGETTING, BLEND):
            self._studio.stop(name)

    def _start(self, name: str, job: Any, choice: Any) -> None:
        project = self._studio.project
        if project is None or self._folder is None:
            return
        self._bar.setRange(0, 0)
        whole = partial(job, project, self._folder, choice)
        self._studio.start(name, whole, on_event=partial(self._on_stated, self._folder))

    def _on_stated(self, folder: Path, event: Event) -> None:
        if isinstance(event, PhaseStarted):
            self._say(f"{event.text}…")
        elif isinstance(event, Progress):
            self._bar.setRange(0, event.total)
            self._bar.setValue(event.done)
        elif isinstance(event, BlendMeasured) and folder == self._folder:
            self.show_run(folder)
        elif isinstance(event, RunFinished):
            self._studio.noticed.emit(
                self.tr("The blend is kept as run {n}.").format(n=Path(event.run).name), "ok"
            )
            self._studio.choose_run(Path(event.run))

    @Slot()
    def _on_busy_changed(self) -> None:
        if self._at_work:
            self._show_work(at_work=True)
        elif not self._bar.isHidden():
            self.show_run(self._folder)

    @override
    def resizeEvent(self, event: object) -> None:
        narrow = self.width() < theme.px(_NARROW)
        direction = QBoxLayout.Direction
        self._columns.setDirection(direction.TopToBottom if narrow else direction.LeftToRight)


def _words(role: str = "") -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    if role:
        label.setProperty("role", role)
    return label


def _nothing(_error: object) -> None:
    """Say nothing: a run that cannot be read is told by the page."""


def _known(folder: Path) -> Known:
    from finetune_studio.engine import forgetting

    return forgetting.known(folder)


def _measure(project: Project, folder: Path, held_out: str, control: Control) -> Iterator[Event]:
    from finetune_studio.engine import forgetting

    yield from forgetting.measure(project, folder, control, held_out)


def _keep(project: Project, folder: Path, share: float, control: Control) -> Iterator[Event]:
    from finetune_studio.engine import interpolation

    yield from interpolation.keep(project, folder, share, control)
