"""Models that write, without pretrained weights: they learn generated tasks as transformers' Trainer does.

    python benchmarks/writing.py [--parts copy grammar dialogues] [--seeds 0 1 2]

``copy``: a random encoder with decoder (BART-like: T5's decoder does not know where in the text it looks)
learns to repeat words that it has not seen together before. ``grammar``: a random language model
(Llama-like) learns sentences whose entropy is known, so that its perplexity has a bound. Both beside the
Trainer, which begins with the same weights and has the same optimiser and schedule: once with our batches in
our order, so that the losses must be the same, and once in its own order, so that the results may differ by
chance alone. ``dialogues``: DialogSum through the terminal with a random tiny T5, beside the first three
sentences and the longest one. It checks that the way is whole: without pretrained weights nobody learns to
summarise from 400 dialogues, and no quality is claimed.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import measure
from measure import SHARED, told

DIALOGUES = SHARED / "data" / "txt-dialogsum" / "DialogSum_Data"
PARTS = ("copy", "grammar", "dialogues")
BATCH, RATE = 16, 3e-3

# --- what is learnt ---------------------------------------------------------------------------------

WORDS = [first + last for first in "bdfglm" for last in ("an", "io")]
SUBJECTS = ("birds", "fish", "cows", "bees")
VERBS = ("see", "like", "follow", "avoid")
OBJECTS = ("rivers", "hills", "clouds", "trees")
SENTENCES = 8
# Of 32 tokens 31 are foretold: 7 subjects, 8 verbs and 8 objects are one of four, full stops are certain.
BOUND = 4 ** (23 / 31)


def copied(count: int) -> list[dict[str, Any]]:
    """Return texts of four to eight of twelve words, each its own summary; none comes twice."""
    rng, made = random.Random("copy"), dict[str, None]()
    while len(made) < count:
        made[" ".join(rng.choices(WORDS, k=rng.randint(4, 8)))] = None
    return [{"text": words, "summaries": [words]} for words in made]


def told_by_grammar(count: int) -> list[dict[str, Any]]:
    """Return texts of eight sentences of subject, verb, object and full stop, each drawn evenly."""
    rng = random.Random("grammar")
    kinds = (SUBJECTS, VERBS, OBJECTS)
    return [
        {"text": " ".join(f"{' '.join(map(rng.choice, kinds))} ." for _ in range(SENTENCES))}
        for _ in range(count)
    ]


@dataclass(frozen=True)
class Learnt:
    """A generated task.

    Attributes:
        task: Whose engine learns it.
        auto: The class by which the Trainer's side opens the same folder.
        words: All there are.
        samples, epochs: How much is learnt; one sample in eight is kept to judge by.
        options: Settings of the task.
    """

    task: str
    auto: str
    words: tuple[str, ...]
    samples: list[dict[str, Any]]
    epochs: int
    options: dict[str, Any]
    metrics: tuple[str, ...]

    def network(self) -> Any:
        """Return the settings of the random network; without dropout, both sides do the same."""
        from transformers import BartConfig, LlamaConfig

        if self.task == "summarization":
            return BartConfig(
                d_model=64, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
                decoder_attention_heads=4, encoder_ffn_dim=128, decoder_ffn_dim=128, dropout=0.0,
                max_position_embeddings=64, forced_eos_token_id=None, bos_token_id=1,
            )  # fmt: skip
        return LlamaConfig(
            hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=128, tie_word_embeddings=True,
        )  # fmt: skip


def learnt_tasks() -> dict[str, Learnt]:
    """Return the generated tasks by name."""
    grammar = (*SUBJECTS, *VERBS, *OBJECTS, ".")
    return {
        "copy": Learnt(
            "summarization", "AutoModelForSeq2SeqLM", tuple(WORDS), copied(1280), 4,
            {"longest_summary": 10}, ("rouge_l", "exact copies", "loss"),
        ),
        "grammar": Learnt(
            "causal_lm", "AutoModelForCausalLM", grammar, told_by_grammar(512), 6,
            {"max_length": 4 * SENTENCES, "packing": False}, ("perplexity", "token_accuracy", "loss"),
        ),
    }  # fmt: skip


# --- both sides -------------------------------------------------------------------------------------


@dataclass
class Side:
    """What one side did: the loss of each step, and its scores on samples that it did not learn."""

    losses: list[float]
    after: dict[str, float]


def compared(kind: Learnt, seed: int, room: Path) -> tuple[dict[str, float], dict[str, Side]]:
    """Train both sides from the same random weights; return the scores before, and the sides."""
    from tests.tasks.writing import project_of, recipe_of, word_model

    model = word_model(room / "model", kind.words, kind.network(), seed=seed)
    recipe = recipe_of(
        kind.task, model, seed=seed, optimiser__epochs=kind.epochs, optimiser__batch_size=BATCH,
        optimiser__learning_rate=RATE, optimiser__head_learning_rate=RATE, optimiser__warmup_share=0.1,
    ).with_settings({f"options.{name}": value for name, value in kind.options.items()})  # fmt: skip
    with project_of(room / "project", kind.task, kind.samples) as project:
        mine, order = ours(project, recipe)
        samples = project.dataset.samples()
    its = Theirs(kind, recipe, samples, room)
    before = its.scores(its.fresh())
    sides = {
        "ours": mine,
        "Trainer, our order": its.learn(order),
        "Trainer, its own order": its.learn(None),
    }
    return before, sides


def ours(project: Any, recipe: Any) -> tuple[Side, list[int]]:
    """Carry out a run; return what it did, and the samples in the order in which it learnt them."""
    from finetune_studio.core.events import RunFinished, StepDone
    from finetune_studio.core.job import Control
    from finetune_studio.engine import evaluate
    from finetune_studio.engine.train import train

    kind = type(evaluate.load_task(recipe.task))
    order: list[int] = []
    loss_of = kind.loss

    def loss(self: Any, bundle: Any, batch: Any) -> Any:
        order.extend(batch.samples)
        return loss_of(self, bundle, batch)

    every_step = patch("finetune_studio.engine.clock.STATE_EVERY_S", 0.0)
    with every_step, patch.object(kind, "loss", loss):
        events = list(train(project, recipe, Control()))
    ended = events[-1]
    assert isinstance(ended, RunFinished)
    losses = [event.loss for event in events if isinstance(event, StepDone)]
    list(evaluate.evaluate(project, Path(ended.run), "validation", Control()))
    pairs = evaluate.answers(Path(ended.run), project.dataset, "validation")
    learnt = len(project.dataset.samples(split="train")) * recipe.optimiser.epochs
    return Side(losses, scored(evaluate.load_task(recipe.task), pairs)), order[-learnt:]


def scored(task: Any, pairs: list[Any]) -> dict[str, float]:
    """Return a task's scores, and of copies how many are exact."""
    found = dict(task.score(iter(pairs)))
    if task.name == "summarization":
        exact = [answer.label == sample.fields["text"] for sample, answer in pairs]
        found["exact copies"] = statistics.mean(exact)
    return found


