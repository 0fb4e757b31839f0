"""A preset as people see it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PresetRow:
    """One preset, for people."""

    name: str
    title: str
    summary: str


def three(quick: str, balanced: str, best: str) -> tuple[PresetRow, ...]:
    """Return the three presets with a sentence each."""
    return (
        PresetRow("quick", "Quick look", quick),
        PresetRow("balanced", "Balanced", balanced),
        PresetRow("best", "Best", best),
    )
