"""The only error a user is ever shown."""

from __future__ import annotations


class StudioError(Exception):
    """Something the user can understand and mend.

    Args:
        message: What happened, naming the file or field, as a full sentence.
        hint: What to do next, as a full sentence.

    Attributes:
        details: The traceback, where the error came out of a job; empty otherwise.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = ""

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class FailedElsewhere(StudioError):  # noqa: N818  the fault is another process's
    """Another process of the same run failed, and says why itself.

    Args:
        message: What it says.
        hint: What to do next.
        kind: ``mendable``, ``bug`` or ``interrupted``.
    """

    def __init__(self, message: str, hint: str = "", kind: str = "mendable") -> None:
        super().__init__(message, hint)
        self.kind = kind
