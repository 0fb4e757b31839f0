"""Builds the app with PyInstaller into dist/, and tries the result.

Usage: python packaging/build.py [--check-only]
PyInstaller (GPL with an exception for what it builds) is a tool here, no part of the product:
install it beside the project first: uv pip install pyinstaller
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]


def build() -> Path:
    """Run PyInstaller; return the built program."""
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--distpath", str(TOP / "dist"),
               "--workpath", str(TOP / "build"), str(TOP / "packaging" / "finetune_studio.spec")]  # fmt: skip
    subprocess.run(command, check=True)
    return program()


def program() -> Path:
    """Return where the built program lies."""
    suffix = ".exe" if sys.platform == "win32" else ""
    return TOP / "dist" / "finetune-studio" / f"finetune-studio{suffix}"


def check(built: Path) -> None:
    """Run the doctor and the demo of the built program."""
    subprocess.run([str(built), "doctor"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([str(built), "demo", "--out", str(Path(folder) / "demo")], check=True)
    size = sum(f.stat().st_size for f in built.parent.rglob("*") if f.is_file())
    print(f"{built.parent}: {size / 2**20:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check-only", action="store_true", help="only try what is built already")
    wanted = parser.parse_args()
    check(program() if wanted.check_only else build())


if __name__ == "__main__":
    main()
