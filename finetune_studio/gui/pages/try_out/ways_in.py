"""Ways in which files come to the Try page: chosen in a dialog, pasted, or dropped."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication, QMimeData
from PySide6.QtGui import QImage, QImageReader
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QSizePolicy, QWidget

from finetune_studio.gui.pages.try_out.inputs import is_text_task
from finetune_studio.gui.widgets.drop_area import paths_in


def choose_files(parent: QWidget, task: str) -> list[Path]:
    """Let the user choose files of the kind that a task takes."""
    if is_text_task(task):
        title, kinds = _tr("Texts to try"), "*.txt *.md *.csv *.tsv *.jsonl *.parquet"
        shown = _tr("Texts and tables ({kinds})").format(kinds=kinds)
    else:
        title = _tr("Pictures to try")
        formats = QImageReader.supportedImageFormats()
        kinds = " ".join(f"*.{bytes(f.data()).decode()}" for f in formats)
        shown = _tr("Pictures ({kinds})").format(kinds=kinds)
    found, _ = QFileDialog.getOpenFileNames(parent, title, "", shown + ";;" + _tr("All files (*)"))
    return [Path(name) for name in found]


def choose_folder(parent: QWidget) -> list[Path]:
    """Let the user choose a folder with pictures."""
    found = QFileDialog.getExistingDirectory(parent, _tr("Folder with pictures to try"))
    return [Path(found)] if found else []


def choose_table(parent: QWidget) -> Path | None:
    """Let the user say where a table of answers goes."""
    title, kinds = _tr("Save the answers"), _tr("Tables (*.csv)")
    found, _ = QFileDialog.getSaveFileName(parent, title, "answers.csv", kinds)
    return Path(found) if found else None


def pictures_in(data: QMimeData, place: Path) -> list[Path]:
    """Return the files in what was pasted or dropped; a picture itself is written to ``place``."""
    paths = paths_in(data)
    if not paths and data.hasImage():
        image = QImage(data.imageData())
        if not image.isNull() and image.save(str(place)):
            return [place]
    if not paths and data.hasText() and Path(data.text().strip()).is_file():
        return [Path(data.text().strip())]
    return paths


def welcome(data: QMimeData, task: str) -> bool:
    """Whether what is dragged over the page can be tried."""
    return bool(paths_in(data)) or (data.hasText() if is_text_task(task) else data.hasImage())


def nothing_yet(many: str) -> tuple[str, str, str]:
    """Return what is said before there is a model: a title, a sentence, and the way out."""
    sentence = _tr(
        "Here you show the model {samples} it has never seen, and see what it says and why. Train a model"
        " first."
    )
    return _tr("There is no model to try yet"), sentence.format(samples=many), _tr("Go to Train")


def side_by_side(*parts: tuple[QWidget, int]) -> QWidget:
    """Return parts in a row, each as wide as its share says; a widget, so that it takes no room hidden."""
    made = QWidget()
    made.setProperty("clear", True)
    row = QHBoxLayout(made)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(12)
    for part, share in parts:
        part.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        part.setMinimumWidth(240)
        row.addWidget(part, share)
    return made


def _tr(text: str) -> str:
    return QCoreApplication.translate("TryOutPage", text)
