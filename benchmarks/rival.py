"""The other side of the measurements: transformers' Trainer on the same network and the same pictures."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path

import torch
from measure import MOBILENET, THREADS, Took, now, pictures, timed
from ours import Size
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import Dataset
from torchvision import transforms
from torchvision.models import mobilenet_v2
from transformers import Trainer, TrainerCallback, TrainerControl, TrainingArguments

from finetune_studio.core.dataset import Labels
from finetune_studio.core.recipe import ModelChoices
from finetune_studio.models import layers, zoo

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_END = [transforms.ToTensor(), transforms.Normalize(_MEAN, _STD)]
PLAIN = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), *_END])
USUAL = transforms.Compose(
    [transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip(), *_END]
)


class Photos(Dataset):
    """The pictures of a folder of classes, decoded by Pillow each time they are asked for."""

    def __init__(self, folder: Path, change: Callable[[Image.Image], Tensor] = PLAIN) -> None:
        self._files = pictures(folder)
        self.classes = sorted({file.parent.name for file in self._files})
        self._change = change

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, place: int) -> dict[str, object]:
        file = self._files[place]
        with Image.open(file) as opened:
            pixels = self._change(opened.convert("RGB"))
        return {"pixel_values": pixels, "labels": self.classes.index(file.parent.name)}


class Judged(nn.Module):
    """A network that answers as the Trainer wants it: with its loss."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixel_values: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return loss and scores."""
        logits = self.network(pixel_values)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def network(classes: int, amount: str) -> nn.Module:
    """Return torchvision's MobileNetV2 with the weights that the product begins with."""
    labels = Labels(tuple(map(str, range(classes))), tuple(range(classes)))
    bundle = zoo.load(ModelChoices(source=str(MOBILENET)), "image", labels, 0)
    plain = mobilenet_v2(num_classes=classes)
    plain.load_state_dict(bundle.network.state_dict())
    layers.set_trainable(plain, layers.names_for(amount, bundle.network, bundle.head, []))
    return plain


class Epochs(TrainerCallback):
    """Notes what the steps of each epoch took, reading the pictures included, judging left out."""

    def __init__(self) -> None:
        self.took: list[Took] = []
        self._began = now()

    def on_epoch_begin(self, *_: object, **__: object) -> None:
        """Start the clock."""
        self._began = now()

    def on_epoch_end(self, *_: object, **__: object) -> None:
        """Stop it."""
        self.took.append(now() - self._began)


def trainer(
    model: nn.Module,
    data: Path,
    folder: Path,
    *,
    epochs: int,
    batch: int = 32,
    rate: float = 2e-3,
    change: Callable[[Image.Image], Tensor] = PLAIN,
    judged: bool = True,
    device: str = "cpu",
) -> tuple[Trainer, Epochs]:
    """Return a Trainer over ``data/train``, judging ``data/validation`` after each epoch if ``judged``.

    Fused AdamW with a linear schedule, as is its default; nothing is logged, reported or saved.
    """
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(THREADS)
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=epochs,
        per_device_train_batch_size=batch,
        per_device_eval_batch_size=64,
        learning_rate=rate,
        optim="adamw_torch_fused",
        eval_strategy="epoch" if judged else "no",
        save_strategy="no",
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
        dataloader_num_workers=0,
        use_cpu=device == "cpu",
        bf16=device != "cpu",
        seed=0,
    )
    clock = Epochs()
    made = Trainer(
        model=Judged(model),
        args=arguments,
        train_dataset=Photos(data / "train", change),
        eval_dataset=Photos(data / "validation") if judged else None,
        compute_metrics=_accuracy if judged else None,
        callbacks=[clock],
    )
    made.log = lambda *_, **__: None  # its end-of-training figures are not wanted on the screen
    return made, clock


def _accuracy(answers: object) -> dict[str, float]:
    return {"accuracy": float((answers.predictions.argmax(1) == answers.label_ids).mean())}


def accuracy(model: nn.Module, folder: Path, device: str = "cpu") -> float:
    """Return the share of a folder's pictures that the network names rightly."""
    model.eval()
    photos, right = Photos(folder), 0
    with torch.inference_mode():
        for first in range(0, len(photos), 32):
            group = [photos[i] for i in range(first, min(first + 32, len(photos)))]
            pixels = torch.stack([one["pixel_values"] for one in group]).to(device)
            said = model.to(device)(pixels).argmax(1).tolist()
            right += sum(a == one["labels"] for a, one in zip(said, group, strict=True))
    return right / len(photos)


def theirs(size: Size, data: Path, amount: str, epochs: int, *, judged: bool) -> tuple[Took, Took]:
    """Let the Trainer train; return what all of it took, and the steps of its last epoch alone."""

    def work() -> Epochs:
        classes = len({path.name for path in (data / "train").iterdir()})
        made, clock = trainer(
            network(classes, amount), data, size.room / "trainer",
            epochs=epochs, batch=size.batch, judged=judged, device=size.device,
        )  # fmt: skip
        made.train()
        return clock

    gc.collect()
    clock, took = timed(work)
    return took, clock.took[-1]


class Judgements(TrainerCallback):
    """Notes when training began and when each epoch was judged; ends the run after some of its epochs."""

    def __init__(self, epochs: int) -> None:
        self.at: list[Took] = []
        self._epochs = epochs

    def on_train_begin(self, *_: object, **__: object) -> None:
        """Note the beginning."""
        self.at.append(now())

    def on_evaluate(self, _: object, __: object, control: TrainerControl, **___: object) -> None:
        """Note the end of an epoch."""
        self.at.append(now())
        control.should_training_stop |= len(self.at) > self._epochs
