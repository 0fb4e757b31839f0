"""The service's own HTTP server: the standard library's, with limits on size, time and number."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from finetune_studio.engine.serving import bodies, pages
from finetune_studio.engine.serving.asking import Asking
from finetune_studio.engine.serving.refusing import Refusal
from finetune_studio.engine.serving.waiting import Waiting

MOST_BYTES = 20_000_000  # of a body
MOST_CONNECTIONS = 128
MOST_LARGE = 4  # bodies above the next number that are in memory at once; the others wait
LARGE_BYTES = 1_000_000
_BODY_S = 20.0  # in which a body must have come
_STILL_S = 15.0  # in which the head of the next request must have come
_SLOW_S = 1.0  # for which a client is waited for before it must make room, where there is none left
_DRAINED = (
    256_000_000  # of a body that is too large: read and thrown away, so that the refusal is heard
)
_DRAIN_S = 10.0
_GONE = (ConnectionError, TimeoutError)  # what a client that went away is told by
_log = logging.getLogger(__name__)
_LOCAL = {"127.0.0.1", "localhost", "[::1]", "::1"}


class Server(ThreadingHTTPServer):
    """Answers in a thread a connection, at most so many at a time.

    Args:
        address: Host and port; port 0 takes any that is free.
        asking: The export.
        body_s: Seconds in which a body must have come.
        head_s: Seconds in which the head of a request must have come, counted from the answer before.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    allow_reuse_address = os.name != "nt"  # there it would let two services share a port

    def __init__(
        self,
        address: tuple[str, int],
        asking: Asking,
        body_s: float = _BODY_S,
        head_s: float = _STILL_S,
    ) -> None:
        self.asking = asking
        self.body_s, self.head_s = body_s, head_s
        self.waiting = Waiting()
        self.large = threading.BoundedSemaphore(MOST_LARGE)
        self.answered = self.refused = 0
        self._room = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.local = address[0] in _LOCAL
        super().__init__(address, _Handler)
        self.url = f"http://{address[0]}:{self.server_address[1]}"

    def server_bind(self) -> None:
        """Take the port without asking a name server what this computer is called."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a connection if there is room, or a slow client that can be given up for it."""
        if not self._made_room():
            with contextlib.suppress(OSError):
                request.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
                                b"Connection: close\r\n\r\n")  # fmt: skip
            self.count(503)
            self.shutdown_request(request)
            return
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def _made_room(self) -> bool:
        if self._room.acquire(blocking=False):
            return True
        return self.waiting.give_up_slowest(_SLOW_S) and self._room.acquire(timeout=1.0)

    def service_actions(self) -> None:
        """Give up clients whose time is over; called between connections, several times a second."""
        self.waiting.give_up_late()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection to its end, and make room."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._open.discard(request)
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  the signature is socketserver's
        """Say nothing of a client that went away; any other fault goes to the log, with its place."""
        if not isinstance(sys.exception(), _GONE):
            _log.exception("A connection ended with a fault.")

    def count(self, status: int) -> None:
        """Remember what was answered."""
        with self._lock:
            if status < 400:
                self.answered += 1
            else:
                self.refused += 1

    def hang_up(self, within_s: float = _STILL_S) -> None:
        """Take nothing more from any connection, and wait until what is in hand is answered.

        A thread that still computed while the program ends would bring it down.
        """
        self._shut(socket.SHUT_RD)
        until = time.monotonic() + within_s
        while self._connected() and time.monotonic() < until:
            time.sleep(0.02)
        self._shut(socket.SHUT_RDWR)

    def _connected(self) -> bool:
        with self._lock:
            return bool(self._open)

    def _shut(self, how: int) -> None:
        with self._lock:
            still = list(self._open)
        for connection in still:
            with contextlib.suppress(OSError):
                connection.shutdown(how)


