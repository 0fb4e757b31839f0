"""What is known of a run, gathered once for whoever must judge its model: model card and report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from finetune_studio.core import own_run
from finetune_studio.core.dataset import Sample
from finetune_studio.core.dataset.words import natural
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Evaluated, RunFinished, RunStarted
from finetune_studio.core.exporter import use_of
from finetune_studio.core.measures import BlendMeasured, CostMeasured
from finetune_studio.core.preview import Words
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.shares import cautious
from finetune_studio.core.splits import SPLITS
from finetune_studio.core.task import Pair, Task
from finetune_studio.core.words import NAMES, energy, latency
from finetune_studio.engine import (
    blend_words,
    decision,
    drift,
    evaluate,
    tally,
    unlike,
    untaught,
)
from finetune_studio.engine.drift import Drift
from finetune_studio.engine.judged_by import how_chosen, judging_split, unseen
from finetune_studio.engine.run import Run
from finetune_studio.insights.per_class import ClassScore
from finetune_studio.models import zoo

_AMOUNTS = {
    "head_only": "only the last layer",
    "last_stage": "the last stage",
    "later_half": "the later half",
    "everything": "every layer",
    "adapters": "adapters beside the layers, which stay as they were (LoRA)",
}
# A 95 % interval wider than this tells little about which of two models is better.
_WIDE = 0.15
_FEW_IN_CLASS = 10
_UNEVEN = 5
_COUNTED = 5000  # texts whose words are counted


@dataclass(frozen=True)
class Facts:
    """A run and its results.

    Attributes:
        title: What the user calls the project.
        classes: For each class of today, how often it occurs in each split of the run; empty where the
            task has no classes. ``splits`` are the samples of each split that has any.
        words: Of the run's samples that are texts, the words of the middle one, of the longest of
            twenty, and of the longest; None where they are no texts.
        unused: Samples of the project that are excluded, unreadable or teach nothing.
        changed: Whether the data are no longer those that the run was trained on.
        origin: What the network was begun from, naming no folder; ``licence`` and ``pretrained_on``
            are empty where they are not known.
        pairs: The validation samples with the answers; ``tested`` those of the test split.
        scored: The validation scores, or None without answers; ``test`` those of the test split.
        looks: How often the test split was looked at in this project.
        cost: What the run took and how fast its network answers, where that was measured.
        drift: How far its layers moved; ``blend`` what the original could do and still can.
    """

    run: Run
    task: Task
    title: str
    classes: dict[str, dict[str, int]]
    splits: dict[str, int]
    words: tuple[int, int, int] | None
    unused: int
    changed: bool
    origin: str
    licence: str
    pretrained_on: str
    started: RunStarted | None
    finished: RunFinished | None
    pairs: list[Pair]
    tested: list[Pair]
    scored: Evaluated | None
    test: Evaluated | None
    looks: int
    cost: CostMeasured | None = None
    drift: Drift | None = None
    blend: BlendMeasured | None = None

    @property
    def rows(self) -> list[ClassScore]:
        """Return the validation scores class by class, in the order in which people count."""
        return sorted(tally.scores(self.pairs), key=lambda row: natural(row.name))

    @property
    def retrained(self) -> str:
        """Return how much of the network was retrained, in words."""
        layers = self.run.recipe.layers
        return _AMOUNTS.get(layers.amount, f"{len(layers.trainable)} layers chosen one by one")


def gather(project: Project, run_folder: Path, pairs: Sequence[Pair] = ()) -> Facts:
    """Return what is known of a run.

    Args:
        project: The run's project.
        run_folder: ``PROJECT/runs/<n>``.
        pairs: Answers on the validation split, for a run that has kept none.

    Raises:
        StudioError: If there is no run, or its log says nothing of a start.
    """
    run = Run(run_folder)
    task = evaluate.load_task(run.recipe.task)
    found = evaluate.answers(run.folder, project.dataset, "validation") or list(pairs)
    tested = evaluate.answers(run.folder, project.dataset, "test")
    origin, licence, pretrained_on = _origin(run)
    everything = project.dataset.samples()
    had = _had(run, everything, task)
    return Facts(
        run,
        task,
        project.name,
        _classes(project, run, task, had),
        {split: len(samples) for split, samples in had.items() if samples},
        _words(task, [sample for samples in had.values() for sample in samples]),
        sum(not s.usable or not task.teaches(s) for s in everything),
        run.environment.get("data_fingerprint") != project.dataset.fingerprint(),
        origin,
        licence,
        pretrained_on,
        run.started,
        run.finished,
        found,
        tested,
        evaluate.scored(project, run, task, "validation", found) if found else None,
        evaluate.scored(project, run, task, "test", tested) if tested else None,
        len(project.logged("test_opened")),
        run.cost,
        drift.kept(run.folder),
        blend_words.kept(run.folder),
    )


def _had(run: Run, everything: Sequence[Sample], task: Task) -> dict[str, list[Sample]]:
    """Return the samples that the run had, by split; the test split is today's."""
    homes = {number: split for split, ids in run.samples.items() for number in ids}
    found: dict[str, list[Sample]] = {split: [] for split in SPLITS}
    for sample in everything:
        split = homes.get(sample.id)
        if split is None and sample.usable and sample.split == "test":
            split = "test"
        if split is not None and task.teaches(sample):
            found[split].append(sample)
    return found


