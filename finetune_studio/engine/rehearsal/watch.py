"""How much memory is held while something works: looked at again and again from a thread beside it."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

import torch

from finetune_studio.engine import device as devices

_EVERY_S = 0.02  # the fullest moment of a step lasts longer


class Watch:
    """Keeps the most memory that was held since its beginning, as ``StepDone`` counts it, in MB."""

    def __init__(self) -> None:
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, name="memory", daemon=True)
        self.peak_mb = 0.0

    def __enter__(self) -> Self:
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            torch.cuda.reset_peak_memory_stats()
        self.peak_mb = devices.memory_mb()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end.set()
        self._thread.join()
        self.peak_mb = max(self.peak_mb, devices.memory_mb())

    def _look(self) -> None:
        while not self._end.wait(_EVERY_S):
            self.peak_mb = max(self.peak_mb, devices.memory_mb())


def held_and_free_mb(device: devices.Device) -> tuple[float, float]:
    """Return the memory that this process holds, and what is free, where the network will run."""
    if device.kind == "cuda":
        free, _ = torch.cuda.mem_get_info()
        return torch.cuda.memory_allocated() / 2**20, free / 2**20
    return devices.memory_mb(), devices.free_memory_mb()
