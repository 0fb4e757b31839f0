"""The card with the split bar, and the fields to type the shares into."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from finetune_studio.gui import theme
from finetune_studio.gui.pages.data.kinds import Kind
from finetune_studio.gui.pages.data.shelf import Survey
from finetune_studio.gui.widgets.elided_label import ElidedLabel
from finetune_studio.gui.widgets.split_bar import Shares, SplitBar


class SplitCard(QFrame):
    """Shows the split, and divides it anew by mouse, keys or numbers.

    Signals:
        divided: The shares wanted (Shares), the seed, and whether test stays as it is.
    """

    divided = Signal(object, int, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("card", True)
        self._seed = 0
        self._grouped = False
        self.bar = SplitBar()
        self.bar.divided.connect(self._on_bar_divided)
        self.bar.previewed.connect(self._on_previewed)
        title = QLabel(self.tr("Split"))
        self._said = ElidedLabel()
        self._said.setProperty("role", "muted")
        self.edit_button = QPushButton(self.tr("Edit"))
        self.edit_button.setObjectName("edit_split")
        self.edit_button.setProperty("flat", True)
        self.edit_button.setCheckable(True)
        self.edit_button.setToolTip(self.tr("Type the shares instead of dragging them"))
        self.edit_button.toggled.connect(self._on_edit_toggled)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(title)
        row.addWidget(self.bar, 1)
        row.addWidget(self._said)
        row.addWidget(self.edit_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 6, 8, 6)
        column.setSpacing(6)
        column.addLayout(row)
        self._form = self._make_form()
        self._form.hide()
        column.addWidget(self._form)

    def _make_form(self) -> QWidget:
        form = QWidget()
        form.setProperty("clear", True)
        self.validation = self._percent("validation_share", 1, 50)
        self.test = self._percent("test_share", 0, 50)
        self.seed = QSpinBox()
        self.seed.setObjectName("seed")
        self.seed.setRange(0, 2**31 - 1)
        self.seed.setMaximumWidth(theme.px(84))
        self.seed.lineEdit().setTextMargins(6, 0, 0, 0)
        self.lock = QCheckBox()
        self.lock.setObjectName("lock_test")
        self.lock.setChecked(True)
        self.lock.toggled.connect(self._on_lock_toggled)
        self.divide_button = QPushButton(self.tr("Divide anew"))
        self.divide_button.setObjectName("divide")
        self.divide_button.clicked.connect(self._on_divide_clicked)
        row = QHBoxLayout(form)
        row.setContentsMargins(0, 0, 6, 0)
        row.setSpacing(8)
        for text, field in (
            (self.tr("Validation"), self.validation),
            (self.tr("Test"), self.test),
            (self.tr("Seed"), self.seed),
        ):
            label = QLabel(text)
            label.setProperty("role", "muted")
            label.setBuddy(field)
            row.addWidget(label)
            row.addWidget(field)
            row.addSpacing(4)
        row.addWidget(self.lock)
        row.addStretch(1)
        row.addWidget(self.divide_button)
        return form

    @staticmethod
    def _percent(name: str, least: int, most: int) -> QSpinBox:
        field = QSpinBox()
        field.setObjectName(name)
        field.setRange(least, most)
        field.setSuffix(" %")
        field.setMaximumWidth(theme.px(84))
        field.lineEdit().setTextMargins(6, 0, 0, 0)
        return field

    def set_kind(self, kind: Kind) -> None:
        """Speak of what the samples are: photos, texts, questions."""
        self.lock.setText(self.tr("Keep the test {many}").format(many=kind.many))
        self.lock.setToolTip(
            self.tr(
                "Test {many} judge the finished model. If some of them are trained on,"
                " the final score is too good to be true."
            ).format(many=kind.many)
        )
        self.seed.setToolTip(
            self.tr("The same seed deals the {many} out in the same way again.").format(
                many=kind.many
            )
        )

    def set_survey(self, survey: Survey) -> None:
        """Show how the samples are divided now."""
        self._grouped = survey.grouped
        self.bar.set_counts(survey.splits)
        self._fill()
        self._say()

    def set_seed(self, seed: int) -> None:
        """Show the seed of the recipe."""
        self._seed = seed
        self.seed.setValue(seed)
        self._say()

    def _fill(self) -> None:
        shares = self.bar.shares
        self.validation.setValue(round(100 * shares.validation))
        self.test.setValue(round(100 * shares.test))
        self.test.setEnabled(not self.bar.locked)

    def _say(self) -> None:
        how = self.tr("stratified, by group") if self._grouped else self.tr("stratified")
        self._said.setText(f"{how} · {self.tr('seed')} {self._seed}")
        self._said.setToolTip(
            self.tr("Every class keeps its share in each part; the seed fixes who goes where.")
        )

    @Slot(object)
    def _on_previewed(self, shares: Shares | None) -> None:
        if shares is None:
            self._say()
            return
        self._said.setText(
            self.tr("{n} % validation · Enter divides").format(n=round(100 * shares.validation))
        )

    @Slot(object)
    def _on_bar_divided(self, shares: Shares) -> None:
        self.divided.emit(shares, self._seed, self.bar.locked)

    @Slot()
    def _on_divide_clicked(self) -> None:
        test = self.bar.shares.test if self.bar.locked else self.test.value() / 100
        shares = Shares(self.validation.value() / 100, test)
        self.divided.emit(shares, self.seed.value(), self.bar.locked)

    @Slot(bool)
    def _on_edit_toggled(self, shown: bool) -> None:
        self._form.setVisible(shown)
        if shown:
            self._fill()
            self.validation.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot(bool)
    def _on_lock_toggled(self, locked: bool) -> None:
        self.bar.set_locked(locked=locked)
        self.test.setEnabled(not locked)
