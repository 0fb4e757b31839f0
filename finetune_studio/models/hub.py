"""Where pretrained weights lie on this computer, and fetching them when the user asks."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune_studio.core import settings
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Downloaded, Event, Noted, PhaseStarted, Progress
from finetune_studio.core.files import explained, folder_size
from finetune_studio.models import repository

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from finetune_studio.core.catalogue import Entry
    from finetune_studio.core.job import Control

_CHUNK = 1 << 18
_SILENCE_S = 30


def local(entry: Entry) -> Path | None:
    """Return the file with a row's weights, or None if it is not on this computer.

    Looked for in this program's folder and in the one that torchvision itself fills. Of a text model
    it is the folder with weights and tokenizer.
    """
    if "package" in entry.facts:
        return _in_package(entry)
    if "repository" in entry.facts:
        return repository.local(entry, folder_of_models())
    if "card" in entry.facts:
        described = card(entry)
        if described is None:
            return None
        beside = _card_file(entry).with_name(str(described["weights"]))
        return beside if beside.is_file() else None
    for folder in (folder_of_models(), _torch_folder()):
        file = folder / str(entry.facts["file"])
        if file.is_file():
            return file
    return None


def _in_package(entry: Entry) -> Path | None:
    """Return the folder inside an installed package that brings a model, without running its code."""
    package, _, inside = str(entry.facts["package"]).partition("/")
    found = importlib.util.find_spec(package)
    places = found.submodule_search_locations if found else None
    for place in places or ():
        folder = Path(place) / inside
        if (folder / "config.json").is_file():
            return folder
    return None


def folder_of_models() -> Path:
    """Return the folder that fetched weights are kept in."""
    return settings.load().cache_folder / "models"


def _torch_folder() -> Path:
    """Return where torchvision keeps what other programs of this user have fetched."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    home = Path(os.environ.get("TORCH_HOME", cache / "torch"))
    return home / "hub" / "checkpoints"