class Theirs:
    """transformers' Trainer on the same examples; its networks are judged as ours are."""

    def __init__(self, kind: Learnt, recipe: Any, samples: list[Any], room: Path) -> None:
        from finetune_studio.engine import evaluate

        self._kind, self._recipe, self._room = kind, recipe, room
        self._task = evaluate.load_task(kind.task)
        self._bundle = self._task.load_model(recipe, self._task.labels(None))
        self._samples = {sample.id: sample for sample in samples}

    def fresh(self) -> Any:
        """Return the network as it was before the first step."""
        import transformers

        return getattr(transformers, self._kind.auto).from_pretrained(self._recipe.model.source)

    def learn(self, order: list[int] | None) -> Side:
        """Train, with samples in this order (all epochs in a row), or as the Trainer draws them."""
        from torch.optim.lr_scheduler import LambdaLR
        from torch.utils.data import SequentialSampler
        from transformers import Trainer, TrainingArguments

        from finetune_studio.engine.optim import rate_factor

        train = [sample.id for sample in self._samples.values() if sample.split == "train"]
        numbers = train if order is None else order
        choices = self._recipe.optimiser

        class Scheduled(Trainer):  # its own warm-up begins at a rate of zero, ours does not
            def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
                self.lr_scheduler = LambdaLR(
                    optimizer or self.optimizer,
                    lambda step: rate_factor(choices, step, num_training_steps),
                )
                return self.lr_scheduler

        class InOrder(Scheduled):
            def _get_train_sampler(self, dataset: Any = None) -> Any:
                return SequentialSampler(dataset or self.train_dataset)

        arguments = TrainingArguments(
            output_dir=str(self._room / "theirs"), per_device_train_batch_size=BATCH,
            num_train_epochs=choices.epochs if order is None else 1, learning_rate=RATE,
            weight_decay=0.0, logging_steps=1, report_to=[],
            save_strategy="no", use_cpu=True, disable_tqdm=True, max_grad_norm=choices.gradient_clip,
            remove_unused_columns=False, dataloader_pin_memory=False, seed=self._recipe.seed,
        )  # fmt: skip
        trainer = (Scheduled if order is None else InOrder)(
            self.fresh(), arguments, data_collator=self._together,
            train_dataset=[
                self._task.example(self._samples[n], self._bundle, view=None) for n in numbers
            ],
        )  # fmt: skip
        trainer.log = quiet(trainer)
        trainer.train()
        losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
        return Side(losses, self.scores(trainer.model))

    def _together(self, examples: list[Any]) -> dict[str, Any]:
        import torch

        batch = self._task.collate(examples)
        if self._kind.task == "summarization":
            return {**batch.inputs, "labels": batch.targets}
        labels = torch.full_like(batch.targets["next"], -100)
        labels[:, 1:] = batch.targets["next"][:, :-1]  # the network itself moves them back
        return {**batch.inputs, "labels": labels}

    def scores(self, network: Any) -> dict[str, float]:
        """Judge a network as a run of ours is judged."""
        import torch

        from finetune_studio.engine.loaders import batch_of

        judged = [s for s in self._samples.values() if s.split == "validation"]
        self._bundle.network.load_state_dict(network.state_dict())
        self._bundle.network.eval()
        answers = []
        with torch.inference_mode():
            for at in range(0, len(judged), 64):
                batch = batch_of(self._task, self._bundle, judged[at : at + 64])
                answers += self._task.predict(
                    self._bundle, self._task.on_device(self._bundle, batch)
                )
        return scored(self._task, list(zip(judged, answers, strict=True)))


