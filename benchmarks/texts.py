"""Training on texts against transformers' Trainer: the same MiniLM, abstracts, batch and length of text.

    python benchmarks/texts.py [--rows full frozen] [--texts 640] [--rounds 3]

Both sides cut texts after the same number of tokens and pad a batch to its longest text; the Trainer draws
its batches at random, as is its default, ours hold texts of similar length. ``full``: the steps of an epoch
with everything trained, at 512 tokens (what the encoder takes) and 256 (our default). ``frozen``: ten whole
epochs of the head on a frozen encoder, judged after each, with nothing computed before.
"""

from __future__ import annotations

import argparse
import csv
import gc
import os
import tempfile
from pathlib import Path

import measure
from measure import SHARED, THREADS, Row, Took, faster, now, timed
from ours import Ours, Size, Turns

ABSTRACTS = SHARED / "data" / "txt-medical-abstracts"
ROWS = ("full", "frozen")


def subset(folder: Path, train: int, validation: int) -> Path:
    """Write the first abstracts as tables of two splits, classes by their numbers."""
    with (ABSTRACTS / "medical_tc_test.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    parts = {"train": rows[:train], "validation": rows[train : train + validation]}
    folder.mkdir(parents=True)
    for split, own in parts.items():
        with (folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["label", "text"], *own])
    return folder


def rows_of(folder: Path, split: str) -> list[tuple[int, str]]:
    """Return (class from 0, text) of a split."""
    with (folder / f"{split}.csv").open(encoding="utf-8", newline="") as file:
        return [(int(label) - 1, text) for label, text in list(csv.reader(file))[1:]]


def theirs(
    size: Size, longest: int, amount: str, epochs: int, *, judged: bool
) -> tuple[Took, Took]:
    """Let the Trainer train; return what all of it took, and the steps of its last epoch alone."""

    def work() -> list[Took]:
        import torch
        from torch import nn
        from transformers import (
            DataCollatorWithPadding,
            PreTrainedTokenizerFast,
            Trainer,
            TrainerCallback,
            TrainingArguments,
        )

        from finetune_studio.core.dataset import Labels
        from finetune_studio.core.recipe import ModelChoices
        from finetune_studio.models import layers, text

        torch.set_num_threads(THREADS)
        bundle = text.load(
            ModelChoices(source="minilm"), "text", text.CLASSIFY, Labels(tuple("abcde")), 0
        )
        names = layers.names_for(amount, bundle.network, bundle.head, [])
        layers.set_trainable(bundle.network, names)
        place = size.room / "tokenizer.json"
        place.write_bytes(bundle.files["tokenizer.json"])
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(place), pad_token="[PAD]")

        class Judged(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.network = bundle.network

            def forward(self, labels=None, **inputs):
                scores = self.network(**inputs).logits
                return {"loss": nn.functional.cross_entropy(scores, labels), "logits": scores}

        class Epochs(TrainerCallback):
            def __init__(self) -> None:
                self.took: list[Took] = []
                self.began = now()

            def on_epoch_begin(self, *_: object, **__: object) -> None:
                self.began = now()

            def on_epoch_end(self, *_: object, **__: object) -> None:
                self.took.append(now() - self.began)

        def encoded(split: str) -> list[dict[str, object]]:
            return [
                {**tokenizer(words, truncation=True, max_length=longest), "labels": label}
                for label, words in rows_of(size.data, split)
            ]

        clock = Epochs()
        made = Trainer(
            model=Judged(),
            args=TrainingArguments(
                output_dir=str(size.room / "trainer"),
                num_train_epochs=epochs,
                per_device_train_batch_size=size.batch,
                per_device_eval_batch_size=64,
                learning_rate=5e-5,
                optim="adamw_torch_fused",
                eval_strategy="epoch" if judged else "no",
                save_strategy="no",
                logging_strategy="no",
                report_to=[],
                remove_unused_columns=False,
                disable_tqdm=True,
                use_cpu=True,
                seed=0,
            ),
            data_collator=DataCollatorWithPadding(tokenizer),
            train_dataset=encoded("train"),
            eval_dataset=encoded("validation") if judged else None,
            callbacks=[clock],
        )
        made.log = lambda *_, **__: None
        made.train()
        return clock.took

    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    gc.collect()
    took, whole = timed(work)
    return whole, took[-1]


def ours_on(size: Size, longest: int, amount: str, epochs: int) -> Ours:
    """Return a fresh project of ours on the same texts."""
    return Ours(
        size,
        size.data,
        "text_classification",
        model__source="minilm",
        layers__amount=amount,
        optimiser__epochs=epochs,
        optimiser__learning_rate=5e-5,
        options__max_length=longest,
    )


def full(size: Size, longest: int) -> Row:
    """Compare the steps of an epoch with everything trained."""
    turns = Turns(ours_on(size, longest, "everything", size.rounds + 2).run())
    found = measure.interleaved(
        {
            "ours": turns.epoch,
            "their": lambda: theirs(size, longest, "everything", 1, judged=False)[1],
        },
        size.rounds,
        warm=1,
    )
    text = f"full fine-tuning, steps of an epoch, texts up to {longest} tokens"
    must = (1.5, 1.5) if longest == 512 else (None, None)
    return faster(text, found["ours"], found["their"], *must)


def frozen(size: Size) -> Row:
    """Compare ten whole epochs of the head on a frozen encoder."""
    found = measure.interleaved(
        {
            "ours": lambda: ours_on(size, 256, "head_only", size.epochs).whole(),
            "their": lambda: theirs(size, 256, "head_only", size.epochs, judged=True)[0],
        },
        1,
    )
    return faster(
        f"{size.epochs} epochs, frozen encoder, features computed within",
        found["ours"],
        found["their"],
        10,
        10,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", nargs="+", default=ROWS, choices=ROWS)
    parser.add_argument("--texts", type=int, default=640)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=32)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, measure.measured():
        room = Path(folder)
        data = subset(room / "data", args.texts, args.texts // 5)
        size = Size(data, data, data, room, 10, args.rounds, args.rounds, args.batch, "cpu")
        measure.print_header()
        if "full" in args.rows:
            for longest in (512, 256):
                measure.print_rows([full(size, longest)])
        if "frozen" in args.rows:
            measure.print_rows([frozen(size)])


if __name__ == "__main__":
    main()
