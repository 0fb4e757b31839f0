"""Writing tasks learn step by step what transformers' Trainer learns from the same batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import SequentialSampler
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, Trainer, TrainingArguments

from finetune_studio.core.events import StepDone
from finetune_studio.core.task import Task
from finetune_studio.tasks.causal_lm import CausalLm
from finetune_studio.tasks.summarization import Summarization
from tests import tiny, tiny_models
from tests.engine.conftest import run_all
from tests.tasks.writing import project_of, recipe_of

_STEPS = 7
_SIZE = 8


def chats(count: int) -> list[dict[str, Any]]:
    return [{"messages": tiny.chat(n)} for n in range(count)]


def texts(count: int) -> list[dict[str, Any]]:
    words = [m["content"] for n in range(count) for m in tiny.chat(n)[-1:]]
    return [{"text": w, "summaries": [w.split(",")[0]]} for w in words]


class InOrder(Trainer):
    def _get_train_sampler(self, dataset: Any = None) -> Any:
        return SequentialSampler(dataset or self.train_dataset)


@pytest.mark.parametrize(
    ("task", "kind", "auto", "make", "packing"),
    [
        (CausalLm, "llama", AutoModelForCausalLM, chats, True),
        (CausalLm, "llama", AutoModelForCausalLM, chats, False),
        (Summarization, "t5", AutoModelForSeq2SeqLM, texts, False),
    ],
)
def test_the_losses_are_those_of_trainer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: type[Task], kind: str, auto: Any, make: Any,
    packing: bool,
) -> None:  # fmt: skip
    monkeypatch.setattr("finetune_studio.engine.clock.STATE_EVERY_S", 0.0)
    fields = make(64)
    words = [m["content"] for n in range(64) for m in tiny.chat(n)]
    changes = {"dropout_rate": 0.0} if kind == "t5" else {}
    model = tiny_models.folder(tmp_path / "model", kind, words, chat=True, **changes)
    recipe = recipe_of(
        task.name, model, optimiser__epochs=1, optimiser__batch_size=_SIZE, optimiser__warmup_share=0.0,
        optimiser__learning_rate=5e-3, optimiser__head_learning_rate=5e-3,
    )  # fmt: skip
    if task is CausalLm:
        recipe = recipe.with_settings({"options.packing": packing})
    order: list[int] = []
    loss_of = task.loss

    def loss(self: Any, bundle: Any, batch: Any) -> torch.Tensor:
        order.extend(batch.samples)
        return loss_of(self, bundle, batch)

    with project_of(tmp_path / "p", task.name, fields) as project:
        samples = {s.id: s for s in project.dataset.samples()}
        with monkeypatch.context() as patch:
            patch.setattr(task, "loss", loss)
            ours = [e.loss for e in run_all(project, recipe) if isinstance(e, StepDone)]
    this = task()  # before the last steps one was tried
    bundle = this.load_model(recipe.with_settings({"options.packing": False} if task is CausalLm else {}),
                             this.labels(None))  # type: ignore[arg-type]  # fmt: skip
    examples = [this.example(samples[n], bundle, view=None) for n in order[-_STEPS * _SIZE :]]

    def collate(some: list[Any]) -> dict[str, torch.Tensor]:
        batch = this.collate(some)
        if task is Summarization:
            return {**batch.inputs, "labels": batch.targets}
        labels = torch.full_like(batch.targets["next"], -100)
        labels[:, 1:] = batch.targets["next"][:, :-1]  # the network itself moves them back
        return {**batch.inputs, "labels": labels}

    arguments = TrainingArguments(
        output_dir=str(tmp_path / "theirs"), per_device_train_batch_size=_SIZE, num_train_epochs=1,
        learning_rate=5e-3, weight_decay=0.0, lr_scheduler_type="linear", logging_steps=1,
        report_to="none", save_strategy="no", use_cpu=True, disable_tqdm=True, max_grad_norm=1.0,
        remove_unused_columns=False, dataloader_pin_memory=False,
    )  # fmt: skip
    trainer = InOrder(
        auto.from_pretrained(model), arguments, train_dataset=examples, data_collator=collate
    )
    trainer.train()
    theirs = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    assert len(ours) == len(theirs) == _STEPS
    assert ours == pytest.approx(theirs, abs=1e-4)
