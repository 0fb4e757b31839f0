"""The line at the top: which project, where networks run, whether anything leaves this computer."""

from __future__ import annotations

import os

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QPushButton, QWidget
from typing_extensions import override

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.elided_label import ElidedLabel

_MANY_GB = 10  # from which on tenths are of no use


class Header(QFrame):
    """Shows values; the project's name opens a menu.

    Signals:
        depth_wanted: Simple (False) or Expert (True).
        offline_pressed: The user pressed the words about being offline.
    """

    depth_wanted = Signal(bool)
    offline_pressed = Signal()

    def __init__(self, menu: QMenu, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("bar", "header")
        self.setFixedHeight(theme.px(52))
        self.project = QPushButton(self.tr("Finetune Studio"))
        self.project.setObjectName("project_menu")
        self.project.setProperty("flat", True)
        self.project.setProperty("project", True)
        self.project.setProperty("menu", True)
        self.project.setMenu(menu)
        self.task = QLabel()
        self.device = ElidedLabel()
        self.device.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._device_words = self._device_reason = ""
        self.offline = QPushButton()
        self.offline.setProperty("flat", True)
        self.offline.setProperty("quiet", True)
        self.offline.clicked.connect(self.offline_pressed)
        for label in (self.task, self.device):
            label.setProperty("role", "muted")
        self.depth_button = QPushButton(self.tr("Expert"))
        self.depth_button.setObjectName("depth")
        self.depth_button.setCheckable(True)
        self.depth_button.setToolTip(
            self.tr("Shows the numbers behind every choice. Switching never changes a value.")
        )
        self.depth_button.clicked.connect(self.depth_wanted)
        row = self._row = QHBoxLayout(self)
        row.setContentsMargins(8, 0, 16, 0)
        row.setSpacing(12)
        row.addWidget(self.project)
        row.addWidget(self.task)
        row.addWidget(self.device, 1)
        row.addWidget(self.offline)
        row.addWidget(self.depth_button)

    def show_project(self, name: str, task: str) -> None:
        """Show which project is open and what it teaches."""
        shown = self.project.fontMetrics().elidedText(
            name, Qt.TextElideMode.ElideRight, theme.px(260)
        )
        self.project.setText("  " + shown.replace("&", "&&"))  # padding, which Qt ignores here
        self.project.setAccessibleName(self.tr("Project: {name}").format(name=name))
        self.project.setToolTip(name if shown != name else "")
        self.task.setText(task)

    def show_device(self, kind: str, why: str, free_gb: float | None) -> None:
        """Show where networks run (an empty kind: not known yet) and how much memory is free."""
        name = {"cpu": "CPU", "cuda": "GPU", "mps": "Apple GPU"}.get(kind, kind)
        cores = self.tr("{n} cores").format(n=os.cpu_count() or 1)
        parts = [name, cores if kind in ("", "cpu") else why]
        if free_gb is not None:
            exact = 0 if free_gb >= _MANY_GB else 1
            parts.append(self.tr("{free} GB free").format(free=f"{free_gb:.{exact}f}"))
        self._device_words = " · ".join(part for part in parts if part)
        self._device_reason = why.partition(": ")[2] if kind == "cpu" else ""
        self._fit_device()
        self.device.setAccessibleDescription(why)

    def _fit_device(self) -> None:
        """Show the reason too where there is room for it; else it is said on hover."""
        short, reason = self._device_words, self._device_reason
        whole = f"{short} · {reason}" if reason else short
        room = self.device.contentsRect().width()
        fits = self.device.fontMetrics().horizontalAdvance(whole) <= room
        self.device.setText(whole if fits else short)
        if reason:
            self.device.setToolTip(f"{reason[:1].upper()}{reason[1:]}.")

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._row.activate()  # the label has its new width before its words are chosen
        self._fit_device()

    def show_offline(self, offline: bool) -> None:
        """Say whether a socket may be opened."""
        self.offline.setText(
            self.tr("● Offline: nothing leaves this computer")
            if offline
            else self.tr("○ Online: downloads only when you ask")
        )
        self.offline.setToolTip(self.tr("Change this on the Settings page."))

    def show_depth(self, expert: bool) -> None:
        """Show which depth is chosen."""
        self.depth_button.setChecked(expert)


def free_memory_gb() -> float:
    """Return the memory that other programs leave free."""
    import psutil  # 50 ms that the first paint does not have to wait for

    return float(psutil.virtual_memory().available) / 2**30
