"""How soon the window paints, and how evenly it ticks while a model is trained behind it.

    python benchmarks/window.py

First paint: fresh processes, alternating with an empty QMainWindow, medians and their ratio. Ticks: a
timer of 16 ms in the window's thread while the embedded sample is really trained, once on cached
features (head only) and once through the network (last stage, frozen layers not cached), each time
after the same window with nothing to do, alone and beside processes that keep all processors busy (what a
window sees there that has nothing to do itself). What is reported is the time from one tick to the next, and
how many times the idle window's p99 the training one has.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from finetune_studio.gui.main_window import MainWindow
    from finetune_studio.gui.studio import Studio

_LONGEST_MS = 150  # a longer gap is felt
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

_OURS = """
import sys, time
from PySide6.QtCore import QTimer
from finetune_studio import app
from finetune_studio.gui import theme
from finetune_studio.gui.main_window import MainWindow
from finetune_studio.gui.studio import Studio
application = app.make_application()
studio = Studio()
theme.apply(application, studio.settings.theme)
window = MainWindow(studio)
window.resize(1440, 900)
def painted():
    print(time.time(), time.process_time(), "torch" in sys.modules, "pyqtgraph" in sys.modules)
    window.close()
window.first_painted.connect(painted)
window.show()
application.exec()
"""
_EMPTY = """
import time
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QMainWindow
class Empty(QMainWindow):
    def paintEvent(self, event):
        super().paintEvent(event)
        QTimer.singleShot(0, painted)
def painted():
    print(time.time(), time.process_time(), False, False)
    window.close()
application = QApplication([])
window = Empty()
window.resize(1440, 900)
window.show()
application.exec()
"""


def first_paint(program: str) -> tuple[float, float, bool]:
    """Return wall and processor seconds up to the first paint, and whether anything heavy came."""
    begun = time.time()
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    return float(told[0]) - begun, float(told[1]), "True" in told[2:]


def _open() -> tuple[Studio, MainWindow]:
    """Open the window with the embedded sample on its training page, everything warmed up."""
    from finetune_studio import app
    from finetune_studio.gui.main_window import MainWindow
    from finetune_studio.gui.studio import Studio

    app.make_application()
    studio = Studio()
    window = MainWindow(studio)
    window.resize(1440, 900)
    window.show()
    window.warm_up()  # as the application does after its first paint
    _until(lambda: not studio.asking)
    studio.troubled.connect(lambda error: print(error, error.details, file=sys.stderr))
    studio.open_sample()
    _until(lambda: not studio.busy)
    window.show_page("train")
    return studio, window


def ticks_while_idle(seconds: float) -> list[float]:
    """Return the gaps between ticks in ms while nobody does anything."""
    from PySide6.QtCore import QEventLoop, Qt, QTimer

    studio, window = _open()
    _until(lambda: _at_rest(studio))
    times: list[float] = []
    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(lambda: times.append(time.perf_counter()))
    loop = QEventLoop()
    timer.start(16)
    QTimer.singleShot(int(1000 * seconds), loop.quit)
    loop.exec()
    timer.stop()
    window.close()
    return [1000 * (later - earlier) for earlier, later in pairwise(times)]


@contextmanager
def all_busy() -> Iterator[None]:
    """Keep all processors busy with processes that let others go first, as the training's threads do."""
    spin = "import os\nif hasattr(os, 'nice'): os.nice(10)\nwhile True: pass"
    spinning = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


def _at_rest(studio: Studio) -> bool:
    """Say whether all that opening set off has come to its end; an estimate takes some ten seconds."""
    resting = 0.0
    while resting < 2.0 and not (studio.asking or studio.busy):
        _pause(100)
        resting += 0.1
    return resting >= 2.0


