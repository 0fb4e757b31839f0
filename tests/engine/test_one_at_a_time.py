"""Questions and explanations share one network, and do not meet in its layers."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch

from finetune_studio.core.events import RunFinished
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.engine import evaluate
from finetune_studio.engine.explain import explain
from tests.engine.conftest import run_all, settings


@pytest.mark.usefixtures("small_model")
def test_a_question_waits_while_an_answer_is_explained(project: Project) -> None:
    last = run_all(project, settings())[-1]
    assert isinstance(last, RunFinished)
    folder = Path(last.run)
    sample = project.dataset.samples(split="validation")[0]
    (alone,) = evaluate.predict(folder, [sample.path], Control())
    _, bundle = evaluate.loaded_run(folder, None)
    busy, overlaps = threading.Lock(), []

    def entered(*_: object) -> None:
        if not busy.acquire(blocking=False):
            overlaps.append(threading.current_thread().name)

    def left(*_: object) -> None:
        if busy.locked():
            busy.release()

    bundle.network.register_forward_pre_hook(entered)
    bundle.network.register_forward_hook(left)
    answers = []

    def ask() -> None:
        for _ in range(20):
            answers.extend(evaluate.predict(folder, [sample.path], Control()))

    def look() -> None:
        for _ in range(5):
            explain(folder, sample, None, None)

    threads = [threading.Thread(target=work) for work in (ask, look, look)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not overlaps
    assert len(answers) == 20
    for answer in answers:
        assert torch.tensor(list(answer.probabilities.values())) == pytest.approx(
            torch.tensor(list(alone.probabilities.values()))
        )
