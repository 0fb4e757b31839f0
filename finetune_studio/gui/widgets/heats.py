"""Heat for the chosen sample: asked for once leafing rests, kept, and dropped if it comes too late."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from finetune_studio.core.dataset import Dataset, Sample
from finetune_studio.core.preview import By, Preview, Span

_SETTLE_MS = 150  # so that leafing through a gallery asks for no heat in passing
_KEPT = 64

_Wish = tuple[str, int, str, str | Span | By | None]
Ask = Callable[[Callable[[], Any], Callable[[Any], None], Callable[[Any], None]], None]


class Heats(QObject):
    """Brings one heat at a time.

    Args:
        ask: Runs a function off the window's thread: ``Studio.ask``.

    Signals:
        waiting: The heat wished for last is not known yet.
        ready: The preview with the heat wished for last.
        failed: Why there is none, in words.
    """

    waiting = Signal()
    ready = Signal(object)
    failed = Signal(str)

    def __init__(self, ask: Ask, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ask = ask
        self._kept: OrderedDict[_Wish, Preview] = OrderedDict()
        self._wish: _Wish | None = None
        self._job: Callable[[], Preview] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SETTLE_MS)
        self._timer.timeout.connect(self._on_settled)

    def wish(
        self, folder: Path, sample: Sample, wanted: str | Span | By | None, dataset: Dataset | None
    ) -> None:
        """Wish for what spoke for an answer of a run's network; any earlier wish is dropped.

        ``wanted`` is a class, or a place in a text; None stands for the model's own answer.
        """
        what = sample.path or json.dumps(sample.fields, sort_keys=True, default=str)
        self._wish = (str(folder), sample.id, what, wanted)
        kept = self._kept.get(self._wish)
        if kept is not None:
            self._timer.stop()
            self.ready.emit(kept)
            return
        self._job = partial(explanation, folder, sample, wanted, dataset)
        self.waiting.emit()
        self._timer.start()

    def drop(self) -> None:
        """Wish for nothing."""
        self._wish = None
        self._timer.stop()

    @Slot()
    def _on_settled(self) -> None:
        if self._wish is not None and self._job is not None:
            wish = self._wish
            self._ask(self._job, partial(self._on_explained, wish), partial(self._on_failed, wish))

    def _on_explained(self, wish: _Wish, preview: Preview) -> None:
        self._kept[wish] = preview
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        if wish == self._wish:
            self.ready.emit(preview)

    def _on_failed(self, wish: _Wish, error: Any) -> None:
        if wish == self._wish:
            self.failed.emit(f"{error.message} {error.hint}".strip())


def explanation(
    folder: Path, sample: Sample, wanted: str | Span | By | None, dataset: Dataset | None
) -> Preview:
    """Return the sample with heat on what spoke for an answer; loads the network once."""
    from finetune_studio.engine import explain

    return explain.explain(folder, sample, wanted, dataset)
