"""Other libraries with their own defaults on the samples of one of our projects, for ``recipes.py``."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import torch
from measure import MOBILENET, THREADS
from rival import PLAIN, USUAL, Judged, network
from torch import nn
from torch.utils.data import Dataset

Samples = list[tuple[str, str]]
_LONGEST = 256  # tokens, as our default


class Pictures(Dataset):
    """Pictures and their classes, decoded each time they are asked for."""

    def __init__(self, samples: Samples, classes: list[str], change) -> None:
        self._samples, self._classes, self._change = samples, classes, change

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, place: int) -> dict[str, object]:
        from PIL import Image

        file, label = self._samples[place]
        with Image.open(file) as opened:
            pixels = self._change(opened.convert("RGB"))
        return {"pixel_values": pixels, "labels": self._classes.index(label)}


class JudgedText(nn.Module):
    """A text classifier that answers as the Trainer wants it: with its loss."""

    def __init__(self, wrapped: nn.Module) -> None:
        super().__init__()
        self.network = wrapped

    def forward(self, labels=None, **inputs):
        """Return loss and scores."""
        scores = self.network(**inputs).logits
        return {"loss": nn.functional.cross_entropy(scores, labels), "logits": scores}


def by_trainer(
    task: str, train: Samples, judged: Samples, classes: list[str], args: argparse.Namespace
) -> tuple[list[int], int]:
    """Train by the Trainer's defaults within the time; return its answers and how many epochs it took.

    One epoch on an eighth of the samples says what an epoch takes; the schedule is then that of the epochs
    which fit.
    """
    from transformers import Trainer, TrainingArguments

    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(THREADS)

    def made(samples: Samples, epochs: float, folder: str) -> Trainer:
        model, part, collator = _parts(task, samples, classes, learning=True)
        arguments = TrainingArguments(
            output_dir=folder, num_train_epochs=epochs, save_strategy="no",
            logging_strategy="no", report_to=[], disable_tqdm=True, use_cpu=True,
            remove_unused_columns=False, seed=args.seeds[0],
        )  # fmt: skip
        trainer = Trainer(model=model, args=arguments, train_dataset=part, data_collator=collator)
        trainer.log = lambda *_, **__: None
        return trainer

    with tempfile.TemporaryDirectory() as folder:
        few = train[:: max(1, len(train) // max(16, len(train) // 8))]
        began = time.process_time()
        made(few, 1, folder).train()
        epoch_s = (time.process_time() - began) * len(train) / len(few)
        epochs = max(3, int(args.seconds / epoch_s))
        trainer = made(train, epochs, folder)
        trainer.train()
        _, part, _ = _parts(task, judged, classes, learning=False)
        return trainer.predict(part).predictions.argmax(1).tolist(), epochs


def _parts(task: str, samples: Samples, classes: list[str], *, learning: bool):
    """Return a pretrained network with a new head, the samples as it takes them, and the collator."""
    if task == "image_classification":
        change = USUAL if learning else PLAIN
        model = Judged(network(len(classes), "everything"))
        return model, Pictures(samples, classes, change), None
    from transformers import DataCollatorWithPadding, PreTrainedTokenizerFast

    from finetune_studio.core.dataset import Labels
    from finetune_studio.core.recipe import ModelChoices
    from finetune_studio.models import text

    bundle = text.load(ModelChoices(source="minilm"), "text", text.CLASSIFY, Labels((*classes,)), 0)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "tokenizer.json"
        place.write_bytes(bundle.files["tokenizer.json"])
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(place), pad_token="[PAD]")
    rows = [
        {**tokenizer(words, truncation=True, max_length=_LONGEST), "labels": classes.index(label)}
        for words, label in samples
    ]
    return JudgedText(bundle.network), rows, DataCollatorWithPadding(tokenizer)


def by_fastai(
    task: str, train: Samples, judged: Samples, classes: list[str], args: argparse.Namespace
) -> tuple[list[int], int]:
    """Train by fastai's ``fine_tune`` with its defaults, on the same weights; pictures only."""
    if task != "image_classification":
        raise SystemExit("fastai is compared on pictures only: it has no text model of this kind.")
    from fastai.vision import all as fv
    from fastai.vision.learner import model_meta
    from torchvision.models import mobilenet_v2

    torch.set_num_threads(THREADS)

    def pretrained(**_: object) -> nn.Module:
        whole = mobilenet_v2()
        whole.load_state_dict(torch.load(MOBILENET, weights_only=True))
        return whole

    fv.set_seed(args.seeds[0])
    # Where a network of one's own is cut has to stand here: fastai 2.8 does not pass its ``cut`` on.
    model_meta[pretrained] = {"cut": -1, "split": fv.default_split}

    def learner(samples: Samples, folder: str):
        known = dict([*samples, *judged])
        held = {file for file, _ in judged}
        block = fv.DataBlock(
            blocks=(fv.ImageBlock, fv.CategoryBlock(vocab=classes)),
            get_items=lambda _: list(known),
            get_y=known.get,
            splitter=fv.FuncSplitter(lambda file: file in held),
            item_tfms=fv.RandomResizedCrop(224, min_scale=0.35),
            batch_tfms=fv.Normalize.from_stats(*fv.imagenet_stats),
        )
        loaders = block.dataloaders(folder, bs=64, num_workers=0, path=folder)
        return fv.vision_learner(loaders, pretrained, splitter=fv.default_split)

    with tempfile.TemporaryDirectory() as folder:
        few = train[:: max(1, len(train) // max(64, len(train) // 8))]
        with learner(few, folder).no_bar() as tried, tried.no_logging():
            began = time.process_time()
            tried.fit_one_cycle(1)
            epoch_s = (time.process_time() - began) * len(train) / len(few)
        epochs = max(2, int(args.seconds / epoch_s) - 1)  # one more, frozen, comes before
        made = learner(train, folder)
        with made.no_bar(), made.no_logging():
            made.fine_tune(epochs)
            order = [str(file) for file in made.dls.valid.items]
            shares, _ = made.get_preds(dl=made.dls.valid)
        said = dict(zip(order, shares.argmax(1).tolist(), strict=True))
        return [said[file] for file, _ in judged], epochs + 1