def quiet(trainer: Any) -> Any:
    """Return a way of logging that keeps what is logged and prints nothing."""

    def log(logs: dict[str, float], *_: object, **__: object) -> None:
        trainer.state.log_history.append({**logs, "step": trainer.state.global_step})

    return log


# --- what is told -----------------------------------------------------------------------------------


def spread(values: list[float]) -> str:
    """Return mean and standard deviation of several seeds."""
    if len(values) < 2:
        return f"{values[0]:.4f}"
    return f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}"


def generated(name: str, kind: Learnt, seeds: list[int], room: Path) -> None:
    """Train both sides for each seed and print their scores, and how far their losses lie apart."""
    found = [compared(kind, seed, room / f"{name}{seed}") for seed in seeds]
    train = sum(number % 8 != 0 for number in range(len(kind.samples)))
    print(f"\n{name}: {train} samples to learn from, {len(kind.samples) - train} to judge by, "
          f"{kind.epochs} epochs, batches of {BATCH}; mean and deviation of seeds {seeds}.")  # fmt: skip
    if name == "grammar":
        print(f"No model of this grammar can have a perplexity below {BOUND:.4f}, but by luck.")
    print(f"\n| {name} | {' | '.join(kind.metrics)} |")
    print(f"|---|{'---|' * len(kind.metrics)}")
    rows = {"before": [before for before, _ in found]}
    rows |= {side: [sides[side].after for _, sides in found] for side in found[0][1]}
    for side, scores in rows.items():
        cells = [spread([one[metric] for one in scores]) for metric in kind.metrics]
        print(f"| {side} | {' | '.join(cells)} |", flush=True)
    for seed, (_, sides) in zip(seeds, found, strict=True):
        print(f"seed {seed}: {curve(sides['ours'].losses, sides['Trainer, our order'].losses)}")


