"""What the progress card shows of a run's story; no Qt but the card's own values."""

from __future__ import annotations

from collections.abc import Callable

from finetune_studio.core.words import energy, figure, latency
from finetune_studio.gui.pages.train.estimate_words import size, time_in_all
from finetune_studio.gui.pages.train.story import Story, heading, so_far
from finetune_studio.gui.widgets.happenings import span
from finetune_studio.gui.widgets.plot_legend import power
from finetune_studio.gui.widgets.progress_card import Figures
from finetune_studio.tasks import nouns

# In the order in which they stand while a run works; each is there only where there is something to say.
LIVE_ROWS = (
    "Study",
    "Time in all",
    "Memory",
    "Throughput",
    "Rate of the head",
    "Early stopping",
    "Last checkpoint",
)


def figures(
    story: Story, *, at_work: bool, now: float, memory_mb: float, tr: Callable[[str], str] = str
) -> Figures:
    """Return the card's text, bar and rows.

    Args:
        story: What happened so far.
        at_work: Whether the run works now.
        now: The clock, for how long ago something was.
        memory_mb: What this computer has, to set the run's own memory against.
        tr: Translates the rows' names.
    """
    if story.finished is not None or not at_work:
        return _ended(story, tr)
    if story.started is None:
        share = story.done / story.total if story.total else None
        foreseen = tuple(_foreseen(story, memory_mb, tr))
        return Figures(so_far(story) or tr("Getting ready"), "", share, foreseen)
    epoch = story.step.epoch if story.step else 0.0
    share = min(1.0, epoch / story.all_epochs) if story.all_epochs else None
    left = story.seconds_left if story.seconds_left is not None else _estimated_left(story)
    aside = tr("about {time} left").format(time=span(left)) if left is not None else ""
    if story.paused:
        aside = tr("paused")
    text = tr("Epoch {n} of {all}").format(
        n=min(story.all_epochs, int(epoch) + 1), all=story.all_epochs
    )
    return Figures(text, aside, share, tuple(_live_rows(story, now, memory_mb, tr)))


def _foreseen(story: Story, memory_mb: float, tr: Callable[[str], str]) -> list[tuple[str, str]]:
    """Return what the rehearsal said, as long as nothing is measured."""
    if story.estimate is None:
        return []
    memory = f"{size(story.estimate.memory_mb)} of {size(memory_mb)}"
    return [
        (tr("Time in all"), time_in_all(story.estimate)),
        (tr("Memory"), tr("about {text}").format(text=memory)),
    ]


def _estimated_left(story: Story) -> float | None:
    """Return what the rehearsal said of the time after the first step, before a second was taken."""
    if story.estimate is None or story.step is not None:
        return None
    done = sum(story.estimate.parts.get(name, 0.0) for name in ("load", "features"))
    return max(0.0, story.estimate.seconds - done)


def _live_rows(
    story: Story, now: float, memory_mb: float, tr: Callable[[str], str]
) -> list[tuple[str, str]]:
    rows = _foreseen(story, memory_mb, tr) if story.step is None else []
    if story.part:
        rows.insert(0, (tr("Study"), story.part))
    if story.step is not None:
        memory = f"{story.step.memory_mb / 1024:.1f} of {memory_mb / 1024:.1f} GB"
        rows.append((tr("Memory"), memory))
        pace = story.step.samples_per_second
        figure = f"{pace:,.0f}" if pace >= 10 else f"{pace:.2g}"
        speed = tr("{n} {samples}/s").format(n=figure, samples=_many(story))
        rows.append((tr("Throughput"), speed))
        if "head" in story.step.learning_rates:
            rows.append((tr("Rate of the head"), power(story.step.learning_rates["head"])))
    if story.patience:
        text = tr("{n} of {all} without gain").format(n=story.without_gain, all=story.patience)
        rows.append((tr("Early stopping"), text))
    if story.saved:
        ago = tr("{time} ago").format(time=span(max(1.0, now - story.saved)))
        rows.append((tr("Last checkpoint"), ago))
    if story.set_aside:
        rows.append((tr("Set aside"), f"{story.set_aside:,}"))
    return rows


def _ended(story: Story, tr: Callable[[str], str]) -> Figures:
    rows: list[tuple[str, str]] = []
    end, step = story.finished, story.step
    if end is not None:
        rows += [(tr(heading(n)), figure(v)) for n, v in end.metrics.items()]
        if end.metrics:
            rows.append((tr("Best epoch"), f"{end.best_epoch:g}"))
        rows.append((tr("Time"), span(end.seconds)))
        rows += _cost(story, tr)
    elif story.best is not None:
        rows.append((tr(heading(story.headline)), figure(story.best.score)))
        rows.append((tr("Best epoch"), f"{story.best.number:g}"))
    if story.started is not None:
        numbers = story.started.samples
        rows += [
            (tr(title), f"{numbers.get(split, 0):,} {_many(story)}")
            for title, split in (("Trained on", "train"), ("Judged on", "validation"))
            if not (story.is_final and split == "validation")
        ]
    if story.set_aside:
        rows.append((tr("Set aside"), f"{story.set_aside:,}"))
    epochs = step.epoch if step else 0.0
    text = tr("{n} of {all} epochs").format(n=f"{epochs:.3g}", all=story.all_epochs)
    share = min(1.0, epochs / story.all_epochs) if story.all_epochs else 0.0
    done = end is not None and not end.stopped
    return Figures(
        text if story.started else tr("Nothing was learnt"),
        tr("finished") if done else tr("not finished"),
        1.0 if done else share,
        tuple(rows),
    )


def _cost(story: Story, tr: Callable[[str], str]) -> list[tuple[str, str]]:
    """Return the energy that the run took, and how fast its result answers."""
    cost = story.cost
    if cost is None:
        return []
    rows = [(tr("Energy, estimated"), energy(cost.energy_wh))]
    if cost.answered:
        rows.append((tr("Answers in"), latency(cost.latency_ms)))
    return rows


def _many(story: Story) -> str:
    """Return what the run's samples are called."""
    return nouns(story.started.task)[1] if story.started else "samples"
