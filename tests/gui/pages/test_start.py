"""The first page: recent projects as they are, a new one under a free name, the sample."""

from __future__ import annotations

from PySide6.QtWidgets import QLineEdit, QPushButton

from finetune_studio.core.project import Project
from finetune_studio.gui.pages.start import StartPage, free_name, look_at, sample_pictures


def test_a_project_is_looked_at_without_being_opened_or_changed(tmp_path):
    with Project(tmp_path / "p", "image_classification") as project:
        project.dataset.put("name", "Leaves & <b>more</b>")
    before = sorted(file.name for file in (tmp_path / "p").iterdir())
    row = look_at(str(tmp_path / "p"))
    assert (row.name, row.task) == ("Leaves & <b>more</b>", "Image classification")
    assert row.about.startswith("Image classification · today")
    assert sorted(file.name for file in (tmp_path / "p").iterdir()) == before


def test_a_missing_project_is_said_to_be_missing(tmp_path):
    row = look_at(str(tmp_path / "gone"))
    assert row.missing
    assert "not found" in row.about
    assert not (tmp_path / "gone").exists()


def test_a_damaged_project_is_still_listed(tmp_path):
    (tmp_path / "project.sqlite").write_bytes(b"x" * 4096)
    assert look_at(str(tmp_path)).name == tmp_path.name


def test_a_new_name_is_free(tmp_path):
    assert free_name(tmp_path, "Image classification") == "Image classification 1"
    (tmp_path / "Image-classification-1").mkdir()
    assert free_name(tmp_path, "Image classification") == "Image classification 2"


def test_a_project_is_made_by_clicking(studio, qtbot):
    page = StartPage(studio)
    qtbot.addWidget(page)
    page.show()
    page.findChild(QPushButton, "new_image_classification").click()
    name = page.findChild(QLineEdit, "project_name")
    create = page.findChild(QPushButton, "create_project")
    assert name.text() == "Image classification 1"
    name.setText("   ")
    assert not create.isEnabled()
    name.setText("Rust on leaves")
    with qtbot.waitSignal(studio.project_changed):
        create.click()
    assert studio.project.name == "Rust on leaves"
    assert studio.project.folder == studio.settings.projects_folder.resolve() / "Rust-on-leaves"


def test_a_name_that_is_taken_cannot_be_used_again(studio, qtbot):
    page = StartPage(studio)
    qtbot.addWidget(page)
    Project(studio.settings.projects_folder / "Mine", "image_classification").close()
    page.findChild(QPushButton, "new_image_classification").click()
    page.findChild(QLineEdit, "project_name").setText("Mine")
    assert not page.findChild(QPushButton, "create_project").isEnabled()


def test_the_recent_list_names_projects_and_forgets_on_wish(studio, tmp_path, qtbot):
    studio.new_project(tmp_path / "p", "image_classification", "Seeds")
    studio.close_project()
    page = StartPage(studio)
    qtbot.addWidget(page)
    page.entered()
    qtbot.waitUntil(lambda: page._recent.model().rowCount() == 1, timeout=10_000)
    assert page._recent.model().index(0, 0).data() == "Seeds"
    page._recent.dropped.emit(str(tmp_path / "p"))
    assert studio.settings.recent == ()
    assert Project.exists(tmp_path / "p")


def test_the_sample_shows_one_picture_a_class():
    files = sample_pictures(4)
    assert len({file.parent for file in files}) == 4


def test_a_text_project_begins_with_the_text_starter(studio, qtbot):
    page = StartPage(studio)
    qtbot.addWidget(page)
    page.show()
    page.findChild(QPushButton, "new_text_classification").click()
    with qtbot.waitSignal(studio.project_changed):
        page.findChild(QPushButton, "create_project").click()
    assert studio.project.task == "text_classification"
    assert studio.recipe.task == "text_classification"
    assert studio.recipe.model.source == "minilm"
