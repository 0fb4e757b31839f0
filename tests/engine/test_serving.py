"""A service answers many at once, refuses what is no request, and never reads a file of this computer."""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import json
import pickle
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from finetune_studio.core.dataset import Labels
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import ServiceEnded, ServiceStarted
from finetune_studio.core.exporter import furnish
from finetune_studio.core.job import Control
from finetune_studio.engine.serving import pages, serve, service
from finetune_studio.engine.serving import server as serving
from finetune_studio.engine.serving.asking import Asking
from finetune_studio.engine.serving.refusing import Refusal
from finetune_studio.exporters import opened
from finetune_studio.exporters.onnx import Onnx
from finetune_studio.tasks.image_classification import ImageClassification
from tests.engine.conftest import small_bundle


def write_export(folder: Path) -> Path:
    """Write a small export by hand; it is served, not proven."""
    bundle = small_bundle(Labels(("red", "green", "blue")), 0)
    bundle.network.eval()
    signature = ImageClassification().signature(bundle)
    folder.mkdir()
    Onnx().write(bundle, signature, folder)
    furnish(Onnx(), bundle, ImageClassification.outside, folder, signature.inside)
    about = {"format": "onnx", "task": "image_classification", "asked": ImageClassification.outside}
    (folder / "export.json").write_text(json.dumps(about))
    return folder


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_export(tmp_path_factory.mktemp("served") / "my export")


@contextlib.contextmanager
def served(folder: Path) -> Iterator[tuple[str, int]]:
    """Serve an export in a thread; the service ends with the context."""
    control, started = Control(), threading.Event()
    stated: list[object] = []

    def run() -> None:
        for event in serve(folder, control, port=0):
            stated.append(event)
            if isinstance(event, ServiceStarted):
                started.set()

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(30)
    address = next(e for e in stated if isinstance(e, ServiceStarted)).address
    host, _, port = address.removeprefix("http://").partition(":")
    try:
        yield host, int(port)
    finally:
        control.ask_stop()
        thread.join(10)
        assert not thread.is_alive()
        assert isinstance(stated[-1], ServiceEnded)


@pytest.fixture(scope="module")
def place(export: Path) -> Iterator[tuple[str, int]]:
    with served(export) as found:
        yield found


@pytest.fixture(scope="module")
def picture() -> bytes:
    from PIL import Image

    made = io.BytesIO()
    Image.radial_gradient("L").resize((80, 60)).convert("RGB").save(made, "JPEG")
    return made.getvalue()


def post(
    place: tuple[str, int], body: bytes, kind: str | None, path: str = "/predict", **headers: str
) -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection(*place, timeout=20)
    try:
        sent = {**({"Content-Type": kind} if kind else {}), **headers}
        connection.request("POST", path, body, sent)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def form(name: str, content: bytes) -> bytes:
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="a.jpg"\r\n\r\n'
    return head.encode() + content + b"\r\n--x--\r\n"


