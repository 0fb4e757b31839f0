"""Keeps the progress bars and advice of the Hugging Face libraries off the terminal."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from finetune_studio.models import library

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Let transformers say nothing as long as the context lasts."""
    library.load()
    from transformers.utils import logging as theirs

    level, bars = theirs.get_verbosity(), theirs.is_progress_bar_enabled()
    theirs.set_verbosity(logging.CRITICAL)
    theirs.disable_progress_bar()
    try:
        yield
    finally:
        theirs.set_verbosity(level)
        if bars:
            theirs.enable_progress_bar()
