"""The Train page itself: choose a preset, start, watch, and go on with what was interrupted."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from PySide6.QtCore import QTimer, Slot
from typing_extensions import override

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event
from finetune_studio.core.recipe import Recipe
from finetune_studio.gui.page import DONE, NEEDS_ATTENTION, NOT_STARTED, Page
from finetune_studio.gui.pages.outlook import Outlook, data_of
from finetune_studio.gui.pages.train import choices
from finetune_studio.gui.pages.train.actions import RunActions, Standing
from finetune_studio.gui.pages.train.known import Known
from finetune_studio.gui.pages.train.old_run import OldRun, read_run
from finetune_studio.gui.pages.train.outlook_words import subtitle
from finetune_studio.gui.pages.train.panel_links import PanelLinks
from finetune_studio.gui.pages.train.rehearsals import Rehearsals
from finetune_studio.gui.pages.train.setup_panel import setup_for
from finetune_studio.gui.pages.train.story import in_short
from finetune_studio.gui.studio import TRAINING, Studio

if TYPE_CHECKING:
    from finetune_studio.engine.probe import ModelLook
    from finetune_studio.gui.pages.train.run_panel import RunPanel

_REFRESH_MS = 40  # from one part of the panel to the next


class TrainPage(Page):
    """Shows the choices before a run, and the run while it works and after."""

    name: ClassVar[str] = "train"
    title: ClassVar[str] = "Train"
    next_text: ClassVar[str] = "Next: inspect"

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self.run_panel: RunPanel | None = None
        self._old: OldRun | None = None
        self._wish = ""  # "setup" or "run", where the user asked for one
        self._live = False
        self._folder: Path | None = None  # of the run at work
        self._known = Known(data_of(studio))
        self.outlook = Outlook(studio, self)
        self.setup = setup_for(studio)
        self.rehearsals = Rehearsals(studio, self.setup, self)
        self.body.addWidget(self.setup)
        self.buttons = RunActions(self)
        self._links = PanelLinks(self)
        self._links.ready.connect(self._make_panel)
        self._timer = QTimer(self)
        self._timer.setInterval(_REFRESH_MS)
        self._timer.timeout.connect(partial(self._refresh_run, whole=False))
        self._listen()
        if studio.training:
            self._go_live()
        else:
            self._find_run()
        self._show()

    def _listen(self) -> None:
        studio = self.studio
        self.buttons.start_wanted.connect(self._on_start_wanted)
        self.buttons.pause_wanted.connect(self._on_pause_wanted)
        self.buttons.stop_wanted.connect(self._on_stop_wanted)
        self.buttons.new_wanted.connect(partial(self._on_wanted, "setup"))
        self.buttons.run_wanted.connect(partial(self._on_wanted, "run"))
        self.buttons.resume_wanted.connect(self._on_resume_wanted)
        self.setup.preset_chosen.connect(self._on_preset_chosen)
        self.setup.back_wanted.connect(self._on_back_wanted)
        self.setup.changed.connect(self._on_field_changed)
        self.setup.page_wanted.connect(self.page_wanted)
        self.outlook.looked.connect(self._on_looked)
        self.outlook.refused.connect(self._on_refused)
        studio.project_changed.connect(self._on_project_changed)
        studio.data_changed.connect(self._on_data_changed)
        studio.recipe_changed.connect(self._on_recipe_changed)
        studio.depth_changed.connect(self._show_setup)
        studio.run_chosen.connect(self._on_run_chosen)
        studio.run_stated.connect(self._on_run_stated)
        studio.busy_changed.connect(self._on_busy_changed)
        studio.queue.changed.connect(self._show)
        studio.job_failed.connect(self._on_job_failed)

    # --- what the page says of itself -------------------------------------------------------------

    @override
    def entered(self) -> None:
        self._known.data = data_of(self.studio)
        settings = choices.primed(self.studio.recipe, self._known.data.train)
        if settings:
            self.studio.set_recipe(settings)
        self._ask()
        if self.run_panel is None:
            self._links.prepare()  # at hand when a run begins
        self._show()

    @override
    def show_inside(self, name: str) -> None:
        self._wish = name

    @override
    def blocked(self) -> str:
        if self.studio.run_folder is not None:
            return ""
        if self.studio.training:
            return self.tr("The run is still at work.")
        return self.tr("Train a model first.")

    @override
    def state(self) -> str:
        if self.studio.training:
            return NOT_STARTED
        if self._old is not None and self._old.state == "interrupted":
            return NEEDS_ATTENTION
        return DONE if self.studio.run_folder is not None else NOT_STARTED

    @override
    def rail_note(self) -> str:
        if self.run_panel is None:
            return ""
        return self.tr(in_short(self.run_panel.story, at_work=self._live and self._running))

    @property
    def _running(self) -> bool:
        return self.studio.training

    @property
    def _mode(self) -> str:
        """Return whether the choices or a run are shown."""
        has_run = self._live or self._old is not None
        return "run" if has_run and self._wish != "setup" else "setup"

    def _ask(self) -> None:
        if self._mode == "setup" and self._known.data.train:
            self.outlook.ask(self.studio.recipe, self._known.data, time=False)

    # --- showing ----------------------------------------------------------------------------------

    @Slot()
    def _show(self) -> None:
        run = self._mode == "run"
        if run:
            self._make_panel()
        self.setup.setVisible(not run)
        if self.run_panel is not None:
            self.run_panel.setVisible(run)
        self._show_setup()
        self._show_actions()
        self._refresh_run()
        self.refresh_next()

    @Slot()
    def _make_panel(self) -> None:
        """Make the curves on first use, if they were not made while there was nothing to do."""
        if self.run_panel is None:
            self.run_panel = self._links.make_panel()
            self.run_panel.setVisible(self._mode == "run")
            self.body.addWidget(self.run_panel, 1)
            if self._live:
                self.run_panel.begin(self.studio.run_events, self.rehearsals.foreseen)
            elif self._old is not None:
                self.run_panel.begin(self._old.events)

    @Slot()
    def _show_setup(self) -> None:
        self.setup.set_expert(self.studio.expert)
        recipe = self.studio.recipe
        samples, expert = self._known.data.train, self.studio.expert
        self.setup.show_recipe(recipe, choices.departures(recipe, samples, expert=expert))
        self.setup.show_outlook(self.tr(self._known.text(recipe)))
        self.subtitle.setText(subtitle(self._shown_recipe, self.studio.project))

    @property
    def _shown_recipe(self) -> Recipe:
        """Return the choices of the run that is shown, or those of the next one."""
        if self._mode == "run" and self._live and self.studio.run_recipe is not None:
            return self.studio.run_recipe
        return self._old.recipe if self._mode == "run" and self._old else self.studio.recipe

    def _show_actions(self) -> None:
        old = self._old
        self.buttons.show_for(
            Standing(
                shows_run=self._mode == "run",
                working=self._running,
                paused=self.studio.paused,
                has_run=self._live or old is not None,
                can_resume=old is not None and old.can_resume,
                reason=self._start_reason(),
            )
        )
        self.set_primary(self._next if self._mode == "run" else self.buttons.main)

    def _start_reason(self) -> str:
        return self.tr(self._known.against(self.studio.recipe.task))

    @override
    def refresh_next(self) -> None:
        """Show what stands against starting, where that is what the page is about."""
        super().refresh_next()
        reason = self._start_reason() if self._ready and self._mode == "setup" else ""
        if reason:
            self._reason.setText(reason)
            self._reason.show()
        elif self._ready and self._mode == "setup":
            self._reason.hide()

    @property
    def _ready(self) -> bool:
        return hasattr(self, "_timer")  # the base class asks before this page is made

    def _refresh_run(self, *, whole: bool = True) -> None:
        if self.run_panel is not None and self._mode == "run":
            refresh = self.run_panel.refresh if whole else self.run_panel.refresh_next
            refresh(at_work=self._live and self._running, recipe=self.studio.recipe)

    # --- what the user does -----------------------------------------------------------------------

    @Slot()
    def _on_start_wanted(self) -> None:
        self.outlook.forget()
        self.rehearsals.begin()
        self.studio.start_training()

    @Slot()
    def _on_pause_wanted(self) -> None:
        if self.studio.paused:
            self.studio.continue_training()
        else:
            self.studio.pause_training()
            self.buttons.pause.setEnabled(False)

    @Slot()
    def _on_stop_wanted(self) -> None:
        self.buttons.stop.setEnabled(False)
        self.studio.stop_training()

    def _on_wanted(self, what: str) -> None:
        self._wish = what
        self.entered()

    @Slot()
    def _on_resume_wanted(self) -> None:
        if self._old is not None:
            self.studio.resume_run(self._old.folder)

    @Slot(str)
    def _on_preset_chosen(self, preset: str) -> None:
        self.studio.set_recipe(
            choices.preset_settings(preset, self._known.data.train, self.studio.recipe.task)
        )
        self._show_setup()

    @Slot()
    def _on_back_wanted(self) -> None:
        self.studio.set_recipe(choices.back(self.studio.recipe, self._known.data.train))
        self._show_setup()

    @Slot(str, object)
    def _on_field_changed(self, name: str, value: Any) -> None:
        if not self.studio.set_recipe({name: value}):
            self._show_setup()

    # --- what the studio says ---------------------------------------------------------------------

    @Slot()
    def _on_project_changed(self) -> None:
        self._old, self._live, self._wish = None, False, ""
        self._known.forget()
        self.outlook.forget()
        if self.run_panel is not None:
            self.run_panel.begin([])
        self._known.data = data_of(self.studio)
        self._show()

    @Slot()
    def _on_data_changed(self) -> None:
        """Count again where that is seen; otherwise it is done when the page is entered."""
        if self.isVisible():
            self._known.data = data_of(self.studio)
            self._show()

    @Slot()
    def _on_recipe_changed(self) -> None:
        self.rehearsals.forget()
        if not self._running:
            self._wish = "setup"
        if self.isVisible():
            self._ask()
        self._show()

    @Slot()
    def _on_run_chosen(self) -> None:
        if not self._running and not self._live:
            self._wish = ""
            self._find_run()

    def _find_run(self) -> None:
        """Read the run that the other pages look at, or the newest, off the window's thread."""
        project = self.studio.project
        if project is None:
            return
        folders = [self.studio.run_folder, *reversed(project.runs())]
        wanted = next((folder for folder in folders if folder is not None), None)
        if wanted is not None:
            self.studio.ask(partial(read_run, wanted), self._on_run_read, self._on_run_unreadable)
        elif self._old is not None:  # the last run was deleted
            self._on_project_changed()

    def _on_run_read(self, run: OldRun) -> None:
        if self._running:
            return
        self._old = run
        if self._live and self.run_panel is not None:  # the run that just ended is shown already
            self._show()
            return
        if self.run_panel is not None:
            self.run_panel.begin(run.events)
        self._show()
        self.state_changed.emit()

    def _on_run_unreadable(self, _error: StudioError) -> None:
        """Show the choices instead; the Runs page says which run is damaged."""
        self._show()

    @Slot(object)
    def _on_run_stated(self, event: Event) -> None:
        if not self._live:
            return
        self._folder = self.studio.training_run or self._folder
        if self.run_panel is not None:
            self.run_panel.take(event, time.time())
        if event.word() in ("run_paused", "run_continued", "run_finished", "run_started"):
            self.buttons.pause.setEnabled(True)
            self._show()

    @Slot()
    def _on_busy_changed(self) -> None:
        if self._running and not self._live:
            self._go_live()
        elif self._live and not self._running:
            self._find_ended()
        self._show()

    def _go_live(self) -> None:
        choosing = self.studio.queue.at_work and self.isVisible() and self._wish == "setup"
        self._live, self._old, self._wish = True, None, self._wish if choosing else ""
        self._folder = self.studio.training_run
        self.buttons.begin()
        if self.run_panel is not None:
            self.run_panel.begin(self.studio.run_events, self.rehearsals.foreseen)
        self._timer.start()

    def _find_ended(self) -> None:
        """Take the run that ended as an old one, which may be resumed."""
        self._timer.stop()
        self._live, project = False, self.studio.project
        if project is None or not project.runs():
            return
        ended = self._folder or project.runs()[-1]
        self._old = OldRun(ended, [], self.studio.run_recipe or self.studio.recipe, "")
        self.studio.ask(partial(read_run, ended), self._on_ended_read, self._on_run_unreadable)

    def _on_ended_read(self, run: OldRun) -> None:
        if not self._running:
            self._old = run
            if self.run_panel is not None:
                self.run_panel.show_outcome(run.events)
            self._show()
            self.state_changed.emit()

    @Slot(str, object)
    def _on_job_failed(self, name: str, error: StudioError) -> None:
        if name == TRAINING and self.run_panel is not None:
            self.run_panel.story.fail(error.message, time.time())
            self._refresh_run()

    # --- what was found out -----------------------------------------------------------------------

    @Slot(object)
    def _on_looked(self, look: ModelLook) -> None:
        self._known.take(look, self.outlook.recipe)
        if not self._start_reason():
            self.rehearsals.ask(self.studio.recipe)
        self._show()
        self.state_changed.emit()

    @Slot(object)
    def _on_refused(self, error: StudioError) -> None:
        self._known.refuse(f"{error.message} {error.hint}".strip())
        self._show()
