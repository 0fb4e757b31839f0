"""Where the data lie: whether they are still there, and whether new ones came."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog

from finetune_studio.core.errors import StudioError
from finetune_studio.gui.pages.data import words, work
from finetune_studio.gui.pages.data.lane import Lane
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.notice_bar import NoticeBar

_EVERY_S = 20.0  # a look into a folder on a network drive takes a while


class Surroundings(QObject):
    """Looks at the folder outside of the project, and tells by two bars what is amiss.

    Signals:
        relinked: The files were found in another place.
        news_added: New samples are being taken in.
    """

    relinked = Signal()
    news_added = Signal()

    def __init__(
        self, studio: Studio, lane: Lane, bars: tuple[NoticeBar, NoticeBar], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._studio, self._lane = studio, lane
        self._missing_bar, self._news_bar = bars
        self._looked = 0.0
        self._news = 0
        self._missing_bar.acted.connect(self._on_find_wanted)
        self._news_bar.acted.connect(self._on_news_wanted)

    def start_anew(self, *, just_read: bool = False) -> None:
        """Forget what was seen, for other data; what was ``just_read`` holds no news yet."""
        self._looked = time.monotonic() if just_read else 0.0
        self._news = 0
        self._missing_bar.hide()
        self._news_bar.hide()

    @property
    def _task(self) -> str:
        return self._studio.project.task if self._studio.project is not None else ""

    def look_round(self) -> None:
        """Look at the folder, unless that was done a moment ago."""
        project, now = self._studio.project, time.monotonic()
        early = self._looked and now - self._looked < _EVERY_S
        if project is None or early or not self._lane.stock.samples:
            return
        self._looked = now
        look = partial(work.look_round, project, self._lane.stock)
        self._studio.ask(look, self._on_looked_round)

    def _on_looked_round(self, found: tuple[bool, int]) -> None:
        missing, news = found
        project = self._studio.project
        if project is not None and missing != self._lane.stock.missing:
            self._lane.load(project.dataset)
        if news and news != self._news:  # what was closed is not said again
            text = self.tr("{photos} came into the folder since the import.")
            self._news_bar.say(
                text.format(photos=words.counted(news, self._task)),
                action="add",
                action_text=self.tr("Add"),
            )
        elif not news:
            self._news_bar.hide()
        self._news = news

    def show_missing(self) -> None:
        """Say it if the files are not where they were."""
        stock = self._lane.stock
        if not stock.missing:
            self._missing_bar.hide()
        elif not self._missing_bar.text:
            text = self.tr(
                "The {many} are not where they were, in {folder}. Plug the drive in, or show where"
                " they are now."
            )
            self._missing_bar.say(
                text.format(folder=stock.root, many=stock.kind.many),
                "warning",
                action="find",
                action_text=self.tr("Find them…"),
            )

    @Slot(str)
    def _on_find_wanted(self) -> None:
        project = self._studio.project
        asked = self.tr("Where are the {many} now?").format(many=self._lane.stock.kind.many)
        found = QFileDialog.getExistingDirectory(self._missing_bar, asked, str(Path.home()))
        if not found or project is None:
            self.show_missing()
            return
        relink = partial(work.relink, project, Path(found))
        self._studio.ask(relink, self._on_relinked, self._on_not_relinked)

    def _on_relinked(self, found: int) -> None:
        total = len(self._lane.stock.samples)
        told = self.tr("Found {n} of {photos}.").format(
            n=f"{found:,}", photos=words.counted(total, self._task)
        )
        self._studio.noticed.emit(told, "ok" if found == total else "warning")
        self.relinked.emit()

    def _on_not_relinked(self, error: StudioError) -> None:
        self._studio.troubled.emit(error)
        self.show_missing()

    @Slot(str)
    def _on_news_wanted(self) -> None:
        project = self._studio.project
        if project is not None:
            self._news = 0
            self._lane.edit(project.dataset, partial(work.add_news, project))
            self.news_added.emit()
