"""Model repositories of the Hugging Face Hub: found on this computer, or fetched when the user asks."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune_studio.core import files, settings
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Downloaded, Event, Noted, PhaseStarted, Progress

if TYPE_CHECKING:
    from finetune_studio.core.catalogue import Entry
    from finetune_studio.core.job import Control

_CHUNK = 1 << 18
_SILENCE_S = 30
_WEIGHTS = re.compile(r"model(-\d+-of-\d+)?\.safetensors(\.index\.json)?")
_OLD_WEIGHTS = re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin(\.index\.json)?")
_OTHERS = re.compile(
    r"(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab"
    r"|chat_template|modules|sentence_bert_config|\d+_Pooling/config)\.json"
    r"|vocab\.txt|merges\.txt|chat_template\.jinja|[\w.]*\.model|(LICENSE|LICENCE|NOTICE)[\w.]*"
)
_TOKENIZERS = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "spm.model",
    "tokenizer.model",
    "sentencepiece.bpe.model",
)
_AGAIN = (
    "Check the connection (and the proxy, where there is one), then download again; it goes on"
    " where it ended."
)


@dataclass(frozen=True)
class _File:
    """One file of a repository; ``sha`` is a SHA-256, or git's own SHA-1 of a small file."""

    name: str
    size: int
    sha: str


# --- on this computer -----------------------------------------------------------------------------


def local(entry: Entry, models: Path) -> Path | None:
    """Return the folder of a row's repository: fetched by this program, or in Hugging Face's own cache.

    Args:
        entry: A row with ``repository``.
        models: The folder that this program fetches models into.
    """
    own = models / entry.name
    return own if whole(own) else cached(str(entry.facts["repository"]))


def cached(repository: str) -> Path | None:
    """Return the newest whole copy of a repository in Hugging Face's own cache."""
    place = _their_cache() / f"models--{repository.replace('/', '--')}"
    refs = (place / "refs" / "main", *sorted((place / "refs").glob("*")))
    named = [
        place / "snapshots" / ref.read_text(encoding="utf-8").strip()
        for ref in refs
        if ref.is_file()
    ]
    return next((folder for folder in named if whole(folder)), None)


def _their_cache() -> Path:
    """Return where the library keeps what it fetched, without loading it."""
    if os.environ.get("HF_HUB_CACHE"):
        return Path(os.environ["HF_HUB_CACHE"])
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(os.environ.get("HF_HOME", cache / "huggingface")) / "hub"


def whole(folder: Path) -> bool:
    """Whether a folder holds settings, a tokenizer, and all parts of its weights."""
    if not (folder / "config.json").is_file():
        return False
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        return False
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return (folder / "model.safetensors").is_file()
    try:
        parts = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (AttributeError, KeyError, OSError, TypeError, ValueError):
        return False
    return all((folder / str(name)).is_file() for name in parts)


# --- fetching -------------------------------------------------------------------------------------


def fetch(entry: Entry, control: Control, models: Path) -> Iterator[Event]:
    """Fetch a row's repository into a folder of this program's own; a job.

    All files are of one commit, the one that the repository names when it is asked. What came before an
    interruption is kept and gone on with. Each file takes its name only when its checksum is right, and
    the folder when all is there. Weights in the older form are read without running code and kept as
    safetensors.

    Args:
        entry: A row with ``repository``.
        control: Its stop ends the job between two pieces; what came so far stays for the next try.
        models: The folder that this program fetches models into.

    Raises:
        StudioError: If the repository is not there or not open to this user, the server does not answer,
            the disk is full, or what came is not what was promised.
    """
    part = models / f"{entry.name}.part"
    with _words(entry), files.explained(part):
        yield PhaseStarted("download", f"Asking for {entry.title}")
        commit, wanted = _listed(entry)
        part.mkdir(parents=True, exist_ok=True)
        _tidy(part, wanted)
        total = sum(file.size for file in wanted)
        _refuse_full_disk(part, total - files.folder_size(part))
        yield PhaseStarted(
            "download", f"Downloading {entry.title} ({total / 2**20:,.0f} MB)", total
        )
        done = 0
        for file in wanted:
            stopped = yield from _one(entry, file, commit, part, control, (done, total))
            if stopped:
                yield Noted(
                    f"The download of {entry.title} was stopped; the next one goes on from here."
                )
                return
            done += file.size
        yield Progress("download", total, total, 0.0)
    if (part / "pytorch_model.bin").is_file() or list(part.glob("pytorch_model-*.bin")):
        yield Noted("The weights came in an older form and are kept as safetensors.")
        _convert(part)
    place = models / entry.name
    with files.explained(place):
        origin = {"repository": entry.facts["repository"], "commit": commit}
        files.write_json(part / "origin.json", origin)
        shutil.rmtree(place, ignore_errors=True)
        part.replace(place)
    yield Downloaded(entry.name, str(place), round(files.folder_size(place) / 2**20, 1))


