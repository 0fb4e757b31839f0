"""Why there is no graphics processor, for each reason that there may be."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from finetune_studio.core.errors import StudioError
from finetune_studio.engine import device, doctor, driver


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Return a computer with a PyTorch for CUDA 12.6, no driver, and nothing hidden."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", "12.6")
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(driver.sys, "platform", "linux")
    monkeypatch.setattr(driver, "installed", lambda: "")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return monkeypatch


def test_no_driver(bare: pytest.MonkeyPatch) -> None:
    assert driver.why_no_gpu() == "no graphics processor with a driver was found"


def test_a_driver_that_is_too_old(bare: pytest.MonkeyPatch) -> None:
    bare.setattr(driver, "installed", lambda: "470.223.02")
    assert driver.why_no_gpu() == "the graphics driver is 470, 525 is needed"
    assert device.choose().why.endswith(": the graphics driver is 470, 525 is needed")
    with pytest.raises(StudioError, match="the graphics driver is 470, 525 is needed"):
        device.choose("cuda")
    found = doctor._device()
    assert found.severity == "warning"
    assert "525 is needed. Renew the graphics driver" in found.message


def test_a_driver_that_would_do(bare: pytest.MonkeyPatch) -> None:
    bare.setattr(driver, "installed", lambda: "550.54.14")
    assert "550.54.14 is there, but no graphics processor answers" in driver.why_no_gpu()
    bare.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert "CUDA_VISIBLE_DEVICES hides" in driver.why_no_gpu()


def test_a_pytorch_without_cuda(bare: pytest.MonkeyPatch) -> None:
    bare.setattr(torch.version, "cuda", None)
    assert driver.why_no_gpu() == "this PyTorch has no CUDA"
    assert doctor._device().severity == "ok"
    bare.setattr(driver, "installed", lambda: "550.54.14")
    assert "the graphics driver is 550.54.14, so one with CUDA may work" in driver.why_no_gpu()


def test_a_mac(bare: pytest.MonkeyPatch) -> None:
    bare.setattr(driver.sys, "platform", "darwin")
    bare.setattr(torch.backends.mps, "is_built", lambda: True)
    assert "has Metal, but this Mac" in driver.why_no_gpu()
    bare.setattr(torch.backends.mps, "is_built", lambda: False)
    assert driver.why_no_gpu() == "this PyTorch has no Metal"


def test_a_cpu_that_was_chosen(bare: pytest.MonkeyPatch) -> None:
    bare.setattr(torch.cuda, "is_available", lambda: True)
    assert device.choose("cpu").why.endswith(": chosen although a graphics processor works here")


def test_needed_drivers() -> None:
    assert driver.needed_for("11.8") == 450
    assert driver.needed_for("12.8") in (525, 528)
    assert driver.needed_for("13.0") == 580
    assert driver.needed_for("99.1") == driver.needed_for("") == 0


def test_where_the_version_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    says = tmp_path / "version"
    text = (
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  470.223.02  Sat Oct  7 15:39:11 UTC 2023"
    )
    says.write_text(f"{text}\nGCC version:  gcc version 12.3.0\n")
    monkeypatch.setattr(driver, "_KERNEL_SAYS", says)
    assert driver.installed() == "470.223.02"
    says.unlink()
    monkeypatch.setattr(driver, "_from_library", lambda: "")
    folder = tmp_path / "bin"
    folder.mkdir()
    tool = folder / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 535.104.05\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")
    assert driver.installed() == "535.104.05"
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert driver.installed() == ""
