"""What every section of a recipe is made of: fields with a name, a sentence, a unit and bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


def described(
    default: Any,
    title: str,
    help_text: str,
    *,
    unit: str = "",
    simple: bool = False,
    lowest: str = "",
    words: dict[str, str] | None = None,
    place: bool = False,
    **bounds: Any,
) -> Any:
    """Describe a choice once: its name, its sentence, its unit, and whether Simple shows it.

    Args:
        default: What it is if nothing is chosen.
        title: Its name.
        help_text: Its sentence.
        unit: Its unit.
        simple: Whether Simple shows it.
        lowest: What its lowest number stands for, where that is not a number.
        words: What its values are called, where their own names say too little.
        place: Whether it is a file or a folder.
        bounds: Its bounds.
    """
    return Field(
        default=default,
        title=title,
        description=help_text,
        json_schema_extra={
            "unit": unit,
            "simple": simple,
            "lowest": lowest,
            "words": {**(words or {})},
            "place": place,
        },
        **bounds,
    )


class Section(BaseModel):
    """A part of a recipe; refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)


def dotted(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield a recipe's values by dotted names; lists and tables stay one value."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from dotted(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
