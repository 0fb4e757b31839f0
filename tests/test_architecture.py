"""The house keeps its own rules: who imports whom, what is listed, how long a file may be."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from finetune_studio.core.catalogue import Catalogue

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGE = CHECKOUT / "finetune_studio"
PLUGINS = ["tasks", "readers", "checks", "monitors", "insights", "exporters"]
SOURCES = sorted(PACKAGE.rglob("*.py"))


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        command,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )


def catalogue(folder: str) -> Catalogue:
    found = importlib.import_module(f"finetune_studio.{folder}").CATALOGUE
    assert isinstance(found, Catalogue)
    return found


@pytest.mark.parametrize("folder", PLUGINS)
def test_every_plugin_file_is_listed_and_every_row_has_a_file(folder: str) -> None:
    rows = {row.where.partition(":")[0].split(".")[2] for row in catalogue(folder)}
    files = set()
    for path in (PACKAGE / folder).iterdir():
        if path.name.startswith(("_", ".")):
            continue
        files.add(path.stem)
    assert rows == files


@pytest.mark.parametrize("folder", PLUGINS)
def test_every_row_loads_and_explains_itself(folder: str) -> None:
    for row in catalogue(folder):
        assert row.load() is not None
        assert row.summary.endswith("."), row.name
        assert row.title[0].isupper(), row.name


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_every_module_is_short_and_opens_with_a_sentence(source: Path) -> None:
    text = source.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    doc = ast.get_docstring(ast.parse(text))
    assert doc, f"{source} has no docstring"
    assert doc.splitlines()[0].endswith((".", ":", "?", ",", ";")), doc


def test_no_file_names_a_package_host_or_a_machine() -> None:
    listed = run("git", "ls-files").stdout.split()
    here = "|".join(re.escape(f"{place}/") for place in (CHECKOUT.parent, Path.home()))
    pattern = re.compile(rf"(index-url|pypi\.org|files\.pythonhosted|huggingface\.co/|{here})")
    wrong = []
    for name in listed:
        path = CHECKOUT / name
        if (
            path.suffix in {".py", ".md", ".toml", ".json", ".sh", ".spec", ".yml", ""}
            and path.is_file()
        ):
            text = path.read_text(encoding="utf-8", errors="ignore")
            wrong += [
                f"{name}: {m.group()}"
                for m in pattern.finditer(text)
                if name != "tests/test_architecture.py"
            ]
    assert not wrong


def test_ruff_check() -> None:
    done = run(sys.executable, "-m", "ruff", "check", ".")
    assert done.returncode == 0, done.stdout


def test_ruff_format() -> None:
    done = run(sys.executable, "-m", "ruff", "format", "--check", ".")
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_mypy() -> None:
    done = run(sys.executable, "-m", "mypy")
    assert done.returncode == 0, done.stdout


def test_import_contracts() -> None:
    done = run(str(Path(sys.executable).with_name("lint-imports")))
    assert done.returncode == 0, done.stdout


def test_window_opens_without_torch_or_plots() -> None:
    program = (
        "import sys\n"
        "from PySide6.QtWidgets import QApplication\n"
        "app = QApplication([])\n"
        "from finetune_studio.gui.main_window import MainWindow\n"
        "from finetune_studio.gui.studio import Studio\n"
        "window = MainWindow(Studio())\n"
        "window.show()\n"
        "window.grab()\n"
        "heavy = {'torch', 'torchvision', 'transformers', 'pyqtgraph'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = run(sys.executable, "-c", program, QT_QPA_PLATFORM="offscreen")
    assert done.returncode == 0, done.stderr


def test_terminal_runs_where_qt_is_not_installed() -> None:
    program = (
        "import sys\n"
        "class Block:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('PySide6', 'pyqtgraph', 'shiboken6'):\n"
        "            raise ImportError(name + ' is blocked')\n"
        "sys.meta_path.insert(0, Block())\n"
        "from finetune_studio.__main__ import main\n"
        "sys.argv = ['finetune-studio', 'list', 'models', '--json']\n"
        "raise SystemExit(main())\n"
    )
    done = run(sys.executable, "-c", program)
    assert done.returncode == 0, done.stderr
    assert '"name": "starter"' in done.stdout.splitlines()[0]


def test_terminal_help_is_quick_to_import() -> None:
    program = (
        "import sys\nfrom finetune_studio import cli\n"
        "heavy = {'torch', 'transformers', 'PySide6', 'sklearn', 'pyarrow'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = run(sys.executable, "-c", program)
    assert done.returncode == 0, done.stderr
