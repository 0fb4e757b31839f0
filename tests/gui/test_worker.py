"""The thread of one job: many events arrive, failures come as words, stopping is heard."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Noted
from finetune_studio.gui.worker import Worker
from tests.gui.jobs import patient, talkative


def test_five_thousand_events_arrive_in_order(qtbot):
    heard = []
    worker = Worker(talkative(5000))
    worker.stated.connect(heard.append)
    with qtbot.waitSignal(worker.done, timeout=20_000):
        worker.start()
    qtbot.waitUntil(lambda: len(heard) == 5000, timeout=20_000)
    worker.wait()
    assert [event.text for event in heard] == [str(number) for number in range(5000)]


def test_a_failure_comes_as_words_with_the_traceback(qtbot):
    def job(control):
        yield Noted("begun")
        raise FileNotFoundError(2, "No such file", "leaf.jpg")

    worker = Worker(job)
    with qtbot.waitSignal(worker.failed, timeout=10_000) as heard:
        worker.start()
    worker.wait()
    error = heard.args[0]
    assert isinstance(error, StudioError)
    assert "leaf.jpg" in error.message
    assert error.hint
    assert "FileNotFoundError" in error.details
    assert "in job" in error.details


def test_a_waiting_job_hears_that_it_must_stop(qtbot):
    worker = Worker(patient)
    with qtbot.waitSignal(worker.stated, timeout=10_000):
        worker.start()
    worker.control.pause()
    with qtbot.waitSignal(worker.done, timeout=10_000):
        worker.ask_stop()
    worker.wait()
    assert worker.isFinished()


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux has a niceness for each thread.")
def test_a_job_and_the_threads_that_it_begins_let_the_window_go_first(qtbot):
    """Beside two busy threads the window waited up to 16 ms for its turn on two cores."""
    found = {}

    def note(who):
        found[who] = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def job(control):
        note("job")
        inner = threading.Thread(target=note, args=("its thread",))
        inner.start()
        inner.join()
        yield Noted("done")

    worker = Worker(job)
    with qtbot.waitSignal(worker.done, timeout=10_000):
        worker.start()
    worker.wait()
    note("window")
    assert found["job"] == found["its thread"] == min(19, found["window"] + 10)
