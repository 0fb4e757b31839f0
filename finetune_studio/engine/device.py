"""Where the network runs, and why."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil

from finetune_studio.core.errors import StudioError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Device:
    """A place to run: ``kind`` is cpu, cuda or mps; ``why`` says so in words; ``half`` allows bf16."""

    kind: str
    why: str
    half: bool = False

    @property
    def torch(self) -> torch.device:
        """Return it as torch knows it."""
        import torch

        return torch.device(self.kind)

    def autocast(self) -> Any:
        """Return the context in which the network computes: bf16 where the device has it."""
        import torch

        return torch.autocast(self.kind, dtype=torch.bfloat16, enabled=self.half)


def choose(wish: str = "auto") -> Device:
    """Return the fastest device that works, or the one wished for.

    Raises:
        StudioError: If the device wished for does not work here.
    """
    import torch

    if wish in ("auto", "cuda") and torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        return Device("cuda", f"{name}", half=torch.cuda.is_bf16_supported())
    if wish in ("auto", "mps") and torch.backends.mps.is_available():
        return Device("mps", "the graphics processor of this Mac")
    if wish in ("cuda", "mps"):
        raise StudioError(
            f"The device {wish!r} does not work here: {_why_no_gpu()}.", "Use cpu or auto."
        )
    return Device("cpu", f"CPU, {os.cpu_count()} cores: {_why_no_gpu()}")


def _why_no_gpu() -> str:
    from finetune_studio.engine import driver

    return driver.why_no_gpu()


def memory_mb() -> float:
    """Return the memory this process holds, in MB (on a GPU: what its tensors hold at most)."""
    import torch

    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return torch.cuda.max_memory_allocated() / 2**20
    return float(psutil.Process().memory_info().rss) / 2**20


def free_memory_mb() -> float:
    """Return the memory that other programs leave free, in MB."""
    return float(psutil.virtual_memory().available) / 2**20
