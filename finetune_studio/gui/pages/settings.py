"""Preferences: how the program looks, where it keeps things, and how much room they take."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from finetune_studio.core.files import explained, folder_size
from finetune_studio.core.settings import is_address
from finetune_studio.gui import theme
from finetune_studio.gui.page import Page
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.choice_bar import ChoiceBar
from finetune_studio.gui.widgets.elided_label import ElidedLabel
from finetune_studio.gui.widgets.runs_table import size_words

# What the program itself puts into the cache folder. Nothing else in it is ever deleted: the user may
# have chosen a folder with other things in it.
CACHES = ("features", "decoded", "models")


def cache_sizes(folder: Path) -> dict[str, int]:
    """Return the bytes of each of the program's own caches."""
    return {name: folder_size(folder / name) for name in CACHES}


def clear_cache(folder: Path, name: str) -> int:
    """Delete one of the program's own caches; return how many bytes that freed."""
    if name not in CACHES:
        raise ValueError(f"{name} is no cache of ours")
    freed = folder_size(folder / name)
    if (folder / name).is_dir() and not (folder / name).is_symlink():
        with explained(folder / name):
            shutil.rmtree(folder / name)
    return freed


class SettingsPage(Page):
    """Every change takes effect and is saved at once."""

    name = "settings"
    title = "Settings"

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self.subtitle.setText(self.tr("Changes take effect at once"))
        column = QVBoxLayout()
        column.setSpacing(12)
        for card in (self._look(), self._network(), self._folders(), self._room()):
            column.addWidget(card)
        column.addStretch(1)
        inside = QWidget()
        inside.setProperty("clear", True)
        inside.setMaximumWidth(760)
        inside.setLayout(column)
        column.setContentsMargins(0, 0, 0, 0)
        row = QHBoxLayout()
        row.addWidget(inside, 1)
        row.addStretch(0)
        self.body.addLayout(row)
        studio.depth_changed.connect(self._show_values)
        self._show_values()

    # --- parts ------------------------------------------------------------------------------------

    def _look(self) -> Card:
        card = Card(self.tr("Appearance"))
        self._theme = ChoiceBar(
            [
                ("system", self.tr("Like the system")),
                ("light", self.tr("Light")),
                ("dark", self.tr("Dark")),
            ]
        )
        self._theme.chosen.connect(self._on_theme_chosen)
        self._depth = ChoiceBar([("simple", self.tr("Simple")), ("expert", self.tr("Expert"))])
        self._depth.chosen.connect(self._on_depth_chosen)
        grid = _grid(card)
        _row(grid, 0, self.tr("Theme"), self._theme)
        _row(grid, 1, self.tr("Depth"), self._depth)
        card.body.addWidget(
            _small(
                self.tr(
                    "Simple shows the choices, Expert also the numbers behind them."
                    " Switching never changes a value."
                )
            )
        )
        return card

    def _network(self) -> Card:
        card = Card(self.tr("Internet"))
        self._offline = QCheckBox(self.tr("Offline: open no connection at all"))
        self._offline.setObjectName("offline")
        self._offline.clicked.connect(self._on_offline_clicked)
        card.body.addWidget(self._offline)
        self._mirror = self._address("mirror", self.tr("https://… (empty: the Hub itself)"))
        self._proxy = self._address("proxy", self.tr("http://… (empty: as the system says)"))
        self._mirror.editingFinished.connect(partial(self._on_address, "hub_mirror", self._mirror))
        self._proxy.editingFinished.connect(partial(self._on_address, "proxy", self._proxy))
        grid = _grid(card)
        _row(grid, 0, self.tr("Mirror of the Hub"), self._mirror)
        _row(grid, 1, self.tr("Proxy"), self._proxy)
        self._problem = _small("")
        self._problem.setObjectName("address_problem")
        self._problem.hide()
        card.body.addWidget(self._problem)
        card.body.addWidget(
            _small(
                self.tr(
                    "Your data never leave this computer, online or offline. Online, pretrained"
                    " models can be downloaded, and only when you ask for one. Models that ask for"
                    " a licence use your own login of the Hub; a mirror is never sent it."
                )
            )
        )
        return card

    def _address(self, name: str, hint: str) -> QLineEdit:
        field = QLineEdit()
        field.setObjectName(name)
        field.setPlaceholderText(hint)
        field.setClearButtonEnabled(True)
        field.setMinimumWidth(theme.px(380))
        return field

    def _folders(self) -> Card:
        card = Card(self.tr("Folders"))
        self._projects = ElidedLabel(mode=Qt.TextElideMode.ElideMiddle)
        self._cache = ElidedLabel(mode=Qt.TextElideMode.ElideMiddle)
        grid = _grid(card)
        for place, (title, label, field) in enumerate(
            (
                (self.tr("New projects"), self._projects, "projects"),
                (self.tr("Caches"), self._cache, "cache"),
            )
        ):
            button = QPushButton(self.tr("Change…"))
            button.setAccessibleName(self.tr("Change the folder: {name}").format(name=title))
            button.clicked.connect(partial(self._on_change_clicked, field))
            _row(grid, place, title, label, button)
        card.body.addWidget(
            _small(self.tr("What lies in the old folder stays there; nothing is moved or deleted."))
        )
        return card

    def _room(self) -> Card:
        card = Card(self.tr("Room on disk"))
        self._limit = QSpinBox()
        self._limit.lineEdit().setTextMargins(6, 0, 0, 0)  # the theme's do not reach into it
        self._limit.setRange(1, 2000)
        self._limit.setSuffix(" GB")
        self._limit.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._limit.setKeyboardTracking(False)
        self._limit.setMaximumWidth(140)
        self._limit.valueChanged.connect(self._on_limit_changed)
        grid = _grid(card)
        _row(grid, 0, self.tr("Limit of the caches"), self._limit)
        self._sizes: dict[str, QLabel] = {}
        self._clear: dict[str, QPushButton] = {}
        titles = {
            "features": self.tr("Computed features"),
            "decoded": self.tr("Decoded samples"),
            "models": self.tr("Downloaded models"),
        }
        for place, name in enumerate(CACHES, 1):
            self._sizes[name] = QLabel("…")
            button = QPushButton(self.tr("Clear"))
            button.setObjectName(f"clear_{name}")
            button.setAccessibleName(self.tr("Clear: {name}").format(name=titles[name]))
            button.clicked.connect(partial(self._on_clear_clicked, name))
            self._clear[name] = button
            _row(grid, place, titles[name], self._sizes[name], button)
        card.body.addWidget(
            _small(
                self.tr(
                    "Computed features and decoded samples make training fast; without them the next run"
                    " computes them again. Downloaded models would have to be downloaded again."
                )
            )
        )
        return card

    # --- what happens -----------------------------------------------------------------------------

    def entered(self) -> None:
        """Show the preferences and the sizes as they are now."""
        self._show_values()
        self._measure()

    @Slot()
    def _show_values(self) -> None:
        now = self.studio.settings
        self._theme.set_value(now.theme)
        self._depth.set_value(now.depth)
        self._offline.setChecked(now.offline)
        self._mirror.setText(now.hub_mirror)
        self._proxy.setText(now.proxy)
        self._projects.setText(str(now.projects_folder))
        self._cache.setText(str(now.cache_folder))
        self._limit.blockSignals(True)
        self._limit.setValue(max(1, round(now.cache_limit_mb / 1024)))
        self._limit.blockSignals(False)

    def _measure(self) -> None:
        folder = self.studio.settings.cache_folder
        self.studio.ask(partial(cache_sizes, folder), self._show_sizes, lasting=True)

    def _show_sizes(self, sizes: dict[str, int]) -> None:
        for name, size in sizes.items():
            self._sizes[name].setText(size_words(size) if size else self.tr("empty"))
            free = bool(size) and not self.studio.training
            self._clear[name].setEnabled(free)
            self._clear[name].setToolTip(
                self.tr("Not while a run trains.") if self.studio.training else ""
            )

    @Slot(str)
    def _on_theme_chosen(self, value: str) -> None:
        self.studio.settings.theme = value
        self.studio.save_settings()

    @Slot(str)
    def _on_depth_chosen(self, value: str) -> None:
        self.studio.set_expert(value == "expert")

    @Slot(bool)
    def _on_offline_clicked(self, checked: bool) -> None:
        self.studio.settings.offline = checked
        self.studio.save_settings()

    def _on_address(self, name: str, field: QLineEdit) -> None:
        """Keep an address, unless it is none."""
        text = field.text().strip()
        told = ""
        if text and not is_address(text):
            told = self.tr("{text} is no address: it must begin with http:// or https://.")
        self._problem.setText(told.format(text=text))
        self._problem.setVisible(bool(told))
        if not told and text != getattr(self.studio.settings, name):
            setattr(self.studio.settings, name, text)
            self.studio.save_settings()

    @Slot(int)
    def _on_limit_changed(self, gigabytes: int) -> None:
        self.studio.settings.cache_limit_mb = gigabytes * 1024
        self.studio.save_settings()

    def _on_change_clicked(self, field: str) -> None:
        now = self.studio.settings
        start = now.projects_folder if field == "projects" else now.cache_folder
        found = QFileDialog.getExistingDirectory(self, self.tr("Choose a folder"), str(start))
        if found:
            setattr(now, field, found)
            self.studio.save_settings()
            self.entered()

    def _on_clear_clicked(self, name: str) -> None:
        self._clear[name].setEnabled(False)
        folder = self.studio.settings.cache_folder
        self.studio.ask(partial(clear_cache, folder, name), self._on_cleared, lasting=True)

    def _on_cleared(self, freed: int) -> None:
        self.studio.noticed.emit(
            self.tr("{size} are free again.").format(size=size_words(freed)), "ok"
        )
        self._measure()


def _grid(card: Card) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(8)
    grid.setColumnMinimumWidth(0, 150)
    grid.setColumnStretch(1, 1)
    card.body.addLayout(grid)
    return grid


def _row(grid: QGridLayout, place: int, title: str, *widgets: QWidget) -> None:
    label = QLabel(title)
    label.setBuddy(widgets[0])
    grid.addWidget(label, place, 0)
    for column, widget in enumerate(widgets, 1):
        if len(widgets) == 1 and not isinstance(widget, QLabel):
            grid.addWidget(widget, place, column, Qt.AlignmentFlag.AlignLeft)
        else:
            grid.addWidget(widget, place, column)


def _small(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", "small")
    label.setWordWrap(True)
    return label
