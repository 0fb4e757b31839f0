"""What every test shares: a private home, the shared folder where there is one, and no thread left behind."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # several threads collapse on a busy machine

CHECKOUT = Path(__file__).resolve().parents[1]
SHARED = CHECKOUT.parent / "shared"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs the shared folder where it is absent, and say so."""
    if (SHARED / "data").is_dir():
        return
    skip = pytest.mark.skip(
        reason="the folder 'shared' with real photos is not beside this checkout"
    )
    for item in items:
        if "shared" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def private_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep preferences, caches and projects of tests away from the user's own."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("FINETUNE_STUDIO_HOME", str(home))
    return home


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Fail a test that leaves one of our threads running."""
    before = set(threading.enumerate())
    yield
    left = [t for t in threading.enumerate() if t not in before and t.is_alive() and not t.daemon]
    for thread in left:
        thread.join(timeout=5)
    assert not [t.name for t in left if t.is_alive()]


@pytest.fixture(autouse=True)
def garbage_in_the_windows_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    """Look for garbage as the window does, where a test has one; what Qt made ends in no other thread."""
    if "qapp" not in request.fixturenames:
        yield
        return
    from finetune_studio.gui.garbage import GarbageKeeper

    keeper = GarbageKeeper(request.getfixturevalue("qapp"))
    yield
    keeper.stop()


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Leave no garbage of windows to tests without one, whose threads would destroy it."""
    if "qapp" in getattr(item, "fixturenames", ()) and (
        nextitem is None or "qapp" not in getattr(nextitem, "fixturenames", ())
    ):
        gc.collect()


@pytest.fixture
def shared() -> Path:
    """Return the folder with real photos, texts and weights."""
    return SHARED


@pytest.fixture
def leaves() -> Path:
    """Return the embedded sample: a folder a class."""
    return CHECKOUT / "resources" / "samples" / "leaves"
