"""The status line says as much as there is room for, and keeps no window wide."""

from __future__ import annotations

from finetune_studio.gui.widgets.status_line import StatusLine

SAID = "2,888 texts checked in 11.0 s: 4 things need attention"


def test_what_happened_is_said_whole_where_there_is_room(qtbot):
    """Beside a job it was cut after a third of the line, however wide the window."""
    line = StatusLine()
    qtbot.addWidget(line)
    line.resize(1440, 33)
    line.show()
    line.add(SAID)
    line.show_job("Measuring texts", 0.5, can_cancel=True)
    assert line._last.text() == SAID
    line.resize(420, 33)
    assert line._last.text().endswith("…")
    assert SAID.startswith(line._last.text()[:-1])
    line.show_idle()
    line.resize(1440, 33)
    assert line._last.text() == SAID
    assert line.minimumSizeHint().width() < 600
