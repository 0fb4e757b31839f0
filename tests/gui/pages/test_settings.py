"""Preferences take effect at once, and clearing a cache never touches what is not ours."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QLabel, QLineEdit, QPushButton

from finetune_studio.core import settings as preferences
from finetune_studio.gui.pages.settings import SettingsPage, cache_sizes, clear_cache


def test_only_our_own_caches_are_cleared(tmp_path):
    for name in ("features/a/x.bin", "decoded/b/y.bin", "models/m.pth", "holiday/photo.jpg"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"1234")
    assert cache_sizes(tmp_path) == {"features": 4, "decoded": 4, "models": 4}
    assert clear_cache(tmp_path, "features") == 4
    assert not (tmp_path / "features").exists()
    assert (tmp_path / "decoded").exists()
    assert (tmp_path / "models/m.pth").exists()
    assert (tmp_path / "holiday/photo.jpg").exists()
    with pytest.raises(ValueError, match="holiday"):
        clear_cache(tmp_path, "holiday")


def test_changes_are_saved_at_once(studio, qtbot):
    page = SettingsPage(studio)
    qtbot.addWidget(page)
    page.entered()
    offline = page.findChild(QCheckBox, "offline")
    assert offline.isChecked()
    with qtbot.waitSignal(studio.settings_changed):
        offline.click()
    assert preferences.load().offline is False
    with qtbot.waitSignal(studio.depth_changed):
        page._depth.button("expert").click()
    assert preferences.load().depth == "expert"
    page._limit.setValue(3)
    assert preferences.load().cache_limit_mb == 3072


def test_the_cache_is_measured_and_cleared_by_clicking(studio, qtbot):
    page = SettingsPage(studio)
    qtbot.addWidget(page)
    file = studio.settings.cache_folder / "features" / "x.bin"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"0" * 3000)
    page.entered()
    button = page.findChild(QPushButton, "clear_features")
    qtbot.waitUntil(lambda: page._sizes["features"].text() == "2.9 kB", timeout=10_000)
    with qtbot.waitSignal(studio.noticed, timeout=10_000) as heard:
        button.click()
    assert "2.9 kB" in heard.args[0]
    assert not file.exists()
    qtbot.waitUntil(lambda: page._sizes["features"].text() == "empty", timeout=10_000)
    assert not button.isEnabled()


def test_the_addresses_of_mirror_and_proxy_are_kept_and_wrong_ones_told(studio, qtbot):
    page = SettingsPage(studio)
    qtbot.addWidget(page)
    page.show()
    page.entered()
    mirror, proxy = page.findChild(QLineEdit, "mirror"), page.findChild(QLineEdit, "proxy")
    problem = page.findChild(QLabel, "address_problem")
    qtbot.keyClicks(mirror, "mirror.example/hub")
    qtbot.keyClick(mirror, Qt.Key.Key_Return)
    assert problem.isVisible()
    assert "must begin with http" in problem.text()
    assert preferences.load().hub_mirror == ""
    mirror.clear()
    qtbot.keyClicks(mirror, "https://mirror.example/hub")
    qtbot.keyClick(mirror, Qt.Key.Key_Return)
    qtbot.keyClicks(proxy, "http://10.0.0.1:3128")
    qtbot.keyClick(proxy, Qt.Key.Key_Return)
    assert not problem.isVisible()
    kept = preferences.load()
    assert (kept.hub_mirror, kept.proxy) == ("https://mirror.example/hub", "http://10.0.0.1:3128")
    mirror.clear()
    qtbot.keyClick(mirror, Qt.Key.Key_Return)
    assert preferences.load().hub_mirror == ""
