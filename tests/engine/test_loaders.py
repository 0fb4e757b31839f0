"""Loading: the same numbers from threads, processes and kept samples, and none lost to a killed process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from finetune_studio.core.dataset import Sample
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Batch, Bundle, View
from finetune_studio.engine import loaders, setup
from finetune_studio.engine.decoded import DecodedStore
from finetune_studio.engine.loaders import Loaded, Loader, choose_workers, grouped, pinned
from finetune_studio.tasks.image_classification import ImageClassification
from tests.engine.conftest import run_all, settings, small_bundle, weights

VIEW = View(3, 1)


@pytest.fixture
def bundle(project: Project) -> Bundle:
    recipe = Recipe().with_settings({"augment.strength": "strong"})
    return small_bundle(project.dataset.labels(), 0, recipe)


@pytest.fixture
def samples(project: Project) -> list[Sample]:
    found = project.dataset.samples(split="train")
    Path(found[10].path).write_bytes(b"no picture")
    return found


def loaded(loader: Loader, samples: list[Sample], view: View | None = VIEW) -> list[Loaded]:
    with loader:
        return list(loader.run(grouped(samples, 8), view))


def assert_same(one: list[Loaded], other: list[Loaded]) -> None:
    for left, right in zip(one, other, strict=True):
        assert left.kept == right.kept
        assert left.problems == right.problems
        assert left.batch is not None
        assert right.batch is not None
        assert torch.equal(left.batch.inputs, right.batch.inputs)
        assert torch.equal(left.batch.targets, right.batch.targets)


@pytest.mark.parametrize("view", [None, VIEW])
def test_kept_samples_give_the_same_numbers(
    bundle: Bundle, samples: list[Sample], view: View | None, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    task = ImageClassification()
    plain = loaded(Loader(task, bundle), samples, view)
    assert plain[0].batch is not None
    assert plain[0].batch.inputs.dtype == torch.float32
    assert [len(group.problems) for group in plain] == [0, 1, 0, 0, 0]
    first = loaded(Loader(task, bundle, store=DecodedStore(tmp_path, 2**20)), samples, view)
    assert_same(plain, first)
    with monkeypatch.context() as patch:  # from now on only the broken sample is decoded
        asked: list[Sample] = []
        real = task.decoded

        def counted(sample: Sample, *args: Any, **named: Any) -> Any:
            asked.append(sample)
            return real(sample, *args, **named)

        patch.setattr(task, "decoded", counted)
        again = loaded(Loader(task, bundle, store=DecodedStore(tmp_path, 2**20)), samples, view)
        assert asked == [samples[10]]
    assert_same(plain, again)


def test_a_store_without_room_says_so_and_changes_nothing(
    bundle: Bundle, samples: list[Sample], tmp_path: Path
) -> None:
    task = ImageClassification()
    loader = Loader(task, bundle, store=DecodedStore(tmp_path, 40_000))
    assert_same(loaded(Loader(task, bundle), samples), loaded(loader, samples))
    assert len(loader.notes) == 1
    assert "room" in loader.notes[0]


def test_processes_give_the_same_numbers_and_a_killed_one_loses_nothing(
    bundle: Bundle, samples: list[Sample], tmp_path: Path
) -> None:
    task = ImageClassification()
    plain = loaded(Loader(task, bundle), samples)
    store = DecodedStore(tmp_path, 2**20)
    with Loader(task, bundle, workers=1, store=store) as loader:
        whole = list(loader.run(grouped(samples, 8), VIEW))
        assert not loader.notes
        assert store.place(samples[0], varied=True)
        found: list[Loaded] = []
        for number, group in enumerate(loader.run(_then_kill(loader, samples), VIEW)):
            found.append(group)
            assert number < len(plain)
        assert len(loader.notes) == 1
        assert "No sample was lost" in loader.notes[0]
        after = list(loader.run(grouped(samples, 8), VIEW))
        assert len(loader.notes) == 1
    for other in (whole, found, after):
        assert_same(plain, other)


def _then_kill(loader: Loader, samples: list[Sample]) -> Iterator[Any]:
    """Kill the real process while groups are on their way."""
    for number, group in enumerate(grouped(samples, 8)):
        if number == 2:
            assert loader._processes is not None
            for pid in list(loader._processes._processes):
                os.kill(pid, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
        yield group


def test_processes_are_tried_only_where_they_can_win(
    bundle: Bundle, samples: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = ImageClassification()
    groups = list(grouped(samples, 8))

    def choice(cores: int, threads_s: float, processes_s: float, network_s: float) -> Any:
        asked = iter((threads_s, processes_s))
        monkeypatch.setattr(os, "cpu_count", lambda: cores)
        monkeypatch.setattr(loaders, "_pace", lambda *_: next(asked))
        monkeypatch.setattr(Loader, "run", lambda *_: iter(()))
        return choose_workers(task, bundle, groups, VIEW, network_s)

    assert choice(2, 1, 0, 0) == (0, "Threads decode: on 2 cores processes gain nothing.")
    assert choice(4, 0.001, 0, 0.002)[0] == 0
    assert choice(4, 0.010, 0.0095, 0.001)[0] == 0
    workers, why = choice(4, 0.010, 0.003, 0.001)
    assert workers == 3
    assert why == "3 processes decode: 3.0 ms a sample against 10.0 ms with threads."


def test_batches_are_pinned_for_cuda_alone() -> None:
    class Tensor:
        def pin_memory(self) -> str:
            return "pinned"

    given: Any = Tensor()
    batch = pinned(Batch({"pixels": given}, given), torch.device("cuda"))
    assert (batch.inputs, batch.targets) == ({"pixels": "pinned"}, "pinned")
    assert pinned(Batch(given, given), torch.device("cpu")).inputs is given


@pytest.mark.usefixtures("small_model")
def test_training_ends_with_the_same_weights_with_and_without_kept_samples(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = settings(augment__strength="strong", compute__cache="off", layers__amount="everything")
    plain = weights(run_all(project, recipe)[-1].run)

    def with_store(task: Any, bundle: Bundle, threads: int = 0, **_: Any) -> Loader:
        return Loader(task, bundle, threads, store=DecodedStore(tmp_path / "kept", 2**20))

    monkeypatch.setattr(setup, "Loader", with_store)
    for _ in range(2):  # once filling the store, once from it
        found = weights(run_all(project, recipe)[-1].run)
        assert found.keys() == plain.keys()
        assert all(torch.equal(found[name], plain[name]) for name in plain)
    assert list((tmp_path / "kept").glob("*.json"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_processes_leave_with_the_one_that_trains(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(_PARENT)
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    child.wait(timeout=30)  # raises if it is still there


_PARENT = """
import time
from multiprocessing import get_context
from concurrent.futures import ProcessPoolExecutor
from os import getpid
from finetune_studio.engine import making

if __name__ == "__main__":
    pool = ProcessPoolExecutor(
        1, get_context("spawn"), initializer=making.begin, initargs=(None, None)
    )
    print(pool.submit(getpid).result(), flush=True)
    time.sleep(60)
"""
