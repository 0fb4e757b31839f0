"""Where the network runs, how exactly it computes there, and why."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil

from finetune_studio.core.errors import StudioError

if TYPE_CHECKING:
    import torch

_MB = 2**20
_SLOW_HALF = "this processor has no instructions for it, so it would be about three times slower"


@dataclass(frozen=True)
class Device:
    """A place to run.

    Attributes:
        kind: cpu, cuda or mps.
        why: Why this one, in words.
        precision: fp32, bf16 or fp16: what autocast computes in.
        number: Which of several graphics processors.
    """

    kind: str
    why: str
    precision: str = "fp32"
    number: int = 0

    @property
    def torch(self) -> torch.device:
        """Return it as torch knows it."""
        import torch

        return (
            torch.device(self.kind, self.number) if self.kind == "cuda" else torch.device(self.kind)
        )

    def autocast(self) -> Any:
        """Return the context in which the network computes."""
        import torch

        half = torch.float16 if self.precision == "fp16" else torch.bfloat16
        return torch.autocast(self.kind, dtype=half, enabled=self.precision != "fp32")

    def seed(self, number: int) -> None:
        """Let the random numbers of the processor, and of this device, come from a number.

        ``torch.manual_seed`` would do the same for every kind of device there is, and take longer than
        a step of a head.
        """
        import torch

        torch.default_generator.manual_seed(number)
        if self.kind == "cuda":
            torch.cuda.manual_seed(number)
        elif self.kind == "mps":
            torch.mps.manual_seed(number)

    def free_mb(self) -> float:
        """Return the memory that is free for a network here, in MB."""
        if self.kind == "cuda":
            import torch

            return float(torch.cuda.mem_get_info(self.torch)[0]) / _MB
        return free_memory_mb()


def choose(wish: str = "auto", precision: str = "auto", number: int = 0) -> Device:
    """Return the fastest device that works, or the one wished for.

    Args:
        wish: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        precision: ``auto`` takes half precision only where the device is fast at it.
        number: Which graphics processor, where several processes share a run.

    Raises:
        StudioError: If the device or the precision wished for does not work here.
    """
    import torch

    if wish in ("auto", "cuda") and torch.cuda.is_available():
        number %= torch.cuda.device_count()
        torch.cuda.set_device(number)
        chosen = _precision_on_cuda(precision)
        return Device("cuda", torch.cuda.get_device_name(number), chosen, number)
    if wish in ("auto", "mps") and torch.backends.mps.is_available():
        chosen = "fp32" if precision == "auto" else precision
        return Device("mps", "the graphics processor of this Mac", chosen)
    if wish in ("cuda", "mps"):
        raise StudioError(
            f"The device {wish!r} does not work here: {_why_no_gpu()}.", "Use cpu or auto."
        )
    why = f"CPU, {os.cpu_count()} cores: {_why_no_gpu()}"
    # Not bf16 by itself, even where it is faster: the same recipe gives the same numbers on every CPU.
    return Device("cpu", why, "fp32" if precision == "auto" else precision)


def _precision_on_cuda(wish: str) -> str:
    """Return bf16 where the card computes in it, fp16 on older ones: bf16 needs no loss scaling."""
    import torch

    exact = torch.cuda.is_bf16_supported(including_emulation=False)
    if wish == "bf16" and not exact:
        raise StudioError(
            "This graphics processor does not compute in bf16.",
            "Set compute.precision to fp16, fp32 or auto.",
        )
    if wish != "auto":
        return wish
    return "bf16" if exact else "fp16"


def half_is_slow(device: Device) -> str:
    """Return why half precision does not pay on this device; empty if it does or is not used."""
    if device.kind != "cpu" or device.precision == "fp32":
        return ""
    import torch

    fast = torch.cpu._is_amx_tile_supported() or (
        device.precision == "bf16" and torch.cpu._is_avx512_bf16_supported()
    )
    return "" if fast else _SLOW_HALF


def _why_no_gpu() -> str:
    from finetune_studio.engine import driver

    return driver.why_no_gpu()


def memory_mb() -> float:
    """Return the memory this process holds, in MB (on a GPU: what its tensors hold at most)."""
    import torch

    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return torch.cuda.max_memory_allocated() / _MB
    return float(psutil.Process().memory_info().rss) / _MB


def free_memory_mb() -> float:
    """Return the memory that other programs leave free, in MB."""
    return float(psutil.virtual_memory().available) / _MB
