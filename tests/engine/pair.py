"""Two processes that stay, so that tests of several processes pay for their imports once."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def words(rank: int, port: int) -> dict[str, str]:
    """Return what torchrun says in the environment of a process."""
    return {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1",
    }  # fmt: skip


def work(rank: int, calls: Connection) -> None:
    """Carry out acts until there are no more; an error is an answer too."""
    import torch

    torch.set_num_threads(1)
    while (call := calls.recv()) is not None:
        act, port = call
        os.environ |= words(rank, port)
        try:
            said = act()
        except BaseException as error:  # noqa: BLE001  whatever it was, the test judges it
            said = error
        calls.send(said)


class Pair:
    """Two processes that carry out the same act at the same time."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._processes, self._calls = [], []
        for rank in range(2):
            mine, theirs = context.Pipe()
            process = context.Process(target=work, args=(rank, theirs), daemon=True)
            process.start()
            theirs.close()
            self._processes.append(process)
            self._calls.append(mine)

    def __call__(self, act: Callable[[], Any], *, answers: int = 2) -> list[Any]:
        """Return what each process said; ``answers`` 1 means that only the last still lives."""
        port = free_port()
        for calls in self._calls:
            calls.send((act, port))
        for calls in self._calls[-answers:]:
            assert calls.poll(50), "a process hangs"
        return [calls.recv() for calls in self._calls[-answers:]]

    def close(self) -> None:
        for calls, process in zip(self._calls, self._processes, strict=True):
            with suppress(OSError):
                calls.send(None)
            process.join(10)
            if process.is_alive():
                process.kill()
                process.join(10)
            calls.close()
