"""The guide's reader: our own files and drawings, nothing else."""

from __future__ import annotations

import re

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QTextDocument

from finetune_studio.core.settings import resources
from finetune_studio.gui.pages.guide import parts
from finetune_studio.gui.widgets.reader import Reader

IMAGE = QTextDocument.ResourceType.ImageResource.value
GUIDE = resources() / "guide"


@pytest.fixture
def reader(qtbot):
    made = Reader(GUIDE)
    made.resize(500, 400)
    qtbot.addWidget(made)
    return made


def test_drawings_fit_the_page_and_take_its_colours(reader):
    reader.show()
    image = reader.loadResource(IMAGE, QUrl("freezing.svg"))
    assert 200 <= image.deviceIndependentSize().width() <= 500


def test_nothing_outside_the_guide_is_loaded(reader):
    assert reader.loadResource(IMAGE, QUrl("https://example.org/freezing.png")) is None
    assert reader.loadResource(IMAGE, QUrl("file:///etc/passwd")) is None
    assert reader.loadResource(IMAGE, QUrl("../theme/check-light.png")) is None


def test_a_link_names_another_part(reader, qtbot):
    with qtbot.waitSignal(reader.part_wanted) as heard:
        reader.anchorClicked.emit(QUrl("freezing.md"))
    assert heard.args == ["freezing"]


@pytest.mark.parametrize("part", parts(GUIDE), ids=lambda part: part.name)
def test_every_part_reads_well(reader, part):
    text = part.file.read_text(encoding="utf-8")
    reader.show_text(text)
    assert reader.toPlainText().startswith(part.title)
    for target in re.findall(r"\]\(([\w./-]+)\)", text):
        if target.endswith(".svg"):
            assert (GUIDE / target).is_file()
        else:
            assert target.removesuffix(".md") in [other.name for other in parts(GUIDE)]


def test_the_first_five_parts_are_there():
    assert [part.name for part in parts(GUIDE)][:5] == [
        "fine-tuning",
        "freezing",
        "learning-rate",
        "overfitting",
        "confusion-matrix",
    ]