class _Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    server_version = "finetune-studio"
    sys_version = ""
    timeout = _STILL_S
    server: Server
    _unread = False  # whether a body, or a part of it, still waits to be read

    def handle_one_request(self) -> None:
        """Wait for a request and answer it; one whose head does not come in time is given up."""
        self.server.waiting.begins(self.connection, self.server.head_s)
        try:
            super().handle_one_request()
        finally:
            self.server.waiting.ends(self.connection)

    def do_GET(self) -> None:
        """Answer what is only looked at."""
        self._guarded(self._looked_at)

    def do_POST(self) -> None:
        """Answer what is asked."""
        self._guarded(self._asked)

    def do_HEAD(self) -> None:
        """Refuse: only what is answered is worth a request."""
        self._other()

    def _other(self) -> None:
        self._guarded(self._not_allowed)

    do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_TRACE = _other  # noqa: N815

    def handle_expect_100(self) -> bool:
        """Let a client that asks before it sends know at once that it is too much."""
        try:
            self._length()
        except Refusal as refused:
            self._tell(refused.status, refused.as_json(), close=True)
            return False
        return super().handle_expect_100()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Refuse what is not even HTTP, as JSON like everything else."""
        with contextlib.suppress(ValueError):
            message = message or HTTPStatus(code).phrase
        self.request_version = "HTTP/1.1"  # an answer without a head would be no answer
        self._tell(code, {"error": f"{message or 'The request is broken'}."}, close=True)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep no record of who asked what."""

    # --- what is asked ----------------------------------------------------------------------------

    def _guarded(self, work: Any) -> None:
        if not self.server.waiting.ends(self.connection):
            self.close_connection = True  # given up: what came last is no whole request
            return
        sent = "Content-Length" in self.headers or "Transfer-Encoding" in self.headers
        self._unread = sent or self.command == "POST"
        try:
            self._known_caller()
            work()
        except Refusal as refused:
            self._refuse(refused)
        except _GONE:
            self.close_connection = True
        except Exception:  # noqa: BLE001  a bug must not end the service
            _log.exception("The service failed at a request.")
            self._tell(500, {"error": "The service failed at this request."}, close=True)

    def _known_caller(self) -> None:
        """Refuse what a page of another site has sent through the user's browser.

        Raises:
            Refusal: If the request names another host or comes from another site.
        """
        host = self.headers.get("Host", "")
        name = urlsplit(f"//{host}").hostname or ""
        if self.server.local and name not in _LOCAL:
            raise Refusal(403, "This service answers to its own address only.", self.server.url)
        origin = self.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != host:
            raise Refusal(403, "Pages of other sites may not ask this service.")

    def _looked_at(self) -> None:
        asking, path = self.server.asking, urlsplit(self.path).path
        if path in ("/", "/docs"):
            text = pages.page(asking, self.server.url, MOST_BYTES)
            self._send(200, text.encode(), "text/html; charset=utf-8")
        elif path == "/openapi.json":
            self._tell(200, pages.openapi(asking, MOST_BYTES))
        elif path == "/about":
            self._tell(200, asking.about)
        elif path == "/health":
            self._tell(200, {"status": "ok", "answered": self.server.answered})
        elif path == "/predict":
            self._not_allowed()
        else:
            raise Refusal(404, "There is nothing here.", "See / for what there is.")

    def _not_allowed(self) -> None:
        raise Refusal(405, f"{self.command} is not taken here.", "POST to /predict.")

    def _asked(self) -> None:
        if urlsplit(self.path).path != "/predict":
            raise Refusal(404, "There is nothing here.", "POST to /predict.")
        with self._turn():
            given = bodies.given(self._body(), self.headers.get("Content-Type", ""))
            said = self.server.asking.answer(given)
        self._tell(200, said)

    # --- bodies -----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Let a large body wait until there is room for it in memory; small ones need not."""
        if self._length() <= LARGE_BYTES:
            yield
            return
        if not self.server.large.acquire(timeout=self.server.body_s):
            raise Refusal(503, "Too many large requests at once.", "Send it again later.")
        try:
            yield
        finally:
            self.server.large.release()

    def _length(self) -> int:
        if "Transfer-Encoding" in self.headers or "Content-Length" not in self.headers:
            raise Refusal(411, "The length of the body is not said.", "Send a Content-Length.")
        said = self.headers.get_all("Content-Length", [])
        if len(said) != 1 or not said[0].isascii() or not said[0].isdigit():
            raise Refusal(400, "The length of the body is no number.", "Send one Content-Length.")
        if int(said[0]) > MOST_BYTES:
            raise Refusal(
                413,
                f"The body has {int(said[0]):,} bytes; {MOST_BYTES:,} are taken.",
                "Send a smaller picture or a part of the text.",
            )
        return int(said[0])

    def _body(self) -> bytes:
        left, parts = self._length(), []
        until = time.monotonic() + self.server.body_s
        self.server.waiting.begins(self.connection)
        while left:
            self.connection.settimeout(max(0.01, until - time.monotonic()))
            try:
                part = self.rfile.read1(min(left, 65536))
            except TimeoutError as error:
                raise Refusal(408, "The body did not come in time.", "Send it again.") from error
            if not part:
                raise Refusal(400, "The body was cut off.", "Send it again.")
            if time.monotonic() > until and left > len(part):
                raise Refusal(408, "The body did not come in time.", "Send it again.")
            parts.append(part)
            left -= len(part)
        self.server.waiting.ends(self.connection)
        self.connection.settimeout(_STILL_S)
        self._unread = False
        return b"".join(parts)

    def _drain(self) -> None:
        """Throw away the rest of a refused body: a client that still sends would not hear the refusal."""
        until, left = time.monotonic() + _DRAIN_S, _DRAINED
        self.connection.settimeout(1.0)
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            while left > 0 and time.monotonic() < until:
                part = self.rfile.read1(65536)
                if not part:
                    return
                left -= len(part)

    # --- answers ----------------------------------------------------------------------------------

    def _refuse(self, refused: Refusal) -> None:
        with contextlib.suppress(OSError):
            self._tell(refused.status, refused.as_json(), close=self._unread)
            if self._unread:
                self._drain()

    def _tell(self, status: int, values: Any, *, close: bool = False) -> None:
        text = json.dumps(values, ensure_ascii=False, default=float)
        self._send(status, text.encode(), "application/json; charset=utf-8", close=close)

    def _send(self, status: int, content: bytes, kind: str, *, close: bool = False) -> None:
        self.server.count(status)
        self.close_connection = self.close_connection or close or self._unread
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
            **({"Connection": "close"} if self.close_connection else {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
