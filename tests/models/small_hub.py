"""A Hugging Face Hub on this computer: the few answers that fetching a model needs."""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import threading
from pathlib import Path


class SmallHub:
    """Serves repositories from folders; it can cut, refuse, damage and redirect.

    Attributes:
        asked: What was asked: method, path, Range and whether a login came along.
        folders: The files of each repository.
        gated: Repositories that want a login.
        cut_at: After so many bytes of a weights file the connection ends.
        damaged: Whether a byte of the weights is wrong.
        content_host: Where weights are really served from, as the Hub's own store does; "" for here.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str | None, bool]] = []
        self.folders: dict[str, Path] = {}
        self.gated: set[str] = set()
        self.commit = "a" * 40
        self.cut_at: int | None = None
        self.damaged = False
        self.ranges = True
        self.status = 0
        outer = self

        class Answer(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.answer(self)

            def do_HEAD(self) -> None:
                outer.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.http.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(
            target=self.http.serve_forever, kwargs={"poll_interval": 0.02}
        )
        self.thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        if request.path.startswith("http://"):  # asked as a proxy
            path = "/" + path.split("/", 3)[3]
        login = "authorization" in request.headers
        self.asked.append((request.command, path, request.headers.get("Range"), login))
        if self.status:
            self._refuse(request, self.status)
        elif listed := re.fullmatch(r"/api/models/([^/]+/[^/]+)(/revision/[^/]+)?", path):
            self._list(request, listed[1])
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([0-9a-f]+)/(.+)", path):
            self._file(request, found[1], found[3], login=login)
        elif stored := re.fullmatch(r"/store/([^/]+/[^/]+)/(.+)", path):
            self._send(request, self.folders[stored[1]] / stored[2])
        else:
            self._refuse(request, 404)

    def _list(self, request: http.server.BaseHTTPRequestHandler, name: str) -> None:
        folder = self.folders.get(name)
        if folder is None:
            self._refuse(request, 401, "RepoNotFound")
            return
        siblings = []
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            content = file.read_bytes()
            one = {
                "rfilename": file.relative_to(folder).as_posix(),
                "size": len(content),
                "blobId": hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest(),
            }
            if file.suffix in (".safetensors", ".bin"):
                sha = hashlib.sha256(content).hexdigest()
                one["lfs"] = {"sha256": sha, "size": len(content), "pointerSize": 134}
            siblings.append(one)
        self._json(request, {"id": name, "sha": self.commit, "siblings": siblings})

    def _file(
        self, request: http.server.BaseHTTPRequestHandler, name: str, file: str, *, login: bool
    ) -> None:
        place = self.folders[name] / file
        if name in self.gated and not login:
            self._refuse(request, 401, "GatedRepo")
        elif not place.is_file():
            self._refuse(request, 404, "EntryNotFound")
        elif place.suffix in (".safetensors", ".bin"):
            request.send_response(302)
            request.send_header(
                "Location", f"http://localhost:{self.http.server_port}/store/{name}/{file}"
            )
            request.send_header("Content-Length", "0")
            request.end_headers()
        else:
            self._send(request, place)

    def _send(self, request: http.server.BaseHTTPRequestHandler, place: Path) -> None:
        content = place.read_bytes()
        large = place.suffix in (".safetensors", ".bin")
        if self.damaged and large:
            content = content[:-1] + bytes([content[-1] ^ 1])
        asked = request.headers.get("Range")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.ranges else 0
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(content) - start))
        request.end_headers()
        if request.command == "HEAD":
            return
        if self.cut_at is not None and large:
            request.wfile.write(content[start : self.cut_at])
            request.close_connection = True
        else:
            request.wfile.write(content[start:])

    def _json(self, request: http.server.BaseHTTPRequestHandler, value: object) -> None:
        content = json.dumps(value).encode()
        request.send_response(200)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    def _refuse(
        self, request: http.server.BaseHTTPRequestHandler, status: int, code: str = ""
    ) -> None:
        request.send_response(status)
        if code:
            request.send_header("X-Error-Code", code)
        request.send_header("Content-Length", "0")
        request.end_headers()