def card(entry: Entry) -> dict[str, Any] | None:
    """Return the card of a starter that lies inside the program; None if it is not there."""
    try:
        return dict(json.loads(_card_file(entry).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def _card_file(entry: Entry) -> Path:
    return settings.resources() / str(entry.facts["card"])


def absent(entry: Entry) -> StudioError:
    """Return the error for a model whose weights are not on this computer."""
    if "card" in entry.facts:
        return StudioError(
            f"The model {entry.title!r} should lie inside the program, but its file is missing.",
            "Install Finetune Studio again, or choose another model.",
        )
    if "package" in entry.facts:
        return StudioError(
            f"The model {entry.title!r} should have been installed with the program, but is missing.",
            "Install Finetune Studio again, or choose another model.",
        )
    return StudioError(
        f"The weights of {entry.title} are not on this computer ({entry.facts['size_mb']} MB).",
        "Download them on the Model page, choose a model of your own, or the starter, which works"
        " offline.",
    )


# --- fetching -------------------------------------------------------------------------------------


def fetch(entry: Entry, control: Control, address: str | None = None) -> Iterator[Event]:
    """Fetch a row's weights into this program's folder; a job.

    What was fetched before an interruption is kept and continued. The file takes its name only when
    it is whole and its SHA-256 begins as its name says. Proxies are taken from the settings, or else
    from the environment. Of a repository of the Hub all needed files are fetched (``repository.py``).

    Args:
        entry: A row of the catalogue.
        control: Its stop ends the job between two pieces; what came so far stays for the next try.
        address: Where to fetch from; by default where torchvision's own registry says.

    Raises:
        StudioError: If the program is set to stay offline, the server does not answer, the disk is
            full or what came is not what was promised.
    """
    present = local(entry)
    if present is not None:
        yield _downloaded(entry, present)
        return
    if "card" in entry.facts or "package" in entry.facts:
        raise absent(entry)
    if settings.load().offline:
        raise StudioError(
            f"{entry.title} was not downloaded: the program is set to stay offline.",
            "Turn the offline switch off in Settings, then download again.",
        )
    if "repository" in entry.facts:
        yield from repository.fetch(entry, control, folder_of_models())
        return
    file = folder_of_models() / str(entry.facts["file"])
    part = file.with_name(f"{file.name}.part")
    with explained(file):
        file.parent.mkdir(parents=True, exist_ok=True)
    text = f"Downloading {entry.title} ({entry.facts['size_mb']:.0f} MB)"
    yield PhaseStarted("download", text, round(entry.facts["size_mb"] * 2**20))
    whole = yield from _pieces(entry, address or _address(entry), part, control)
    if not whole:
        yield Noted(f"The download of {entry.title} was stopped; the next one goes on from here.")
        return
    _check(entry, part)
    with explained(file):
        part.replace(file)
    yield _downloaded(entry, file)


def _downloaded(entry: Entry, file: Path) -> Downloaded:
    size = folder_size(file) if file.is_dir() else file.stat().st_size
    return Downloaded(entry.name, str(file), round(size / 2**20, 1))


def _address(entry: Entry) -> str:
    """Return where torchvision's registry says that the weights are."""
    from torchvision.models import get_weight

    address = str(get_weight(entry.facts["weights"]).url)
    if not address.endswith(f"/{entry.facts['file']}"):
        raise StudioError(
            f"The installed torchvision offers other weights of {entry.title} than were tested.",
            "Install the version of torchvision that this program asks for.",
        )
    return address


def _pieces(
    entry: Entry, address: str, part: Path, control: Control
) -> Generator[Event, None, bool]:
    """Append to ``part`` until it is whole; return False if the user stopped it."""
    begun = part.stat().st_size if part.exists() else 0
    try:
        with _open(address, begun) as answer:
            if answer.status != 206:  # the server begins anew, or there was nothing yet
                begun = 0
            total = begun + int(answer.headers.get("Content-Length") or 0)
            _refuse_full_disk(part, total - begun)
            with explained(part), part.open("ab" if begun else "wb") as file:
                return (yield from _copy(answer, file, begun, total, control))
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing is left to send: the part is whole already
            return True
        raise _no_answer(entry, f"the server answered {error.code} {error.reason}") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError, HTTPException) as error:
        raise _no_answer(entry, str(getattr(error, "reason", error) or error)) from error


def _open(address: str, begun: int) -> Any:
    request = urllib.request.Request(address, headers={"User-Agent": "finetune-studio"})  # noqa: S310  torchvision's own https address
    if begun:
        request.add_header("Range", f"bytes={begun}-")
    proxy = settings.load().proxy
    through = [urllib.request.ProxyHandler({"http": proxy, "https": proxy})] if proxy else []
    return urllib.request.build_opener(*through).open(request, timeout=_SILENCE_S)


def _copy(
    answer: Any, file: Any, begun: int, total: int, control: Control
) -> Generator[Event, None, bool]:
    """Copy the answer piece by piece; return False if the user stopped it."""
    done, told, started = begun, 0.0, time.monotonic()
    while piece := answer.read(_CHUNK):
        file.write(piece)
        done += len(piece)
        now = time.monotonic()
        if now - told > 0.1:
            told = now
            speed = (done - begun) / max(now - started, 1e-6)
            left = (total - done) / speed if total else None
            yield Progress("download", done, total, left)
        if control.stop.is_set():
            return False
        control.wait_while_paused()
    if done < total:
        raise ConnectionError(f"the connection ended after {done:,} of {total:,} bytes")
    yield Progress("download", done, total or done, 0.0)
    return True


def _refuse_full_disk(part: Path, needed: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if needed > free - (64 << 20):
        raise StudioError(
            f"The download needs {needed / 2**20:,.0f} MB, and {part.parent} has"
            f" {free / 2**20:,.0f} MB free.",
            "Free some space, or choose another folder for the cache in Settings.",
        )


def _no_answer(entry: Entry, reason: str) -> StudioError:
    return StudioError(
        f"{entry.title} could not be downloaded: {reason}.",
        "Check the connection (and the proxy, where there is one), then download again;"
        " it goes on where it ended.",
    )


def _check(entry: Entry, part: Path) -> None:
    """Compare the SHA-256 with the letters that the file's name ends with; delete what differs."""
    named = re.search(r"-([0-9a-f]{8,})\.", str(entry.facts["file"]))
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if named is None or not found.startswith(named[1]):
        part.unlink()
        raise StudioError(
            f"What was downloaded for {entry.title} is not what was promised"
            " (its checksum differs), and was deleted.",
            "Download it again; a login page of the network may have sent something else.",
        )
