"""Memory is kept while it is needed again and again, and given back afterwards."""

from __future__ import annotations

import gc
import resource
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from finetune_studio.engine import allocator


def faults(times: int, size: int = 16 * 2**20) -> int:
    """Return how many pages the system had to bring for so many tensors, one after the other."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        torch.ones(size)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc has these switches")
def test_large_tensors_are_not_asked_for_anew() -> None:
    plain = faults(6)
    with allocator.keeping_memory():
        faults(16)  # until there is enough to reuse
        assert faults(6) < plain / 4
    assert faults(6) > plain / 4
    faults(20, 2**20)  # until there is enough to reuse
    assert (
        faults(20, 2**20) < 2_000
    )  # smaller ones are reused as before, not mapped anew (20,480 pages)


def test_without_glibc_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    allocator._glibc.cache_clear()
    monkeypatch.setattr(sys, "platform", "win32")
    with allocator.keeping_memory():
        assert allocator._glibc() is None
    allocator._glibc.cache_clear()


def test_a_run_looks_for_garbage_among_its_own_things_only() -> None:
    class Thing:
        def __init__(self) -> None:
            self.itself = self

    gc.collect()
    with without_collecting():
        before = weakref.ref(Thing())
        with allocator.own_garbage():
            inside = weakref.ref(Thing())
            gc.collect()
            assert inside() is None
            left = weakref.ref(Thing())
            with allocator.own_garbage():
                assert gc.get_freeze_count() > 0
            assert gc.get_freeze_count() > 0  # the outer one goes on
        assert left() is None
        assert gc.get_freeze_count() == 0
        assert before() is not None
    gc.collect()
    assert before() is None


@contextmanager
def without_collecting() -> Iterator[None]:
    """Let nothing be collected but on demand."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
