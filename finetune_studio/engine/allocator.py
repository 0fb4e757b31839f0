"""Lets the process keep memory that it will need again at once, instead of returning it each time."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from finetune_studio.core import garbage

_TRIM, _PAD, _MAP = -1, -2, -3  # glibc's M_TRIM_THRESHOLD, M_TOP_PAD and M_MMAP_THRESHOLD
_NEVER = 2**31 - 1
_LARGEST_MAP, _LARGEST_TRIM = (
    2**25,
    2**26,
)  # where glibc's own rule ends up once large tensors were freed


_counting = threading.Lock()
_inside: list[object] = []  # the contexts of own garbage that there are


@contextmanager
def keeping_memory() -> Iterator[None]:
    """Reuse the memory of large tensors as long as the context lasts, then give it back.

    glibc asks the system for each tensor over 32 MB anew, which has to be cleared page by page: a fifth
    of the processor time of a MobileNetV2 looking at 32 pictures at a time. Elsewhere than on Linux
    nothing is done.
    """
    libc = _glibc()
    if libc is None:
        yield
        return
    libc.mallopt(_MAP, 2**30)
    libc.mallopt(_TRIM, _NEVER)
    libc.mallopt(_PAD, 2**28)  # address space, so that the next tensor fits behind the last one
    try:
        yield
    finally:
        libc.mallopt(_MAP, _LARGEST_MAP)  # a call turns the rule itself off for good
        libc.mallopt(_TRIM, _LARGEST_TRIM)
        libc.mallopt(_PAD, 2**17)
        libc.malloc_trim(0)


def give_back() -> None:
    """Give memory that nothing uses any more back to the system or the device."""
    import torch

    garbage.collect()
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    if (libc := _glibc()) is not None:
        libc.malloc_trim(0)


@contextmanager
def own_garbage() -> Iterator[None]:
    """Look for garbage only among what the context makes.

    What was there before takes a quarter of a second each time, in which no thread goes on, the window's
    neither. What the context leaves behind is looked for at its end: at the next one's beginning it would
    be old. Inside another one, nothing more is old. Whatever was set aside elsewhere counts again afterwards.
    """
    here = object()
    with _counting:
        if not _inside:
            gc.freeze()
        _inside.append(here)
    try:
        yield
    finally:
        garbage.collect()
        with _counting:
            _inside.remove(here)
            if not _inside:
                gc.unfreeze()


@cache
def _glibc() -> Any:
    """Return the C library if it is glibc, which alone has these switches."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        libc = ctypes.CDLL(None)
        libc.gnu_get_libc_version  # noqa: B018  other C libraries do not have it
    except (OSError, AttributeError):
        return None
    return libc
