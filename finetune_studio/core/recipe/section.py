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
    **bounds: Any,
) -> Any:
    """Describe a choice once: its name, its sentence, its unit, and whether Simple shows it.

    ``lowest`` says what its lowest number stands for, where that is not a number.
    """
    return Field(
        default=default,
        title=title,
        description=help_text,
        json_schema_extra={"unit": unit, "simple": simple, "lowest": lowest},
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