def test_every_way_of_sending_a_picture_gives_the_same_answer(
    place: tuple[str, int], picture: bytes
) -> None:
    ways = [
        (picture, "image/jpeg"),
        (picture, "application/octet-stream"),
        (form("file", picture), "multipart/form-data; boundary=x"),
        (json.dumps({"picture": base64.b64encode(picture).decode()}).encode(), "application/json"),
        (
            json.dumps(
                {"picture": "data:image/jpeg;base64," + base64.b64encode(picture).decode()}
            ).encode(),
            "application/json; charset=utf-8",
        ),
    ]
    found = [post(place, *way) for way in ways]
    assert [status for status, _ in found] == [200] * len(ways), found
    for _, said in found:
        assert said["label"] in ("red", "green", "blue")
        assert said["probabilities"] == found[0][1]["probabilities"]
        assert sum(said["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def huge_picture() -> bytes:
    """Return a picture that says it has 500 million pixels, in a few bytes."""
    from PIL import Image

    made = io.BytesIO()
    Image.new("1", (25000, 20000)).save(made, "PNG")
    return made.getvalue()


@pytest.mark.parametrize(
    ("body", "kind", "status", "words"),
    [
        (pickle.dumps({"a": [1, 2]}), "application/octet-stream", 422, "not a picture"),
        (pickle.dumps({"a": 1}), "application/x-pickle", 415, "not taken"),
        (b"\xff\xd8\xff cut off", "image/jpeg", 422, "cannot be read"),
        (b"\0" * 5000, "text/plain", 400, "zero bytes"),
        (b"/etc/passwd", "text/plain", 415, "no picture"),
        (b'{"picture": "/etc/passwd"}', "application/json", 400, "base64"),
        (b'{"picture": 7}', "application/json", 400, "base64"),
        (b'{"text": "a"}', "application/json", 400, "no picture"),
        (b"{", "application/json", 400, "JSON"),
        (b"[" * 100_000, "application/json", 400, "JSON"),
        (b"[1]", "application/json", 400, "no object"),
        (b"--x\r\nhalf", "multipart/form-data; boundary=x", 400, "broken"),
        (b"--x--", "multipart/form-data", 400, "boundary"),
        (b"", "image/png", 400, "no body"),
        (b"x", None, 415, "content type"),
        (b"<a/>", "application/xml", 415, "application/xml"),
    ],
)
def test_bad_payloads_are_refused_in_words(
    place: tuple[str, int], body: bytes, kind: str | None, status: int, words: str
) -> None:
    found, said = post(place, body, kind)
    assert found == status, said
    assert words in str(said["error"])
    assert "Traceback" not in json.dumps(said)


def test_a_picture_of_500_million_pixels_is_refused_before_it_is_decoded(
    place: tuple[str, int],
) -> None:
    status, said = post(place, huge_picture(), "image/png")
    assert status == 413
    assert "64 million pixels" in str(said["error"])


def test_a_hundred_megabytes_are_refused_and_the_client_hears_it(place: tuple[str, int]) -> None:
    status, said = post(place, bytes(100_000_000), "image/jpeg")
    assert status == 413
    assert "100,000,000 bytes" in str(said["error"])


def raw(place: tuple[str, int], text: bytes) -> bytes:
    """Send bytes as they are, then read to the end."""
    with socket.create_connection(place, timeout=20) as line:
        line.sendall(text)
        found = b""
        with contextlib.suppress(ConnectionResetError):
            while part := line.recv(65536):
                found += part
        return found


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("Content-Type: image/png\r\n", b"411"),
        ("Transfer-Encoding: chunked\r\n", b"411"),
        ("Content-Length: minus one\r\n", b"400"),
        ("Content-Length: 3\r\nContent-Length: 4\r\n", b"400"),
    ],
)
def test_bodies_without_a_plain_length_are_refused(
    place: tuple[str, int], head: str, status: bytes
) -> None:
    text = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}Connection: close\r\n\r\n"
    found = raw(place, text.encode())
    assert found.startswith(b"HTTP/1.1 " + status), found
    assert b'"error"' in found


def test_what_is_no_http_is_refused_as_json(place: tuple[str, int]) -> None:
    found = raw(place, b"\x16\x03\x01 hello\r\n\r\n")
    assert b"400" in found.splitlines()[0]
    assert b'"error"' in found


def test_a_body_that_never_comes_is_given_up(export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving.Server.__init__, "__defaults__", (0.3, 15.0))
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
    with served(export) as place:
        began = time.monotonic()
        found = raw(place, head + b"Content-Length: 1000\r\n\r\nhalf")
        assert found.startswith(b"HTTP/1.1 408"), found
        assert time.monotonic() - began < 10
        # The client that hangs up half-way harms nobody.
        with socket.create_connection(place, timeout=5) as line:
            line.sendall(head + b"Content-Length: 1000\r\n\r\nhalf")
        assert post(place, b"x", "image/png")[0] == 422