def _listed(entry: Entry) -> tuple[str, list[_File]]:
    """Ask the Hub for a repository's commit and files; return those that are needed."""
    found = _api().model_info(
        str(entry.facts["repository"]), files_metadata=True, timeout=_SILENCE_S
    )
    known = {
        s.rfilename: _File(s.rfilename, int(s.size or 0), s.lfs.sha256 if s.lfs else str(s.blob_id))
        for s in found.siblings or ()
    }
    new = [file for name, file in known.items() if _WEIGHTS.fullmatch(name)]
    old = [file for name, file in known.items() if _OLD_WEIGHTS.fullmatch(name)]
    others = [file for name, file in known.items() if _OTHERS.fullmatch(name)]
    if "config.json" not in known or not (new or old):
        raise StudioError(
            f"The repository of {entry.title} holds no weights that this program reads.",
            "Choose another model.",
        )
    return str(found.sha), [*others, *(new or old)]


def _one(
    entry: Entry, file: _File, commit: str, part: Path, control: Control, state: tuple[int, int]
) -> Generator[Event, None, bool]:
    """Fetch one file, unless it is there; return True if the user stopped it."""
    place = part / file.name
    if place.is_file():  # it took its name when its checksum was right
        return False
    place.parent.mkdir(parents=True, exist_ok=True)
    piece = _unfinished(part, file)
    begun = piece.stat().st_size if piece.is_file() else 0
    if begun < file.size or not file.size:
        stopped = yield from _pieces(entry, file, commit, piece, control, state)
        if stopped:
            return True
    _check(entry, file, piece)
    piece.replace(place)
    return False


def _pieces(
    entry: Entry, file: _File, commit: str, piece: Path, control: Control, state: tuple[int, int]
) -> Generator[Event, None, bool]:
    from huggingface_hub import HfApi, get_session, hf_hub_url, hf_raise_for_status

    address = hf_hub_url(
        str(entry.facts["repository"]), file.name, revision=commit, endpoint=_endpoint()
    )
    headers = HfApi(library_name="finetune-studio")._build_hf_headers(token=_token())
    headers["Accept-Encoding"] = "identity"  # sizes and places in a file are those of the file
    begun = piece.stat().st_size if piece.is_file() else 0
    if begun:
        headers["Range"] = f"bytes={begun}-"
    with get_session().stream("GET", address, headers=headers, timeout=_SILENCE_S) as answer:
        if answer.is_error:
            answer.read()
        hf_raise_for_status(answer)
        begun = begun if answer.status_code == 206 else 0
        with piece.open("ab" if begun else "wb") as opened:
            before, whole = state
            done, told, started = before + begun, 0.0, time.monotonic()
            for chunk in answer.iter_bytes(_CHUNK):
                opened.write(chunk)
                done += len(chunk)
                now = time.monotonic()
                if now - told > 0.1:
                    told = now
                    speed = (done - before - begun) / max(now - started, 1e-6)
                    yield Progress("download", done, whole, (whole - done) / max(speed, 1e-6))
                if control.stop.is_set():
                    return True
                control.wait_while_paused()
    return False


def _check(entry: Entry, file: _File, piece: Path) -> None:
    """Compare a file with the checksum that the Hub names; delete what differs."""
    size = piece.stat().st_size
    if size < file.size:
        raise ConnectionError(f"the connection ended after {size:,} of {file.size:,} bytes")
    if len(file.sha) == 64:
        with piece.open("rb") as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
    else:  # as git names a file by its content
        content = piece.read_bytes()
        found = hashlib.sha1(
            b"blob %d\0" % len(content) + content, usedforsecurity=False
        ).hexdigest()
    if found != file.sha:
        piece.unlink()
        raise StudioError(
            f"What was downloaded for {entry.title} is not what was promised"
            f" (the checksum of {file.name} differs), and was deleted.",
            "Download it again; a login page of the network may have sent something else.",
        )


