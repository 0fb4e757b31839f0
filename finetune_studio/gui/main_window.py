"""The window: header, rail, notices, the page of the chosen step, and the status line."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, cast

from PySide6.QtCore import QEvent, QObject, QTimer, Signal, Slot
from PySide6.QtGui import QCloseEvent, QGuiApplication, QKeySequence, QPaintEvent, QShortcut
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QMainWindow,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from finetune_studio.core import events
from finetune_studio.gui import qt_types, theme
from finetune_studio.gui.page import Page
from finetune_studio.gui.pages import PAGES, load_modules
from finetune_studio.gui.studio import TRAINING, Studio, work
from finetune_studio.gui.studio.offers import REDO, RESUME, START_QUEUE, UNDO, offer
from finetune_studio.gui.widgets.happenings import Standings, told
from finetune_studio.gui.widgets.header import Header, free_memory_gb
from finetune_studio.gui.widgets.notice_bar import NoticeBar
from finetune_studio.gui.widgets.project_menu import ProjectMenu
from finetune_studio.gui.widgets.status_line import StatusLine
from finetune_studio.gui.widgets.step_rail import Step, StepRail
from finetune_studio.gui.worker import explained
from finetune_studio.tasks import CATALOGUE as TASKS
from finetune_studio.tasks import nouns

STEPS = [row.name for row in PAGES if row.facts["place"] == "step"]
FOOT = [row.name for row in PAGES if row.facts["place"] == "foot"]
_MEMORY_EVERY_MS = 5000


class MainWindow(QMainWindow):
    """Shows one page at a time.

    Signals:
        first_painted: The first page is on the screen.
    """

    first_painted = Signal()

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self.studio = studio
        self.pages: dict[str, Page] = {}
        self.current = ""
        self._painted = False
        self._closing = False
        self._device = ("", "")
        self._unfinished: Path | None = None
        self._standings = Standings()
        self._make_parts()
        self._make_shortcuts()
        self._listen()
        self._rail_timer = QTimer(self)
        self._rail_timer.setSingleShot(True)
        self._rail_timer.timeout.connect(self._refresh_rail)
        self._memory_timer = QTimer(self)
        self._memory_timer.timeout.connect(self._show_device)
        self._memory_timer.start(_MEMORY_EVERY_MS)
        self.setMinimumSize(800, 520)
        self.stack.setFocus()
        self._on_project_changed()
        self._on_settings_changed()

    # --- parts ------------------------------------------------------------------------------------

    def _make_parts(self) -> None:
        self._menu = ProjectMenu(self)
        self._menu.aboutToShow.connect(self._fill_menu)
        self._menu.all_wanted.connect(self._on_all_projects)
        self._menu.folder_wanted.connect(self._on_open_folder)
        self._menu.project_wanted.connect(self._on_project_wanted)
        self.header = Header(self._menu)
        self.rail = StepRail(
            [Step(name, PAGES[name].title, number) for number, name in enumerate(STEPS, 1)],
            [Step(name, PAGES[name].title) for name in FOOT],
        )
        self.notices = NoticeBar()
        self.stack = QStackedWidget()
        self.status = StatusLine()
        notice_row = QHBoxLayout()
        notice_row.setContentsMargins(16, 12, 16, 0)
        notice_row.addWidget(self.notices)
        self._notice_box = QWidget()
        self._notice_box.setLayout(notice_row)
        self._notice_box.hide()
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(self._notice_box)
        right.addWidget(self.stack, 1)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.rail)
        middle.addLayout(right, 1)
        centre = QWidget()
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addLayout(middle, 1)
        column.addWidget(self.status)
        self.setCentralWidget(centre)
        self.notices.installEventFilter(self)

    def _make_shortcuts(self) -> None:
        for keys, slot in (
            ("Ctrl+Z", self.studio.undo),
            ("Ctrl+Shift+Z", self.studio.redo),
            ("Ctrl+Y", self.studio.redo),
            ("Alt+Right", self._on_next_wanted),
            ("Alt+Left", self._on_back_wanted),
            ("Ctrl+Q", self.close),
            ("F1", partial(self.show_page, "guide")),
        ):
            QShortcut(QKeySequence(keys), self).activated.connect(slot)
        for number, name in enumerate(STEPS, 1):
            shortcut = QShortcut(QKeySequence(f"Ctrl+{number}"), self)
            shortcut.activated.connect(partial(self._on_picked, name))

    def _listen(self) -> None:
        studio = self.studio
        self.rail.picked.connect(self._on_picked)
        self.header.depth_wanted.connect(studio.set_expert)
        self.header.offline_pressed.connect(partial(self.show_page, "settings"))
        self.status.cancel_wanted.connect(self._on_cancel_wanted)
        self.notices.acted.connect(self._on_notice_acted)
        studio.project_changed.connect(self._on_project_changed)
        studio.settings_changed.connect(self._on_settings_changed)
        studio.troubled.connect(self._on_troubled)
        studio.noticed.connect(self._on_noticed)
        studio.replayed.connect(self._on_noticed)
        studio.run_stated.connect(partial(self._on_stated, TRAINING))
        studio.job_stated.connect(self._on_stated)
        studio.busy_changed.connect(self._on_busy_changed)
        queue = studio.queue.changed
        for signal in (studio.data_changed, studio.recipe_changed, studio.run_chosen, queue):
            signal.connect(self._plan_rail)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._on_scheme_changed)

    # --- pages ------------------------------------------------------------------------------------

    def show_page(self, name: str) -> None:
        """Show a page, loaded on first use; ``guide/freezing`` names a page of the guide."""
        name, _, inside = name.partition("/")
        if self.studio.project is None and (name in STEPS or name == "runs"):
            name = "start"
        page = self.page(name)
        if page is None:
            return
        self.current = name
        self.stack.setCurrentWidget(page)
        self.rail.set_current(name)
        if inside:
            page.show_inside(inside)
        page.entered()
        page.refresh_next()
        self._plan_rail()

    def page(self, name: str) -> Page | None:
        """Return a page, made on first use; None if it cannot be, which the user is told."""
        if name not in self.pages:
            try:
                page: Page = PAGES.load(name)(self.studio)
            except Exception as error:  # noqa: BLE001  one broken page must not take the others along
                self._on_troubled(explained(error))
                return None
            page.next_wanted.connect(self._on_next_wanted)
            page.back_wanted.connect(self._on_back_wanted)
            page.page_wanted.connect(self.show_page)
            page.state_changed.connect(self._plan_rail)
            self.stack.addWidget(page)
            self.pages[name] = page
        return self.pages[name]

    def warm_up(self) -> None:
        """Load, in a thread, what the pages will need; call it after the first paint."""
        ask = partial(self.studio.ask, load_modules, self._on_modules_loaded, lasting=True)
        qt_types.make_all(self, ask)

    def _on_modules_loaded(self, _: object) -> None:
        """Make the pages one by one, so that the rail knows their states, then load torch."""
        missing = [row.name for row in PAGES if row.name not in self.pages]
        if missing and self.page(missing[0]) is not None:
            self._plan_rail()
            QTimer.singleShot(0, self, partial(self._on_modules_loaded, None))
            return
        self.studio.ask(work.warm_up, self._on_warm, lasting=True)

    @Slot()
    def _on_next_wanted(self) -> None:
        if self.current in STEPS and STEPS.index(self.current) + 1 < len(STEPS):
            page = self.pages[self.current]
            page.refresh_next()
            if not page.blocked():
                self.show_page(STEPS[STEPS.index(self.current) + 1])

    @Slot()
    def _on_back_wanted(self) -> None:
        if self.current in STEPS[1:]:
            self.show_page(STEPS[STEPS.index(self.current) - 1])

    @Slot(str)
    def _on_picked(self, name: str) -> None:
        self.show_page(name)

    # --- what the studio says ---------------------------------------------------------------------

    @Slot()
    def _on_project_changed(self) -> None:
        project = self.studio.project
        self.rail.set_steps_shown(project is not None)
        if project is None:
            self.header.show_project(self.tr("Finetune Studio"), "")
            self.setWindowTitle("")
            self.show_page("start")
            return
        self.header.show_project(project.name, TASKS[project.task].title)
        self._standings.called = nouns(project.task)
        self.setWindowTitle(project.name)
        self.notices.hide()
        self.show_page("data")
        self.studio.ask(partial(work.unfinished_run, project), self._on_unfinished_found)

    @Slot()
    def _on_settings_changed(self) -> None:
        if theme.choice() != self.studio.settings.theme:
            theme.apply(cast(QApplication, QApplication.instance()), self.studio.settings.theme)
        self.header.show_offline(self.studio.settings.offline)
        self.header.show_depth(self.studio.expert)
        self._show_device()

    @Slot()
    def _on_scheme_changed(self) -> None:
        if theme.choice() == "system":
            theme.apply(cast(QApplication, QApplication.instance()), "system")

    def _on_warm(self, found: tuple[str, str]) -> None:
        self._device = found
        self._show_device()

    @Slot()
    def _show_device(self) -> None:
        self.header.show_device(*self._device, free_memory_gb() if self._painted else None)

    @Slot(object)
    def _on_troubled(self, error: Any) -> None:
        self.notices.complain(error)
        self.status.add(error.message)

    @Slot(str, str)
    @Slot(str, str, str)
    def _on_noticed(self, text: str, level: str, back: str = "") -> None:
        button = {UNDO: self.tr("Undo"), REDO: self.tr("Redo")}.get(back, "")
        self.notices.say(text, level, action=back, action_text=button, goes=True)
        self.status.add(text)

    def _on_unfinished_found(self, folder: Path | None) -> None:
        self._unfinished = folder
        study = folder is not None and folder.parent.name == "studies"
        found = offer(folder.name if folder else "", len(self.studio.queue.waiting), study=study)
        if found is not None and not self.studio.training:
            text, button = self.tr(found.text), self.tr(found.button)
            self.notices.say(text, "warning", action=found.action, action_text=button)

    @Slot(str)
    def _on_notice_acted(self, action: str) -> None:
        if action in (UNDO, REDO):
            (self.studio.undo if action == UNDO else self.studio.redo)()
        if action == RESUME and self._unfinished is not None:
            self.studio.resume_run(self._unfinished)
        if action in (RESUME, START_QUEUE):
            self.studio.queue.start()
            self.show_page("train/run")

    @Slot(str, object)
    def _on_stated(self, name: str, event: Any) -> None:
        text = told(event, self._standings.called)
        if text:
            self.status.add(text, goes_on=isinstance(event, events.PhaseStarted))
        self._standings.take(name, event)
        if isinstance(event, events.RunStarted | events.RunFinished | events.Validated):
            self._plan_rail()
        self._show_progress()

    def _show_progress(self) -> None:
        jobs = self.studio.jobs
        if not jobs:
            self.status.show_idle()
            return
        name = TRAINING if TRAINING in jobs else jobs[-1]
        standing = self._standings.of(name)
        text = self.tr("Saving…") if self._closing else standing.line
        can_cancel = name != TRAINING and not self._closing
        self.status.show_job(text, standing.share, can_cancel=can_cancel)

    @Slot()
    def _on_busy_changed(self) -> None:
        self._standings.keep_only(self.studio.jobs)
        self._show_progress()
        self._plan_rail()
        if self._closing and not self.studio.busy:
            QTimer.singleShot(0, self, self.close)

    @Slot()
    def _on_cancel_wanted(self) -> None:
        for name in self.studio.jobs:
            if name != TRAINING:
                self.studio.stop(name)

    # --- the rail ---------------------------------------------------------------------------------

    @Slot()
    def _plan_rail(self) -> None:
        """Bring the rail up to date once, however many facts come together."""
        self._rail_timer.start(0)

    @Slot()
    def _refresh_rail(self) -> None:
        if self.studio.project is None:
            return
        for name in STEPS:
            page = self.pages.get(name)
            if page is not None:
                self.rail.show_state(name, page.state(), page.rail_note())
        runs, waiting = len(self.studio.project.runs()), len(self.studio.queue.waiting)
        notes = ([str(runs)] if runs else []) + ([f"{waiting} waiting"] if waiting else [])
        self.rail.show_state("runs", "", self.tr(" · ".join(notes)))
        if self.current in self.pages:
            self.pages[self.current].refresh_next()

    # --- the project menu -------------------------------------------------------------------------

    @Slot()
    def _fill_menu(self) -> None:
        now = self.studio.project.folder if self.studio.project else None
        others = [Path(item) for item in self.studio.settings.recent if Path(item) != now]
        self._menu.show_recent(others[:6], project_open=now is not None)

    @Slot(str)
    def _on_project_wanted(self, folder: str) -> None:
        self.studio.open_project(Path(folder))

    @Slot()
    def _on_all_projects(self) -> None:
        self.studio.close_project()
        self.show_page("start")

    @Slot()
    def _on_open_folder(self) -> None:
        start = str(self.studio.settings.projects_folder)
        found = QFileDialog.getExistingDirectory(self, self.tr("Open a project folder"), start)
        if found:
            self.studio.open_project(Path(found))

    # --- Qt's own ---------------------------------------------------------------------------------

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._painted:
            self._painted = True
            QTimer.singleShot(0, self, self.first_painted.emit)
            QTimer.singleShot(0, self, self._show_device)

    @override
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        seen = (QEvent.Type.ShowToParent, QEvent.Type.HideToParent)
        if watched is self.notices and event.type() in seen:
            self._notice_box.setVisible(not self.notices.isHidden())
        return super().eventFilter(watched, event)

    @override
    def closeEvent(self, event: QCloseEvent) -> None:
        """Let the work in hand end after its step, then close; nobody is asked anything."""
        if self.studio.busy:
            event.ignore()
            if not self._closing:
                self._closing = True
                self.studio.note_closing()
                self.studio.stop_all()
                self.notices.say(self.tr("Saving… The window closes after the step in hand."))
                self._show_progress()
            return
        event.accept()
        self.hide()
        self._memory_timer.stop()
        self.studio.shutdown()
