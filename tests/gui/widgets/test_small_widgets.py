"""The small widgets that several pages share."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QObject, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QSpinBox,
    QWidget,
)
from typing_extensions import override

from finetune_studio.core.recipe import Recipe
from finetune_studio.gui.widgets.bar_list import BAR_ROLE, BarItemModel, BarList, BarRow
from finetune_studio.gui.widgets.choice_bar import ChoiceBar
from finetune_studio.gui.widgets.drop_area import DropArea
from finetune_studio.gui.widgets.elided_label import ElidedLabel
from finetune_studio.gui.widgets.figure_label import FigureLabel
from finetune_studio.gui.widgets.form import RecipeForm
from finetune_studio.gui.widgets.notice_bar import NoticeBar
from finetune_studio.gui.widgets.progress_card import Figures, ProgressCard
from finetune_studio.gui.widgets.short_choice import ShortChoice
from finetune_studio.gui.widgets.step_rail import Step, StepRail


def test_a_choice_is_told_once_and_only_when_the_user_makes_it(qtbot):
    bar = ChoiceBar([("a", "One"), ("b", "Two")])
    qtbot.addWidget(bar)
    heard = []
    bar.chosen.connect(heard.append)
    assert bar.value() == "a"
    bar.set_value("b")
    assert (bar.value(), heard) == ("b", [])
    bar.button("a").click()
    assert (bar.value(), heard) == ("a", ["a"])
    bar.set_value("custom")
    assert bar.value() == ""
    bar.set_options([("b", "Two"), ("c", "Three")])
    assert bar.value() == "b"


def test_bars_are_picked_and_unpicked(qtbot):
    bars = BarList()
    qtbot.addWidget(bars)
    heard = []
    bars.picked.connect(heard.append)
    bars.set_rows([("rust", 30, ""), ("blight", 60, "60 %")])
    bars.clicked.emit(bars.model().index(1, 0))
    assert (heard, bars.picked_name()) == (["blight"], "blight")
    bars.set_rows([BarRow("blight", 5)])
    assert bars.picked_name() == "blight"
    qtbot.keyClick(bars, Qt.Key.Key_Return)
    assert (heard, bars.picked_name()) == (["blight", ""], "")


def test_bars_are_as_long_as_their_values(qtmodeltester):
    model = BarItemModel()
    model.set_rows([BarRow("a", 10), BarRow("b", 40), BarRow("c", 0)])
    assert [model.index(row, 0).data(BAR_ROLE) for row in range(3)] == [0.25, 1.0, 0.0]
    qtmodeltester.check(model)


def test_a_form_shows_the_recipe_and_tells_changes(qtbot):
    names = ["optimiser.epochs", "optimiser.learning_rate", "augment.strength", "stop.early"]
    form = RecipeForm(names)
    qtbot.addWidget(form)
    form.show()
    heard = []
    form.changed.connect(lambda name, value: heard.append((name, value)))
    form.set_recipe(Recipe().with_settings({"optimiser.epochs": 12, "stop.early": False}))
    assert heard == []
    epochs, rate = form.editor("optimiser.epochs"), form.editor("optimiser.learning_rate")
    strength, early = form.editor("augment.strength"), form.editor("stop.early")
    assert isinstance(epochs, QSpinBox)
    assert isinstance(rate, QLineEdit)
    assert isinstance(strength, QComboBox)
    assert isinstance(early, QCheckBox)
    assert (epochs.value(), rate.text(), early.isChecked()) == (12, "0.0002", False)
    assert not rate.isVisible()  # a matter for experts
    form.set_expert(True)
    assert rate.isVisible()
    assert rate.text() == "0.0002"
    epochs.setValue(13)
    early.click()
    rate.setText("0,001")
    rate.editingFinished.emit()
    rate.setText("-1")
    rate.editingFinished.emit()
    assert heard == [
        ("optimiser.epochs", 13),
        ("stop.early", True),
        ("optimiser.learning_rate", 0.001),
    ]
    assert rate.property("wrong")


def test_every_field_of_the_recipe_can_be_drawn(qtbot):
    from finetune_studio.core import recipe

    form = RecipeForm(list(recipe.fields()), expert=True)
    qtbot.addWidget(form)
    form.set_recipe(Recipe())


def test_a_number_that_stands_for_something_else_says_so(qtbot):
    form = RecipeForm(["compute.workers", "optimiser.batch_size", "seed"], expert=True)
    qtbot.addWidget(form)
    form.set_recipe(Recipe().with_settings({"optimiser.batch_size": 0}))
    assert form.editor("compute.workers").text() == "measured"
    assert form.editor("optimiser.batch_size").text() == "found"
    assert form.editor("seed").text() == "0"


def test_files_are_taken_and_web_addresses_refused(qtbot, tmp_path):
    area = DropArea("Drop here")
    qtbot.addWidget(area)
    heard = []
    area.dropped.connect(heard.append)
    for url in (QUrl.fromLocalFile(str(tmp_path)), QUrl("https://example.org/a.png")):
        data = QMimeData()
        data.setUrls([url])
        where, move = QPointF(5, 5), Qt.DropAction.CopyAction
        none = Qt.KeyboardModifier.NoModifier
        area.dropEvent(QDropEvent(where, move, data, Qt.MouseButton.LeftButton, none))
    assert heard == [[Path(tmp_path)]]


def test_a_label_shortens_and_tells_the_whole(qtbot):
    label = ElidedLabel("a very long sentence about leaves")
    qtbot.addWidget(label)
    label.resize(40, 20)
    label.show()
    assert label.toolTip() == label.text()
    label.resize(900, 20)
    qtbot.waitUntil(lambda: label.toolTip() == "")


def test_text_from_data_is_never_read_as_markup(qtbot):
    notices = NoticeBar()
    qtbot.addWidget(notices)
    notices.say("<b>bold</b>", "warning")
    assert notices.text == "<b>bold</b>"
    assert notices._text.textFormat() == Qt.TextFormat.PlainText


def test_a_notice_with_an_action_says_which(qtbot):
    notices = NoticeBar()
    qtbot.addWidget(notices)
    notices.say("Run 3 was cut off.", "warning", action="resume", action_text="Resume")
    with qtbot.waitSignal(notices.acted) as heard:
        notices._button.click()
    assert heard.args == ["resume"]
    assert notices.text == ""


def test_the_rail_says_states_in_words(qtbot):
    rail = StepRail([Step("data", "Data", 1), Step("train", "Train", 2)], [Step("guide", "Guide")])
    qtbot.addWidget(rail)
    rail.show_state("data", "done", "240 photos")
    assert rail.button("data").accessibleName() == "Data, done, 240 photos"
    assert rail.button("train").accessibleName() == "Train, not started"
    assert rail.button("guide").accessibleName() == "Guide"
    with qtbot.waitSignal(rail.picked) as heard:
        rail.button("train").click()
    assert heard.args == ["train"]
    rail.set_current("start")
    assert not rail.button("train").isChecked()


def test_the_unit_says_what_the_lowest_number_of_a_field_stands_for(qtbot):
    form = RecipeForm(["forgetting.replay", "regularise.averaging"], expert=True)
    qtbot.addWidget(form)

    def words():
        return {label.text() for label in form.findChildren(QLabel)}

    form.set_recipe(Recipe())
    assert "off" in words()
    assert "of each step" not in words()
    form.set_recipe(Recipe().with_settings({"forgetting.replay": 0.2}))
    assert "of each step" in words()


def test_choices_are_called_in_plain_words_and_explained(qtbot):
    form = RecipeForm(["optimiser.balance", "optimiser.schedule"])
    qtbot.addWidget(form)
    balance, schedule = form.editor("optimiser.balance"), form.editor("optimiser.schedule")
    assert [balance.itemText(n) for n in range(3)] == [
        "No",
        "Rare ones weigh more",
        "Rare ones shown more",
    ]
    tip = Qt.ItemDataRole.ToolTipRole
    assert balance.itemData(1, tip) == "Mistakes on rare classes count more."
    assert schedule.itemText(0) == "Cosine"
    assert schedule.itemData(2, tip) == "Steps stay equally large to the end."
    form.set_recipe(Recipe().with_settings({"optimiser.balance": "sampler"}))
    assert balance.currentText() == "Rare ones shown more"


def test_a_place_is_typed_or_chosen(qtbot, monkeypatch):
    form = RecipeForm(["forgetting.held_out"], expert=True)
    qtbot.addWidget(form)
    field = form.editor("forgetting.held_out")
    folder, file = field.choose.menu().actions()
    for action, way, answer in (
        (folder, "getExistingDirectory", "/data/knew"),
        (file, "getOpenFileName", ("/data/knew.csv", "")),
    ):
        monkeypatch.setattr(QFileDialog, way, lambda *_, answer=answer: answer)
        with qtbot.waitSignal(form.changed) as said:
            action.trigger()
        assert said.args == ["forgetting.held_out", field.line.text()]
    assert field.line.text() == "/data/knew.csv"
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    with qtbot.assertNotEmitted(form.changed):
        folder.trigger()  # nothing was chosen after all


def test_a_choice_that_is_too_wide_ends_in_dots(qtbot):
    box = ShortChoice()
    qtbot.addWidget(box)
    box.addItem("t-shirt beside shirt (label)")
    box.resize(120, 32)
    box.show()
    assert box.shown(60).endswith("…")
    assert box.shown(600) == "t-shirt beside shirt (label)"


class LayoutsAsked(QObject):
    """Counts how often a widget is to be laid out anew."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.count = 0
        widget.installEventFilter(self)

    @override
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.count += event.type() == QEvent.Type.LayoutRequest
        return False


