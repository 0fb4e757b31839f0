"""Projects and tiny models for tasks that write, made on the spot."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from finetune_studio.core.dataset import Row
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe


def word_model(place: Path, words: Sequence[str], config: Any, *, seed: int = 0) -> Path:
    """Write a random network whose tokens are just these words; return its folder."""
    import torch
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    place.mkdir(parents=True)
    special = ("<pad>", "</s>", "<unk>")
    known = {word: number for number, word in enumerate((*special, *words))}
    tokenizer = Tokenizer(models.WordLevel(known, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(list(special))
    config.update({"vocab_size": len(known), "pad_token_id": 0, "eos_token_id": 1})
    seq2seq = config.is_encoder_decoder
    if seq2seq:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="$A </s>", special_tokens=[("</s>", 1)]
        )
        config.update({"decoder_start_token_id": 0})
    tokenizer.save(str(place / "tokenizer.json"))
    named = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    (place / "tokenizer_config.json").write_text(json.dumps(named))
    kind = "AutoModelForSeq2SeqLM" if seq2seq else "AutoModelForCausalLM"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        getattr(transformers, kind).from_config(config).save_pretrained(place)
    return place


def project_of(
    place: Path, task: str, fields: Iterable[dict[str, Any]], *, keep: int = 8
) -> Project:
    """Return a project of samples, one in ``keep`` of them to validate with."""
    made = Project(place, task)
    rows = [
        Row(fields=one, split="validation" if number % keep == 0 else "train")
        for number, one in enumerate(fields)
    ]
    made.dataset.fill(rows, root=place)
    return made


def recipe_of(task: str, model: Path, **changes: Any) -> Recipe:
    """Return a recipe that trains all of a model; underscores for dots, as in ``optimiser__epochs``."""
    dotted = {name.replace("__", "."): value for name, value in changes.items()}
    return Recipe(task=task).with_settings(
        {
            "model.source": str(model),
            "layers.amount": "everything",
            "optimiser.weight_decay": 0.0,
            "optimiser.schedule": "linear",
            "augment.strength": "none",
            "stop.early": False,
            "compute.threads": 1,
            **dotted,
        }
    )
