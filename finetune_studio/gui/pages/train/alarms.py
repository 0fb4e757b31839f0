"""What monitors see now, each with its sentence and the button that acts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QMenu, QPushButton, QVBoxLayout, QWidget

from finetune_studio.core.watching import MonitorSpoke
from finetune_studio.gui.pages.train import changes
from finetune_studio.gui.widgets.sentence_bar import SentenceBar
from finetune_studio.monitors import CATALOGUE

if TYPE_CHECKING:
    from finetune_studio.core.recipe import Recipe

_LOUD = ("warning", "bad")


class AlarmBars(QWidget):
    """A bar for each alarm; nothing is changed before it was chosen in so many words.

    Signals:
        acted: What a monitor said, and whether the run is to be stopped now: the user wants its proposal.
        page_wanted: The name of the page that the user wants.
    """

    acted = Signal(object, bool)
    page_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bars: dict[str, SentenceBar] = {}
        self._shown: list[tuple[MonitorSpoke, bool, bool]] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(6)
        self.hide()

    def show_alarms(
        self, alarms: Sequence[MonitorSpoke], recipe: Recipe | None, *, at_work: bool
    ) -> None:
        """Show what is seen now; ``recipe`` is that of the next run, which proposals would change."""
        told = [one for one in alarms if one.severity in _LOUD or one.button]
        now = [(one, at_work, recipe is not None and changes.is_made(one, recipe)) for one in told]
        if now == self._shown:
            return
        self._shown = now
        for bar in self.bars.values():
            self._column.removeWidget(bar)
            bar.hide()
            bar.deleteLater()
        self.bars = {}
        for spoke, _, made in now:
            self._add(spoke, recipe, at_work=at_work, made=made)
        self.setVisible(bool(now))

    def _add(
        self, spoke: MonitorSpoke, recipe: Recipe | None, *, at_work: bool, made: bool
    ) -> None:
        bar = SentenceBar()
        title = CATALOGUE[spoke.monitor].title if spoke.monitor in CATALOGUE else spoke.monitor
        bar.show_sentence(spoke.severity, f"{title}.", spoke.text)
        bar.setObjectName(f"alarm_{spoke.monitor}")
        if made:
            done = QLabel(self.tr("Set for the next run"))
            done.setProperty("role", "muted")
            bar.add_aside(done)
        elif spoke.button:
            bar.add_button(self._button(spoke, recipe, at_work=at_work))
        self.bars[spoke.monitor] = bar
        self._column.addWidget(bar)
        bar.show()

    def _button(self, spoke: MonitorSpoke, recipe: Recipe | None, *, at_work: bool) -> QPushButton:
        button = QPushButton(spoke.button)
        button.setObjectName(f"act_{spoke.monitor}")
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        if spoke.page:
            button.clicked.connect(partial(self.page_wanted.emit, spoke.page))
            return button
        words = changes.in_words(spoke.settings) if recipe is not None else ""
        if at_work:
            menu = QMenu(button)
            menu.addAction(
                self.tr("Stop now, and change it"), partial(self.acted.emit, spoke, True)
            )
            menu.addAction(
                self.tr("Go on, and change it for the next run"),
                partial(self.acted.emit, spoke, False),
            )
            button.setMenu(menu)
            button.setToolTip(self.tr("For the next run: {words}").format(words=words))
        else:
            button.clicked.connect(partial(self.acted.emit, spoke, False))
            button.setToolTip(
                self.tr(
                    "Changes a choice for the next run; nothing starts by itself. {words}"
                ).format(words=words)
            )
        return button
