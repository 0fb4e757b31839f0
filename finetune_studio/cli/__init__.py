"""The terminal: the same engine as the window, printed as sentences or as JSON lines."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import re
import shlex
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

from finetune_studio.cli import commands, distance, inspecting, training
from finetune_studio.cli.codes import BUG, DONE, INTERRUPTED, MENDABLE
from finetune_studio.cli.printing import Printer
from finetune_studio.cli.surroundings import interruptible, quiet
from finetune_studio.core import settings
from finetune_studio.core.errors import FailedElsewhere, StudioError
from finetune_studio.core.job import Control

__all__ = ["LISTS", "main"]

_WRONG_COMMAND = re.compile(
    r"argument command: invalid choice: '(.*)' \(choose from (.*)\)$", re.DOTALL
)
LISTS = ("tasks", "models", "readers", "checks", "monitors", "insights", "exporters")


def main(argv: list[str] | None = None) -> int:
    """Run one command; return its exit code (see the terminal contract).

    Of several processes (see ``engine.launch``) only the leader speaks, or the one that fails first.
    """
    from finetune_studio.engine import launch

    control = Control()
    try:
        arguments = _parser().parse_args(argv)
        if launch.follows() and arguments.run is not training.train:
            return DONE  # nothing but training is shared
        with interruptible(control), quiet(json_lines=arguments.json) as words:
            printer = Printer(words, json_lines=arguments.json)
            return int(arguments.run(arguments, printer, control))
    except BrokenPipeError:  # the reader of our output has gone, as with | head
        return DONE
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001  the last place where an error can be put into words
        return _report(error)


def _report(error: Exception) -> int:
    from finetune_studio.engine import trouble

    if isinstance(error, FailedElsewhere):  # which has said why
        return {"bug": BUG, "interrupted": INTERRUPTED}.get(error.kind, MENDABLE)
    known = trouble.explain(error)
    lines = (known.message, known.hint or "Run 'finetune-studio --help' for help.")
    with contextlib.suppress(OSError):  # nobody may be listening any more
        for text in lines:
            print(_line(text), file=sys.stderr)
    if trouble.is_bug(error):
        log = settings.home() / "last-error.txt"
        with contextlib.suppress(OSError):
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        return BUG
    return MENDABLE


def _line(text: str) -> str:
    encoding = sys.stderr.encoding or "utf-8"
    return " ".join(text.split()).encode(encoding, "backslashreplace").decode(encoding)


class _Parser(argparse.ArgumentParser):
    """Refuses arguments in the two lines that every error has; of several processes the leader does."""

    def error(self, message: str) -> NoReturn:
        from finetune_studio.engine import launch

        if launch.follows():
            raise FailedElsewhere(message)
        raise StudioError(_plain(message), f"{_meant(message)}Run '{self.prog} --help' for help.")


def _plain(message: str) -> str:
    """Return what the parser refuses as a sentence, without the parser's own words."""
    wrong = _WRONG_COMMAND.match(message)
    if wrong:
        return f"There is no command called '{wrong[1]}'."
    return message[:1].upper() + message[1:] + "."


def _meant(message: str) -> str:
    """Return a guess at what was meant by a wrong command or option, as a sentence; empty without one."""
    wrong = _WRONG_COMMAND.match(message)
    if wrong:
        close = difflib.get_close_matches(wrong[1], re.findall(r"'([\w-]+)'", wrong[2]), 1)
        if not close and Path(wrong[1]).expanduser().exists():
            return (
                f"To look at data: finetune-studio check {shlex.quote(wrong[1])}"
                " (to train on them: finetune-studio train --data). "
            )
        return f"Did you mean {close[0]}? " if close else ""
    unknown = re.match(r"unrecognized arguments: (--[\w-]+)", message)
    options = ["--task", "--data", "--model", "--out", "--preset", "--set", "--seed", "--resume"]
    options += ["--json", "--format", "--split", "--zip", "--port", "--host", "--help"]
    close = difflib.get_close_matches(unknown[1], options, 1) if unknown else []
    return f"Did you mean {close[0]}? " if close else ""