def test_figures_that_change_several_times_a_second_lay_nothing_out_anew(qtbot):
    """Each text of a QLabel laid out the whole page, which took longer than all that was painted."""
    card = ProgressCard("Progress")
    qtbot.addWidget(card)
    card.resize(300, 200)
    card.show()
    card.show_figures(Figures("Epoch 1 of 9", "about 19 s left", 0.1, (("Speed", "888 photos/s"),)))
    qtbot.wait(20)
    asked = LayoutsAsked(card)
    for speed, left in ((111, 11), (777, 18), (42, 7)):
        rows = (("Speed", f"{speed} photos/s"),)
        card.show_figures(Figures("Epoch 1 of 9", f"about {left} s left", 0.1, rows))
        qtbot.wait(5)
        assert card.values() == {"Speed": f"{speed} photos/s"}
    assert asked.count == 0
    card.show_figures(Figures("Epoch 1 of 9", "", 0.1, (("Speed", "123,456 photos/s"),)))
    qtbot.wait(20)
    assert asked.count > 0


def test_a_figure_is_never_cut_and_begins_anew_when_it_was_empty(qtbot):
    label = FigureLabel("12.5")
    qtbot.addWidget(label)
    short = label.sizeHint().width()
    label.setText("12,345.5 photos a second")
    wide = label.sizeHint().width()
    assert wide > short
    label.resize(label.sizeHint())
    assert label.toolTip() == ""
    label.setText("7")
    assert (label.text(), label.accessibleName(), label.sizeHint().width()) == ("7", "7", wide)
    label.setText("")
    label.setText("12.5")
    assert label.sizeHint().width() == short