def _classes(
    project: Project, run: Run, task: Task, had: dict[str, list[Sample]]
) -> dict[str, dict[str, int]]:
    """Count how often each class occurs in what the run had, under today's names."""
    counted = {split: task.class_counts(samples) for split, samples in had.items()}
    today = project.dataset.current(run.labels).names if run.labels.ids else ()
    names = {*today, *(name for counts in counted.values() for name in counts)}
    return {
        name: {split: counts.get(name, 0) for split, counts in counted.items()}
        for name in sorted(names, key=natural)
    }


def _words(task: Task, samples: Sequence[Sample]) -> tuple[int, int, int] | None:
    """Return how many words texts have; of many samples some are counted."""
    some = samples[:: max(1, len(samples) // _COUNTED)]
    found = sorted(
        sum(len(mark.text.split()) for mark in marks)
        for sample in some
        if (marks := [mark for mark in task.preview(sample).marks if isinstance(mark, Words)])
    )
    if not found:
        return None
    return found[len(found) // 2], found[min(len(found) - 1, len(found) * 19 // 20)], found[-1]


def _origin(run: Run) -> tuple[str, str, str]:
    """Return what the network was begun from, its licence, and what it had learnt from.

    A run that goes on from another one has the licence of what the first of them was begun from.
    """
    source = run.recipe.model.source
    began = own_run.title(source, run.project_folder)
    line = [*run.model.get("line", ()), source or run.model.get("origin", "")]
    first = str(line[0])
    try:
        row = zoo.CATALOGUE[first]
    except StudioError:
        root = own_run.title(first, run.project_folder) or Path(first).name
        licence = learnt = ""
    else:
        root, facts = row.title, row.facts
        licence, learnt = str(facts.get("licence", "")), str(facts.get("pretrained_on", ""))
    if began and len(line) > 1:
        return f"{began}, which goes back to {root}", licence, learnt
    return began or root, licence, learnt


# --- in plain words -----------------------------------------------------------------------------------


def summary(facts: Facts) -> list[str]:
    """Return the result in plain sentences: the score, how sure it is, and what it must beat."""
    scored = facts.scored
    if scored is None or not scored.metrics:
        return ["There are no validation samples left to judge this run by."]
    name, value = next(iter(scored.metrics.items()))
    low, high = scored.intervals.get(name, [value, value])
    if name == "accuracy":
        right = round(value * scored.samples)
        first = (
            f"Of {_validation(scored.samples)}, {unseen(facts.run)}, the model names"
            f" {right:,} rightly: {cautious(value)}."
        )
    else:
        better = ", where less is better" if facts.task.less_is_better else ""
        first = (
            f"On {_validation(scored.samples)}, {unseen(facts.run)}, its"
            f" {name_of(name)} is {figure(name, value)}{better}."
        )
    second = f"On other samples of the same kind expect between {said(name, low)} and {said(name, high)}."
    return [first, second, *_against_baseline(facts, scored)]


def _validation(count: int) -> str:
    return f"{count:,} validation {'sample' if count == 1 else 'samples'}"


def _against_baseline(facts: Facts, scored: Evaluated) -> list[str]:
    base = scored.baseline
    if not base:
        return []
    name, level = base["metric"], base["value"]
    value = scored.metrics.get(name, 0.0)
    bounds = scored.intervals.get(name, [value, value])
    better = facts.task.better
    if better(bounds[facts.task.less_is_better], level):
        verdict = "is clearly better than"
    elif better(value, level):
        verdict = "is not clearly better than"
    else:
        verdict = "is no better than"
    reach = (
        f"is right in {said(name, level)}"
        if name == "accuracy"
        else f"reaches {figure(name, level)}"
    )
    return [f"That {verdict} the simplest answer, {base['text']}, which {reach}."]


def share_of_one(name: str) -> bool:
    """Whether a score lies between 0 and 1, where 1 is best."""
    return name not in ("perplexity", "loss")


def name_of(name: str) -> str:
    """Return what a score is called."""
    if name not in NAMES and name.startswith("f1_"):  # of one type
        return f"F1 of {name.removeprefix('f1_')}"
    return NAMES.get(name, name.replace("_", " "))


def figure(name: str, value: float) -> str:
    """Return a score with as many digits as it is worth."""
    return f"{value:.3f}" if share_of_one(name) or value < 10 else f"{value:,.1f}"


def said(name: str, value: float) -> str:
    """Return a score as percent, or as a plain number where it is no share."""
    return cautious(value) if share_of_one(name) else figure(name, value)


def took(facts: Facts) -> str:
    """Return what the run took and how fast its result answers, with what that rests on; empty if unknown."""
    cost = facts.cost
    if cost is None:
        return ""
    text = f"The run took about {energy(cost.energy_wh)} of energy, {cost.how}"
    if cost.answered:
        middle = f"the middle of {cost.answered}, {cost.device}"
        text += f" Its network answers one sample in {latency(cost.latency_ms)} ({middle})."
    return text


def forgotten(facts: Facts) -> list[str]:
    """Return how far layers moved and what the original still can, in sentences, where it was measured."""
    moved = [facts.drift.text] if facts.drift else []
    return [*moved, *(blend_words.sentences(facts.blend) if facts.blend else [])]


def limits(facts: Facts) -> list[str]:
    """Return what the scores do not say, in plain sentences; those found in these data first."""
    points = untaught.limits(facts.classes, judging_split(facts.run))
    points += [*_thin_data(facts), *_weak_spots(facts)]
    if facts.test is None and facts.splits.get("test"):
        points.append(
            f"The {facts.splits['test']:,} test samples have not been looked at yet. They are the last"
            " honest check before the model is used."
        )
    elif facts.test is None:
        points.append("There is no test split, so the model has no score on untouched samples.")
    elif facts.looks > 1:
        points.append(
            f"The test split was looked at {facts.looks} times. Each look makes its score a little less"
            " honest."
        )
    points += [
        how_chosen(facts.run),
        *(use_of(facts.task.outside).limits if facts.task.outside else ()),
        *unlike.limits(facts.run.folder, facts.task),
    ]
    if facts.scored is not None and decision.read(facts.run.folder).thresholds:
        points.append(decision.CHOSEN_HERE)
    if facts.changed:
        points.append(
            "The data were edited after this run. The scores are for today's labels; the model learnt"
            " from the earlier ones."
        )
    return points


def _thin_data(facts: Facts) -> list[str]:
    points = []
    scored = facts.scored
    if scored is not None and scored.metrics:
        name = next(iter(scored.metrics))
        bounds = scored.intervals.get(name)
        if bounds and share_of_one(name) and bounds[1] - bounds[0] > _WIDE:
            are = "is" if scored.samples == 1 else "are"
            points.append(
                f"{_validation(scored.samples)} {are} few: a difference below"
                f" {cautious(bounds[1] - bounds[0])} between two models may be chance."
            )
    split = judging_split(facts.run)
    small = [name for name, row in facts.classes.items() if 0 < row[split] < _FEW_IN_CLASS]
    if small and len(facts.classes) > 1:
        have = "has" if len(small) == 1 else "have"
        points.append(
            f"{untaught.listed(small)} {have} fewer than {_FEW_IN_CLASS} validation samples, too few to"
            " judge a class by."
        )
    sizes = {name: row["train"] for name, row in facts.classes.items() if row["train"]}
    if sizes and max(sizes.values()) > _UNEVEN * min(sizes.values()):
        most, least = max(sizes, key=sizes.__getitem__), min(sizes, key=sizes.__getitem__)
        points.append(
            f"The classes are uneven: {sizes[most]:,} training samples of {most}, {sizes[least]:,} of"
            f" {least}. The model sees rare classes less often than it should."
        )
    return points


def _weak_spots(facts: Facts) -> list[str]:
    judged = [row for row in facts.rows if row.samples >= _FEW_IN_CLASS and row.recall < 0.5]
    if not judged:
        return []
    worst = min(judged, key=lambda row: row.recall)
    return [
        f"It finds only {cautious(worst.recall)} of {worst.name}"
        + (f", which it often takes for {worst.taken_for}." if worst.taken_for else ".")
    ]


def lengths(facts: Facts) -> str:
    """Return how long the texts are, in a sentence; empty where they are none."""
    if facts.words is None:
        return ""
    middle, long, longest = facts.words
    return (
        f"Half of the texts have {middle:,} words or fewer, nineteen of twenty have {long:,} or fewer;"
        f" the longest has {longest:,}."
    )


def without_places(recipe: Recipe) -> Recipe:
    """Return a recipe that can be handed on: of paths only the last part, which names nobody's folders."""
    places = {
        "data.path": recipe.data.path,
        "data.labels_path": recipe.data.labels_path,
        "model.source": recipe.model.source,
        "forgetting.held_out": recipe.forgetting.held_out,
    }
    return recipe.with_settings({name: Path(text).name for name, text in places.items()})


def fingerprint_of(facts: Facts) -> str:
    """Return the hash of the data that the run was trained on."""
    return str(facts.run.environment.get("data_fingerprint", ""))
