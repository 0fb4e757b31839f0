"""A chat with a run's language model: its reply word by word, as it is now or as it was before the run."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, ReplyWritten
from finetune_studio.core.job import Control
from finetune_studio.engine import before as before_run
from finetune_studio.engine.evaluate import loaded_run
from finetune_studio.engine.run import Run

if TYPE_CHECKING:
    from finetune_studio.core.task import Bundle

_OFTEN_S = 0.05  # at most twenty statements a second, as of any job


def reply(
    run_folder: Path,
    messages: Sequence[Mapping[str, str]] | str,
    control: Control,
    *,
    before: bool = False,
    temperature: float = 0.0,
    longest: int = 0,
    seed: int = 0,
) -> Iterator[Event]:
    """Yield the reply to a conversation, longer each time, at last ``done``; stopping keeps what there is.

    Args:
        run_folder: A run that taught a language model.
        messages: The conversation, its last turn the user's; or a plain text to go on with.
        control: Stops the writing.
        before: Let the model answer as it was before the run.
        temperature: 0 always writes the likeliest; 1 draws by the model's own probabilities.
        longest: Tokens of the reply at most; 0 takes the run's own option.
        seed: Where draws come from.

    Raises:
        StudioError: If the run taught something else, has no network yet, or what it was begun from is gone.
    """
    from finetune_studio.modality import chat, generate
    from finetune_studio.modality.talks import opened_tokenizer, room_to_ask, template_of

    bundle = _bundle(Path(run_folder), before=before)
    opened, template = opened_tokenizer(bundle), template_of(bundle)
    most = longest or int(Run(Path(run_folder)).recipe.options.get("longest_reply", 256))
    room = room_to_ask(bundle, most)
    if isinstance(messages, str):
        ids = list(opened.encode(messages).ids)[-room:]
        ends = {number for number in [bundle.processor.get("eos_id")] if number is not None}
    else:
        ids = chat.prompt(opened, template, messages, room)
        ends = set(chat.ends(opened, template))
    if not messages or not ids:
        raise StudioError("There is nothing to reply to.", "Write a message first.")
    began = stated = time.perf_counter()
    text, tokens = "", 0

    def counted() -> Iterator[int]:
        nonlocal tokens
        written = generate.stream(
            bundle.network, ids, ends, most, temperature=temperature, seed=seed
        )
        for token in written:
            tokens += 1
            yield token
            if control.stop.is_set():
                return

    for text in generate.texts(opened, counted()):
        now = time.perf_counter()
        if now - stated >= _OFTEN_S:
            stated = now
            yield ReplyWritten(text.lstrip(), tokens=tokens, seconds=now - began)
    yield ReplyWritten(text.strip(), done=True, tokens=tokens, seconds=time.perf_counter() - began)


def _bundle(folder: Path, *, before: bool) -> Bundle:
    task = Run(folder).recipe.task
    if task != "causal_lm":
        raise StudioError(
            f"The run {folder} taught {task.replace('_', ' ')}, so it cannot chat.",
            "Choose a run that taught a language model.",
        )
    if not before:
        return loaded_run(folder, None)[1]
    stamp = (folder / "model.json").stat().st_mtime_ns if (folder / "model.json").is_file() else 0
    return _before(str(folder.resolve()), stamp)


@functools.lru_cache(maxsize=1)
def _before(folder: str, stamp: int) -> Bundle:  # noqa: ARG001  another run in its place is loaded anew
    """Return the network that a run was begun from: its own frozen layers without adapters, or the model.

    Raises:
        StudioError: If the model is not there any more.
    """
    return before_run.bundle_of(Path(folder))
