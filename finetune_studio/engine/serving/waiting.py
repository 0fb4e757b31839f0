"""Which connections a service waits for, so that slow clients cannot keep others out."""

from __future__ import annotations

import contextlib
import math
import socket
import threading
import time


class Waiting:
    """Connections whose client is to send something: a request's head, or the rest of its body."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[socket.socket, tuple[float, float]] = {}  # since when, until when

    def begins(self, connection: socket.socket, seconds: float = math.inf) -> None:
        """Wait for a client from now on, no longer than so many seconds."""
        now = time.monotonic()
        with self._lock:
            self._until[connection] = (now, now + seconds)

    def ends(self, connection: socket.socket) -> bool:
        """Wait no more; return whether the client was in time and was not given up."""
        with self._lock:
            since_until = self._until.pop(connection, None)
        return since_until is not None and time.monotonic() <= since_until[1]

    def give_up_late(self) -> None:
        """Hang up on everybody whose time is over."""
        now = time.monotonic()
        with self._lock:
            late = [one for one, (_, until) in self._until.items() if now > until]
            for connection in late:
                _hang_up(self._until, connection)

    def give_up_slowest(self, least_s: float) -> bool:
        """Hang up on the client that has been waited for longest, at least so many seconds, if any."""
        with self._lock:
            slowest = min(self._until, key=lambda one: self._until[one][0], default=None)
            if slowest is None or time.monotonic() - self._until[slowest][0] < least_s:
                return False
            _hang_up(self._until, slowest)
        return True


def _hang_up(waited: dict[socket.socket, tuple[float, float]], connection: socket.socket) -> None:
    del waited[connection]
    with contextlib.suppress(OSError):  # its own thread, which reads, wakes and closes it
        connection.shutdown(socket.SHUT_RDWR)
