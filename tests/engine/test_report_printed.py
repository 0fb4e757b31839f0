"""The report in a real Chromium: it asks for nothing, complains of nothing, and prints."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from finetune_studio.core.project import Project
from finetune_studio.engine.report import write_report
from tests.trained import trained_project

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
SCRIPT = Path(__file__).parents[1] / "browser.py"
_LONGEST = 180


def web_python() -> str | None:
    """Return a Python with Qt's Chromium: this one, or the one that is named in the environment."""
    here = importlib.util.find_spec("PySide6") and importlib.util.find_spec(
        "PySide6.QtWebEngineCore"
    )
    return sys.executable if here else os.environ.get("STUDIO_WEB_PYTHON")


def opened(page: Path, pdf: Path) -> dict[str, Any]:
    """Open a page in Qt's Chromium and print it; return what :mod:`tests.browser` noted."""
    told = subprocess.run(
        [str(web_python()), str(SCRIPT), str(page), str(pdf)],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=_LONGEST,
        check=True,
    )
    found: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if web_python() is None and CHROMIUM is None:
        pytest.skip(
            "Neither Chromium nor PySide6's QtWebEngine is installed; STUDIO_WEB_PYTHON may name a Python"
            " that has the latter."
        )
    folder = trained_project(tmp_path_factory.mktemp("printed"))
    with Project(folder) as project:
        return write_report(project, project.runs()[0])


@pytest.mark.skipif(web_python() is None, reason="PySide6's QtWebEngine is not installed.")
def test_the_report_asks_for_nothing_and_prints(page: Path, tmp_path: Path) -> None:
    found = opened(page, tmp_path / "report.pdf")
    assert found["loaded"]
    assert found["said"] == []
    assert [asked for asked in found["asked"] if not asked.startswith("data:")] == [page.as_uri()]
    wide, room, pictures, broken = json.loads(found["sizes"])
    assert wide <= room  # nothing hangs out at the side, even in a window this narrow
    assert pictures > 0
    assert broken == 0
    assert found["printed"]
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.skipif(web_python() is None, reason="PySide6's QtWebEngine is not installed.")
def test_whatever_got_into_the_page_could_load_nothing(page: Path, tmp_path: Path) -> None:
    """The page's own policy holds, and the test above would notice what it lets through."""
    text = page.read_text(encoding="utf-8")
    spoilt = tmp_path / "spoilt.html"
    extra = "<img src='http://127.0.0.1:9/a.png'><script>document.title='run'</script></body>"
    spoilt.write_text(text.replace("</body>", extra), encoding="utf-8")
    found = opened(spoilt, tmp_path / "spoilt.pdf")
    assert found["asked"] == [spoilt.as_uri()]
    assert sum("Content Security Policy" in said for said in found["said"]) >= 2
    free = tmp_path / "free.html"
    bare = "\n".join(line for line in text.splitlines() if "Content-Security-Policy" not in line)
    free.write_text(bare.replace("</body>", extra), encoding="utf-8")
    assert "http://127.0.0.1:9/a.png" in opened(free, tmp_path / "free.pdf")["asked"]


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed.")
def test_chromium_complains_of_nothing(page: Path, tmp_path: Path) -> None:
    """A request to elsewhere would break the page's policy, which Chromium says on its console."""
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        "--no-first-run",
    ]
    told = subprocess.run(
        [
            str(CHROMIUM),
            *flags,
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--print-to-pdf={tmp_path / 'report.pdf'}",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=_LONGEST,
        check=True,
    )
    assert "CONSOLE" not in told.stderr
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
