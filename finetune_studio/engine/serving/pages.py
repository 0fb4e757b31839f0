"""What a service says of itself: its OpenAPI description, and the same as a page for people."""

from __future__ import annotations

import html
import json
from typing import Any

from finetune_studio.engine.serving.asking import Asking

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;"
    "color-scheme:light dark}pre{overflow:auto;padding:.8rem;border:1px solid #8886;border-radius:8px}"
    "table{border-collapse:collapse}td,th{padding:.3rem .8rem .3rem 0;text-align:left;"
    "vertical-align:top}textarea{width:100%}"
)
_REFUSED = {
    "400": "The body is broken, empty or not what is taken.",
    "408": "The body did not come in time.",
    "411": "The length of the body is not said.",
    "413": "Too large.",
    "415": "This content type is not taken.",
    "422": "What was sent cannot be read.",
    "503": "Too many requests at once.",
}


def openapi(asking: Asking, most_bytes: int) -> dict[str, Any]:
    """Return the service in the words of OpenAPI 3.1."""
    about = asking.about
    return {
        "openapi": "3.1.0",
        "info": {
            "title": about["name"],
            "version": "1",
            "description": f"A model that {asking.does}. Bodies may have {most_bytes:,} bytes at most.",
        },
        "paths": {
            "/predict": {
                "post": {
                    "summary": f"The model's answer to one {asking.thing}.",
                    "operationId": "predict",
                    "requestBody": {"required": True, "content": _contents(asking.thing)},
                    "responses": {
                        "200": _json("The answer.", _answer()),
                        **{status: _json(said, _error()) for status, said in _REFUSED.items()},
                    },
                }
            },
            "/about": {"get": _get("Format, task and labels of the model.", "about")},
            "/health": {"get": _get("Whether the service runs.", "health")},
        },
    }


def _get(summary: str, name: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "operationId": name,
        "responses": {"200": _json(summary, {"type": "object"})},
    }


def _json(said: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": said, "content": {"application/json": {"schema": schema}}}


def _contents(thing: str) -> dict[str, Any]:
    text = {"type": "string"}
    if thing == "picture":
        binary = {"type": "string", "format": "binary"}
        base64 = {"type": "string", "contentEncoding": "base64"}
        form = {"type": "object", "properties": {"file": binary}}
        return {
            "image/*": {"schema": binary},
            "application/octet-stream": {"schema": binary},
            "multipart/form-data": {"schema": form},
            "application/json": {"schema": _object({"picture": base64})},
        }
    if thing == "question":
        return {"application/json": {"schema": _object({"question": text, "context": text})}}
    one = {
        "text/plain": {"schema": text},
        "multipart/form-data": {"schema": {"type": "object", "properties": {"text": text}}},
        "application/json": {"schema": _object({"text": text})},
    }
    if thing == "conversation":
        turn = _object({"role": {"enum": ["system", "user", "assistant"]}, "content": text})
        both = [_object({"text": text}), _object({"messages": {"type": "array", "items": turn}})]
        one["application/json"] = {"schema": {"anyOf": both}}
    return one


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _answer() -> dict[str, Any]:
    number = {"type": "number", "minimum": 0, "maximum": 1}
    return {
        "type": "object",
        "properties": {
            "label": {
                "type": ["string", "null"],
                "description": "The answer, as a person reads it.",
            },
            "certainty": {**number, "type": ["number", "null"]},
            "probabilities": {"type": "object", "additionalProperties": number},
            "answer": {
                "type": "object",
                "description": (
                    "What the task says beyond that. Where the model turns away what is unlike all that it"
                    " learnt from: `none_of_these` is true then, and `likeness` says how like it is."
                ),
            },
            "shown": {
                "type": "string",
                "description": "Only for what is turned away: what a person should read instead.",
            },
            "seconds": {"type": "number"},
        },
        "required": ["label", "certainty", "probabilities", "answer", "seconds"],
    }


def _error() -> dict[str, Any]:
    text = {"type": "string"}
    return {"type": "object", "properties": {"error": text, "hint": text}, "required": ["error"]}


def page(asking: Asking, address: str, most_bytes: int) -> str:
    """Return the page: what the model does, how it is asked, and a form to try it; no scripts."""
    described = openapi(asking, most_bytes)
    kinds = described["paths"]["/predict"]["post"]["requestBody"]["content"]
    rows = "".join(
        f"<tr><td><code>{html.escape(kind)}</code></td><td><code>"
        f"{html.escape(json.dumps(told['schema']))}</code></td></tr>"
        for kind, told in kinds.items()
    )
    refused = "".join(
        f"<tr><td>{status}</td><td>{html.escape(said)}</td></tr>"
        for status, said in _REFUSED.items()
    )
    labels = ", ".join(map(str, asking.about["labels"]))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{html.escape(asking.about['name'])}</title><style>{_STYLE}</style>"
        f"<h1>{html.escape(asking.about['name'])}</h1>"
        f"<p>A model that {html.escape(asking.does)}.</p>"
        + (f"<p>Its labels: {html.escape(labels)}.</p>" if labels else "")
        + _form(asking.thing)
        + f"<h2>POST /predict</h2><pre>{html.escape(_example(asking.thing, address))}</pre>"
        f"<table><tr><th>content type</th><th>body</th></tr>{rows}</table>"
        f"<p>A body may have {most_bytes:,} bytes. The answer is JSON: label, certainty,"
        " probabilities, answer, seconds.</p>"
        f"<table><tr><th>status</th><th>when</th></tr>{refused}</table>"
        '<p>For programs: <a href="/openapi.json">openapi.json</a>, <a href="/about">about</a>,'
        ' <a href="/health">health</a>.</p></html>'
    )


def _form(thing: str) -> str:
    begin = '<h2>Try it</h2><form method="post" action="/predict" enctype="multipart/form-data">'
    if thing == "picture":
        field = '<input type="file" name="file" aria-label="Picture" required>'
    elif thing == "question":
        return ""
    else:
        field = '<textarea name="text" rows="4" aria-label="Text" required></textarea>'
    return f"{begin}{field} <button>Ask</button></form>"


def _example(thing: str, address: str) -> str:
    start = f"curl {address}/predict"
    if thing == "picture":
        return f"{start} -H 'Content-Type: image/jpeg' --data-binary @photo.jpg"
    body = {"text": "A text."}
    if thing == "question":
        body = {"question": "Who came?", "context": "Ada came."}
    return f"{start} -H 'Content-Type: application/json' -d '{json.dumps(body)}'"
