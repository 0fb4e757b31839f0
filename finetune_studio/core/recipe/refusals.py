"""Says in words why a value does not fit a setting, where pydantic says it for programmers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

_WHY: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "less_than_equal": lambda at: f"it must be at most {_n(at['le'])}",
    "less_than": lambda at: f"it must be less than {_n(at['lt'])}",
    "greater_than_equal": lambda at: f"it must be at least {_n(at['ge'])}",
    "greater_than": lambda at: f"it must be more than {_n(at['gt'])}",
    "literal_error": lambda at: f"it must be {at['expected']}",
    **dict.fromkeys(
        ("int_parsing", "int_type", "int_from_float"), lambda _: "it must be a whole number"
    ),
    **dict.fromkeys(
        ("float_parsing", "float_type", "finite_number"), lambda _: "it must be a number"
    ),
    **dict.fromkeys(("bool_parsing", "bool_type"), lambda _: "it must be true or false"),
    "extra_forbidden": lambda _: "there is no such setting",
    "string_type": lambda _: "it must be a text",
    "list_type": lambda _: "it must be a list of names",
    "dict_type": lambda _: "it must be names with a value each, such as layer4:2",
}


def why(error: Mapping[str, Any]) -> str:
    """Return what is wrong with a value, as the end of a sentence; pydantic's own words where none are here.

    Args:
        error: One of ``ValidationError.errors()``.
    """
    say = _WHY.get(str(error["type"]))
    told = say(error.get("ctx", {})) if say else str(error["msg"])
    return told.removeprefix("Value error, ")  # pydantic's, before a sentence of ours


def place(where: str, known: Collection[str]) -> tuple[str, str]:
    """Split the place of an error into the setting and the part of its value, such as a layer's name.

    >>> place("layers.rates.layer3.0", ["layers.rates"])
    ('layers.rates', 'layer3.0')
    """
    found = [name for name in known if where == name or where.startswith(f"{name}.")]
    setting = max(found, key=len, default=where)
    return setting, where[len(setting) + 1 :]


def sentence(error: Mapping[str, Any], known: Collection[str]) -> str:
    """Return which setting cannot have which value, and why."""
    where = ".".join(str(part) for part in error["loc"])
    setting, part = place(where, known)
    of = f" for {part}" if part and not part.isdigit() else ""
    return f"The setting {setting} cannot be {error.get('input')!r}{of}: {why(error)}."


def _n(value: float) -> str:
    return f"{value:,.6g}"
