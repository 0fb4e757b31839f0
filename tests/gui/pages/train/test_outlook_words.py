"""What the Train page says of the run to come."""

from __future__ import annotations

from types import SimpleNamespace

from finetune_studio.core.dataset import Labels
from finetune_studio.core.recipe import Recipe
from finetune_studio.gui.pages.outlook import Data
from finetune_studio.gui.pages.train.outlook_words import outlook_text


def test_what_an_earlier_run_knows_is_said_and_other_notes_are_not() -> None:
    look = SimpleNamespace(trainable=10, total=20, note="3 classes are known already, 1 is new.")
    data = Data({"train": 8, "validation": 2}, Labels(("a", "b")))
    recipe = Recipe().with_settings({"model.source": "/projects/leaves/runs/3"})
    assert outlook_text(recipe, data, look).endswith(f"judged on 2. {look.note}")
    assert look.note not in outlook_text(Recipe(), data, look)
