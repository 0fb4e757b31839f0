"""The Data page with 100,000 texts: what a paint, a search, sorting and an edit cost the window.

Texts are drawn from 5,000 made-up words, 20 to 240 words each, in 20 classes. Times of a paint are
processor time of the window's thread, so that other programs on the machine do not count; ticks and
waits are wall-clock time.

Usage: python benchmarks/text_list.py [--texts 100000]
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def percentile(values: list[float], share: float) -> float:
    """Return the value below which a share of all values lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def words() -> list[str]:
    """Return made-up words, and common ones as often as in English."""
    dice = random.Random(0)
    made = ["".join(dice.choices("abcdefghijklmnop", k=dice.randint(2, 9))) for _ in range(5000)]
    return [*made, *(["the", "of", "and", "to", "in", "is", "that"] * 50)]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--texts", type=int, default=100_000)
    count = arguments.parse_args().texts
    with tempfile.TemporaryDirectory() as name:
        os.environ["FINETUNE_STUDIO_HOME"] = str(Path(name) / "home")
        measure(Path(name), count)


def fill(folder: Path, count: int) -> None:
    """Make a project of texts."""
    from finetune_studio.core.dataset import Row
    from finetune_studio.core.project import Project

    dice, known = random.Random(1), words()

    def rows() -> Iterator[Row]:
        for n in range(count):
            text = " ".join(dice.choices(known, k=dice.randint(20, 240)))
            yield Row(
                "", f"class {n % 20:02d}", fields={"text": text, "file": "a.csv", "row": n + 2}
            )

    with Project(folder / "project", "text_classification") as project:
        project.dataset.fill(rows(), root=folder)
        project.dataset.divide(validation=0.15, test=0.15, seed=0)


def measure(folder: Path, count: int) -> None:
    """Load, scroll, search, sort, filter and edit; print what each costs."""
    from PySide6.QtCore import QEventLoop, QTimer
    from PySide6.QtWidgets import QApplication

    from finetune_studio.gui import theme
    from finetune_studio.gui.pages.data import DataPage
    from finetune_studio.gui.studio import Studio

    fill(folder, count)
    app = QApplication([])
    theme.apply(app, "light")
    studio = Studio()
    studio.open_project(folder / "project")
    page = DataPage(studio)
    page.measuring._timer.timeout.disconnect()  # tokens are another measurement
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

    def step(what: str, act: Callable[[], object], done: Callable[[], bool]) -> None:
        app.processEvents()
        ticks.clear()
        begun = last[0] = time.perf_counter()
        act()
        ended = 0.0
        while not ended or time.perf_counter() - begun < 0.3:
            app.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 20)
            if not ended and done():
                ended = time.perf_counter() - begun
        print(f"{what:28} {ended:6.2f} s   ticks p99 {percentile(ticks, 0.99):5.0f} ms", flush=True)

    def idle() -> bool:
        return not page.lane.busy

    step("load", lambda: None, lambda: page.shown.survey.total == count)
    step("settle", lambda: None, idle)
    view, browser = page.browser.texts, page.browser
    begun = time.thread_time()
    view.viewport().repaint()
    print(f"one paint                    {1000 * (time.thread_time() - begun):6.1f} ms")
    bar = view.verticalScrollBar()
    for pixels in (40, 400, 5000):
        paints: list[float] = []
        for _ in range(300):
            bar.setValue(bar.value() + pixels)
            begun = time.thread_time()
            view.viewport().repaint()
            paints.append(1000 * (time.thread_time() - begun))
            app.processEvents()
            time.sleep(0.004)
        middle, high = percentile(paints, 0.5), percentile(paints, 0.99)
        print(f"scroll by {pixels:4} pixels        paint p50 {middle:4.1f} ms, p99 {high:4.1f} ms")
    word = words()[17]
    for search in (word, word + "x", ""):
        step(f"search {search!r}", partial(browser._on_searched, search), idle)
    for order in ("longest", "place", "class", "edited"):
        step(f"order {order}", partial(browser._on_order_chosen, order), idle)
    step("filter edited", partial(browser._on_filter_chosen, "edited"), idle)
    step("show all", browser._on_all_wanted, idle)
    view.choose(page.shown.samples[5].id)
    step("relabel one", partial(page._on_labelled, "class 07"), idle)
    heading = browser.text_detail.heading
    step("select all", view.selectAll, lambda: heading.text() == f"{count:,} selected")
    page.hide()
    studio.shutdown()


if __name__ == "__main__":
    main()
