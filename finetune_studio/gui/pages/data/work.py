"""What the Data page hands to threads: reading, looking, dividing; the engine is loaded there."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtGui import QImageIOHandler, QImageReader

from finetune_studio.core import counts
from finetune_studio.core.dataset import Dataset, Row, Sample
from finetune_studio.core.dataset.words import checked_name
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import CheckFinished, Event, Finding, Noted, from_json
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import DataChoices
from finetune_studio.core.splits import divide
from finetune_studio.gui.pages.data.kinds import kind_of, labels_of
from finetune_studio.gui.pages.data.shelf import Shown, Stock, View, browse, replaced, stocked
from finetune_studio.gui.pages.data.words import Facts
from finetune_studio.gui.widgets.split_bar import Shares

if TYPE_CHECKING:
    from finetune_studio.core.recipe import Recipe
    from finetune_studio.engine.curate import DataLook

_PROBES = 64
_FEW = 500


def load(dataset: Dataset, view: View, before: Stock) -> tuple[Stock, Shown]:
    """Read all samples of a dataset and arrange them."""
    kind = kind_of(dataset.get("task"))
    with _without_collecting():
        samples = dataset.samples()
    classes = tuple(dataset.classes().values())
    root = str(dataset.root) if samples else ""
    missing, edits = is_missing(samples, root), dataset.newest_edits()
    stock = stocked(samples, classes, root, missing, before, kind, edits)
    return stock, browse(stock, view)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Keep Python from searching 100,000 new samples for garbage, again and again.

    Each search stops every thread, the window's too, for a tenth of a second. Samples refer to
    nothing that refers to them, so they are freed without it.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if collecting:
            gc.enable()


def is_missing(samples: Sequence[Sample], root: str) -> bool:
    """Whether the data are not where they were: most of a few files, evenly chosen, are gone."""
    files = [sample.path for sample in samples if sample.path]
    if not files:
        return False
    if not os.path.isdir(root):  # noqa: PTH112  asked in a thread, for a plain text
        return True
    probes = files[:: max(1, len(files) // _PROBES)]
    return 2 * sum(not os.path.exists(path) for path in probes) > len(probes)  # noqa: PTH110


def edited(
    dataset: Dataset, edit: Callable[[], object], ids: Sequence[int], stock: Stock, view: View
) -> tuple[Stock, Shown]:
    """Carry out an edit of some samples; return what is shown then, reading only those again."""
    edit()
    if len(ids) > _FEW:
        return load(dataset, view, stock)
    fresh = [dataset.sample(number) for number in ids]
    classes = tuple(dataset.classes().values())
    stock = replaced(stock, fresh, classes, dataset.newest_edits())
    return stock, browse(stock, view)


def facts(dataset: Dataset, sample: Sample) -> Facts:
    """Read what is known of one sample: the size of its picture and file, and its edits."""
    newest = next((edit.id for edit in dataset.edits() if not edit.undone), -1)
    edits = tuple(dataset.edits(sample.id))
    imported = float(dataset.get("imported", "0"))
    if not sample.path:
        return Facts(0, 0, 0, edits, newest, imported)
    try:
        size = Path(sample.path).stat().st_size
    except (OSError, ValueError):
        return Facts(0, 0, 0, edits, newest, imported)
    width, height = pixels(sample.path)
    return Facts(width, height, size, edits, newest, imported)


def pixels(path: str) -> tuple[int, int]:
    """Return a picture's width and height, upright; zeros if it cannot be read."""
    reader = QImageReader(path)
    reader.setAutoTransform(True)
    found = reader.size()
    if found.isValid():
        turned = reader.transformation() & QImageIOHandler.Transformation.TransformationRotate90
        return (found.height(), found.width()) if turned else (found.width(), found.height())
    try:
        from finetune_studio.modality import preprocess

        return preprocess.open_picture(Path(path)).size
    except Exception:  # noqa: BLE001  pillow raises many kinds; the sample's problem says it better
        return 0, 0


def look(path: Path, choices: DataChoices, task: str) -> DataLook:
    """Say what data would become."""
    from finetune_studio.engine import curate

    return curate.look(path, choices, task)


def import_data(
    project: Project, choices: DataChoices, seed: int, replace: bool, control: Control
) -> Iterator[Event]:
    """Index data into the project."""
    from finetune_studio.engine import curate

    yield from curate.import_data(project, choices, seed, control, replace=replace)