def test_a_client_that_goes_away_leaves_no_trace_and_a_fault_does(
    export: Path,
    picture: bytes,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    reset = struct.pack("ii", 1, 0)  # closing throws away what is not read, and the server hears it
    with served(export) as place:
        for body in (b"half", picture):
            with socket.create_connection(place, timeout=5) as line:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
                length = 1000 if body == b"half" else len(body)
                line.sendall(HEAD + f"Content-Length: {length}\r\n\r\n".encode() + body)
        assert post(place, b"x", "image/png")[0] == 422
    assert not caplog.records
    assert "Traceback" not in capfd.readouterr().err

    def broken(*_: object) -> object:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(Asking, "answer", broken)
    with served(export) as place:
        assert post(place, picture, "image/jpeg")[0] == 500
    assert "a fault of ours" in caplog.text


HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"


def test_a_head_that_comes_letter_by_letter_is_given_up(
    export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving.Server.__init__, "__defaults__", (20.0, 0.5))
    with served(export) as place, socket.create_connection(place, timeout=20) as line:
        began = time.monotonic()
        ended = False
        while not ended and time.monotonic() - began < 12:
            with contextlib.suppress(OSError):
                line.sendall(b"X")  # each letter comes in time; the head as a whole never does
            readable, _, _ = select.select([line], [], [], 0.1)
            try:
                ended = bool(readable) and line.recv(1) == b""
            except ConnectionResetError:
                ended = True
        assert ended
        assert post(place, b"x", "image/png")[0] == 422  # others are answered


def test_slow_clients_do_not_keep_others_out(
    export: Path, picture: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_SLOW_S", 0.0)
    half = [b"POST /pre", HEAD + b"X-Long", HEAD + b"Content-Length: 1000\r\n\r\nhalf"]
    with served(export) as place, contextlib.ExitStack() as lines:
        for number in range(serving.MOST_CONNECTIONS):
            line = lines.enter_context(socket.create_connection(place, timeout=20))
            line.sendall(half[number % len(half)])
        answers = [post(place, picture, "image/jpeg")[0] for _ in range(10)]
    assert answers == [200] * 10


def test_large_bodies_wait_their_turn_while_small_ones_are_answered(
    export: Path, picture: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "MOST_LARGE", 1)
    large = picture + bytes(2 * serving.LARGE_BYTES)
    found: list[int] = []
    head = HEAD + f"Content-Length: {len(large)}\r\nConnection: close\r\n\r\n".encode()
    asking = Asking(opened(export), export)
    with (
        service._listening(asking, "127.0.0.1", 0) as server,
        socket.create_connection((place := ("127.0.0.1", server.server_port)), timeout=20) as first,
    ):
        first.sendall(head + large[: serving.LARGE_BYTES])
        while server.large.acquire(blocking=False):  # until the first has its turn
            server.large.release()
        second = threading.Thread(
            target=lambda: found.append(post(place, large, "image/jpeg")[0]), daemon=True
        )
        second.start()
        for _ in range(5):
            assert post(place, picture, "image/jpeg")[0] == 200
        assert found == []  # its body is not read yet: another is in memory
        first.sendall(large[serving.LARGE_BYTES :])
        assert first.recv(65536).startswith(b"HTTP/1.1 200")
        second.join(20)
    assert found == [200]


def test_other_sites_may_not_ask_through_the_browser(
    place: tuple[str, int], picture: bytes
) -> None:
    assert post(place, picture, "image/jpeg", Origin="http://evil.example")[0] == 403
    assert post(place, picture, "image/jpeg", Host="evil.example")[0] == 403
    own = f"http://127.0.0.1:{place[1]}"
    assert post(place, picture, "image/jpeg", Origin=own)[0] == 200


def get(place: tuple[str, int], path: str, method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(*place, timeout=20)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_it_describes_itself(place: tuple[str, int]) -> None:
    status, text = get(place, "/openapi.json")
    told = json.loads(text)
    assert status == 200
    assert told["openapi"].startswith("3.")
    assert "image/*" in told["paths"]["/predict"]["post"]["requestBody"]["content"]
    status, text = get(place, "/")
    assert status == 200
    assert b"<script" not in text
    assert b"red, green, blue" in text
    assert json.loads(get(place, "/about")[1])["labels"] == ["red", "green", "blue"]
    assert get(place, "/nothing")[0] == 404
    assert get(place, "/predict")[0] == 405
    assert get(place, "/predict", "DELETE")[0] == 405


def test_thirty_two_clients_ask_for_some_seconds_without_an_error(
    place: tuple[str, int], picture: bytes
) -> None:
    until = time.monotonic() + 5
    found: list[int] = []
    errors: list[Exception] = []

    def client() -> None:
        connection = http.client.HTTPConnection(*place, timeout=30)
        try:
            while time.monotonic() < until:
                connection.request("POST", "/predict", picture, {"Content-Type": "image/jpeg"})
                answer = connection.getresponse()
                answer.read()
                found.append(answer.status)
        except (OSError, http.client.HTTPException) as error:
            errors.append(error)
        finally:
            connection.close()

    clients = [threading.Thread(target=client) for _ in range(32)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    assert not errors
    assert set(found) == {200}
    assert len(found) >= 32


class Echo:
    """A use that says what reached the network, to see what a service makes of a request."""

    does = "repeats"

    def __init__(self, thing: str) -> None:
        self.thing = thing

    def look(self, given: object) -> object:
        return given

    def ask(self, seen: object) -> dict[str, object]:
        return {"label": None, "certainty": None, "probabilities": {}, "answer": {"seen": seen}}

    def why(self, text: str, error: Exception) -> str:
        return str(error)


TURN = {"role": "user", "content": "hello"}


@pytest.mark.parametrize(
    ("thing", "given", "seen"),
    [
        ("text", "/etc/passwd", "/etc/passwd"),  # words, not the file
        ("text", {"text": "a text"}, "a text"),
        (
            "question",
            {"question": "who", "context": "ada", "more": 1},
            {"question": "who", "context": "ada"},
        ),
        ("conversation", {"messages": [TURN]}, [TURN]),
        ("conversation", "hello", [TURN]),
        ("text", {"text": 7}, 400),
        ("text", {"text": "a\0b"}, 400),
        ("text", {"text": " "}, 400),
        ("text", {"text": "a" * 200_001}, 413),
        ("text", b"bytes", 415),
        ("question", "who", 415),
        ("question", {"question": "who"}, 400),
        ("conversation", {"messages": [{"role": "root", "content": "x"}]}, 400),
        ("conversation", {"messages": []}, 400),
    ],
)
def test_texts_are_taken_as_words_and_bad_ones_refused(
    tmp_path: Path, thing: str, given: object, seen: object
) -> None:
    (tmp_path / "export.json").write_text("{}")
    asking = Asking(Echo(thing), tmp_path)
    if isinstance(seen, int):
        with pytest.raises(Refusal) as caught:
            asking.answer(given)
        assert caught.value.status == seen
    else:
        assert asking.answer(given)["answer"]["seen"] == seen
    assert f"one {thing}" in json.dumps(pages.openapi(asking, 1000))
    assert "<script" not in pages.page(asking, "http://127.0.0.1:1", 1000)


def test_a_taken_port_and_a_folder_without_an_export_are_said_so(
    place: tuple[str, int], export: Path, tmp_path: Path
) -> None:
    with pytest.raises(StudioError, match="taken by another program"):
        list(serve(export, Control(), port=place[1]))
    with pytest.raises(StudioError, match="neither a run nor an export"):
        list(serve(tmp_path, Control(), port=0))


def test_the_terminal_serves_without_torch_and_ends_well_at_ctrl_c(
    export: Path, picture: bytes
) -> None:
    program = (
        "import signal, sys; sys.modules['torch'] = None\n"
        # Where the tests run in the background, Ctrl+C is ignored and so by their children.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from finetune_studio.cli import main\n"
        f"sys.exit(main(['serve', {str(export)!r}, '--port', '0', '--json']))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdout is not None
    try:
        address = ""
        for line in child.stdout:
            event = json.loads(line)
            if event["event"] == "service_started":
                address = event["address"]
                break
        host, _, port = address.removeprefix("http://").partition(":")
        found: list[int] = []
        enough = threading.Event()

        def busy() -> None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                while True:  # until the service ends
                    found.append(post((host, int(port)), picture, "image/jpeg")[0])
                    if len(found) >= 20:
                        enough.set()

        clients = [threading.Thread(target=busy) for _ in range(8)]
        for client in clients:
            client.start()
        assert enough.wait(60)
        child.send_signal(signal.SIGINT)
        said, errors = child.communicate(timeout=60)
        for client in clients:
            client.join()
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 0, errors
    assert json.loads(said.splitlines()[-1])["event"] == "service_ended"
    assert json.loads(said.splitlines()[-1])["answered"] >= 20
    assert set(found) == {200}
    assert errors == ""
