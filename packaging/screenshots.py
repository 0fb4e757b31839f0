"""Opens the real window offscreen on a real trained project and saves a picture of every page.

    python packaging/screenshots.py --out docs/pictures --size 1440x900 --theme light

Without ``--project`` the sample is opened and trained first (a quick look, under a minute).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def main() -> int:
    arguments = _arguments()
    private = tempfile.TemporaryDirectory(prefix="finetune-studio-pictures-")
    if arguments.home:
        os.environ["FINETUNE_STUDIO_HOME"] = str(arguments.home)
    else:
        os.environ.setdefault("FINETUNE_STUDIO_HOME", private.name)
    try:
        return _photograph(arguments)
    finally:
        private.cleanup()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    parser.add_argument("--size", default="1440x900", help="width x height in pixels")
    parser.add_argument("--scale", type=float, default=1.0, help="2 for a screen of 200 %%")
    parser.add_argument("--theme", choices=("light", "dark", "both"), default="both")
    parser.add_argument("--project", type=Path, help="a trained project; default: the sample")
    parser.add_argument("--pages", nargs="*", help="only these pages")
    parser.add_argument("--home", type=Path, help="keep the sample and its run here for next time")
    arguments = parser.parse_args()
    if arguments.scale != 1:
        os.environ["QT_SCALE_FACTOR"] = str(arguments.scale)
    return arguments


def _photograph(arguments: argparse.Namespace) -> int:
    from PySide6.QtCore import QEventLoop, QTimer

    from finetune_studio import app
    from finetune_studio.gui import theme
    from finetune_studio.gui.main_window import MainWindow
    from finetune_studio.gui.pages import PAGES
    from finetune_studio.gui.studio import Studio

    application = app.make_application()
    studio = Studio()
    trouble: list[str] = []
    studio.troubled.connect(lambda error: trouble.append(f"{error}\n{error.details}"))

    def rest(milliseconds: int = 200) -> None:
        loop = QEventLoop()
        QTimer.singleShot(milliseconds, loop.quit)
        loop.exec()

    def until(condition, seconds: float) -> None:
        waited = 0.0
        while not condition() and not trouble and waited < seconds:
            rest()
            waited += 0.2
        if not condition():
            raise SystemExit("\n".join(trouble) or f"Nothing happened within {seconds:g} s.")

    theme.apply(application, studio.settings.theme)
    window = MainWindow(studio)
    width, height = (int(part) for part in arguments.size.split("x"))
    window.resize(width, height)
    window.show()
    window.warm_up()  # as the application does after its first paint
    until(lambda: not studio.asking, 120)
    _open(studio, arguments.project, until)
    arguments.out.mkdir(parents=True, exist_ok=True)
    both = ("light", "dark") if arguments.theme == "both" else (arguments.theme,)
    for look in both:
        studio.settings.theme = look
        studio.save_settings()
        for page in PAGES:
            if arguments.pages and page.name not in arguments.pages:
                continue
            window.show_page(page.name)
            rest(600)
            until(lambda: not studio.busy and not studio.asking, 120)
            rest(600)
            until(lambda: not studio.busy and not studio.asking, 120)
            window.notices.hide()
            rest(50)
            name = f"{page.name}-{look}.png"
            window.grab().save(str(arguments.out / name))
            print(arguments.out / name)
    window.close()
    rest(50)
    for text in trouble:
        print(text, file=sys.stderr)
    return 1 if trouble else 0


def _open(studio, project: Path | None, until) -> None:
    if project is not None:
        studio.open_project(project)
    else:
        studio.open_sample()
        until(lambda: not studio.busy and len(studio.project.dataset) > 0, 60)
    if studio.run_folder is None:
        from finetune_studio.engine import presets

        count = studio.project.dataset.split_counts()["train"]
        studio.use_recipe(presets.apply(studio.recipe, count, "quick"))
        studio.start_training()
        until(lambda: not studio.training and studio.run_folder is not None, 600)


if __name__ == "__main__":
    sys.exit(main())
