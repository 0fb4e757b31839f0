"""The doctor: finds what is missing or does not fit, and never falls ill itself."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import pytest

from finetune_studio.core import settings
from finetune_studio.core.events import Examined
from finetune_studio.engine import doctor


def by_subject() -> dict[str, Examined]:
    return {found.subject: found for found in doctor.examine()}


def test_a_sound_installation_is_called_sound() -> None:
    found = by_subject()
    assert {"python", "torch", "device", "starter model", "disk", "preferences"} <= found.keys()
    assert not [one for one in found.values() if one.severity == "bad"]
    assert all(one.message.endswith(".") for one in found.values())


def test_missing_packages_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name in ("safetensors", "captum"):
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    found = by_subject()
    assert found["safetensors"].severity == "bad"
    assert found["captum"].severity == "warning"
    assert "where a model looked" in found["captum"].message


def test_a_pair_that_does_not_belong_together_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: ["numpy", "torch==1.0.0"])
    assert by_subject()["torch and torchvision"].severity == "bad"


def test_what_breaks_while_looking_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise FileNotFoundError("the folder 'resources' of this installation is missing")

    monkeypatch.setattr(settings, "resources", broken)
    found = by_subject()["starter model"]
    assert found.severity == "bad"
    assert "resources" in found.message


def test_preferences_that_cannot_be_written_are_bad(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor.os, "access", lambda *_: False)
    found = by_subject()["preferences"]
    assert found.severity == "bad"
    assert "may not be written" in found.message
    assert tmp_path.exists()
