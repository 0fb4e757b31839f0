"""Reading, arranging and editing of samples in a thread, strictly one after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from PySide6.QtCore import QObject, Signal

from finetune_studio.core.dataset import Dataset
from finetune_studio.core.errors import StudioError
from finetune_studio.gui.pages.data import work
from finetune_studio.gui.pages.data.shelf import Shown, Stock, View, browse, measured
from finetune_studio.gui.pages.data.texts import Lengths
from finetune_studio.gui.studio import Studio

LOAD, VIEW, EDIT, LENGTHS = "load", "view", "edit", "lengths"
_Step = Callable[[Stock, View], tuple[Stock, Shown]]


class _Wish(NamedTuple):
    kind: str
    step: _Step


class Lane(QObject):
    """Keeps the order of what the user did: a second edit begins when the first is written.

    Signals:
        arrived: What is shown now (a Shown), and why: load, view, edit or lengths.
    """

    arrived = Signal(object, str)

    def __init__(self, studio: Studio, view: Callable[[], View], parent: QObject) -> None:
        super().__init__(parent)
        self.stock = Stock()
        self._studio = studio
        self._view = view
        self._waiting: deque[_Wish] = deque()
        self._turn = 0
        self._busy = False
        self._doing = ""
        self._after: list[Callable[[], Any]] = []

    def start_anew(self) -> None:
        """Forget the stock and what is under way, for another project."""
        self.stock = Stock()
        self._waiting.clear()
        self._after.clear()
        self._turn += 1
        self._busy = False

    def load(self, dataset: Dataset) -> None:
        """Read all samples again."""
        self._wish(LOAD, lambda stock, view: work.load(dataset, view, stock))

    def arrange(self) -> None:
        """Show another view of the same samples."""
        self._wish(VIEW, lambda stock, view: (stock, browse(stock, view)))

    def measure(self, lengths: Lengths) -> None:
        """Show how many tokens the texts have."""

        def step(stock: Stock, view: View) -> tuple[Stock, Shown]:
            counted = measured(stock, lengths)
            return counted, browse(counted, view)

        self._wish(LENGTHS, step)

    def edit(
        self, dataset: Dataset, edit: Callable[[], Any], ids: Sequence[int] | None = None
    ) -> None:
        """Carry out an edit of these samples, or of anything if they are not named."""

        def step(stock: Stock, view: View) -> tuple[Stock, Shown]:
            if ids is None:
                edit()
                return work.load(dataset, view, stock)
            return work.edited(dataset, edit, ids, stock, view)

        self._wish(EDIT, step)

    def then(self, action: Callable[[], Any]) -> None:
        """Do something in the window's thread when everything wished for so far is done."""
        self._after.append(action)

    @property
    def busy(self) -> bool:
        """Whether anything is under way."""
        return self._busy

    @property
    def editing(self) -> bool:
        """Whether an edit is under way or waits, so that what is shown lags behind."""
        at_work = self._busy and self._doing == EDIT
        return at_work or any(wish.kind == EDIT for wish in self._waiting)

    def _wish(self, kind: str, step: _Step) -> None:
        if kind != EDIT:  # only the newest of these matters
            self._waiting = deque(wish for wish in self._waiting if wish.kind != kind)
        self._waiting.append(_Wish(kind, step))
        self._go_on()

    def _go_on(self) -> None:
        if self._busy:
            return
        if not self._waiting:
            after, self._after = self._after, []
            for action in after:
                action()
            return
        self._busy = True
        wish = self._waiting.popleft()
        self._doing = wish.kind
        self._studio.ask(
            partial(wish.step, self.stock, self._view()),
            partial(self._on_result, self._turn, wish.kind),
            partial(self._on_error, self._turn),
        )

    def _on_result(self, turn: int, kind: str, result: tuple[Stock, Shown]) -> None:
        if turn != self._turn:
            return
        self._busy = False
        self.stock, shown = result
        self.arrived.emit(shown, kind)
        self._go_on()

    def _on_error(self, turn: int, error: StudioError) -> None:
        if turn != self._turn:
            return
        self._busy = False
        self._studio.troubled.emit(error)
        self._go_on()
