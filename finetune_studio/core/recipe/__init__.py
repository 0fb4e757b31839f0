"""Recipe: every choice of a run, validated, kept in one TOML file with units and help beside each field.

The form in the window, ``--set`` on the terminal and the checks before a run are all generated from the
fields in ``choices.py``, so a choice is described once.
"""

from __future__ import annotations

from finetune_studio.core.recipe.choices import (
    Amount,
    AugmentChoices,
    ComputeChoices,
    DataChoices,
    LayerChoices,
    ModelChoices,
    OptimiserChoices,
    Preset,
    RegulariseChoices,
    StopChoices,
)
from finetune_studio.core.recipe.forgetting import ForgettingChoices
from finetune_studio.core.recipe.section import dotted
from finetune_studio.core.recipe.studies import CrossvalChoices, SearchChoices
from finetune_studio.core.recipe.whole import Recipe, fields, from_values, load, parse_setting

__all__ = [
    "Amount",
    "AugmentChoices",
    "ComputeChoices",
    "CrossvalChoices",
    "DataChoices",
    "ForgettingChoices",
    "LayerChoices",
    "ModelChoices",
    "OptimiserChoices",
    "Preset",
    "Recipe",
    "RegulariseChoices",
    "SearchChoices",
    "StopChoices",
    "dotted",
    "fields",
    "from_values",
    "load",
    "parse_setting",
]
