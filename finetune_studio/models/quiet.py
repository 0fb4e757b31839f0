"""Keeps the progress bars and advice of the Hugging Face libraries off the terminal."""

from __future__ import annotations

import contextlib
import importlib
import logging
import threading
from typing import TYPE_CHECKING

from finetune_studio.models import library

if TYPE_CHECKING:
    from collections.abc import Iterator


_LOADING = threading.Lock()


def loaded() -> None:
    """Load transformers, one thread at a time: it finds its parts late, and not for two at once."""
    with _LOADING:
        import transformers

        assert transformers.CONFIG_MAPPING is not None
        importlib.import_module("transformers.models.auto.modeling_auto")


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
