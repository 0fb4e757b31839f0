"""Fetching repositories from a small Hub on this computer: whole, cut, stopped, gated, through a mirror."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import huggingface_hub.constants
import pytest
import torch
from safetensors.torch import load_file

from finetune_studio.core import settings
from finetune_studio.core.catalogue import Entry
from finetune_studio.core.dataset import Labels
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Downloaded, Event, Noted, PhaseStarted, Progress
from finetune_studio.core.job import Control
from finetune_studio.core.recipe import ModelChoices
from finetune_studio.models import hub, repository, text
from tests import tiny_models
from tests.models.small_hub import SmallHub

NAME = "somebody/tiny"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SmallHub]:
    """Return a Hub with one repository; the user's own Hub cache and login are elsewhere."""
    for name in (
        "http_proxy",
        "https_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "theirs"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "no token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    made = SmallHub()
    place = tiny_models.folder(tmp_path / "served", "sentence", max_position_embeddings=8000)
    (place / "README.md").write_text("not needed")
    (place / "run_me.py").write_text("raise SystemExit")
    made.folders[NAME] = place
    settings.Settings(offline=False, hub_mirror=made.address).save()
    yield made
    huggingface_hub.close_session()
    made.close()


@pytest.fixture
def entry() -> Entry:
    return Entry(
        "tiny", "Tiny", "A test.", facts={"repository": NAME, "family": "text", "size_mb": 1.0}
    )


def _fetch(entry: Entry, control: Control | None = None) -> list[Event]:
    return list(hub.fetch(entry, control or Control()))


def _ranges(served: SmallHub) -> list[str | None]:
    return [asked for _, path, asked, _ in served.asked if path.startswith("/store/")]


def test_a_repository_is_fetched_checked_and_then_local(entry, served, capfd):
    assert hub.local(entry) is None
    events = _fetch(entry)
    place = hub.local(entry)
    assert place == hub.folder_of_models() / "tiny"
    assert isinstance(events[0], PhaseStarted)
    assert events[-1] == Downloaded("tiny", str(place), events[-1].size_mb)
    last = [e for e in events if isinstance(e, Progress)][-1]
    assert last.done == last.total == events[1].total
    names = {p.relative_to(place).as_posix() for p in place.rglob("*") if p.is_file()}
    assert names == {
        "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        "modules.json", "1_Pooling/config.json", "origin.json", "wanted.json",
    }  # fmt: skip
    assert json.loads((place / "origin.json").read_text())["commit"] == served.commit
    assert all(served.commit in path for _, path, _, _ in served.asked if "/resolve/" in path)
    count = len(served.asked)
    assert [type(e) for e in _fetch(entry)] == [Downloaded]
    assert len(served.asked) == count
    loaded = text.load(
        ModelChoices(source=str(place)), "text", text.CLASSIFY, Labels(("a", "b")), 0
    )
    assert loaded.architecture["pooling"] == "mean"
    assert capfd.readouterr() == ("", "")


def test_nothing_is_asked_while_the_program_is_offline(entry, served):
    settings.Settings(offline=True, hub_mirror=served.address).save()
    with pytest.raises(StudioError, match="set to stay offline"):
        _fetch(entry)
    assert served.asked == []


@pytest.mark.parametrize("ranges", [True, False], ids=["continued", "begun anew"])
def test_a_cut_connection_is_taken_up_again(entry, served, ranges):
    served.cut_at = 300_000
    with pytest.raises(StudioError, match="Tiny could not be downloaded") as caught:
        _fetch(entry)
    assert "goes on where it ended" in caught.value.hint
    assert hub.local(entry) is None
    served.cut_at, served.ranges = None, ranges
    _fetch(entry)
    assert _ranges(served) == [None, "bytes=262144-"]  # whole pieces were kept
    place = hub.local(entry)
    assert place is not None
    wanted = (served.folders[NAME] / "model.safetensors").read_bytes()
    assert (place / "model.safetensors").read_bytes() == wanted


def test_a_stopped_download_keeps_what_came_and_goes_on_later(entry, served):
    control = Control()
    events = []
    for event in hub.fetch(entry, control):
        events.append(event)
        if isinstance(event, Progress) and event.done > 200_000:
            control.ask_stop()
    assert isinstance(events[-1], Noted)
    assert hub.local(entry) is None
    _fetch(entry)
    begun = _ranges(served)[-1]
    assert begun is not None
    assert int(begun.removeprefix("bytes=").rstrip("-")) > 0
    assert hub.local(entry) is not None


def test_what_changed_meanwhile_is_begun_anew(entry, served):
    served.cut_at = 300_000
    with pytest.raises(StudioError):
        _fetch(entry)
    served.cut_at, served.commit = None, "b" * 40
    weights = served.folders[NAME] / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0")
    _fetch(entry)
    assert _ranges(served) == [None, None]
    place = hub.local(entry)
    assert place is not None
    assert (place / "model.safetensors").read_bytes() == weights.read_bytes()
    assert not list(place.glob("*.unfinished"))


def test_what_is_not_what_was_promised_is_deleted(entry, served):
    served.damaged = True
    with pytest.raises(StudioError, match=r"checksum of model\.safetensors differs"):
        _fetch(entry)
    assert hub.local(entry) is None
    served.damaged = False
    _fetch(entry)
    assert hub.local(entry) is not None


def _logged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_" + "x" * 34)


def test_a_gated_model_needs_the_users_own_login(entry, served, monkeypatch):
    settings.Settings(offline=False).save()
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", served.address)
    monkeypatch.setattr(
        huggingface_hub.constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        served.address + "/{repo_id}/resolve/{revision}/{filename}",
    )
    served.gated.add(NAME)
    with pytest.raises(StudioError, match="agreed to its licence") as caught:
        _fetch(entry)
    assert "hf auth login" in caught.value.hint
    _logged_in(monkeypatch)
    _fetch(entry)
    assert hub.local(entry) is not None
    assert all(login for _, path, _, login in served.asked[-3:] if "/resolve/" in path)
    stored = [login for _, path, _, login in served.asked if path.startswith("/store/")]
    assert stored == [False]  # the login stays with the Hub; where the weights lie does not get it


def test_a_mirror_never_gets_the_login(entry, served, monkeypatch):
    _logged_in(monkeypatch)
    served.gated.add(NAME)
    with pytest.raises(StudioError, match="agreed to its licence") as caught:
        _fetch(entry)
    assert "mirror" in caught.value.hint
    assert not any(login for *_, login in served.asked)


def test_a_proxy_is_gone_through(entry, served):
    settings.Settings(offline=False, hub_mirror="http://hub.invalid", proxy=served.address).save()
    _fetch(entry)  # the mirror's name leads nowhere; the proxy answers for it
    assert hub.local(entry) is not None
    assert served.asked


@pytest.mark.parametrize(
    ("status", "words"),
    [(500, "answered 500"), (403, "agreed to its licence"), (429, "answered 429")],
)
def test_a_refusing_server_is_said_so(entry, served, status, words):
    served.status = status
    with pytest.raises(StudioError, match=words):
        _fetch(entry)


def test_a_missing_repository_and_no_server_are_said_so(entry, served):
    del served.folders[NAME]
    with pytest.raises(StudioError, match="has no repository somebody/tiny"):
        _fetch(entry)
    settings.Settings(offline=False, hub_mirror="http://127.0.0.1:9").save()
    with pytest.raises(StudioError, match="could not be downloaded") as caught:
        _fetch(entry)
    assert "connection" in caught.value.hint
    settings.Settings(offline=False, hub_mirror="no address").save()
    with pytest.raises(StudioError, match="could not be downloaded"):
        _fetch(entry)


def test_a_full_disk_is_said_before_it_is_full(entry, served, monkeypatch):
    class Usage:
        free = 1 << 20

    monkeypatch.setattr(repository.shutil, "disk_usage", lambda _path: Usage)
    with pytest.raises(StudioError, match="1 MB free"):
        _fetch(entry)


def test_weights_in_the_older_form_are_kept_as_safetensors(entry, served):
    place = served.folders[NAME]
    state = load_file(place / "model.safetensors")
    torch.save(state, place / "pytorch_model.bin")
    (place / "model.safetensors").unlink()
    events = _fetch(entry)
    assert any(isinstance(e, Noted) and "older form" in e.text for e in events)
    found = hub.local(entry)
    assert found is not None
    assert not list(found.glob("*.bin"))
    kept = load_file(found / "model.safetensors")
    assert all(torch.equal(kept[name], value) for name, value in state.items())


def test_program_code_in_weights_is_refused(entry, served, tmp_path):
    class Code:
        def __reduce__(self):
            return (open, (str(tmp_path / "it ran"), "w"))

    place = served.folders[NAME]
    (place / "model.safetensors").unlink()
    torch.save({"weight": torch.zeros(2), "code": Code()}, place / "pytorch_model.bin")
    with pytest.raises(StudioError, match="contains program code"):
        _fetch(entry)
    assert hub.local(entry) is None
    assert not (tmp_path / "it ran").exists()


def test_names_that_lead_out_of_the_folder_are_not_fetched(entry, served, monkeypatch):
    monkeypatch.setattr(
        SmallHub,
        "_list",
        lambda self, request, _name: self._json(
            request,
            {
                "id": NAME,
                "sha": self.commit,
                "siblings": [
                    {"rfilename": n, "size": 2, "blobId": "0" * 40}
                    for n in ("../config.json", "a/../b.model")
                ],
            },
        ),
    )
    with pytest.raises(StudioError, match="holds no weights"):
        _fetch(entry)


def test_what_their_own_cache_holds_is_local(entry, served, tmp_path):
    place = tmp_path / "theirs" / "models--somebody--tiny"
    tiny_models.folder(place / "snapshots" / "abc", "bert")
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("abc")
    assert hub.local(entry) == place / "snapshots" / "abc"
    loaded = text.load(ModelChoices(source=NAME), "text", text.TAG, Labels(("a", "b")), 0)
    assert loaded.origin == NAME
    (place / "snapshots" / "abc" / "model.safetensors").unlink()
    assert hub.local(entry) is None
    assert served.asked == []
