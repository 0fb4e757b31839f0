"""What is said is broken into lines also where it has no blanks, and is copied as it was said."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from finetune_studio.gui.widgets.chat_view import ChatView
from finetune_studio.gui.widgets.said_label import SaidLabel, breakable

GENE = "ACGT" * 120


def test_a_word_that_is_too_long_gets_places_to_break_at():
    assert breakable("short words stay as they are") == "short words stay as they are"
    broken = breakable(GENE)
    assert broken != GENE
    assert broken.replace("\u200b", "") == GENE
    assert max(map(len, broken.split("\u200b"))) <= 24
    accents = "e\u0301" * 40  # a letter and its accent stay together
    assert "\u200b\u0301" not in breakable(accents)


def test_all_of_a_long_word_is_seen_in_its_bubble(qtbot):
    view = ChatView()
    qtbot.addWidget(view)
    view.resize(420, 400)
    view.show()
    (bubble,) = view.add_replies([""])
    bubble.say(GENE, "241 tokens in 6.1 s")
    qtbot.waitUntil(lambda: bubble.height() > 5 * view.fontMetrics().height())
    assert bubble.width() <= view.viewport().width()
    letters = view.fontMetrics().horizontalAdvance(GENE)
    assert bubble._text.width() * (bubble._text.height() / view.fontMetrics().height()) > letters
    assert bubble.text == GENE


def test_what_is_said_is_copied_as_it_was(qtbot):
    label = SaidLabel()
    qtbot.addWidget(label)
    label.say(f"{GENE}\nand more")
    label.show()
    label.setSelection(0, len(label.text()))
    qtbot.keyClick(label, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == f"{GENE}\nand more"
