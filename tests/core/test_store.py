"""Questions to a project's file wait for nobody, and see what a change leaves, never its middle."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from finetune_studio.core.dataset.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "project.sqlite")
    made.put("name", "before")
    yield made
    made.close()


def asked_elsewhere(store: Store, key: str) -> str:
    """Ask in another thread, which must not wait for this one."""
    said: list[str] = []
    thread = threading.Thread(target=lambda: said.append(store.get(key)))
    thread.start()
    thread.join(20)
    assert not thread.is_alive(), "the question waits"
    return said[0]


def test_a_question_waits_neither_for_a_change_nor_for_a_long_reading(store: Store) -> None:
    """The window stood still for seconds while 100,000 samples were read in another thread."""
    with store.change():
        store.put("name", "after")
        assert store.get("name") == "after"
        assert asked_elsewhere(store, "name") == "before"
    assert asked_elsewhere(store, "name") == "after"
    with store.reading():
        assert asked_elsewhere(store, "name") == "after"


def test_a_change_that_fails_is_seen_by_nobody(store: Store) -> None:
    def fail() -> None:
        with store.change():
            store.put("name", "after")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert store.get("name") == asked_elsewhere(store, "name") == "before"


def test_questions_of_one_reading_see_one_state_and_changes_within_it_their_own(
    store: Store,
) -> None:
    with store.reading():
        assert store.get("name") == "before"
        changing = threading.Thread(target=store.put, args=("name", "after"))
        changing.start()
        changing.join(20)
        assert not changing.is_alive(), "the change waits"
        assert store.get("name") == "before"
        with store.change():
            assert store.get("name") == "after"
            store.put("name", "last")
        with store.reading():
            assert store.get("name") == "before"
    assert store.get("name") == "last"


def test_connections_are_used_again_and_all_closed(store: Store, tmp_path: Path) -> None:
    for _ in range(20):
        asked_elsewhere(store, "name")
    assert len(store._readers) == 1
    asking, closed = threading.Event(), threading.Event()
    said = []

    def read_on() -> None:
        with store.reading():
            asking.set()
            closed.wait(20)
            said.append(store.get("name"))

    thread = threading.Thread(target=read_on)
    thread.start()
    assert asking.wait(20)
    store.close()
    closed.set()
    thread.join(20)
    assert said == ["before"]  # what was being read is read to its end
    assert store._readers == []
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        store.get("name")
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        store.put("name", "x")
    (tmp_path / "project.sqlite").unlink()


def test_many_threads_at_once_get_whole_states(store: Store) -> None:
    """Two facts that are always changed together are never seen apart."""
    store.put("left", "0")
    store.put("right", "0")
    wrong, over = [], threading.Event()

    def ask() -> None:
        while not over.is_set():
            with store.reading():
                left, right = store.get("left"), store.get("right")
            if left != right:
                wrong.append((left, right))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(200):
        with store.change():
            store.put("left", str(number))
            store.put("right", str(number))
    over.set()
    for thread in threads:
        thread.join(20)
    assert not wrong
    assert store.get("right") == "199"