def check(project: Project, control: Control) -> Iterator[Event]:
    """Search the data for trouble, and keep what was found for the next time it is opened."""
    from finetune_studio.engine import curate

    kept: list[Event] = []
    for event in curate.check(project.dataset, project.task, control):
        if isinstance(event, Finding | CheckFinished):
            kept.append(event)
        if isinstance(event, CheckFinished):
            project.dataset.put("health", json.dumps([e.as_json() for e in kept]))
        yield event


def kept_findings(dataset: Dataset) -> list[Event]:
    """Return what the last check found, with its CheckFinished at the end; nothing if there was none."""
    records = json.loads(dataset.get("health", "[]"))
    return [event for record in records if (event := from_json(record)) is not None]


def apply_remedy(project: Project, finding: Finding) -> str:
    """Carry out what a finding offers."""
    from finetune_studio.engine import curate

    return curate.apply_remedy(project, finding)


def news(project: Project) -> list[Row]:
    """Return what appeared in the folder since the import."""
    from finetune_studio.engine import curate

    return curate.news(project)


def look_round(project: Project, stock: Stock) -> tuple[bool, int]:
    """Say whether the data are not where they were, and how many samples came since the import."""
    missing = is_missing(stock.samples, stock.root)
    return missing, 0 if missing else len(news(project))


def add_news(project: Project) -> int:
    """Take in what appeared since the import."""
    from finetune_studio.engine import curate

    return curate.add_news(project)


def relink(project: Project, folder: Path) -> int:
    """Find the samples in another place; return how many are there."""
    from finetune_studio.engine import curate

    return curate.relink(project, folder)


def rename(dataset: Dataset, old: str, new: str) -> None:
    """Give a class another name, or a type of names, which is written into each text that has it."""
    holders = _holders(dataset, old)
    if not holders:
        dataset.rename_class(old, new)
        return
    with dataset.one_edit(f"{old} → {new} in {counts.of(len(holders), *dataset.called)}"):
        for sample in holders:
            dataset.rewrite(sample.id, _renamed(sample, old, checked_name(new)), "")


def merge(dataset: Dataset, name: str, into: str) -> None:
    """Make a class, or a type of names, part of another."""
    if _holders(dataset, name):
        rename(dataset, name, into)
    else:
        dataset.merge_classes([name], into)


def _holders(dataset: Dataset, name: str) -> list[Sample]:
    """Return the samples that hold a name in their fields: in a list of classes, or in spans."""
    return [s for s in dataset.samples() if s.label is None and name in labels_of(s)]


def _renamed(sample: Sample, old: str, new: str) -> dict[str, Any]:
    if isinstance(labels := sample.fields.get("labels"), list):
        return {"labels": list(dict.fromkeys(new if name == old else name for name in labels))}
    spans = sample.fields["spans"]
    return {"spans": [[a, b, new if name == old else name] for a, b, name in spans]}


def measure(project: Project, recipe: Recipe, control: Control) -> Iterator[Event]:
    """Count the texts' tokens; what stands against it is told as a note, not as a failure."""
    from finetune_studio.engine import lengths, trouble

    try:
        yield from lengths.measure(project.dataset, recipe, control)
    except Exception as error:  # noqa: BLE001  whatever a library raises is told in words
        told = trouble.explain(error).message
        known = isinstance(error, StudioError)
        yield Noted(told if known else f"The tokens cannot be counted. {told}", "warning")


def redivide(dataset: Dataset, shares: Shares, seed: int, keep_test: bool) -> None:
    """Divide the samples anew as one step of undo; ``keep_test`` leaves the test split as it is.

    Stratified by class and by group, as at the import.
    """
    if not keep_test:
        dataset.divide(validation=shares.validation, test=shares.test, seed=seed, again=True)
        return
    samples = dataset.samples()
    pool = [s for s in samples if s.split != "test"]
    # The shares are of all usable samples; here only those outside of test are dealt out.
    share = min(0.9, shares.validation / max(0.01, 1 - shares.test))
    chosen = divide(
        [s.label or "" for s in pool], [s.group for s in pool], {"validation": share}, seed
    )
    with dataset.one_edit(f"Divided {len(pool):,} samples anew, test kept"):
        for split in ("train", "validation"):
            dataset.move([s.id for s, to in zip(pool, chosen, strict=True) if to == split], split)