def curve(mine: list[float], its: list[float]) -> str:
    """Return in words how far two curves of losses lie apart."""
    apart = [abs(one - other) for one, other in zip(mine, its, strict=True)]
    tenth = max(1, len(apart) // 10)
    last = [statistics.mean(losses[-tenth:]) for losses in (mine, its)]
    return (
        f"with our order {len(apart)} losses of steps differ by at most {max(apart):.1e}"
        f" ({max(apart[:tenth]):.1e} in the first tenth); mean of the last tenth {last[0]:.5f} ours,"
        f" {last[1]:.5f} the Trainer's"
    )


# --- dialogues --------------------------------------------------------------------------------------


def rows_of(split: str) -> Iterator[dict[str, Any]]:
    """Yield the dialogues of a file, with all of their summaries."""
    with (DIALOGUES / f"dialogsum.{split}.jsonl").open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            summaries = [row[name] for name in sorted(row) if name.startswith("summary")]
            yield {"text": row["dialogue"], "summaries": summaries}


def dialogues(home: Path, tests: int, epochs: int) -> None:
    """Train a random tiny T5 through the terminal and print its scores beside the simple summaries'."""
    from tests import tiny_models

    dev, test = list(rows_of("dev")), list(rows_of("test"))[:tests]
    parts = {"train": dev[:400], "validation": dev[400:450], "test": test}
    data = home / "data"
    data.mkdir(parents=True)
    for split, rows in parts.items():
        lines = (json.dumps(row) for row in rows)
        (data / f"{split}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    texts = [words for row in parts["train"] for words in (row["text"], *row["summaries"])]
    model = tiny_models.folder(home / "t5", "t5", texts, words=1500)
    changes = {
        "options.max_length": 192, "options.longest_summary": 32, "options.generated": 20,
        "layers.amount": "everything", "optimiser.epochs": epochs, "optimiser.learning_rate": 3e-3,
        "optimiser.head_learning_rate": 3e-3, "optimiser.batch_size": 16, "stop.early": False,
    }  # fmt: skip
    settings = [word for name, value in changes.items() for word in ("--set", f"{name}={value}")]
    events, took = measure.terminal(
        "train", "--task", "summarization", "--data", str(data), "--model", str(model), "--out",
        str(home / "project"), *settings, home=home,
    )  # fmt: skip
    judged, asked = measure.terminal("evaluate", events[-1]["run"], "--split", "test", home=home)
    losses = [event["metrics"]["loss"] for event in events if event["event"] == "validated"]
    print(f"\nDialogSum: {len(parts['train'])} dialogues to learn from, {epochs} epochs, a random T5 of two"
          f" layers each. Loss of a token on validation by epoch: {', '.join(f'{x:.2f}' for x in losses)}."
          f" Training {told(took)}, writing {len(test)} summaries {told(asked)}.")  # fmt: skip
    tell_summaries(test, judged[-1])


def tell_summaries(test: list[dict[str, Any]], found: dict[str, Any]) -> None:
    """Print the scores of written summaries beside those of the simple ones."""
    from finetune_studio.modality import rouge
    from finetune_studio.modality.plain_summaries import lead, longest_sentence

    print(
        f"\n| test ({len(test)} dialogues, three references each) | ROUGE-L | ROUGE-1 | ROUGE-2 |"
    )
    print("|---|---|---|---|")
    names = ("rouge_l", "rouge_1", "rouge_2")
    low, high = found["intervals"]["rouge_l"]
    scores = [f"{found['metrics'][name]:.3f}" for name in names]
    print(f"| random T5, {scores[0]} ({low:.3f} to {high:.3f}) | {' | '.join(scores)} |")
    for name, way in (("first three sentences", lead), ("longest sentence", longest_sentence)):
        each = [rouge.best(way(row["text"]), tuple(row["summaries"])) for row in test]
        means = [f"{statistics.mean(part):.3f}" for part in zip(*each, strict=True)]
        print(f"| {name} | {' | '.join(means)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--dialogues", type=int, default=100, help="of the test split")
    parser.add_argument("--epochs", type=int, default=2, help="on dialogues")
    args = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder, measure.measured():
        for name, kind in learnt_tasks().items():
            if name in args.parts:
                generated(name, kind, args.seeds, Path(folder))
        if "dialogues" in args.parts:
            dialogues(Path(folder) / "dialogues", args.dialogues, args.epochs)


if __name__ == "__main__":
    main()
