"""Memory is kept while it is needed again and again, and given back afterwards."""

from __future__ import annotations

import resource
import sys

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