def place(text: str) -> Path:
    """Return a path of the command line as an absolute one."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the path is empty")
    return Path(text).expanduser().absolute()


def _port(text: str) -> int:
    """Return a port of the command line."""
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 0 to 65535")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="finetune-studio",
        description="Fine-tune a pretrained model on your own data. Without a command: the window.",
    )
    both = argparse.ArgumentParser(add_help=False)
    both.add_argument("--json", action="store_true", help="print JSON lines only, one event each")
    table: Any = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)

    def command(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = table.add_parser(
            name, parents=[both], help=text, description=text
        )
        made.set_defaults(run=run)
        return made

    demo = command("demo", training.demo, "Train, inspect and export on the embedded sample.")
    demo.add_argument("--out", type=place, metavar="PROJECT")
    _train_arguments(command("train", training.train, "Fine-tune a model on your data."))

    check = command(
        "check", commands.check, "Look for trouble in data; nothing is written beside them."
    )
    check.add_argument("data", type=place, metavar="DATA")
    check.add_argument("--task", help="what the data are for; left out, their format decides")

    far = command("distance", distance.distance, "Say how far data lie from what a model knows.")
    far.add_argument("data", type=place, metavar="DATA|PROJECT")
    distance.add_arguments(far)

    evaluate = command("evaluate", commands.evaluate, "Score a run on a split.")
    evaluate.add_argument("source", type=place, metavar="RUN")
    evaluate.add_argument("--split", choices=["train", "validation", "test"], default="validation")

    inspect = command("inspect", inspecting.inspect, "Say how far a run can be relied on.")
    inspect.add_argument("source", type=place, metavar="RUN")
    inspecting.add_arguments(inspect)

    export = command("export", commands.export, "Write a model for use elsewhere, and prove it.")
    export.add_argument("source", type=place, metavar="RUN")
    export.add_argument(
        "--format", required=True, help="such as onnx ('finetune-studio list exporters')"
    )
    export.add_argument(
        "--out", type=place, metavar="DIR", help="left out, a folder in the project"
    )
    export.add_argument("--zip", action="store_true", help="also as one file beside the folder")

    predict = command("predict", commands.predict, "Ask a run or an export.")
    predict.add_argument("source", type=place, metavar="RUN|EXPORT")
    predict.add_argument("inputs", nargs="+", metavar="INPUT")

    serve = command("serve", commands.serve, "Let programs on this computer ask an export.")
    serve.add_argument("source", type=place, metavar="EXPORT")
    serve.add_argument("--port", type=_port, default=8765, help="0 takes any that is free (8765)")
    serve.add_argument("--host", default="127.0.0.1", help="who can reach it (this computer only)")

    listing = command("list", commands.show_list, "List what there is.")
    listing.add_argument("kind", choices=LISTS)

    command("doctor", commands.doctor, "Say what is installed and what works.")
    return parser


def _train_arguments(train: argparse.ArgumentParser) -> None:
    train.epilog = (
        "For example: finetune-studio train --task image_classification --data photos --out my-project."
        " A folder in photos for each class is enough. The window opens the same project."
    )
    train.add_argument(
        "recipe", nargs="?", type=place, metavar="RECIPE.toml", help="the choices of an earlier run"
    )
    train.add_argument("--task", help="what is to be learnt ('finetune-studio list tasks')")
    train.add_argument(
        "--data",
        type=place,
        metavar="PATH",
        help="a folder, table or zip; nothing in it is changed",
    )
    train.add_argument(
        "--model",
        metavar="NAME|FILE|FOLDER",
        help="the pretrained model ('finetune-studio list models'); left out, the task's starter",
    )
    train.add_argument(
        "--out",
        type=place,
        metavar="PROJECT",
        help="the folder of the project; an existing one gets another run on the same data",
    )
    train.add_argument(
        "--preset", choices=["quick", "balanced", "best"], help="how thoroughly to train"
    )
    train.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        dest="settings",
        help="any choice of a recipe, such as optimiser.epochs=5; can be given several times",
    )
    train.add_argument("--seed", type=int, help="the same seed gives the same run again")
    train.add_argument("--resume", action="store_true", help="go on with the newest unfinished run")
    train.add_argument(
        "--add-new",
        action="store_true",
        help="take in what appeared in the project's data since they were imported",
    )
