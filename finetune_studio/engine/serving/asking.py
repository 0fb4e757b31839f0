"""Asks an export what a service was sent; never a file of this computer, whatever a text says."""

from __future__ import annotations

import io
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

from finetune_studio.core.exporter import Use
from finetune_studio.engine.serving.refusing import Refusal

MOST_LETTERS = 200_000
MOST_PIXELS = 64_000_000  # of a picture that is decoded: several may come at once
_MOST_TURNS = 200


class Asking:
    """One export that many threads ask.

    Args:
        use: How its model is asked.
        folder: The export.
    """

    def __init__(self, use: Use, folder: Path) -> None:
        self._use = use
        self._turns = threading.Semaphore(max(1, os.cpu_count() or 1))
        self.thing = use.thing
        self.does = use.does
        about = json.loads((folder / "export.json").read_text(encoding="utf-8"))
        labels = folder / "labels.json"
        self.about = {
            "name": folder.name,
            "format": str(about.get("format", "")),
            "task": str(about.get("task", "")),
            "labels": json.loads(labels.read_text("utf-8")) if labels.is_file() else [],
        }

    def answer(self, given: bytes | str | dict[str, Any]) -> dict[str, Any]:
        """Return the model's answer as plain values.

        Raises:
            Refusal: If it is not what the model takes, or cannot be read.
        """
        meant = self._meant(given)
        with self._turns:
            began = time.perf_counter()
            try:
                said = self._use.ask(self._use.look(meant))
            except Exception as error:  # what is damaged makes decoders raise anything at all
                raise Refusal(
                    422,
                    f"The {self.thing} cannot be read: {self._use.why('', error)}.",
                    "Try another.",
                ) from error
            seconds = round(time.perf_counter() - began, 6)
        return {**said, "seconds": seconds}

    def _meant(self, given: bytes | str | dict[str, Any]) -> Any:
        if self.thing == "picture":
            return _picture(given)
        if isinstance(given, bytes):
            raise Refusal(
                415,
                f"The model takes a {self.thing}, not bytes.",
                "Send text/plain or application/json.",
            )
        if self.thing == "question":
            return _question(given)
        if self.thing == "conversation":
            return _conversation(given)
        return _text(given, "text")


def _picture(given: bytes | str | dict[str, Any]) -> io.BytesIO:
    content = given.get("picture") if isinstance(given, dict) else given
    if not isinstance(content, bytes):
        raise Refusal(
            400 if isinstance(given, dict) else 415,
            "There is no picture in the request.",
            'Send its bytes as image/jpeg, as a form, or as {"picture": "<base64>"}.',
        )
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as picture:
            fits = picture.width * picture.height <= MOST_PIXELS
    except Image.DecompressionBombError:
        fits = False
    except Exception:  # noqa: BLE001  whatever is wrong with it is said where it is read
        fits = True
    if not fits:
        raise Refusal(
            413,
            f"The picture has more than {MOST_PIXELS / 1e6:,.0f} million pixels.",
            "Make it smaller: the model looks at a small one anyway.",
        )
    return io.BytesIO(content)


def _text(given: str | dict[str, Any], name: str) -> str:
    found = given.get(name) if isinstance(given, dict) else given
    if not isinstance(found, str) or not found.strip():
        raise Refusal(400, f"There is no {name} in the request.", f'Send {{"{name}": "..."}}.')
    if "\0" in found:
        raise Refusal(400, f"The {name} holds zero bytes, so it is none.", "Send it as UTF-8.")
    if len(found) > MOST_LETTERS:
        raise Refusal(
            413,
            f"The {name} has {len(found):,} letters; {MOST_LETTERS:,} are taken.",
            "Send parts.",
        )
    return found


def _question(given: str | dict[str, Any]) -> dict[str, str]:
    if isinstance(given, str):
        raise Refusal(
            415, "A question needs its context.", 'Send {"question": "...", "context": "..."}.'
        )
    return {name: _text(given, name) for name in ("question", "context")}


def _conversation(given: str | dict[str, Any]) -> Any:
    turns = given.get("messages") if isinstance(given, dict) else None
    if turns is None:
        return [{"role": "user", "content": _text(given, "text")}]
    known = isinstance(turns, list) and 0 < len(turns) <= _MOST_TURNS
    if not known or not all(
        isinstance(turn, dict) and turn.get("role") in ("system", "user", "assistant")
        for turn in turns
    ):
        raise Refusal(
            400,
            "The messages are no conversation.",
            'Send {"messages": [{"role": "user", "content": "..."}]}.',
        )
    return [{"role": turn["role"], "content": _text(turn, "content")} for turn in turns]
