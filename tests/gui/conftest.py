"""What the window's tests share: a studio that is shut down at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from finetune_studio.gui.studio import Studio


@pytest.fixture
def studio(qapp) -> Iterator[Studio]:
    made = Studio()
    yield made
    made.shutdown()


@pytest.fixture
def with_project(studio: Studio, tmp_path: Path) -> Studio:
    assert studio.new_project(tmp_path / "project", "image_classification", "My leaves")
    return studio
