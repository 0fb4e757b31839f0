"""The terminal: the same engine as the window, printed as sentences or as JSON lines."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from finetune_studio.core import events, recipe, settings
from finetune_studio.core.catalogue import Catalogue, plain
from finetune_studio.core.errors import StudioError
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.words import sentence

DONE, BUG, MENDABLE, INTERRUPTED = 0, 1, 2, 130
LISTS = ("tasks", "models", "readers", "checks", "monitors", "insights", "exporters")


def main(argv: list[str] | None = None) -> int:
    """Run one command; return its exit code (see the terminal contract)."""
    control = Control()
    try:
        arguments = _parser().parse_args(argv)
        with _quiet(), _interruptible(control):
            code = arguments.run(arguments, _Printer(json_lines=arguments.json), control)
        return INTERRUPTED if control.stop.is_set() and code == DONE else int(code)
    except BrokenPipeError:  # the reader of our output has gone, as with | head
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  stays open until the process ends
        return DONE
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001  the last place where an error can be put into words
        return _report(error)


def _report(error: Exception) -> int:
    from finetune_studio.engine import trouble

    known = trouble.explain(error)
    print(_line(known.message), file=sys.stderr)
    print(_line(known.hint or "Run 'finetune-studio --help' for help."), file=sys.stderr)
    if trouble.is_bug(error):
        log = settings.home() / "last-error.txt"
        with contextlib.suppress(OSError):
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        return BUG
    return MENDABLE


def _line(text: str) -> str:
    return " ".join(text.split())


class _Parser(argparse.ArgumentParser):
    """Refuses arguments in the two lines that every error has."""

    def error(self, message: str) -> NoReturn:
        raise StudioError(
            message[:1].upper() + message[1:] + ".", f"Run '{self.prog} --help' for help."
        )


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="finetune-studio",
        description="Fine-tune a pretrained model on your own data. Without a command: the window.",
    )
    both = argparse.ArgumentParser(add_help=False)
    both.add_argument("--json", action="store_true", help="print JSON lines only, one event each")
    commands: Any = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)

    def command(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = commands.add_parser(
            name, parents=[both], help=text, description=text
        )
        made.set_defaults(run=run)
        return made

    demo = command("demo", _demo, "Train, inspect and export on the embedded sample.")
    demo.add_argument("--out", type=Path, metavar="PROJECT")

    train = command("train", _train, "Fine-tune a model on your data.")
    train.add_argument("recipe", nargs="?", type=Path, metavar="RECIPE.toml")
    train.add_argument("--task")
    train.add_argument("--data")
    train.add_argument("--model", metavar="NAME|FILE|FOLDER")
    train.add_argument("--out", type=Path, metavar="PROJECT")
    train.add_argument("--preset", choices=["quick", "balanced", "best"])
    train.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", dest="settings")
    train.add_argument("--seed", type=int)
    train.add_argument("--resume", action="store_true", help="go on with the newest unfinished run")

    check = command("check", _check, "Look for trouble in data; nothing is written beside them.")
    check.add_argument("data", metavar="DATA")
    check.add_argument("--task", default="image_classification")

    evaluate = command("evaluate", _evaluate, "Score a run on a split.")
    evaluate.add_argument("source", type=Path, metavar="RUN")
    evaluate.add_argument("--split", choices=["train", "validation", "test"], default="validation")

    export = command("export", _export, "Write a model for use elsewhere, and prove it.")
    export.add_argument("source", type=Path, metavar="RUN")
    export.add_argument("--format", required=True)
    export.add_argument("--out", type=Path, metavar="DIR")

    predict = command("predict", _predict, "Ask a run or an export.")
    predict.add_argument("source", type=Path, metavar="RUN|EXPORT")
    predict.add_argument("inputs", nargs="+", metavar="INPUT")

    listing = command("list", _list, "List what there is.")
    listing.add_argument("kind", choices=LISTS)

    command("doctor", _doctor, "Say what is installed and what works.")
    return parser


# --- the commands -----------------------------------------------------------------------------------


def _demo(arguments: argparse.Namespace, out: _Printer, control: Control) -> int:
    from finetune_studio.engine import report

    folder = arguments.out or settings.documents() / "finetune-studio-demo"
    data = settings.resources() / "samples" / "leaves"
    out.say(f"The sample: {data}")
    choices = recipe.Recipe(preset="quick").with_settings({"data.path": str(data)})
    with Project(folder, choices.task) as project:
        finished = _import_and_train(project, choices, {}, out, control, resume=False)
        if finished is None or finished.stopped:
            return INTERRUPTED
        from finetune_studio.engine import evaluate
        from finetune_studio.engine import export as exports

        run_folder = Path(finished.run)
        out.all(evaluate.evaluate(project, run_folder, "test", control))
        out.all(exports.export(project, run_folder, "onnx", None, control))
        page = report.write_report(project, run_folder)
        out.say(f"The report: {page}")
        out.say(f"The project: {project.folder}  (open it with: finetune-studio)")
    return DONE


def _train(arguments: argparse.Namespace, out: _Printer, control: Control) -> int:
    from finetune_studio.engine import run

    base = recipe.load(arguments.recipe) if arguments.recipe else recipe.Recipe()
    wanted = {
        "task": plain(arguments.task) if arguments.task else None,
        "data.path": str(Path(arguments.data).expanduser().absolute()) if arguments.data else None,
        "model.source": _source(arguments.model) if arguments.model else None,
        "seed": arguments.seed,
    }
    given = {name: value for name, value in wanted.items() if value is not None}
    choices = base.with_settings(given)
    folder = arguments.out
    if folder is None:
        raise StudioError("It is not said where the project goes.", "Add --out PROJECT.")
    resume = arguments.resume and Project.exists(folder)
    if not resume and not choices.data.path:
        raise StudioError("It is not said which data to train on.", "Add --data PATH.")
    from finetune_studio.tasks import CATALOGUE

    CATALOGUE[choices.task]  # a wrong name is an error before anything is written
    with Project(folder, choices.task) as project:
        if resume and (found := _newest(project)) is not None:
            if (done := run.Run(found).finished) is not None and not done.stopped:
                out.say(f"Run {found.name} is finished already.")
                out.show(done)
                return DONE
            from finetune_studio.engine.train import train

            finished = out.all(train(project, run.Run(found).recipe, control, resume=found))
        else:
            preset = arguments.preset or (None if arguments.recipe else choices.preset)
            own = dict(recipe.parse_setting(text) for text in arguments.settings)
            finished = _import_and_train(
                project, choices, own, out, control, resume=arguments.resume, preset=preset
            )
        return _code(finished)


def _code(finished: events.Event | None) -> int:
    stopped = not isinstance(finished, events.RunFinished) or finished.stopped
    return INTERRUPTED if stopped else DONE


def _newest(project: Project) -> Path | None:
    """Return the newest run that began; a folder without a recipe never did."""
    begun = [f for f in project.runs() if (f / "recipe.toml").is_file()]
    return begun[-1] if begun else None


def _import_and_train(
    project: Project,
    choices: recipe.Recipe,
    own: dict[str, Any],
    out: _Printer,
    control: Control,
    *,
    resume: bool,  # noqa: ARG001  a project without a run begins one either way
    preset: str | None = "quick",
) -> events.RunFinished | None:
    """Index the data, fill in the preset (weaker than the user's own settings), and train."""
    from finetune_studio.engine import curate, presets
    from finetune_studio.engine.train import train

    choices = choices.with_settings({k: v for k, v in own.items() if k.startswith("data.")})
    out.all(curate.import_data(project, choices.data, choices.seed, control))
    if control.stop.is_set():
        return None
    if preset:
        choices = presets.apply(choices, project.dataset.split_counts()["train"], preset)
    choices = choices.with_settings(own)
    project.keep_recipe(choices)
    finished = out.all(train(project, choices, control))
    return finished if isinstance(finished, events.RunFinished) else None


def _source(text: str) -> str:
    """Return a model's name as it is, or a file's or folder's path as an absolute one."""
    path = Path(text).expanduser()
    looks_like_path = (
        path.exists() or os.sep in text or path.suffix in (".pth", ".pt", ".safetensors")
    )
    return str(path.absolute()) if looks_like_path else text


def _check(arguments: argparse.Namespace, out: _Printer, control: Control) -> int:
    from finetune_studio.engine import curate

    task = plain(arguments.task)
    choices = recipe.Recipe().with_settings({"data.path": str(Path(arguments.data).absolute())})
    with (
        tempfile.TemporaryDirectory(prefix="finetune-studio-") as folder,
        Project(Path(folder), task) as project,
    ):
        out.all(curate.import_data(project, choices.data, choices.seed, control), quiet=True)
        out.all(curate.check(project.dataset, task, control))
    return DONE


def _evaluate(arguments: argparse.Namespace, out: _Printer, control: Control) -> int:
    from finetune_studio.engine import evaluate, run

    found = run.Run(arguments.source.resolve())
    with Project(found.project_folder) as project:
        out.all(evaluate.evaluate(project, found.folder, arguments.split, control))
    return DONE


def _export(arguments: argparse.Namespace, out: _Printer, control: Control) -> int:
    from finetune_studio.engine import export as exports
    from finetune_studio.engine import run
    from finetune_studio.exporters import CATALOGUE

    format_name = CATALOGUE[arguments.format].name
    found = run.Run(arguments.source.resolve())
    with Project(found.project_folder) as project:
        out.all(exports.export(project, found.folder, format_name, arguments.out, control))
    return DONE


def _predict(arguments: argparse.Namespace, out: _Printer, control: Control) -> int:
    from finetune_studio.engine import evaluate

    if not arguments.source.is_dir():
        raise StudioError(
            f"There is no run or export at {arguments.source}.", "Give the folder of one."
        )
    failed = 0
    for answer in evaluate.predict(arguments.source, arguments.inputs, control):
        failed += answer.error is not None
        out.show(answer)
    return MENDABLE if failed == len(arguments.inputs) else DONE


def _list(arguments: argparse.Namespace, out: _Printer, control: Control) -> int:  # noqa: ARG001
    for row in _catalogue(arguments.kind):
        out.show(row)
    return DONE


def _catalogue(kind: str) -> Catalogue:
    import importlib

    place = "models.zoo" if kind == "models" else kind
    found = importlib.import_module(f"finetune_studio.{place}").CATALOGUE
    assert isinstance(found, Catalogue)
    return found


def _doctor(arguments: argparse.Namespace, out: _Printer, control: Control) -> int:  # noqa: ARG001
    from finetune_studio.engine import doctor

    findings = doctor.examine()
    for finding in findings:
        out.show(finding)
    return MENDABLE if any(f.severity == "bad" for f in findings) else DONE


# --- printing ---------------------------------------------------------------------------------------


class _Printer:
    """Prints events: one JSON line each, or sentences with a progress line on a terminal."""

    def __init__(self, *, json_lines: bool) -> None:
        self._json = json_lines
        self._live = sys.stdout.isatty() and not json_lines
        self._open_line = False
        self._last = 0.0

    def all(self, stated: Iterator[events.Event], *, quiet: bool = False) -> events.Event | None:
        """Print every event as it comes; return the last one."""
        last = None
        for last in stated:
            if not quiet:
                self.show(last)
        return last

    def say(self, text: str) -> None:
        """Print a sentence for people; nothing in JSON."""
        if not self._json:
            self._end_line()
            print(text, flush=True)

    def show(self, event: events.Event) -> None:
        """Print one event."""
        if self._json:
            print(json.dumps(event.as_json(), ensure_ascii=False), flush=True)
            return
        text, passing = sentence(event)
        if passing:
            if self._live and text and time.monotonic() - self._last > 0.1:
                print(f"\r\033[K{text}", end="", flush=True)
                self._open_line, self._last = True, time.monotonic()
        elif text:
            self.say(text)

    def _end_line(self) -> None:
        if self._open_line:
            print("\r\033[K", end="")
            self._open_line = False


# --- the surroundings -------------------------------------------------------------------------------


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Send what libraries warn of to the log, never to the user's terminal."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    log = logging.getLogger()
    before = list(log.handlers)
    file: logging.Handler = logging.NullHandler()
    with contextlib.suppress(OSError):
        settings.home().mkdir(parents=True, exist_ok=True)
        file = logging.FileHandler(settings.home() / "log.txt", delay=True, encoding="utf-8")
    log.handlers = [file]
    logging.captureWarnings(capture=True)
    try:
        with warnings.catch_warnings(), _native_errors_to(settings.home() / "log.txt"):
            warnings.simplefilter("default")
            yield
    finally:
        logging.captureWarnings(capture=False)
        log.handlers = before
        file.close()


@contextlib.contextmanager
def _native_errors_to(path: Path) -> Iterator[None]:
    """Send what C libraries write to file descriptor 2 by themselves (libtiff does) to a file."""
    try:
        log = path.open("ab")
        kept = os.dup(2)
    except OSError:  # no place to write to: better noise than no work
        yield
        return
    sys.stderr.flush()
    os.dup2(log.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        log.close()


@contextlib.contextmanager
def _interruptible(control: Control) -> Iterator[None]:
    """Let Ctrl+C end the job after the step in hand; a second one ends it at once."""

    def on_signal(*_: Any) -> None:
        if control.stop.is_set():
            raise KeyboardInterrupt
        control.ask_stop()

    try:
        before = {s: signal.signal(s, on_signal) for s in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not on the main thread, as in some tests
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
