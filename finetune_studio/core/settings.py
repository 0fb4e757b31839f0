"""Preferences of this user, and where the program's own and the user's files live."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs

from finetune_studio.core.errors import StudioError
from finetune_studio.core.files import write_json

_APP = "finetune-studio"
_elsewhere: list[Path] = []  # where a rehearsal computes, so that it leaves the cache as it is


def resources() -> Path:
    """Return the folder with icons, guide, samples and starters.

    It lies beside the package in a checkout (and on a bare PYTHONPATH), inside the package in a wheel,
    and in the bundle of a frozen build.
    """
    package = Path(__file__).resolve().parents[1]
    frozen = Path(getattr(sys, "_MEIPASS", package))
    for folder in (frozen / "resources", package / "resources", package.parent / "resources"):
        if (folder / "models.toml").is_file():
            return folder
    raise StudioError(
        "The folder 'resources' of this installation is missing.", "Install the program again."
    )


def home() -> Path:
    """Return where preferences are kept; the variable FINETUNE_STUDIO_HOME moves everything."""
    moved = os.environ.get("FINETUNE_STUDIO_HOME")
    return Path(moved) if moved else Path(platformdirs.user_config_dir(_APP, appauthor=False))


def documents() -> Path:
    """Return the user's folder for documents."""
    moved = os.environ.get("FINETUNE_STUDIO_HOME")
    return Path(moved) if moved else Path(platformdirs.user_documents_dir())


@dataclass
class Settings:
    """What the user prefers; every change is saved with :meth:`save`.

    Attributes:
        theme: ``system``, ``light`` or ``dark``.
        depth: ``simple`` or ``expert``.
        offline: No socket is opened while this is on.
        hub_mirror: Address of a mirror of the Hugging Face Hub; empty for the Hub itself.
        proxy: Address of the proxy that downloads go through; empty for the environment's.
        projects: Folder in which new projects are offered.
        cache: Folder for downloaded models and computed features.
        cache_limit_mb: Room for the cache, in MB.
        recent: Project folders, the newest first.
    """

    theme: str = "system"
    depth: str = "simple"
    offline: bool = True
    hub_mirror: str = ""
    proxy: str = ""
    projects: str = ""
    cache: str = ""
    cache_limit_mb: int = 8192
    recent: tuple[str, ...] = ()

    @property
    def projects_folder(self) -> Path:
        """Return the folder in which new projects are offered."""
        if self.projects:
            return Path(self.projects)
        return documents() / "Finetune Studio"

    @property
    def cache_folder(self) -> Path:
        """Return the folder for downloaded models and computed features."""
        if self.cache:
            return Path(self.cache)
        if os.environ.get("FINETUNE_STUDIO_HOME"):
            return home() / "cache"
        return Path(platformdirs.user_cache_dir(_APP, appauthor=False))

    def remember(self, project: Path) -> None:
        """Put a project at the head of the recent ones, and save."""
        others = [item for item in self.recent if Path(item) != project]
        self.recent = (str(project), *others)[:12]
        self.save()

    def save(self) -> None:
        """Write the preferences."""
        write_json(home() / "settings.json", asdict(self))


def is_address(text: str) -> bool:
    """Whether a text can be the address of a mirror or a proxy."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def load() -> Settings:
    """Read the preferences; a missing or damaged file, or a value of the wrong kind, gives defaults."""
    found = Settings()
    try:
        values = json.loads((home() / "settings.json").read_text(encoding="utf-8"))
        kept = {f.name: values[f.name] for f in fields(Settings) if f.name in values}
    except (OSError, ValueError, TypeError):
        return found
    for name, value in kept.items():
        fitting = tuple(map(str, value)) if name == "recent" and isinstance(value, list) else value
        if type(fitting) is type(getattr(found, name)):
            setattr(found, name, fitting)
    return found


def computed_folder() -> Path:
    """Return where what is computed from samples is kept: in the cache, or in a rehearsal elsewhere."""
    return _elsewhere[-1] if _elsewhere else load().cache_folder


@contextmanager
def computing_into(folder: Path) -> Iterator[None]:
    """Let everything that is computed from samples lie in another folder while the context lasts."""
    _elsewhere.append(folder)
    try:
        yield
    finally:
        _elsewhere.remove(folder)
