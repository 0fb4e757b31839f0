"""What every section of a recipe is made of: fields with a name, a sentence, a unit and bounds."""

from __future__ import annotations

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
