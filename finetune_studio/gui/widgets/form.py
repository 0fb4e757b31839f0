"""A form drawn from the recipe's own description of its fields."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QWidget,
)
from typing_extensions import override

from finetune_studio.core import recipe as recipes
from finetune_studio.core.recipe import Recipe, plainly
from finetune_studio.gui.widgets.place_field import PlaceField

_LARGEST = 2_000_000_000
_NUMBER = (
    116  # pixels of a number's field at most: titles beside it keep readable in a small window
)


class RecipeForm(QWidget):
    """Shows some of the recipe's fields with title, unit and help; says when the user changes one.

    Signals:
        changed: A field's dotted name and its new value.
    """

    changed = Signal(str, object)

    def __init__(
        self,
        names: list[str],
        parent: QWidget | None = None,
        *,
        expert: bool = False,
        known: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(parent)
        known = known or recipes.fields()
        self._defaults = {name: about.get("default") for name, about in known.items()}
        self._unfit: frozenset[str] = frozenset()
        self._expert = expert
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnStretch(0, 1)
        self._setters: dict[str, Callable[[Any], None]] = {}
        self._rows: dict[str, tuple[list[QWidget], bool]] = {}
        for name in names:
            if known[name].get("type") not in (
                "array",
                "object",
            ):  # lists and options have own widgets
                self._add(name, known[name])
        self.set_expert(expert)

    def set_expert(self, expert: bool) -> None:
        """Show all fields, or only those meant for everybody; no value changes."""
        self._expert = expert
        for name, (widgets, simple) in self._rows.items():
            for widget in widgets:
                widget.setVisible((simple or expert) and name not in self._unfit)

    def leave_out(self, names: Collection[str]) -> None:
        """Show no field of these names: they mean nothing for the task at hand."""
        self._unfit = frozenset(names)
        self.set_expert(self._expert)

    @property
    def shows_any(self) -> bool:
        """Whether any field is shown at this depth."""
        return any(not widgets[0].isHidden() for widgets, _ in self._rows.values())

    def set_recipe(self, recipe: Recipe) -> None:
        """Show the recipe's values without saying that they changed."""
        for name, setter in self._setters.items():
            section, _, field = name.partition(".")
            if section == "options":
                setter(recipe.options.get(field, self._defaults[name]))
                continue
            value: Any = recipe
            for part in name.split("."):
                value = getattr(value, part)
            setter(value)

    def editor(self, name: str) -> QWidget:
        """Return the widget in which a field is edited."""
        return self._rows[name][0][1]

    def _add(self, name: str, about: dict[str, Any]) -> None:
        title = QLabel(about["title"])
        title.setTextFormat(Qt.TextFormat.PlainText)
        title.setWordWrap(True)
        editor, setter = self._editor(name, about)
        editor.setObjectName(f"field_{name}")
        unit = QLabel(about.get("unit", ""))
        unit.setProperty("role", "small")
        for widget in (title, editor, unit):
            widget.setToolTip(f"{about['description']}")
        title.setBuddy(editor)
        editor.setAccessibleName(about["title"])
        editor.setAccessibleDescription(about["description"])
        if about.get("place") and isinstance(editor, QLineEdit):
            editor = PlaceField(editor)
            editor.chosen.connect(lambda path: self.changed.emit(name, path))
        row = self._grid.rowCount()
        wide = not unit.text() and isinstance(editor, QComboBox | PlaceField)
        self._grid.addWidget(title, row, 0)
        self._grid.addWidget(editor, row, 1, 1, 2 if wide else 1)  # so that titles keep their room
        self._grid.addWidget(unit, row, 2)
        if about.get("type") == "number" and about.get("lowest"):
            setter = _saying(setter, unit, about)
        self._setters[name] = setter
        self._rows[name] = ([title, editor, unit], bool(about.get("simple")))

    def _editor(self, name: str, about: dict[str, Any]) -> tuple[QWidget, Callable[[Any], None]]:
        if "enum" in about:
            return self._choice(name, [str(value) for value in about["enum"]], about)
        if about.get("type") == "boolean":
            box = QCheckBox()
            box.clicked.connect(lambda checked: self.changed.emit(name, bool(checked)))
            return box, box.setChecked
        if about.get("type") == "integer":
            return self._whole(name, about)
        if about.get("type") == "number":
            return self._number(name, about)
        line = QLineEdit()
        line.editingFinished.connect(lambda: self.changed.emit(name, line.text().strip()))
        return line, line.setText

    def _choice(
        self, name: str, values: list[str], about: dict[str, Any]
    ) -> tuple[QWidget, Callable[[Any], None]]:
        box = _CalmChoice()
        for value in values:
            plain = value.replace("_", " ").capitalize()
            box.addItem(self.tr(str(about.get("words", {}).get(value, plain))), value)
            if plainly.can_say(name):
                told = self.tr(plainly.sentence(name, value))
                box.setItemData(box.count() - 1, told, Qt.ItemDataRole.ToolTipRole)
        box.activated.connect(lambda index: self.changed.emit(name, box.itemData(index)))
        return box, lambda value: box.setCurrentIndex(box.findData(value))

    def _whole(self, name: str, about: dict[str, Any]) -> tuple[QWidget, Callable[[Any], None]]:
        box = _CalmNumber()
        box.setRange(int(about.get("minimum", -_LARGEST)), int(about.get("maximum", _LARGEST)))
        box.setGroupSeparatorShown(True)
        box.setAlignment(Qt.AlignmentFlag.AlignRight)
        box.setSpecialValueText(about.get("lowest", ""))
        box.setKeyboardTracking(False)
        box.setMaximumWidth(_NUMBER)
        box.valueChanged.connect(lambda value: self.changed.emit(name, int(value)))

        def show(value: Any) -> None:
            box.blockSignals(True)
            box.setValue(int(value))
            box.blockSignals(False)

        return box, show

    def _number(self, name: str, about: dict[str, Any]) -> tuple[QWidget, Callable[[Any], None]]:
        line = QLineEdit()
        line.setMaximumWidth(_NUMBER)
        line.setAlignment(Qt.AlignmentFlag.AlignRight)

        def take() -> None:
            number = _number_in(line.text(), about)
            line.setProperty("wrong", number is None)
            line.style().unpolish(line)
            line.style().polish(line)
            if number is not None:
                self.changed.emit(name, number)

        def show(value: Any) -> None:
            line.setText(f"{float(value):g}")
            line.setProperty("wrong", False)

        line.editingFinished.connect(take)
        return line, show


def _saying(
    setter: Callable[[Any], None], unit: QLabel, about: dict[str, Any]
) -> Callable[[Any], None]:
    """Let the unit say what the lowest number stands for, while it is the one: 0 is "off"."""

    def show(value: Any) -> None:
        setter(value)
        lowest = float(value) == about.get("minimum")
        unit.setText(about["lowest"] if lowest else about.get("unit", ""))

    return show


class _CalmNumber(QSpinBox):
    """A number that the wheel changes only while it has the focus, so that a page can be scrolled."""

    @override
    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class _CalmChoice(QComboBox):
    """A choice that the wheel changes only while it has the focus."""

    @override
    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


def _number_in(text: str, about: dict[str, Any]) -> float | None:
    """Return the number that the user typed, if it is one within the field's bounds."""
    try:
        number = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    fits = (
        number >= about.get("minimum", number)
        and number <= about.get("maximum", number)
        and number > about.get("exclusiveMinimum", number - 1)
        and number < about.get("exclusiveMaximum", number + 1)
    )
    return number if fits else None
