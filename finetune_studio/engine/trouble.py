"""Turns what libraries raise into words the user can act on."""

from __future__ import annotations

import errno

from finetune_studio.core.errors import StudioError

_ONE_VALUE = "Expected more than 1 value per channel"
_MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory")


def is_memory(error: BaseException) -> bool:
    """Whether an error says that the memory of the computer or of its graphics processor is full."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(words in text for words in _MEMORY_WORDS)


def smaller(size: int) -> str:
    """Say that fewer samples are computed at a time from now on."""
    many = f"{size} samples" if size > 1 else "1 sample"
    return f"The memory was full; from now on {many} at a time are computed. Nothing was lost."


def is_bug(error: BaseException) -> bool:
    """Whether an error is a fault of the program rather than something the user can mend."""
    known = isinstance(error, StudioError | OSError) or _ONE_VALUE in str(error)
    return not known and not is_memory(error)


def explain(error: BaseException) -> StudioError:
    """Return the error as a StudioError; one we do not know keeps its own text."""
    if isinstance(error, StudioError):
        return error
    text = str(error)
    if is_memory(error):
        return StudioError(
            "The memory is full.",
            "Choose a smaller batch size, a smaller model or fewer layers to retrain, then resume.",
        )
    if isinstance(error, OSError):
        return _refused(error)
    if _ONE_VALUE in text:
        return StudioError(
            "This network cannot learn from one sample at a time: its batch norms need two at least.",
            "Choose a batch size of 2 or more (and fewer parts of a batch).",
        )
    return StudioError(
        f"Something unexpected happened ({type(error).__name__}): {text or 'no details'}.",
        "This is a fault of the program; your data and runs are safe. Please report the details.",
    )


def _refused(error: OSError) -> StudioError:
    """Say what the operating system refused."""
    what = error.filename or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StudioError(f"The disk is full: {what}.", "Free some space, then resume.")
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return StudioError(
            f"{what} may not be read or written.",
            "Change its permissions or choose another place.",
        )
    if isinstance(error, FileNotFoundError):
        return StudioError(f"{what} is not there any more.", "Find it again on the Data page.")
    reason = error.strerror or type(error).__name__
    return StudioError(
        f"The computer refused to read or write{f' {what}' if error.filename else ''}: {reason}.",
        "Check that the drive is connected and the path is right, then try again.",
    )
