"""The command that looks at how far a run can be relied on, and decides about its answers."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from finetune_studio.cli.codes import DONE, INTERRUPTED
from finetune_studio.cli.commands import in_a_project, run_at
from finetune_studio.cli.printing import Printer
from finetune_studio.core import label_doubts
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, Noted
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    command.add_argument(
        "--labels", action="store_true", help="look for labels that are likely wrong"
    )
    command.add_argument(
        "--calibrate", action="store_true", help="keep the temperature that makes certainty fit"
    )
    command.add_argument(
        "--cost",
        action="append",
        default=[],
        metavar="CLASS=TIMES",
        help="keep the cheapest threshold of a class whose miss costs so many false alarms",
    )
    command.add_argument(
        "--turn-away",
        type=float,
        metavar="SHARE",
        help="answer 'none of these' to unlike inputs, at the cost of this share of your own (0.02)",
    )


def inspect(arguments: argparse.Namespace, out: Printer, control: Control) -> int:
    """Say how far a run can be relied on, after carrying out what was decided about it."""
    run_folder = in_a_project(run_at(arguments.source))
    with Project(run_folder.parent.parent) as project:
        out.all(_decided(arguments, project, run_folder, control))
        if control.stop.is_set():
            return INTERRUPTED
        out.all(_told(project, run_folder))
    return DONE


def _decided(
    arguments: argparse.Namespace, project: Project, run_folder: Path, control: Control
) -> Iterator[Event]:
    from finetune_studio.engine import calibrating, label_errors, unlike

    folder = run_folder
    if arguments.labels:
        yield from label_errors.look(project, folder, control)
    if arguments.calibrate:
        calibrating.calibrate(folder, project.dataset)
    for text in arguments.cost:
        name, times = _cost(text)
        calibrating.cheapest(folder, project.dataset, name, times, 1.0)
    if arguments.turn_away is not None:
        if not 0 <= arguments.turn_away < 1:
            raise StudioError(
                f"The share to turn away is from 0 to 1, not {arguments.turn_away:g}.", "Give 0.02."
            )
        if arguments.turn_away and unlike.read(folder) is None:
            yield from unlike.learn(project, folder, control)
        if not control.stop.is_set():
            unlike.set_share(folder, arguments.turn_away)


def _cost(text: str) -> tuple[str, float]:
    name, _, times = text.rpartition("=")
    try:
        return name, float(times)
    except ValueError:
        raise StudioError(
            f"The cost {text!r} cannot be read.", "Write --cost CLASS=TIMES, as in --cost rust=10."
        ) from None


def _told(project: Project, run_folder: Path) -> Iterator[Event]:
    """Yield what is known as sentences."""
    from finetune_studio.engine import baselines, calibrating, evaluate, slicing, trust_words
    from finetune_studio.engine.run import Run

    folder = run_folder
    pairs = evaluate.answers(folder, project.dataset, "validation")
    if not pairs:
        raise StudioError(
            "This run has no validation answers to look at.",
            "Score it first: finetune-studio evaluate RUN.",
        )
    for told in baselines.sentences(baselines.beside(project, folder, pairs)):
        yield Noted(told)
    look = calibrating.look(folder, project.dataset)
    yield Noted(trust_words.calibration(look))
    yield Noted(trust_words.offer(look))
    labels = project.dataset.current(Run(folder).labels)
    for name, threshold in look.decision.by_name(labels).items():
        trade = look.trade(name)
        missed, falsely = trade.ids_at(threshold)
        yield Noted(trust_words.counts(name, threshold, len(missed), len(falsely), trade.positives))
        if (fair := look.fairly(name)) is not None:
            yield Noted(trust_words.fairly(fair))
    if look.decision.least_likeness > -1:
        yield Noted(trust_words.turned_away(look.turned_away(look.decision.turned_away)))
    parts = slicing.look(project, folder)
    worse = any(one.worse for one in parts.slices)
    yield Noted(
        trust_words.slices(parts.slices, parts.metric, parts.tried), "warning" if worse else "info"
    )
    if parts.shortcut is not None and not parts.shortcut.reason:
        yield Noted(parts.shortcut.sentence, parts.shortcut.level)
    doubts = label_doubts.open_ones(project.dataset)
    if doubts is not None:
        count = sum(doubt.suspected for doubt in doubts)
        yield Noted(
            f"{count:,} of {len(doubts):,} labels are likely wrong and not yet decided about."
        )
