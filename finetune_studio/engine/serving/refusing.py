"""What a service refuses, and in which words."""

from __future__ import annotations


class Refusal(Exception):  # noqa: N818  it is an answer, not a fault
    """A request that gets no prediction.

    Args:
        status: The HTTP status, 400 to 599.
        error: What is wrong, in a sentence.
        hint: What to do instead.
    """

    def __init__(self, status: int, error: str, hint: str = "") -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.hint = hint

    def as_json(self) -> dict[str, str]:
        """Return what the client is told."""
        return {"error": self.error, **({"hint": self.hint} if self.hint else {})}
