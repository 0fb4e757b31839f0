"""Packing: useful tokens a second of a small language model, against transformers' Trainer with padding.

python -m benchmarks.packing [--seconds 20]

Both learn the same conversations (of very different lengths, as chats are) with the same random Llama-like
network, batch size and optimiser, on the processor, one thread. Useful are the tokens that conversations
consist of; padding is not. Steps of both sides are taken in turn, so that a busy machine slows both.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from finetune_studio.core.dataset import Sample
from finetune_studio.engine.loaders import batch_of
from finetune_studio.tasks.causal_lm import CausalLm
from tests import tiny_models
from tests.tasks.writing import recipe_of

_SIZE, _STEPS = 8, 12


def conversations(count: int) -> list[Sample]:
    """Return chats whose lengths spread as those of real instruction data: many short, few long."""
    rng = random.Random(0)
    words = " ".join(tiny_models.TEXTS).split()
    made = []
    for number in range(count):
        sizes = [max(2, int(rng.lognormvariate(2.6, 0.9))) for _ in range(2)]
        said = [" ".join(rng.choices(words, k=min(size, 120))) for size in sizes]
        turns = [
            {"role": r, "content": c} for r, c in zip(("user", "assistant"), said, strict=True)
        ]
        made.append(Sample(number + 1, "", None, None, "train", fields={"messages": turns}))
    return made


def main() -> None:
    """Take steps on both sides in turn and print tokens a second and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    seconds = parser.parse_args().seconds
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        model = tiny_models.folder(
            Path(folder) / "llama", "llama", chat=True, hidden_size=128, intermediate_size=344,
            num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=512,
        )  # fmt: skip
        run(model, seconds)


def run(model: Path, seconds: float) -> None:
    """Measure our packed steps, our padded ones gathered by length, and Trainer's."""
    task, samples = CausalLm(), conversations(_SIZE * _STEPS)
    sides: dict[str, Any] = {}
    for name, packing, sort in (
        ("packed", True, True),
        ("by length", False, True),
        ("padded", False, False),
    ):
        recipe = recipe_of("causal_lm", model).with_settings(
            {"options.max_length": 512, "options.packing": packing}
        )
        bundle = task.load_model(recipe, task.labels(None))
        bundle.processor["max_length"] = 512
        order = sorted(samples, key=task.length) if sort else samples
        batches = [
            batch_of(task, bundle, order[at : at + _SIZE]) for at in range(0, len(order), _SIZE)
        ]
        sides[name] = (bundle, batches, torch.optim.AdamW(bundle.network.parameters(), 1e-4))
        bundle.network.train()
    sides["Trainer"] = trainer(model, sides["padded"][1], folder=model.parent)
    took: dict[str, list[float]] = {name: [] for name in sides}
    useful = sum(int((b.targets["owner"] >= 0).sum()) for b in sides["padded"][1])
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or not all(len(t) > 1 for t in took.values()):
        for name, side in sides.items():
            began = time.perf_counter()
            if name == "Trainer":
                side.train()
            else:
                steps(task, *side)
            took[name].append(time.perf_counter() - began)
    rate = {name: useful / statistics.median(times[1:]) for name, times in took.items()}
    turns = list(zip(*(times[1:] for times in took.values()), strict=True))
    ratio = {
        name: statistics.median(turn[-1] / turn[place] for turn in turns)
        for place, name in enumerate(took)
    }
    for name, (_, batches, _) in list(sides.items())[:3]:
        places = sum(b.inputs["input_ids"].numel() for b in batches)
        print(f"{name}: {useful / places:.0%} of the places are useful")
    for name, value in rate.items():
        print(f"{name}: {value:,.0f} useful tokens a second, {ratio[name]:.2f} x Trainer")


def steps(task: CausalLm, bundle: Any, batches: list[Any], adam: torch.optim.Optimizer) -> None:
    """Take one step a batch."""
    for batch in batches:
        adam.zero_grad(set_to_none=True)
        task.loss(bundle, batch).backward()
        torch.nn.utils.clip_grad_norm_(bundle.network.parameters(), 1.0)
        adam.step()


def trainer(model: Path, batches: list[Any], folder: Path) -> Any:
    """Return Trainer with the same padded batches, already on hand."""
    from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

    ready = []
    for batch in batches:
        labels = torch.full_like(batch.targets["next"], -100)
        labels[:, 1:] = batch.targets["next"][:, :-1]
        ready.append({**batch.inputs, "labels": labels})
    arguments = TrainingArguments(
        output_dir=str(folder / "theirs"), per_device_train_batch_size=1, max_steps=len(ready),
        learning_rate=1e-4, report_to="none", save_strategy="no", logging_strategy="no", use_cpu=True,
        disable_tqdm=True, remove_unused_columns=False, dataloader_pin_memory=False,
    )  # fmt: skip
    network = AutoModelForCausalLM.from_pretrained(model)
    return Trainer(network, arguments, train_dataset=ready, data_collator=lambda some: some[0])


if __name__ == "__main__":
    main()
