"""The Data page with 100,000 photos: the time of a paint while scrolling, and how long the window waits.

Photos are drawn once (500 files, linked to under 100,000 names). Times of a paint are processor time of
the window's thread, so that other programs on the machine do not count; ticks are wall-clock time.

Usage: python benchmarks/data_grid.py [--photos 100000]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def percentile(values: list[float], share: float) -> float:
    """Return the value below which a share of all values lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def make_photos(folder: Path, count: int) -> None:
    """Draw 500 photos of 640 by 480 pixels and link to them under ``count`` names in 20 classes."""
    from PIL import Image

    pool = folder / "pool"
    pool.mkdir()
    for number in range(500):
        picture = Image.effect_noise((640, 480), 20 + number % 60).convert("RGB")
        picture.save(pool / f"{number}.jpg", quality=85)
    for number in range(count):
        place = folder / "photos" / f"class {number % 20:02d}"
        place.mkdir(parents=True, exist_ok=True)
        os.link(pool / f"{number % 500}.jpg", place / f"IMG_{number:06d}.jpg")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--photos", type=int, default=100_000)
    count = arguments.parse_args().photos
    with tempfile.TemporaryDirectory() as name:
        os.environ["FINETUNE_STUDIO_HOME"] = str(Path(name) / "home")
        make_photos(Path(name), count)
        measure(Path(name), count)


def measure(folder: Path, count: int) -> None:
    """Import, load, scroll, filter, sort and edit; print what each costs."""
    from PySide6.QtCore import QEventLoop, QTimer
    from PySide6.QtWidgets import QApplication

    from finetune_studio.core.dataset import Row
    from finetune_studio.core.project import Project
    from finetune_studio.gui import theme
    from finetune_studio.gui.pages.data import DataPage
    from finetune_studio.gui.pages.data.shelf import View
    from finetune_studio.gui.studio import Studio

    names = [f"class {n % 20:02d}" for n in range(count)]
    with Project(folder / "project", "image_classification") as project:
        rows = [Row(f"{name}/IMG_{n:06d}.jpg", name) for n, name in enumerate(names)]
        project.dataset.fill(rows, root=folder / "photos")
        project.dataset.divide(validation=0.15, test=0.15, seed=0)
    app = QApplication([])
    theme.apply(app, "light")
    studio = Studio()
    studio.open_project(folder / "project")
    page = DataPage(studio)
    page.resize(1240, 820)
    page.show()

    ticks: list[float] = []
    last = [time.perf_counter()]

    def tick() -> None:
        now = time.perf_counter()
        ticks.append(1000 * (now - last[0]))
        last[0] = now

    timer = QTimer()
    timer.timeout.connect(tick)
    timer.start(16)

    def until(done: Callable[[], bool], least: float = 0.3) -> float:
        begun = time.perf_counter()
        ended = 0.0
        while not ended or time.perf_counter() - begun < least:
            app.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 20)
            if not ended and done():
                ended = time.perf_counter() - begun
        return ended

    def step(what: str, act: Callable[[], object], done: Callable[[], bool]) -> None:
        app.processEvents()
        ticks.clear()
        last[0] = time.perf_counter()
        act()
        seconds = until(done)
        print(f"{what:28} {seconds:6.2f} s   ticks p99 {percentile(ticks, 0.99):5.0f} ms")

    step("load", lambda: None, lambda: page.shown.survey.total == count)
    until(lambda: not page.lane.busy, 1.0)
    grid = page.browser.grid
    bar = grid.verticalScrollBar()
    for pixels in (40, 400, 5000):
        paints: list[float] = []
        for _ in range(300):
            bar.setValue(bar.value() + pixels)
            begun = time.thread_time()
            grid.viewport().repaint()
            paints.append(1000 * (time.thread_time() - begun))
            app.processEvents()
            time.sleep(0.008)
        middle, high = percentile(paints, 0.5), percentile(paints, 0.99)
        print(f"scroll by {pixels:4} pixels        paint p50 {middle:4.1f} ms, p99 {high:4.1f} ms")
    for what, view in (
        ("one class", View(label="class 03")),
        ("all again", View()),
        ("by name", View(order="name")),
        ("by file size", View(order="size")),
    ):
        step(what, lambda view=view: page.browser._want(view), lambda: not page.lane.busy)
    grid.choose(grid.samples[10].id)
    step("exclude one", page.browser.detail.exclude_button.click, lambda: excluded(page) == 1)
    step("undo", studio.undo, lambda: excluded(page) == 0)
    studio.shutdown()


def excluded(page: object) -> int:
    """Return how many samples the page shows as excluded."""
    return page.shown.survey.excluded  # type: ignore[attr-defined]  # imported inside the function


if __name__ == "__main__":
    main()
