"""The network of a run is loaded when Try is entered, and that is said until it is there."""

from __future__ import annotations

import threading

from finetune_studio.core.errors import StudioError
from finetune_studio.gui.pages.try_out import warming
from finetune_studio.gui.widgets.message import Message


def test_it_is_loaded_once_and_said_until_it_is_there(studio, qtbot, tmp_path, monkeypatch):
    asked, go_on = [], threading.Event()

    def load(run):
        asked.append(run.name)
        go_on.wait(20)

    monkeypatch.setattr(warming, "_load", load)
    message = Message()
    qtbot.addWidget(message)
    made = warming.Warming(studio, message, message)
    made.begin(tmp_path / "3")
    made.begin(tmp_path / "3")
    assert message.text == "Loading the model of run 3; then it answers at once…"
    go_on.set()
    qtbot.waitUntil(lambda: message.text == "")
    assert (asked, made.text) == (["3"], "")


def test_what_else_is_said_meanwhile_stays_and_a_refusal_is_left_to_who_asks(
    studio, qtbot, tmp_path, monkeypatch
):
    def refuse(run):
        raise StudioError(f"{run.name} is damaged.", "Choose another.")

    monkeypatch.setattr(warming, "_load", refuse)
    message = Message()
    qtbot.addWidget(message)
    made = warming.Warming(studio, message, message)
    troubled = []
    studio.troubled.connect(troubled.append)
    made.begin(tmp_path / "4")
    message.say("There is no picture on the clipboard.", "warning")
    qtbot.waitUntil(lambda: not made.text)
    assert message.text == "There is no picture on the clipboard."
    assert troubled == []


def test_a_network_is_not_loaded_twice_by_two_who_ask_at_once(tmp_path, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    from finetune_studio.engine import evaluate

    at_work, most = 0, 0
    lock, second = threading.Lock(), threading.Event()

    def loaded(*_):
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        second.wait(0.2)
        with lock:
            at_work -= 1
        return "task", "bundle"

    class Folder:
        folder, labels, checkpoints = tmp_path, None, []

    monkeypatch.setattr(evaluate, "Run", lambda _: Folder)
    monkeypatch.setattr(evaluate, "_loaded", loaded)
    monkeypatch.setattr(evaluate.own_run, "names_today", lambda *_: ("a",))
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: evaluate.loaded_run(tmp_path, None), range(2)))
    assert (both, most) == ([("task", "bundle")] * 2, 1)
