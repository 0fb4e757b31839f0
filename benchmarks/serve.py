"""An export served to 32 clients for a minute: answers a second, how long they wait, and whether any fails.

    python benchmarks/serve.py [--clients 32] [--seconds 60] [--bad 20]

The real terminal command serves MobileNetV2 with its ImageNet weights as ONNX. Each client keeps its
connection and sends real photos one after the other; every ``--bad``-th request is one that must be refused
(a pickle, a broken picture, 100 MB announced, a wrong content type). An error is anything else than the
status that is due.
"""

from __future__ import annotations

import argparse
import http.client
import json
import pickle
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import measure
from measure import CLOTHING, MOBILENET

BAD = [
    (pickle.dumps(list(range(1000))), "application/octet-stream", 422),
    (b"\xff\xd8\xff\xe0 broken", "image/jpeg", 422),
    (b"\0" * 10_000, "text/plain", 400),
    (b"<svg/>", "image/svg+xml", 422),
    (b"{}", "application/x-pickle", 415),
]


def written(folder: Path) -> Path:
    """Write the export that is served."""
    from finetune_studio.core.dataset import Labels
    from finetune_studio.core.exporter import furnish
    from finetune_studio.core.recipe import ModelChoices
    from finetune_studio.exporters.onnx import Onnx
    from finetune_studio.models import zoo
    from finetune_studio.tasks.image_classification import ImageClassification

    names = tuple(sorted(p.name for p in (CLOTHING / "validation").iterdir()))
    bundle = zoo.load(ModelChoices(source=str(MOBILENET)), "image", Labels(names), seed=0)
    bundle.network.eval()
    task = ImageClassification()
    signature = task.signature(bundle)
    folder.mkdir()
    Onnx().write(bundle, signature, folder)
    furnish(Onnx(), bundle, task.outside, folder, signature.inside)
    about = {"format": "onnx", "task": task.name, "asked": task.outside}
    (folder / "export.json").write_text(json.dumps(about), encoding="utf-8")
    return folder


class Clients:
    """Clients that ask at the same time, and what came of it."""

    def __init__(self, host: str, port: int, photos: list[bytes], bad: int) -> None:
        self._place = host, port
        self._photos = photos
        self._bad = bad
        self.waited: list[float] = []
        self.refused = 0
        self.errors: list[str] = []

    def run(self, number: int, until: float) -> None:
        """Ask until the time is over."""
        made = random.Random(number)
        line = http.client.HTTPConnection(*self._place, timeout=60)
        while time.monotonic() < until:
            bad = self._bad and made.randrange(self._bad) == 0
            body, kind, due = (
                made.choice(BAD) if bad else (made.choice(self._photos), "image/jpeg", 200)
            )
            began = time.perf_counter()
            try:
                line.request("POST", "/predict", body, {"Content-Type": kind})
                answer = line.getresponse()
                said = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.errors.append(repr(error))
                line.close()
                continue
            if answer.status != due:
                self.errors.append(f"{answer.status} instead of {due}: {said[:200]!r}")
            elif bad:
                self.refused += 1
            else:
                self.waited.append(time.perf_counter() - began)
        line.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--bad", type=int, default=20, help="one request in so many; 0 for none")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, measure.measured():
        export = written(Path(place) / "export")
        child = subprocess.Popen(
            [sys.executable, "-m", "finetune_studio", "serve", str(export), "--port", "0", "--json"],
            stdout=subprocess.PIPE, text=True, cwd=measure.ROOT,
            env=measure.surroundings(Path(place) / "home"),
        )  # fmt: skip
        try:
            asked(child, args)
        finally:
            child.kill()
            child.wait()


def asked(child: subprocess.Popen, args: argparse.Namespace) -> None:
    """Let the clients ask the service, end it as a person would, and print what happened."""
    import psutil

    assert child.stdout is not None
    started = next(e for e in map(json.loads, child.stdout) if e["event"] == "service_started")
    host, _, port = started["address"].removeprefix("http://").partition(":")
    photos = [p.read_bytes() for p in measure.pictures(CLOTHING / "validation")[::7]]
    clients = Clients(host, int(port), photos, args.bad)
    until = time.monotonic() + args.seconds
    threads = [
        threading.Thread(target=clients.run, args=(number, until)) for number in range(args.clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    memory = psutil.Process(child.pid).memory_info().rss / 2**20
    child.send_signal(signal.SIGINT)
    last = json.loads(child.communicate(timeout=60)[0].splitlines()[-1])
    waited = sorted(clients.waited)
    print(
        "| clients | seconds | answers | a second | wait, median | 19 of 20 below | refused | errors |"
    )
    print("|---|---|---|---|---|---|---|---|")
    print(
        f"| {args.clients} | {args.seconds:g} | {len(waited):,} | {len(waited) / args.seconds:.1f} |"
        f" {statistics.median(waited) * 1000:.0f} ms | {waited[int(len(waited) * 0.95)] * 1000:.0f} ms |"
        f" {clients.refused:,} | {len(clients.errors)} |"
    )
    print(
        f"\nThe service held {memory:.0f} MB, counted {last['answered']:,} answers and"
        f" {last['refused']:,} refusals, and ended with exit code {child.returncode}."
    )
    for error in clients.errors[:5]:
        print(error)


if __name__ == "__main__":
    main()
