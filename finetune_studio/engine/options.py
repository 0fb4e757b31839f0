"""The settings that only one task has, described as the recipe describes its own."""

from __future__ import annotations

from typing import Any

from finetune_studio.engine.evaluate import load_task


def fields_of(task: str) -> dict[str, dict[str, Any]]:
    """Return a task's own settings by dotted name: title, help, unit, default, kind and bounds."""
    options = load_task(task).Options
    properties = options.model_json_schema().get("properties", {})
    return {
        f"options.{name}": about | {"default": options.model_fields[name].get_default()}
        for name, about in properties.items()
    }
