"""A conversation stays at its newest message, unless the user scrolls away from it."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QScrollBar

from finetune_studio.gui.widgets.chat_view import ChatView

LINES = "\n".join(f"line {n} of a long reply" for n in range(40))


@pytest.fixture
def view(qtbot) -> ChatView:
    made = ChatView()
    qtbot.addWidget(made)
    made.resize(500, 240)
    made.show()
    qtbot.waitExposed(made)
    return made


def at_end(bar: QScrollBar) -> bool:
    return bar.maximum() > 0 and bar.value() == bar.maximum()


def test_a_reply_that_grows_by_many_lines_stays_in_sight(view, qtbot):
    """Once more than four lines came between two looks, the end was out of sight for good."""
    bar = view.verticalScrollBar()
    view.add_own("Tell me all")
    (bubble,) = view.add_replies([""])
    for text in (LINES, LINES * 2, LINES * 3):
        bubble.say(text)
        qtbot.waitUntil(lambda: at_end(bar))
    view.resize(300, 200)
    qtbot.waitUntil(lambda: at_end(bar))


def test_who_scrolls_up_is_left_there_until_something_is_said(view, qtbot):
    bar = view.verticalScrollBar()
    view.add_own("Tell me all")
    (bubble,) = view.add_replies([""])
    bubble.say(LINES)
    qtbot.waitUntil(lambda: at_end(bar))
    before = bar.maximum()
    bar.setValue(0)
    bubble.say(LINES * 2)
    view.follow()
    qtbot.waitUntil(lambda: bar.maximum() > before)
    assert bar.value() == 0
    view.add_own("And now?")
    qtbot.waitUntil(lambda: at_end(bar))
