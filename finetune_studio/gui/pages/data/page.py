"""The page itself: brings the dataset to the widgets, and what they want to the dataset."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, Qt, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QMenu, QPushButton
from typing_extensions import override

from finetune_studio.core.dataset import Dataset
from finetune_studio.core.splits import SPLITS
from finetune_studio.gui.page import DONE, NEEDS_ATTENTION, NOT_STARTED, Page, set_primary
from finetune_studio.gui.pages.data import shelf, words, work
from finetune_studio.gui.pages.data.browser import Browser
from finetune_studio.gui.pages.data.checking import Checking
from finetune_studio.gui.pages.data.faces import Faces
from finetune_studio.gui.pages.data.importing import Importing
from finetune_studio.gui.pages.data.intake import Intake
from finetune_studio.gui.pages.data.kinds import SPANS, Kind, kind_of
from finetune_studio.gui.pages.data.lane import EDIT, LOAD, VIEW, Lane
from finetune_studio.gui.pages.data.lengths import Measuring
from finetune_studio.gui.pages.data.looking import Looking
from finetune_studio.gui.pages.data.shelf import Shown
from finetune_studio.gui.pages.data.surroundings import Surroundings
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.drop_area import paths_in
from finetune_studio.gui.widgets.split_bar import Shares


class DataPage(Page):
    """Your samples, their classes and their health."""

    name = "data"
    title = "Data"
    next_text = "Next: choose a model"
    has_back = False
    _loaded = False  # the base class asks what is blocked before this page is made

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self.shown = Shown()
        self._mine = False
        self.browser = Browser(studio.thumbnails)
        self.intake = Intake(studio.thumbnails)
        self.stack = Faces()
        self.stack.addWidget(self.intake)
        self.stack.addWidget(self.browser)
        self.body.addWidget(self.stack, 1)
        self.import_button = QPushButton(self.tr("Import…"))
        self.import_button.setObjectName("import_other")
        self.add_action(self.import_button)
        self.lane = Lane(studio, lambda: self.browser.view, self)
        self.importing = Importing(studio, self.intake, self)
        bars = self.browser.missing_bar, self.browser.news_bar
        self.surroundings = Surroundings(studio, self.lane, bars, self)
        self.checking = Checking(studio, self.browser.health, self.lane, self)
        self.looking = Looking(studio, self.browser, self.lane, self)
        self.measuring = Measuring(studio, self.lane, self)
        self.setAcceptDrops(True)
        self._listen()
        self._make_shortcuts()
        self._on_project_changed()

    def _listen(self) -> None:
        studio, browser = self.studio, self.browser
        studio.project_changed.connect(self._on_project_changed)
        studio.data_changed.connect(self._on_data_changed)
        studio.recipe_changed.connect(self._on_recipe_changed)
        self.import_button.clicked.connect(self._on_import_wanted)
        self.lane.arrived.connect(self._on_arrived)
        self.importing.begun.connect(self._on_import_begun)
        self.importing.left.connect(self._on_import_left)
        self.importing.imported.connect(self._on_imported)
        self.importing.face_changed.connect(self._dress)
        self.checking.found.connect(self._on_checked)
        self.checking.show_wanted.connect(browser.show_finding)
        browser.view_changed.connect(self.lane.arrange)
        for view in (browser.grid, browser.texts):
            view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
            view.customContextMenuRequested.connect(self._on_menu_wanted)
        for panel in (browser.detail, browser.text_detail):
            panel.labelled.connect(self._on_labelled)
            panel.exclusion_wanted.connect(self._on_exclusion_wanted)
            panel.split_wanted.connect(self._on_split_wanted)
            panel.undo_wanted.connect(studio.undo)
        browser.text_detail.rewritten.connect(self._on_rewritten)
        browser.classes.renamed.connect(self._on_class_renamed)
        browser.classes.merged.connect(self._on_class_merged)
        browser.split.divided.connect(self._on_divided)
        self.surroundings.relinked.connect(self._on_relinked)
        self.surroundings.news_added.connect(self._on_news_added)

    def _make_shortcuts(self) -> None:
        inside = Qt.ShortcutContext.WidgetWithChildrenShortcut
        for keys, slot in (
            ("L", self._ask_label),
            ("X", self._on_exclusion_toggled),
            ("Delete", partial(self._on_exclusion_wanted, True)),
            ("Ctrl+F", self.browser.search.setFocus),
        ):
            QShortcut(QKeySequence(keys), self.browser, context=inside).activated.connect(slot)

    # --- what other pages ask ---------------------------------------------------------------------

    @override
    def entered(self) -> None:
        if self._loaded:
            self.surroundings.look_round()

    @override
    def blocked(self) -> str:
        if not self._loaded:
            return self.tr("The project is being opened.")
        if self.importing.at_work:
            return self.tr("Your data are being read.")
        if self.lane.stock.missing:
            return self.tr("The {many} are not where they were.").format(many=self._kind.many)
        return shelf.blocked(self.shown.survey, self._kind)

    @override
    def state(self) -> str:
        if not self.shown.survey.total:
            return NOT_STARTED
        return NEEDS_ATTENTION if self.blocked() or self.checking.grave else DONE

    @override
    def rail_note(self) -> str:
        total = self.shown.survey.total
        return words.counted(total, self._task) if total else ""

    @property
    def _task(self) -> str:
        return self.studio.project.task if self.studio.project is not None else ""

    @property
    def _kind(self) -> Kind:
        return kind_of(self._task)

    @property
    def _dataset(self) -> Dataset:
        assert self.studio.project is not None
        return self.studio.project.dataset

    # --- reading ----------------------------------------------------------------------------------

    @Slot()
    def _on_project_changed(self) -> None:
        self.shown, self._loaded = Shown(), False
        self.looking.shown = self.shown
        self.lane.start_anew()
        self.measuring.start_anew()
        self.checking.start_anew()
        self.browser.start_anew()
        self.surroundings.start_anew()
        self._on_recipe_changed()
        if self.studio.project is not None:
            self.lane.load(self._dataset)
        if self.importing.at_work:
            self.importing.show_import()
        else:
            self.intake.show_work(self.tr("Opening the project…"))
            self.stack.setCurrentWidget(self.intake)

    @Slot()
    def _on_data_changed(self) -> None:
        if self.studio.project is None or self._mine:
            return
        self.lane.load(self._dataset)
        self.checking.note_change()

    @Slot()
    def _on_recipe_changed(self) -> None:
        self.browser.split.set_seed(self.studio.recipe.seed)

    @Slot(object, str)
    def _on_arrived(self, shown: Shown, kind: str) -> None:
        first, self._loaded = not self._loaded, True
        self.shown = self.looking.shown = shown
        self.browser.show_data(shown, self._task)
        self.subtitle.setText(words.subtitle(shown.survey, self._task))
        if first and shown.samples:
            self.browser.items.choose(shown.samples[0].id)
        if kind == VIEW and shown.kind.is_text and shown.samples:
            self.browser.show_first()
        self.looking.plan()
        if kind == LOAD:
            self.measuring.note_change()
        self.surroundings.show_missing()
        if kind == EDIT:
            self._tell_change()
            self.checking.note_change()
        if first:
            self._show_face()
            self.surroundings.look_round()
        self.refresh_next()
        self.state_changed.emit()

    def _tell_change(self) -> None:
        """Tell the other pages; this one knows already."""
        self._mine = True
        self.studio.data_changed.emit()
        self._mine = False

    def _show_face(self) -> None:
        """Show the data, or where to drop them."""
        if self.importing.at_work:
            return
        if self.shown.survey.total:
            self.stack.setCurrentWidget(self.browser)
        else:
            self.importing.show_drop(0)
            self.stack.setCurrentWidget(self.intake)
        self._dress()

    @Slot()
    def _dress(self) -> None:
        """Give the page one primary button: what the user most likely does next."""
        browsing = self.stack.currentWidget() is self.browser
        self.import_button.setVisible(browsing)
        preview = self.intake.preview.import_button
        set_primary(self._next, primary=browsing)
        set_primary(preview, primary=True)
        set_primary(self.intake.folder_button, primary=not browsing)
        self.refresh_next()

    # --- importing --------------------------------------------------------------------------------

    @Slot()
    def _on_import_wanted(self) -> None:
        self.importing.show_drop(self.shown.survey.total)
        self.stack.setCurrentWidget(self.intake)
        self._dress()
        self.intake.focus_first()

    @Slot()
    def _on_import_begun(self) -> None:
        self.stack.setCurrentWidget(self.intake)
        self._dress()

    @Slot()
    def _on_import_left(self) -> None:
        if self._loaded:
            self._show_face()

    @Slot()
    def _on_imported(self) -> None:
        self._loaded = False
        self.surroundings.start_anew(just_read=True)
        self.browser.start_anew()
        self.checking.start_anew()
        self.lane.load(self._dataset)
        self.lane.then(self.checking.start)
        self._tell_change()

    @override
    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if paths_in(event.mimeData()):
            event.acceptProposedAction()

    @override
    def dropEvent(self, event: QDropEvent) -> None:
        paths: list[Path] = paths_in(event.mimeData())
        if paths:
            event.acceptProposedAction()
            self.importing.show_drop(self.shown.survey.total)
            self.importing.offer(paths)

    @Slot()
    def _on_relinked(self) -> None:
        self.studio.thumbnails.forget()
        self.browser.grid.forget_pictures()
        self.studio.set_recipe({"data.path": self._dataset.get("source")})
        self.lane.load(self._dataset)
        self._tell_change()

    @Slot()
    def _on_news_added(self) -> None:
        self.lane.then(self.checking.start)

    @Slot()
    def _on_checked(self) -> None:
        if self.studio.project is not None and self._loaded:
            self.lane.load(self._dataset)  # a check sets unreadable files aside
            self._tell_change()

    # --- edits ------------------------------------------------------------------------------------

    @Slot(str)
    def _on_labelled(self, name: str) -> None:
        if ids := self.looking.looked_at():
            self.lane.edit(self._dataset, partial(self._dataset.relabel, ids, name), ids)
        self.browser.items.setFocus()

    @Slot(int, dict, str)
    def _on_rewritten(self, number: int, fields: dict[str, Any], told: str) -> None:
        self.lane.edit(
            self._dataset, partial(self._dataset.rewrite, number, fields, told), [number]
        )
        if "messages" in fields:
            self.lane.then(self.measuring.note_change)

    @Slot()
    def _ask_label(self) -> None:
        self.browser.panel.ask_label()

    @Slot()
    def _on_exclusion_toggled(self) -> None:
        self.browser.panel.exclude_button.click()

    @Slot(bool)
    def _on_exclusion_wanted(self, exclude: bool) -> None:
        if ids := self.looking.looked_at():
            change = self._dataset.exclude if exclude else self._dataset.include
            self.lane.edit(self._dataset, partial(change, ids), ids)

    @Slot(str)
    def _on_split_wanted(self, split: str) -> None:
        if ids := self.looking.looked_at():
            self.lane.edit(self._dataset, partial(self._dataset.move, ids, split), ids)

    @Slot(str, str)
    def _on_class_renamed(self, old: str, new: str) -> None:
        self.lane.edit(self._dataset, partial(work.rename, self._dataset, old, new))

    @Slot(str, str)
    def _on_class_merged(self, name: str, into: str) -> None:
        self.lane.edit(self._dataset, partial(work.merge, self._dataset, name, into))

    @Slot(object, int, bool)
    def _on_divided(self, shares: Shares, seed: int, keep_test: bool) -> None:
        wanted = {"data.validation_share": round(min(0.5, max(0.01, shares.validation)), 4)}
        if not keep_test:
            wanted["data.test_share"] = round(min(0.5, shares.test), 4)
        self.studio.set_recipe({**wanted, "seed": seed})
        divide = partial(work.redivide, self._dataset, shares, seed, keep_test)
        self.lane.edit(self._dataset, divide)

    @Slot(QPoint)
    def _on_menu_wanted(self, place: QPoint) -> None:
        menu = self.menu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.browser.items.viewport().mapToGlobal(place))

    def menu(self) -> QMenu:
        """Return what can be done with the samples that are selected."""
        detail, menu = self.browser.panel, QMenu(self)
        if self._kind.has_classes and self._kind.shown != SPANS:
            menu.addAction(self.tr("Change label…\tL"), detail.ask_label)
        menu.addAction(f"{detail.exclude_button.text()}\tX", detail.exclude_button.click)
        move = menu.addMenu(self.tr("Move to"))
        for split in SPLITS:
            move.addAction(split, partial(self._on_split_wanted, split))
        menu.addSeparator()
        copy = self.tr("Copy place") if self._kind.is_text else self.tr("Copy path")
        menu.addAction(copy, detail.copy_path)
        menu.addAction(self.tr("Select all\tCtrl+A"), self.browser.items.selectAll)
        menu.setEnabled(bool(self.looking.looked_at()))
        return menu