def _unfinished(part: Path, file: _File) -> Path:
    return part / f"{file.name}.{file.sha[:12]}.unfinished"


def _tidy(part: Path, wanted: list[_File]) -> None:
    """Remove what an earlier try left of another commit."""
    begun = part / "wanted.json"
    now = {file.name: file.sha for file in wanted}
    try:
        before = json.loads(begun.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = {}
    kept = {part / n for n, sha in now.items() if before.get(n) == sha}
    kept |= {_unfinished(part, file) for file in wanted} | {begun}
    for place in [p for p in part.rglob("*") if p.is_file() and p not in kept]:
        place.unlink()
    files.write_json(begun, now)


def _refuse_full_disk(part: Path, needed: int) -> None:
    free = shutil.disk_usage(part).free
    if needed > free - (64 << 20):
        raise StudioError(
            f"The download needs {needed / 2**20:,.0f} MB, and {part.parent} has"
            f" {free / 2**20:,.0f} MB free.",
            "Free some space, or choose another folder for the cache in Settings.",
        )


def _convert(part: Path) -> None:
    """Turn weights in the older form into safetensors; nothing in them is run."""
    from safetensors.torch import save_file

    from finetune_studio.models import weights

    old = sorted(part.glob("pytorch_model*.bin"))
    state = {n: value for file in old for n, value in weights.read_plain(file).items()}
    with files.replacing(part / "model.safetensors") as temporary:
        plain = {name: value.contiguous().clone() for name, value in state.items()}
        save_file(plain, temporary, {"format": "pt"})
    for file in part.glob("pytorch_model*"):
        file.unlink()


# --- the connection -------------------------------------------------------------------------------


def _endpoint() -> str | None:
    return settings.load().hub_mirror.rstrip("/") or None


def _token() -> bool | None:
    """Return how to sign requests: with the user's own login, which no mirror is ever sent."""
    return False if settings.load().hub_mirror else None


def _api() -> Any:
    """Return the Hub's own interface, through the mirror and the proxy of the settings."""
    import httpx2
    from huggingface_hub import HfApi, set_client_factory

    proxy = settings.load().proxy or None
    set_client_factory(
        lambda: httpx2.Client(proxy=proxy, follow_redirects=True, timeout=_SILENCE_S)
    )
    return HfApi(endpoint=_endpoint(), token=_token(), library_name="finetune-studio")


@contextmanager
def _words(entry: Entry) -> Iterator[None]:
    """Turn what the Hub's library raises into words."""
    import httpx2
    from huggingface_hub import errors

    name, title = str(entry.facts["repository"]), entry.title
    try:
        yield
    except errors.GatedRepoError as error:
        raise _gated(title, name) from error
    except errors.RepositoryNotFoundError as error:
        if entry.facts.get("gated"):
            raise _gated(title, name) from error
        raise StudioError(
            f"The Hub has no repository {name}, or it is not open to you.",
            "It may have been renamed or removed; choose another model.",
        ) from error
    except errors.HfHubHTTPError as error:
        code = error.response.status_code
        if code in (401, 403):
            raise _gated(title, name) from error
        raise _no_answer(title, f"the server answered {code}") from error
    except errors.LocalTokenNotFoundError as error:
        raise _gated(title, name) from error
    except (httpx2.HTTPError, httpx2.InvalidURL, ConnectionError, ImportError, ValueError) as error:
        why = str(error).partition("\n")[0] or type(error).__name__
        raise _no_answer(title, why.rstrip(".")) from error


def _gated(title: str, name: str) -> StudioError:
    mirror = " A mirror is never sent your login." if settings.load().hub_mirror else ""
    return StudioError(
        f"{title} is given only to people who agreed to its licence: the Hub refused {name}.",
        "Agree on the model's page, then log in once on this computer with 'hf auth login' and"
        f" download again.{mirror}",
    )


def _no_answer(title: str, reason: str) -> StudioError:
    return StudioError(f"{title} could not be downloaded: {reason}.", _AGAIN)
