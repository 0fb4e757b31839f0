"""Looking at text models and estimating them: parts in plain words, tokens, tied tables, memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from finetune_studio.core.dataset import Labels
from finetune_studio.core.recipe import Recipe
from finetune_studio.engine import estimate, probe
from finetune_studio.models import layers, trace, zoo

LABELS = Labels(("a", "b", "c"))
