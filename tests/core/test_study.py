"""A study on disk keeps what it found, and no more of its runs' weights than may still be wanted."""

from __future__ import annotations

from pathlib import Path

from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.study import SEARCH, Part, Study


def test_a_slimmed_part_keeps_no_weights_at_all(tmp_path: Path) -> None:
    with Project(tmp_path / "project", "image_classification") as project:
        study = Study.begin(project, SEARCH, Recipe(), 0.0)
        run = study.run_of(Part(1))
        (run / "checkpoints" / "1").mkdir(parents=True)
        for name in ("frozen", "pretrained", "checkpoints/1/best"):
            (run / f"{name}.safetensors").write_bytes(b"numbers")
        (run / "events.jsonl").write_text("{}\n")
        study.slim(Part(1))
        assert [file.name for file in run.rglob("*")] == ["events.jsonl"]
        study.slim(Part(1))  # also one that was slimmed already


def test_the_first_trial_is_the_recipe_itself_also_where_the_head_is_solved(tmp_path: Path) -> None:
    recipe = Recipe().with_settings({"optimiser.method": "solve", "search.trials": 3})
    with Project(tmp_path / "project", "image_classification") as project:
        study = Study.begin(project, SEARCH, recipe, 0.0)
        assert study.recipe_of(Part(1)).optimiser.method == "solve"
