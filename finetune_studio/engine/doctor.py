"""The doctor: what is installed on this computer, and whether it works together."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Callable

from packaging.requirements import Requirement

from finetune_studio.core import settings
from finetune_studio.core.events import Examined

_NEEDED = ("torch", "torchvision", "transformers", "safetensors", "numpy", "pillow", "pydantic")
_FOR_SOME = {
    "onnx": "ONNX export",
    "onnxscript": "the newer way of ONNX export",
    "onnxruntime": "proving and running ONNX exports",
    "captum": "showing where a model looked",
    "PySide6-Essentials": "the window",
    "pyqtgraph": "the plots in the window",
}


def examine() -> list[Examined]:
    """Return what was looked at, in the order in which it matters."""
    found = [_python(), *(_package(name) for name in _NEEDED)]
    found += [_optional(name, what) for name, what in _FOR_SOME.items()]
    found += [_guarded("torch and torchvision", _pair), _guarded("device", _device)]
    found += [
        _guarded("starter model", _starter),
        _guarded("disk", _disk),
        _guarded("preferences", _home),
    ]
    return found


def _guarded(subject: str, look: Callable[[], Examined]) -> Examined:
    try:
        return look()
    except Exception as error:  # noqa: BLE001  the doctor reports what is broken, whatever it is
        return Examined(subject, "broken", "bad", f"This does not work: {error}")


def _python() -> Examined:
    version = platform.python_version()
    fine = (3, 11) <= sys.version_info[:2] <= (3, 13)
    text = f"Python {version} on {platform.system()} {platform.machine()}."
    return Examined("python", version, "ok" if fine else "warning", text)


def _package(name: str) -> Examined:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Examined(name, "missing", "bad", f"{name} is missing: install the program again.")
    return Examined(name, version, "ok", f"{name} {version}.")


def _optional(name: str, what: str) -> Examined:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        text = f"{name} is missing; without it this does not work: {what}."
        return Examined(name, "missing", "warning", text)
    return Examined(name, version, "ok", f"{name} {version}, for {what}.")


def _pair() -> Examined:
    subject = "torch and torchvision"
    torch = importlib.metadata.version("torch")
    vision = importlib.metadata.version("torchvision")
    wanted = [
        Requirement(text)
        for text in importlib.metadata.requires("torchvision") or ()
        if text.startswith("torch") and not text.startswith("torchvision")
    ]
    if any(not need.specifier.contains(torch.split("+")[0]) for need in wanted):
        text = f"torchvision {vision} needs {wanted[0]}, but torch {torch} is installed."
        return Examined(subject, f"{torch} / {vision}", "bad", f"{text} Install a matching pair.")
    import torchvision  # noqa: F401  a wheel for another device fails here

    return Examined(subject, f"{torch} / {vision}", "ok", "The two belong together and load.")


def _device() -> Examined:
    from finetune_studio.engine import device, driver

    chosen = device.choose()
    text = f"Training runs on: {chosen.why}."
    fits = chosen.kind != "cpu" or not driver.installed()
    if fits:
        return Examined("device", chosen.kind, "ok", text)
    help_ = "Renew the graphics driver, or install a PyTorch that fits it, to train faster."
    return Examined("device", chosen.kind, "warning", f"{text} {help_}")


def _starter() -> Examined:
    file = settings.resources() / "starters" / "image_starter.safetensors"
    if not file.is_file():
        return Examined("starter model", "missing", "bad", "The embedded starter model is missing.")
    size = file.stat().st_size / 2**20
    return Examined("starter model", f"{size:.1f} MB", "ok", "The embedded starter model is there.")


def _disk() -> Examined:
    folder = settings.load().projects_folder
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 2**30
    text = f"{free:.0f} GB are free where projects are kept."
    return Examined("disk", f"{free:.0f} GB", "ok" if free > 2 else "warning", text)


def _home() -> Examined:
    folder = settings.home()
    place = folder if folder.exists() else folder.parent
    while not place.exists():
        place = place.parent
    fine = os.access(place, os.W_OK)
    text = f"Preferences are kept in {folder}" + ("." if fine else ", which may not be written.")
    return Examined("preferences", str(folder), "ok" if fine else "bad", text)
