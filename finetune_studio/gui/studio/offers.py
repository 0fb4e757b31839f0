"""What a project that was just opened offers to go on with; no Qt here."""

from __future__ import annotations

from dataclasses import dataclass

from finetune_studio.gui.studio.queueing import counted

RESUME, START_QUEUE = "resume", "start_queue"
UNDO, REDO = "undo", "redo"


@dataclass(frozen=True, slots=True)
class Offer:
    """A sentence, and the button beside it."""

    text: str
    action: str
    button: str


def offer(unfinished: str, waiting: int, *, study: bool = False) -> Offer | None:
    """Return what is offered: the run that did not come to its end, the runs that wait, or nothing.

    Args:
        unfinished: The run's number; empty if there is none.
        waiting: How many runs wait.
        study: Whether the number is that of a study of several runs.
    """
    what = "Study" if study else "Run"
    if unfinished and waiting:
        text = (
            f"{what} {unfinished} did not come to its end, and {counted(waiting)} behind it."
            " It can go on where it was; then the queue goes on."
        )
        return Offer(text, RESUME, "Resume")
    if unfinished:
        text = f"{what} {unfinished} did not come to its end. It can go on where it was."
        return Offer(text, RESUME, "Resume")
    if waiting:
        return Offer(f"{counted(waiting)} in the queue.", START_QUEUE, "Start the queue")
    return None
