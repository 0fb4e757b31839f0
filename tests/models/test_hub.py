"""Fetching weights from a server on this computer: whole, in two parts, stopped, and damaged."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator

import pytest

from finetune_studio.core import settings
from finetune_studio.core.catalogue import Entry
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Downloaded, Noted, PhaseStarted, Progress
from finetune_studio.core.job import Control
from finetune_studio.models import hub

CONTENT = bytes(range(256)) * 8192  # 2 MB
SHA = hashlib.sha256(CONTENT).hexdigest()


class Server:
    """A server that can answer in several bad ways; ``asked`` holds the Range of each request."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []
        self.content = CONTENT
        self.ranges = True
        self.cut_at: int | None = None
        self.status = 200
        outer = self

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.address = f"http://127.0.0.1:{self.http.server_port}/weights"

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range")
        self.asked.append(asked)
        if self.status != 200:
            request.send_error(self.status)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.ranges else 0
        if start >= len(self.content):
            request.send_error(416)
            return
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(self.content) - start))
        request.end_headers()
        request.wfile.write(self.content[start : self.cut_at])


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    """Return a running server; proxies are passed by."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    made = Server()
    thread = threading.Thread(target=made.http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.http.shutdown()
    made.http.server_close()
    thread.join()


@pytest.fixture
def entry(monkeypatch, tmp_path) -> Entry:
    """Return a row whose file's name promises the content's checksum; the program may go online."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    settings.Settings(offline=False).save()
    facts = {"file": f"tiny-{SHA[:8]}.pth", "size_mb": 2.0, "weights": "Tiny"}
    return Entry("tiny", "Tiny", "A test.", facts=facts)


def _fetch(entry: Entry, server: Server, control: Control | None = None) -> list:
    return list(hub.fetch(entry, control or Control(), server.address))


def test_a_download_is_whole_checked_and_then_local(entry, server):
    assert hub.local(entry) is None
    events = _fetch(entry, server)
    assert isinstance(events[0], PhaseStarted)
    assert isinstance(events[-1], Downloaded)
    file = hub.local(entry)
    assert file is not None
    assert file.read_bytes() == CONTENT
    assert str(file) == events[-1].path
    progress = [e for e in events if isinstance(e, Progress)]
    assert progress[-1].done == progress[-1].total == len(CONTENT)
    assert [p.name for p in file.parent.iterdir()] == [file.name]
    assert len(server.asked) == 1
    assert [type(e) for e in _fetch(entry, server)] == [Downloaded]
    assert len(server.asked) == 1  # nothing was asked again


def test_nothing_is_asked_while_the_program_is_offline(entry, server):
    settings.Settings(offline=True).save()
    with pytest.raises(StudioError, match="set to stay offline") as caught:
        _fetch(entry, server)
    assert "Settings" in caught.value.hint
    assert server.asked == []


@pytest.mark.parametrize("ranges", [True, False], ids=["continued", "begun anew"])
def test_a_cut_connection_is_taken_up_again(entry, server, ranges):
    server.cut_at = 700_000
    with pytest.raises(StudioError, match="could not be downloaded: the connection ended"):
        _fetch(entry, server)
    assert hub.local(entry) is None
    server.cut_at, server.ranges = None, ranges
    _fetch(entry, server)
    assert server.asked == [None, "bytes=700000-"]
    file = hub.local(entry)
    assert file is not None
    assert file.read_bytes() == CONTENT


def test_a_stopped_download_keeps_what_came_and_goes_on_later(entry, server):
    control = Control()
    events = []
    for event in hub.fetch(entry, control, server.address):
        events.append(event)
        if isinstance(event, Progress):
            control.ask_stop()
    assert isinstance(events[-1], Noted)
    assert hub.local(entry) is None
    assert next(hub.folder_of_models().iterdir()).stat().st_size > 0
    _fetch(entry, server)
    assert server.asked[1] is not None
    assert hub.local(entry) is not None


def test_a_part_that_is_whole_already_is_only_checked(entry, server):
    part = hub.folder_of_models() / f"{entry.facts['file']}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT)
    assert isinstance(_fetch(entry, server)[-1], Downloaded)


def test_what_is_not_what_was_promised_is_deleted(entry, server):
    server.content = b"<html>Please log in</html>"
    with pytest.raises(StudioError, match="its checksum differs"):
        _fetch(entry, server)
    assert list(hub.folder_of_models().iterdir()) == []


def test_a_refusing_server_and_no_server_are_said_so(entry, server):
    server.status = 404
    with pytest.raises(StudioError, match="the server answered 404"):
        _fetch(entry, server)
    server.address = "http://127.0.0.1:9/nothing"
    with pytest.raises(StudioError, match="Tiny could not be downloaded") as caught:
        _fetch(entry, server)
    assert "connection" in caught.value.hint


def test_a_full_disk_is_said_before_it_is_full(entry, server, monkeypatch):
    class Usage:
        free = 1 << 20

    monkeypatch.setattr(hub.shutil, "disk_usage", lambda _path: Usage)
    with pytest.raises(StudioError, match="needs 2 MB"):
        _fetch(entry, server)


def test_what_torchvision_has_already_fetched_is_used(entry, tmp_path):
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / entry.facts["file"]).write_bytes(CONTENT)
    assert hub.local(entry) == folder / entry.facts["file"]
