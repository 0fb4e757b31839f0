"""Writes a recipe as TOML, each field's help and unit above it."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel


def document(recipe: BaseModel) -> str:
    """Return a recipe as TOML."""
    lines = ["# A Finetune Studio recipe: every choice of one run.", ""]
    lines += _section_lines(recipe, "")
    return "\n".join(lines) + "\n"


def _section_lines(section: BaseModel, prefix: str) -> list[str]:
    lines: list[str] = []
    tables: list[tuple[str, Any]] = []
    for name, info in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel | dict):
            tables.append((name, value))
            continue
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        unit = f" [{extra['unit']}]" if extra.get("unit") else ""
        lines += [f"# {info.title}{unit}: {info.description}", f"{name} = {_toml_value(value)}"]
    for name, value in tables:
        if isinstance(value, dict):
            info = type(section).model_fields[name]
            lines += ["", f"# {info.title}: {info.description}"]
            if not value:
                lines.append(f"# [{prefix}{name}]")
            else:
                lines.append(f"[{prefix}{name}]")
                lines += [f"{_toml_key(key)} = {_toml_value(item)}" for key, item in value.items()]
        else:
            lines += ["", f"[{prefix}{name}]", *_section_lines(value, f"{prefix}{name}.")]
    return lines


def _toml_key(key: str) -> str:
    return key if key.isidentifier() else json.dumps(key)


def _toml_value(value: Any) -> str:
    """Write one value as TOML; JSON's spelling of texts, numbers and lists is valid TOML."""
    if isinstance(value, dict):
        inner = ", ".join(f"{_toml_key(k)} = {_toml_value(v)}" for k, v in value.items())
        return "{" + inner + "}"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
