"""A lens: one way of looking at a run's answers, as a tab of the Inspect page beside the gallery."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from finetune_studio.core.errors import StudioError
from finetune_studio.core.task import Pair
from finetune_studio.gui.pages.inspect.results import Results
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.message import Message
from finetune_studio.insights import CATALOGUE


@dataclass(frozen=True)
class Narrowed:
    """What a lens lets the gallery show.

    Attributes:
        title: What these samples are, in words.
        ids: Which of the gallery's samples; None shows all.
        pairs: Samples with answers to be shown instead of the validation split's, in their order.
        back: Whether all samples can be shown again, where ``pairs`` are some of them.
    """

    title: str
    ids: frozenset[int] | None = None
    pairs: Sequence[Pair] | None = None
    back: bool = False


class Lens(QWidget):
    """One tab. It asks the engine off the window's thread when it is opened, and again when data change.

    Class attributes:
        name: The tab's value.
        title: What the tab says.
        heading: What stands over it.
        insight: The row of the catalogue of insights that says which tasks it suits; empty for all.
        wide: Whether it takes the room of the card beside the gallery.
        alone: Whether it takes the room of the gallery too.

    Signals:
        narrowed: What the gallery is to show: a :class:`Narrowed`, or None for everything.
        decided: Something was decided about the run's answers, which are others now.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    heading: ClassVar[str]
    insight: ClassVar[str] = ""
    wide: ClassVar[bool] = True
    alone: ClassVar[bool] = False

    narrowed = Signal(object)
    decided = Signal()

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("clear", True)
        self.studio = studio
        self.results: Results | None = None
        self._stale = True
        self._asked = 0
        self.trouble = Message()
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(8)

    # --- what subclasses say ----------------------------------------------------------------------

    def suits(self, results: Results) -> bool:
        """Whether the lens has something to show of such results."""
        return not self.insight or results.task.name in CATALOGUE[self.insight].facts["tasks"]

    def question(self, results: Results) -> Callable[[], Any] | None:  # noqa: ARG002
        """Return what is to be asked of the engine, off the window's thread; None for nothing."""
        return None

    def show_answer(self, answer: Any) -> None:
        """Show what the engine said."""

    def opened_again(self) -> None:
        """Say again what the gallery is to show, where that is not everything."""

    def unpick(self) -> None:
        """Pick nothing, without saying so."""

    # --- life ------------------------------------------------------------------------------------

    def show_results(self, results: Results) -> None:
        """Take other results; they are looked at when the tab is open."""
        self.results = results
        self._stale = True
        self._asked += 1

    def outdate(self) -> None:
        """Wait no longer for an answer that was asked for before the data changed."""
        self._asked += 1

    def entered(self) -> None:
        """Look at the results, if that was not done yet."""
        if self.results is None:
            return
        if not self._stale:
            self.opened_again()
            return
        self._stale = False
        self._asked += 1
        asked = self._asked
        if (question := self.question(self.results)) is None:
            return

        self.studio.ask(
            question, partial(self._on_answered, asked), partial(self._on_refused, asked)
        )

    def _on_answered(self, asked: int, answer: Any) -> None:
        if asked == self._asked:
            self.trouble.say("")
            self.show_answer(answer)

    def _on_refused(self, asked: int, error: StudioError) -> None:
        if asked == self._asked:
            self.say_trouble(error)

    def say_trouble(self, error: StudioError) -> None:
        """Say in place what went wrong."""
        self.trouble.say(f"{error.message} {error.hint}".strip(), "warning")

    def decide(self, action: Callable[[], Any]) -> None:
        """Carry out a decision off the window's thread; the page then reads the answers anew."""
        self.studio.ask(action, self._on_decided, self.say_trouble)

    def _on_decided(self, _: Any) -> None:
        self._stale = True
        self.decided.emit()


def sentence(role: str = "small") -> QLabel:
    """Return a label for a sentence or two; data in it are shown as plain text."""
    made = QLabel()
    made.setProperty("role", role)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(True)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
    return made
