"""The classes of a text that may have several, each switched on and off by a click."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from finetune_studio.gui.widgets.flow import flowing
from finetune_studio.gui.widgets.name_field import NameField

_MOST = 24  # chips; of more classes those that are off are named in the field


class LabelChips(QWidget):
    """Shows which classes a text has.

    Signals:
        rewritten: The fields that are other now, and what was done, in words.
    """

    rewritten = Signal(dict, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names: list[str] = []
        self._on: list[str] = []
        self._offered: list[str] = []
        self._inside, self._flow = flowing()
        self.chips: dict[str, QPushButton] = {}
        self.new_button = QPushButton(self.tr("Another class… (L)"))
        self.new_button.setObjectName("new_label")
        self.new_button.setProperty("link", True)
        self.new_button.clicked.connect(self.ask)
        self.field = NameField()
        self.field.setObjectName("label_name")
        self.field.named.connect(self._on_named)
        self.field.given_up.connect(self.new_button.show)
        self.title = QLabel(self.tr("Classes"))
        self.title.setProperty("role", "small")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.title)
        column.addWidget(self._inside)
        column.addWidget(self.field)

    def set_names(self, names: Sequence[str]) -> None:
        """Offer these classes."""
        self._names = list(names)

    def show_fields(self, fields: Mapping[str, Any]) -> None:
        """Show which classes a sample has."""
        self._on = [str(name) for name in fields.get("labels") or ()]
        off = [name for name in self._names if name not in self._on]
        offered = sorted([*self._on, *off[: max(0, _MOST - len(self._on))]])
        if offered != self._offered:
            self._offered = offered
            self._make()
        for name, chip in self.chips.items():
            chip.setChecked(name in self._on)

    def _make(self) -> None:
        while (item := self._flow.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None and widget is not self.new_button:
                widget.hide()
                widget.deleteLater()
        self.chips = {}
        for name in self._offered:
            chip = QPushButton(name)
            chip.setObjectName("chip")
            chip.setProperty("chip", True)
            chip.setCheckable(True)
            chip.clicked.connect(partial(self._toggle, name))
            self.chips[name] = chip
            self._flow.addWidget(chip)
        self._flow.addWidget(self.new_button)

    def _toggle(self, name: str) -> None:
        on = (
            [other for other in self._on if other != name]
            if name in self._on
            else [*self._on, name]
        )
        self._tell(on)

    def _tell(self, on: list[str]) -> None:
        self._on = on
        told = ", ".join(on) or "none"
        self.rewritten.emit({"labels": on}, f"Classes → {told}")

    @Slot()
    def ask(self) -> None:
        """Let the user type a class, or choose one that exists."""
        self.new_button.hide()
        self.field.setAccessibleName(self.tr("Another class"))
        self.field.ask(self._names, "", self.tr("Class, then Enter"))
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot(str)
    def _on_named(self, name: str) -> None:
        self.new_button.show()
        if name not in self._on:
            self._tell([*self._on, name])