def ticks_while_training(settings: dict[str, object], seconds: float) -> tuple[list[float], str]:
    """Train the sample with these choices; return the gaps between ticks in ms, and the speed."""
    from PySide6.QtCore import QEventLoop, Qt, QTimer

    from finetune_studio.core.events import RunFinished, StepDone

    studio, window = _open()
    studio.set_recipe(settings)
    gaps: list[float] = []
    steps: list[StepDone] = []
    loop = QEventLoop()
    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    last = [0.0]

    def tick() -> None:
        now = time.perf_counter()
        if (
            steps and last[0]
        ):  # loading the network is another matter: it comes before the first step
            gaps.append(1000 * (now - last[0]))
        last[0] = now

    def hear(event: object) -> None:
        if isinstance(event, StepDone):
            steps.append(event)
            if event.seconds > seconds:
                studio.stop_training()
        if isinstance(event, RunFinished):
            loop.quit()

    timer.timeout.connect(tick)
    timer.start(16)
    studio.run_stated.connect(hear)
    studio.job_failed.connect(lambda *_: loop.quit())
    studio.start_training()
    loop.exec()
    timer.stop()
    _until(lambda: not studio.busy)
    window.close()
    rate = statistics.median(step.samples_per_second for step in steps) if steps else 0.0
    return gaps, f"{rate:,.0f} samples/s"


def _until(condition) -> None:
    while not condition():
        _pause(50)


def _pause(milliseconds: int) -> None:
    from PySide6.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def share(values: list[float], part: float) -> float:
    """Return the value below which that part of the values lies."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeat", type=int, default=7, help="processes a side")
    parser.add_argument("--seconds", type=float, default=15.0, help="of training a case")
    arguments = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory() as home:
        os.environ["FINETUNE_STUDIO_HOME"] = home
        ours, empty = [], []
        for _ in range(arguments.repeat + 1):
            ours.append(first_paint(_OURS))
            empty.append(first_paint(_EMPTY))
            assert not ours[-1][2], "torch or pyqtgraph was loaded before the first paint"
        print("first paint            median   worst    of it processor   (goal: median 1.0 s)")
        medians = []
        for title, runs in (("our window", ours[1:]), ("empty QMainWindow", empty[1:])):
            walls = [run[0] for run in runs]  # without the first, which warms the disk
            medians.append(statistics.median(walls))
            processor = statistics.median(run[1] for run in runs)
            print(f"{title:<22} {medians[-1]:.2f} s   {max(walls):.2f} s   {processor:.2f} s")
        busy = f", other programs keep {os.getloadavg()[0]:.1f} cores busy" * hasattr(
            os, "getloadavg"
        )
        print(f"ratio {medians[0] / medians[1]:.2f} on {os.cpu_count()} cores{busy}")
        print()
        print("ticks of 16 ms                     p50     p95     p99     worst   p99 to idle")
        for title, goal, settings in (
            (
                "head only, cached features",
                2.5,
                {"layers.amount": "head_only", "optimiser.epochs": 1000, "stop.early": False},
            ),
            (
                "last stage, nothing cached",
                1.5,
                {
                    "layers.amount": "last_stage",
                    "compute.cache": "off",
                    "optimiser.epochs": 100,
                    "stop.early": False,
                },
            ),
        ):
            idle = ticks_while_idle(arguments.seconds)
            print(f"{'idle, just before':<32} {_figures(idle)}")
            with all_busy():
                beside = ticks_while_idle(arguments.seconds)
            print(f"{'idle, all processors busy':<32} {_figures(beside)}")
            gaps, speed = ticks_while_training(settings, arguments.seconds)
            if not gaps:
                print(f"{title:<32}  no ticks: the run did not begin")
                continue
            ratio = share(gaps, 0.99) / share(idle, 0.99)
            kept = "reached" if ratio <= goal and max(gaps) <= _LONGEST_MS else "MISSED"
            print(
                f"{title:<32} {_figures(gaps)}{ratio:6.2f}  {speed}, {len(gaps)} ticks "
                f"(must: {goal} times, none over {_LONGEST_MS} ms: {kept})"
            )
        if hasattr(os, "getloadavg"):
            print(f"load average {os.getloadavg()[0]:.1f} at the end")


def _figures(gaps: list[float]) -> str:
    values = [share(gaps, part) for part in (0.5, 0.95, 0.99)] + [max(gaps)]
    return "".join(f"{value:6.1f}  " for value in values)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # torch's compiler would bury the figures under messages of its own on the way out
