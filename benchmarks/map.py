"""Measures the map of samples: frames a second while it is moved, zoomed and hovered over.

    QT_QPA_PLATFORM=offscreen python benchmarks/map.py [--points 50000] [--size 700x600]

Each frame is painted as the window paints it (``QWidget.grab`` adds a copy of the picture on top).
"""

from __future__ import annotations

import argparse
import os
import statistics
import time

import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=50_000)
    parser.add_argument("--size", default="700x600")
    parser.add_argument("--frames", type=int, default=120)
    arguments = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QPointF
    from PySide6.QtGui import QPixmap
    from PySide6.QtWidgets import QApplication

    from finetune_studio.gui import theme
    from finetune_studio.gui.widgets.point_map import PointMap

    app = QApplication([])
    wide, high = map(int, arguments.size.split("x"))
    rng = np.random.default_rng(0)
    groups = rng.uniform(-0.8, 0.8, (10, 2))
    kinds = rng.integers(0, 10, arguments.points)
    places = (groups[kinds] + rng.normal(0, 0.08, (arguments.points, 2))).clip(-1, 1)
    made = PointMap()
    made.resize(wide, high)
    made.show_points(places)
    colours = [*theme.series(), *theme.series()][:10]
    made.colour(kinds, colours, [(f"class {n}", c) for n, c in enumerate(colours)])
    target = QPixmap(wide, high)

    def frame(step) -> float:
        began = time.perf_counter()
        step()
        made.render(target)
        app.processEvents()
        return 1000 * (time.perf_counter() - began)

    middle = QPointF(wide / 2, high / 2)
    steps = {
        "move": lambda: made.move_by(3, 2),
        "zoom": lambda: made.zoom_at(middle, 1.01),
        "hover": lambda: made._hover(QPointF(rng.uniform(0, wide), rng.uniform(0, high))),
    }
    for name, step in steps.items():
        made.show_all()
        frame(step)
        took = sorted(frame(step) for _ in range(arguments.frames))
        half, slow = statistics.median(took), took[int(0.95 * len(took))]
        print(
            f"{name}: {arguments.points:,} points at {wide} x {high}: {half:.1f} ms a frame"
            f" ({1000 / half:.0f} a second), 95 % within {slow:.1f} ms"
        )


if __name__ == "__main__":
    main()
