"""Turns what libraries raise into words the user can act on."""

from __future__ import annotations

import errno

from finetune_studio.core.errors import StudioError


def is_bug(error: BaseException) -> bool:
    """Whether an error is a fault of the program rather than something the user can mend."""
    known = (StudioError, MemoryError, OSError)
    return not isinstance(error, known) and "out of memory" not in str(error).lower()


def explain(error: BaseException) -> StudioError:
    """Return the error as a StudioError; one we do not know keeps its own text."""
    if isinstance(error, StudioError):
        return error
    text = str(error)
    if isinstance(error, MemoryError) or "out of memory" in text.lower():
        return StudioError(
            "The memory is full.",
            "Choose a smaller batch size, a smaller model or fewer layers to retrain, then resume.",
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StudioError(
            f"The disk is full: {error.filename or text}.", "Free some space, then resume."
        )
    if isinstance(error, PermissionError):
        return StudioError(
            f"{error.filename or text} may not be read or written.",
            "Change its permissions or choose another place.",
        )
    if isinstance(error, FileNotFoundError):
        return StudioError(
            f"{error.filename or text} is not there any more.", "Find it again on the Data page."
        )
    return StudioError(
        f"Something unexpected happened ({type(error).__name__}): {text or 'no details'}.",
        "This is a fault of the program; your data and runs are safe. Please report the details.",
    )
