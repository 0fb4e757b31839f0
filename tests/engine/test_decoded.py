"""Decoded samples on disk: found again, never trusted blindly, and never changing a number."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finetune_studio.core import settings
from finetune_studio.core.dataset import Sample
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Bundle, View
from finetune_studio.engine import decoded
from finetune_studio.engine.decoded import DecodedStore, choose, open_store, pays
from finetune_studio.engine.features.store import NotKept
from finetune_studio.engine.loaders import Loader, grouped
from finetune_studio.tasks.image_classification import ImageClassification
from tests.engine.conftest import small_bundle

ROOM = 2**20


def sample(tmp_path: Path, number: int = 1) -> Sample:
    path = tmp_path / f"{number}.bin"
    if not path.exists():
        path.write_bytes(bytes([number]))
    return Sample(number, str(path), "a", 1, "train")


def pixels(number: int, height: int = 4, width: int = 5) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)


def read(store: DecodedStore, wanted: Sample, *, varied: bool = True) -> np.ndarray | None:
    place = store.place(wanted, varied=varied)
    return place.read() if place else None


def test_rows_of_all_sizes_are_found_at_once_and_by_the_next_run(tmp_path: Path) -> None:
    store = DecodedStore(tmp_path / "store", ROOM)
    rows = {n: pixels(n, 3 + n, 9 - n) for n in range(6)}
    for number, row in rows.items():
        store.put(sample(tmp_path, number), row, varied=True)
        assert np.array_equal(read(store, sample(tmp_path, number)), row)
    assert read(store, sample(tmp_path, 1), varied=False) is None
    store.close()
    again = DecodedStore(tmp_path / "store", ROOM)
    for number, row in rows.items():
        assert np.array_equal(read(again, sample(tmp_path, number)), row)


def test_a_changed_file_is_decoded_again(tmp_path: Path) -> None:
    store = DecodedStore(tmp_path / "store", ROOM)
    store.put(sample(tmp_path), pixels(1), varied=True)
    store.close()
    (tmp_path / "1.bin").write_bytes(b"longer than before")
    assert read(DecodedStore(tmp_path / "store", ROOM), sample(tmp_path)) is None


@pytest.mark.parametrize("harm", ["cut", "gone", "no json", "other json"])
def test_damaged_parts_are_passed_over(tmp_path: Path, harm: str) -> None:
    store = DecodedStore(tmp_path / "store", ROOM)
    store.put(sample(tmp_path), pixels(1), varied=True)
    store.close()
    (rows,) = (tmp_path / "store").glob("*.bin")
    if harm == "cut":
        os.truncate(rows, 10)
    elif harm == "gone":
        rows.unlink()
    else:
        rows.with_suffix(".json").write_text("{" if harm == "no json" else '{"bytes": 1}')
    assert DecodedStore(tmp_path / "store", ROOM).place(sample(tmp_path), varied=True) is None


def test_a_row_cut_off_while_the_run_reads_is_no_row(tmp_path: Path) -> None:
    store = DecodedStore(tmp_path / "store", ROOM)
    store.put(sample(tmp_path), pixels(1), varied=True)
    (rows,) = (tmp_path / "store").glob("*.bin")
    os.truncate(rows, 10)
    assert read(store, sample(tmp_path)) is None
    store.close()


def test_room_and_full_disks_only_end_the_keeping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DecodedStore(tmp_path / "store", pixels(1).nbytes)
    store.put(sample(tmp_path, 1), pixels(1), varied=True)
    store.put(sample(tmp_path, 2), pixels(2), varied=True)
    assert "room" in store.stopped
    assert np.array_equal(read(store, sample(tmp_path, 1)), pixels(1))
    assert read(store, sample(tmp_path, 2)) is None
    store.close()

    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    full = DecodedStore(tmp_path / "other", ROOM)
    monkeypatch.setattr(Path, "open", refuse)
    full.put(sample(tmp_path, 2), pixels(2), varied=True)
    assert full.stopped == "No space left on device"
    full.close()


def test_keeping_pays_when_a_sample_is_read_often_enough() -> None:
    assert pays(0.010, 0.001, 0.001, 10)
    assert not pays(0.010, 0.001, 0.001, 1)
    assert not pays(0.001, 0.001, 0.001, 100)
    assert not pays(0.010, 0.030, 0.001, 3)


@pytest.fixture
def ground(project: Project) -> tuple[ImageClassification, Bundle, list[Sample]]:
    recipe = Recipe().with_settings({"augment.strength": "strong"})
    bundle = small_bundle(project.dataset.labels(), 0, recipe)
    return ImageClassification(), bundle, project.dataset.samples(split="train")


def test_choosing_tries_it_and_says_why(
    ground: tuple[ImageClassification, Bundle, list[Sample]], monkeypatch: pytest.MonkeyPatch
) -> None:
    task, bundle, samples = ground
    root = settings.load().cache_folder / "decoded"
    monkeypatch.setattr(decoded, "_times", lambda *_, **__: (0.005, 0.001, 0.0002))
    store, why = choose(task, bundle, samples, 1, varied=True, limit=ROOM)
    assert store is None
    assert "needed once" in why
    store, why = choose(task, bundle, samples, 10, varied=True, limit=ROOM)
    assert store is not None
    assert "decoding one takes 5.0 ms, reading it back 0.2 ms" in why
    store.discard()
    monkeypatch.undo()
    assert not list(root.rglob("*.bin"))


def test_what_an_earlier_run_kept_is_used_without_trying(
    ground: tuple[ImageClassification, Bundle, list[Sample]],
) -> None:
    task, bundle, samples = ground
    with Loader(task, bundle, store=open_store(task, bundle, ROOM)) as loader:
        list(loader.run(grouped(samples, 8), View(0, 0)))
    store, why = choose(task, bundle, samples, 1, varied=True, limit=ROOM)
    assert store is not None
    assert why == f"{len(samples)} of {len(samples)} samples are still decoded from earlier."


def test_a_folder_that_cannot_be_made_is_said(
    ground: tuple[ImageClassification, Bundle, list[Sample]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise NotKept("Read-only file system")

    monkeypatch.setattr(decoded, "DecodedStore", refuse)
    task, bundle, samples = ground
    store, why = choose(task, bundle, samples, 9, varied=True, limit=ROOM)
    assert (store, why) == (None, "Decoded samples are not kept: Read-only file system.")


def test_another_preprocessing_has_a_folder_of_its_own(
    ground: tuple[ImageClassification, Bundle, list[Sample]],
) -> None:
    task, bundle, _ = ground
    open_store(task, bundle, ROOM)
    bundle.processor["crop"] = 30
    open_store(task, bundle, ROOM)
    assert len(list((settings.load().cache_folder / "decoded").iterdir())) == 2


def test_the_index_names_only_what_is_on_disk(tmp_path: Path) -> None:
    store = DecodedStore(tmp_path / "store", ROOM)
    store.put(sample(tmp_path, 1), pixels(1), varied=True)
    store.save()
    store.put(sample(tmp_path, 2), pixels(2), varied=True)
    (index,) = (tmp_path / "store").glob("*.json")
    assert json.loads(index.read_text())["bytes"] == pixels(1).nbytes
    assert len(json.loads(index.read_text())["rows"]) == 1
    store.close()
    assert len(json.loads(index.read_text())["rows"]) == 2
