"""The whole way by clicking, for every task on texts: from a file to an export that was proven.

Nothing is mocked but the file dialogs; the networks are tiny. With the variable SHOTS set to a folder, each
page is painted into it, in both tones and two sizes, to be looked at.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QPlainTextEdit

from finetune_studio.core.events import ExportVerified, RunFinished, Validated
from finetune_studio.gui import theme
from tests import tiny, tiny_models
from tests.test_journey import LONG, Traveller, traveller

__all__ = ["traveller"]  # the fixture

# Each task: the kind of tiny network, the settings with which it learns a little, and its format.
CASES = {
    "text_classification": ("sentence", {"layers.amount": "everything"}, "onnx"),
    "token_classification": ("bert", {"layers.amount": "everything"}, "onnx"),
    "question_answering": ("bert", {"layers.amount": "everything"}, "huggingface"),
    "summarization": ("t5", {"layers.amount": "everything"}, "huggingface"),
    "causal_lm": ("llama", {"layers.amount": "adapters"}, "huggingface"),
}
TRIED = "Anna Johnson travelled from Green Bay to Oslo and wrote the letter."


@pytest.mark.slow
@pytest.mark.parametrize("task", list(CASES))
def test_from_texts_to_an_exported_model(task, traveller, tmp_path, monkeypatch):
    kind, settings, form = CASES[task]
    data = getattr(tiny, task)(tmp_path / "data")
    model = tiny_models.folder(tmp_path / "model", kind, chat=task == "causal_lm")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: str(data))
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_, **__: ([str(data)], ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, **__: (str(data), ""))
    on = traveller

    on.click(f"new_{task}")
    on.click("create_project")
    assert on.window.current == "data"
    on.click("choose_folder" if data.is_dir() else "choose_file")
    seen(on, task, "look")
    on.click("import")
    on.until(lambda: len(on.studio.project.dataset) >= 30)
    on.until(lambda: not on.page.blocked())
    seen(on, task, "data")

    assert on.studio.set_recipe({"model.source": str(model)})
    on.go_on_to("model")
    on.until(lambda: not on.page.blocked(), LONG)
    seen(on, task, "model")
    on.go_on_to("layers")
    on.until(lambda: not on.page.blocked(), LONG)
    seen(on, task, "layers")
    on.go_on_to("train")
    assert on.studio.set_recipe(settings | {"optimiser.epochs": 2})
    seen(on, task, "start")
    on.click("start", LONG)
    on.until(lambda: bool(on.said(RunFinished)) and not on.studio.training, LONG)
    end = on.said(RunFinished)[-1]
    assert not end.stopped
    assert len(on.said(Validated)) == 2
    seen(on, task, "train")

    on.go_on_to("inspect")
    on.until(lambda: on.page.state() == "done", LONG)
    seen(on, task, "inspect")
    on.go_on_to("try_out")
    ask(on, task)
    seen(on, task, "try")
    on.go_on_to("export")
    heard: list[ExportVerified] = []
    on.studio.job_stated.connect(
        lambda _, event: heard.append(event) if isinstance(event, ExportVerified) else None
    )
    choose(on, form)
    on.click("export_and_check")
    on.until(lambda: bool(heard) and not on.studio.busy, LONG)
    assert heard[0].agreement == 1.0
    assert heard[0].metric_after == pytest.approx(heard[0].metric_before, rel=1e-4)
    assert (Path(heard[0].path) / "README.md").is_file()
    seen(on, task, "export")
    on.window.rail.button("runs").click()
    seen(on, task, "runs")


def choose(on: Traveller, form: str) -> None:
    """Click on a format's row."""
    formats = on.page.formats
    on.until(lambda: form in [row.name for row in formats.rows], LONG)
    index = formats.model().index([row.name for row in formats.rows].index(form), 0)
    formats.scrollTo(index)
    place = formats.visualRect(index).center()
    on.qtbot.mouseClick(formats.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert formats.chosen_row().name == form


def ask(on: Traveller, task: str) -> None:
    """Type something and wait for the answer."""
    if task == "causal_lm":
        on.page.findChild(QPlainTextEdit, "chat_text").setPlainText("Turn around: red cat.")
        on.click("send")
        on.until(lambda: not on.studio.busy, LONG)
        return
    if task == "question_answering":
        from PySide6.QtWidgets import QLineEdit

        on.page.findChild(QLineEdit, "question").setText("Who wrote the letter?")
    on.page.findChild(QPlainTextEdit, "text_to_try").setPlainText(TRIED)
    on.click("ask")
    on.until(lambda: bool(on.page.tried) and on.page.tried[0].prediction is not None, LONG)
    assert on.page.tried[0].prediction.error is None


def seen(on: Traveller, task: str, name: str) -> None:
    """Paint the window where somebody wants to look at it."""
    folder = os.environ.get("SHOTS")
    if not folder:
        return
    app = QApplication.instance()
    on.qtbot.wait(400)
    for tone in ("light", "dark"):
        theme.apply(app, tone)
        for width, height in ((1024, 640), (1440, 900)):
            on.window.resize(width, height)
            on.qtbot.wait(150)
            file = Path(folder) / f"{task}-{name}-{tone}-{width}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            on.window.grab().save(str(file))
    theme.apply(app, "light")
