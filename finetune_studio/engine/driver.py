"""Which graphics driver is on this computer, and why PyTorch cannot use a graphics processor."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

# The oldest driver for each generation of CUDA, from NVIDIA's table of compatible drivers.
_NEEDED = {11: (450, 452), 12: (525, 528), 13: (580, 580)}  # Linux, Windows
_KERNEL_SAYS = Path("/proc/driver/nvidia/version")
_VERSION = re.compile(r"\b(\d{3}\.\d+(?:\.\d+)?)\b")
_PATIENCE_S = 5.0


def installed() -> str:
    """Return the version of NVIDIA's driver, such as ``550.54.14``; empty where there is none."""
    return _from_kernel() or _from_library() or _from_tool()


def _from_kernel() -> str:
    try:
        found = _VERSION.search(_KERNEL_SAYS.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ""
    return found[1] if found else ""


def _from_library() -> str:
    """Ask the driver's own library, which answers where no tool is on the path."""
    name = "nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1"
    try:
        library = ctypes.CDLL(name)
        if library.nvmlInit_v2() != 0:
            return ""
        text = ctypes.create_string_buffer(81)  # the longest version that the library gives
        answer = library.nvmlSystemGetDriverVersion(text, ctypes.c_uint(len(text)))
        library.nvmlShutdown()
    except (OSError, AttributeError):
        return ""
    return text.value.decode(errors="replace") if answer == 0 else ""


def _from_tool() -> str:
    try:
        said = subprocess.run(
            ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
            timeout=_PATIENCE_S,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    found = _VERSION.search(said)
    return found[1] if found else ""


def why_no_gpu() -> str:
    """Return why networks do not run on a graphics processor here, as words that follow a colon."""
    import torch

    if torch.cuda.is_available() or torch.backends.mps.is_available():
        return "chosen although a graphics processor works here"
    if sys.platform == "darwin":
        return _why_no_metal()
    if torch.version.hip is not None:
        return "this PyTorch is made for AMD, but no such graphics processor answers"
    driver = installed()
    if torch.version.cuda is None:
        text = "this PyTorch has no CUDA"
        return (
            f"{text}; the graphics driver is {driver}, so one with CUDA may work"
            if driver
            else text
        )
    return _why_no_cuda(driver, torch.version.cuda)


def _why_no_cuda(driver: str, cuda: str) -> str:
    """Return why a PyTorch with CUDA finds no graphics processor."""
    if not driver:
        return "no graphics processor with a driver was found"
    needed = needed_for(cuda)
    if needed and int(driver.partition(".")[0]) < needed:
        return f"the graphics driver is {driver.partition('.')[0]}, {needed} is needed"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.strip() in ("", "-1"):
        return "the variable CUDA_VISIBLE_DEVICES hides the graphics processors"
    return f"the graphics driver {driver} is there, but no graphics processor answers"


def needed_for(cuda: str) -> int:
    """Return the oldest driver for a version of CUDA such as ``12.6``; 0 where that is not known."""
    generation = cuda.partition(".")[0]
    known = _NEEDED.get(int(generation)) if generation.isdigit() else None
    return known[sys.platform == "win32"] if known else 0


def _why_no_metal() -> str:
    import torch

    if torch.backends.mps.is_built():
        return (
            "this PyTorch has Metal, but this Mac or its macOS (older than 12.3) does not serve it"
        )
    return "this PyTorch has no Metal"
