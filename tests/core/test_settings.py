"""Preferences: kept, damaged, moved; and where the program finds its own files."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

import pytest

from finetune_studio.core import settings
from finetune_studio.core.errors import StudioError


def test_what_is_saved_is_loaded(private_home: Path) -> None:
    mine = settings.load()
    mine.theme, mine.offline, mine.recent = "dark", False, ("/a", "/b")
    mine.save()
    assert settings.load() == mine
    assert (private_home / "settings.json").is_file()


@pytest.mark.parametrize(
    "text", ["", "{cut", "[]", "null", '"text"', json.dumps({"theme": 3, "recent": "x", "odd": 1})]
)
def test_damaged_preferences_give_defaults(private_home: Path, text: str) -> None:
    (private_home / "settings.json").write_text(text)
    assert settings.load() == settings.Settings()


def test_one_bad_value_does_not_cost_the_others(private_home: Path) -> None:
    values = {"theme": "dark", "cache_limit_mb": "much", "offline": 1}
    (private_home / "settings.json").write_text(json.dumps(values))
    found = settings.load()
    assert found.theme == "dark"
    assert found.cache_limit_mb == settings.Settings().cache_limit_mb
    assert found.offline is True


def test_recent_projects_stand_once_newest_first(private_home: Path) -> None:
    assert private_home.exists()
    mine = settings.load()
    for number in [*range(20), 15]:
        mine.remember(Path(f"/projects/{number}"))
    found = settings.load().recent
    assert len(found) == 12
    assert found[0] == str(Path("/projects/15"))
    assert len(set(found)) == len(found)


def test_one_variable_moves_everything(private_home: Path) -> None:
    assert settings.home() == private_home
    for place in (
        settings.documents(), settings.load().cache_folder, settings.load().projects_folder,
    ):  # fmt: skip
        assert place.is_relative_to(private_home)


def test_chosen_folders_are_used() -> None:
    mine = settings.Settings(projects="/p", cache="/c")
    assert mine.projects_folder == Path("/p")
    assert mine.cache_folder == Path("/c")


def test_missing_resources_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "__file__", str(tmp_path / "package" / "core" / "settings.py"))
    with pytest.raises(StudioError, match="'resources' of this installation is missing"):
        settings.resources()


def test_resources_are_found_in_a_frozen_build_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (settings.resources() / "models.toml").is_file()
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources" / "models.toml").touch()
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert settings.resources() == tmp_path / "resources"


def test_what_is_computed_may_lie_elsewhere_for_a_while(tmp_path: Path) -> None:
    usual = settings.load().cache_folder
    assert settings.computed_folder() == usual
    with settings.computing_into(tmp_path):
        assert settings.computed_folder() == tmp_path
        assert settings.load().cache_folder == usual  # models stay where they are
    assert settings.computed_folder() == usual
    with contextlib.suppress(ValueError), settings.computing_into(tmp_path):
        raise ValueError
    assert settings.computed_folder() == usual
