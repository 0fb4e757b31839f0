"""Heat for the chosen sample: asked for once leafing rests, kept, and dropped if it comes too late."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from finetune_studio.core.dataset import Dataset, Sample
from finetune_studio.core.preview import Both, By, Preview, Span

_SETTLE_MS = 150  # so that leafing through a gallery asks for no heat in passing
_REST_MS = 600  # after which what is looked at is also checked
_KEPT = 64

Wanted = str | Span | By | Both | None
_Wish = tuple[str, int, str, Wanted]
Ask = Callable[[Callable[[], Any], Callable[[Any], None], Callable[[Any], None]], None]


class Heats(QObject):
    """Brings one heat at a time, and once it is looked at for a moment, whether it means anything.

    Args:
        ask: Runs a function off the window's thread: ``Studio.ask``.

    Signals:
        waiting: The heat wished for last is not known yet.
        ready: The preview with the heat wished for last.
        checked: A sentence on the heat shown last, after it.
        failed: Why there is none, in words.
    """

    waiting = Signal()
    ready = Signal(object)
    checked = Signal(str)
    failed = Signal(str)

    def __init__(self, ask: Ask, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ask = ask
        self._kept: OrderedDict[_Wish, Preview] = OrderedDict()
        self._wish: _Wish | None = None
        self._job: Callable[[], Preview] | None = None
        self._check: Callable[[], str] | None = None
        self._judged: set[_Wish] = set()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SETTLE_MS)
        self._timer.timeout.connect(self._on_settled)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._on_rested)

    def wish(self, folder: Path, sample: Sample, wanted: Wanted, dataset: Dataset | None) -> None:
        """Wish for what spoke for an answer of a run's network; any earlier wish is dropped.

        ``wanted`` is a class, or a place in a text, or two of these to stand beside each other; None stands
        for the model's own answer.
        """
        what = sample.path or json.dumps(sample.fields, sort_keys=True, default=str)
        self._wish = (str(folder), sample.id, what, wanted)
        self._check = partial(check, folder, sample, wanted, dataset)
        self._rest.stop()
        kept = self._kept.get(self._wish)
        if kept is not None:
            self._timer.stop()
            self.ready.emit(kept)
            self._rest.start()
            return
        self._job = partial(explanation, folder, sample, wanted, dataset)
        self.waiting.emit()
        self._timer.start()

    def drop(self) -> None:
        """Wish for nothing."""
        self._wish = None
        self._timer.stop()
        self._rest.stop()

    @Slot()
    def _on_settled(self) -> None:
        if self._wish is not None and self._job is not None:
            wish = self._wish
            self._ask(self._job, partial(self._on_explained, wish), partial(self._on_failed, wish))

    def _on_explained(self, wish: _Wish, preview: Preview) -> None:
        self._kept[wish] = preview
        while len(self._kept) > _KEPT:
            self._judged.discard(self._kept.popitem(last=False)[0])
        if wish == self._wish:
            self.ready.emit(preview)
            self._rest.start()

    @Slot()
    def _on_rested(self) -> None:
        wish = self._wish
        if wish is None or wish in self._judged or wish not in self._kept:
            return
        if self._check is not None:
            self._judged.add(wish)
            # A check that fails leaves the heat as it is: what was explained stays explained.
            self._ask(self._check, partial(self._on_checked, wish), lambda _: None)

    def _on_checked(self, wish: _Wish, text: str) -> None:
        if not text or (kept := self._kept.get(wish)) is None:
            return
        self._kept[wish] = replace(kept, lines=(*kept.lines, text))
        if wish == self._wish:
            self.checked.emit(text)

    def _on_failed(self, wish: _Wish, error: Any) -> None:
        if wish == self._wish:
            self.failed.emit(f"{error.message} {error.hint}".strip())


def explanation(folder: Path, sample: Sample, wanted: Wanted, dataset: Dataset | None) -> Preview:
    """Return the sample with heat on what spoke for an answer; loads the network once."""
    from finetune_studio.engine import explain

    return explain.explain(folder, sample, wanted, dataset)


def check(folder: Path, sample: Sample, wanted: Wanted, dataset: Dataset | None) -> str:
    """Return in a sentence whether an explanation depends on what was learnt; empty for nothing to say."""
    from finetune_studio.engine import explain

    return explain.check(folder, sample, wanted, dataset)
