"""From the body of a request to what was meant by it: bytes of a picture, a text, or values of JSON."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from finetune_studio.engine.serving.refusing import Refusal

_RAW = ("application/octet-stream", "image/")
_MOST_PARTS = 20


def given(content: bytes, kind: str) -> bytes | str | dict[str, Any]:
    """Return a body by its content type.

    Args:
        content: The whole body.
        kind: The header ``Content-Type``.

    Raises:
        Refusal: If the type is not taken here, or the body is not what it says.
    """
    word, _, rest = kind.partition(";")
    word = word.strip().lower()
    if not content:
        raise Refusal(400, "The request has no body.", "Send a picture, a text or JSON.")
    if word == "application/json":
        return _values(content)
    if word == "text/plain":
        return text(content)
    if word == "multipart/form-data":
        return _part(content, rest)
    if word.startswith(_RAW):
        return content
    raise Refusal(
        415,
        f"The content type {word or 'of the request is missing;'} is not taken here."
        if word
        else "The request does not say its content type.",
        "Send application/json, text/plain, multipart/form-data or a picture as image/jpeg.",
    )


def text(content: bytes) -> str:
    """Return the text in bytes.

    Raises:
        Refusal: If they are none.
    """
    if b"\0" in content:
        raise Refusal(400, "The text holds zero bytes, so it is none.", "Send it as UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refusal(400, "The text is not UTF-8.", "Send it as UTF-8.") from error


def _values(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise Refusal(
            400, "The body is no valid JSON.", "See /openapi.json for what is."
        ) from error
    if not isinstance(found, dict):
        raise Refusal(400, "The JSON is no object.", 'Send {"text": "..."} or the like.')
    if "picture" in found:
        found["picture"] = _picture(found["picture"])
    return found


def _picture(value: Any) -> bytes:
    """Return a picture from base64, with or without the ``data:`` that browsers put before it."""
    try:
        if not isinstance(value, str):
            raise ValueError(value)
        found = base64.b64decode(value.rpartition(",")[2], validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal(400, "The picture is no valid base64.", "See /openapi.json.") from error
    if not found:
        raise Refusal(400, "The picture is empty.", "Send its bytes as base64.")
    return found


def _part(content: bytes, rest: str) -> bytes | str:
    """Return the first file of a form, or its first field."""
    words = dict(word.strip().partition("=")[::2] for word in rest.split(";"))
    boundary = words.get("boundary", "").strip('"').encode("latin-1", "replace")
    if not boundary:
        raise Refusal(
            400, "The form does not say its boundary.", "Let your library write the header."
        )
    pieces = (b"\r\n" + content).split(b"\r\n--" + boundary)
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise Refusal(400, "The form is broken or cut off.", "Send it again.")
    if len(pieces) > _MOST_PARTS + 2:
        raise Refusal(400, "The form has too many parts.", "Send one file or one text.")
    fields: list[str] = []
    for piece in pieces[1:-1]:
        head, gap, body = piece.partition(b"\r\n\r\n")
        if not gap:
            raise Refusal(400, "The form is broken or cut off.", "Send it again.")
        if b"filename=" in head.lower():
            if body:
                return body
        else:
            fields.append(text(body))
    if filled := [field for field in fields if field.strip()]:
        return filled[0]
    raise Refusal(400, "There is no file and no text in the form.", "Choose a file.")
