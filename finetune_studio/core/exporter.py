"""The contract of an exporter: it writes a model that answers without this program."""

from __future__ import annotations

import importlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

from finetune_studio.core import files
from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Bundle, Signature, Task

Network = Callable[[dict[str, Any]], dict[str, Any]]
_OURS = re.compile(r"^from finetune_studio\.modality import ([\w, ]+)$", re.MULTILINE)
_ITS_OWN = re.compile(r"^from finetune_studio\.(modality|core)\.(\w+) import (.+)$", re.MULTILINE)

PROGRAM = '''"""A model that DOES.

python predict.py FILE...  (needs PACKAGES)

GIVEN Prints a line for each: what was given, a tab, the
answer, a tab, and how sure the model is of it.
"""
import pathlib, sys

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here))  # Python -I and -P do not look beside a program by themselves
HEAD
from MODULE import USE

LOAD
use = USE(here, network, outputs)
look, ask = use.look, use.ask

if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    failed = 0
    for text in sys.argv[1:] or sys.exit(__doc__):
        name = text.translate(dict.fromkeys(map(ord, "\\t\\n\\r"), " "))
        try:
            said = ask(look(use.read(text)))
            sure = "" if said["certainty"] is None else f"{said['certainty']:.4f}"
            label = said.get("shown") or said["label"] or ""
            print(name, " ".join(label.split()), sure, sep="\\t", flush=True)
            if said.get("note"):
                print(f"{name}: {said['note']}", file=sys.stderr)
        except Exception as error:  # what is damaged can raise anything; the others are still asked
            failed = 1
            print(f"{name}: {use.why(text, error)}", file=sys.stderr)
    sys.exit(failed)
'''


class Use(Protocol):
    """How a network of a task is asked: a class in ``modality/ask_....py``.

    Its file is copied into every export of the task, with those of ``modality/`` that it imports, so that
    an export reads what it is given exactly as the app does.

    Class attributes:
        thing: What it is asked about, for people: ``picture``, ``text``.
        does: What the model does, as the rest of a sentence; its labels follow where it ends with
            ``these``, or has it: ``looks at a picture and says which of these it shows``.
        given: What ``predict.py`` takes, in a sentence; ``example`` of that, as it is typed.
        packages: What the files import.
        limits: What must be known before the model is trusted, in sentences.
        most: How many samples an export is compared on.

    Where inputs that are unlike the training samples can be turned away (``foreign.py``), it also has
    ``answers_all``: what must be known where they are not.
    """

    thing: ClassVar[str]
    does: ClassVar[str]
    given: ClassVar[str]
    example: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    limits: ClassVar[tuple[str, ...]]
    most: ClassVar[int]

    def __init__(self, folder: Path, network: Network, outputs: Sequence[str] | None) -> None:
        """Take the export's folder, its network, and the names of its outputs where it says them."""

    def read(self, text: str) -> Any:
        """Return what was meant by an argument of ``predict.py``, as ``Task.input_of`` gives it."""

    def look(self, given: Any) -> Any:
        """Return what the network takes."""

    def ask(self, seen: Any) -> dict[str, Any]:
        """Return ``label``, ``certainty`` (or None), ``probabilities``, ``answer``.

        There may also be a ``note``, and what is ``shown`` in the place of the label.
        """

    def why(self, text: str, error: Exception) -> str:
        """Say in words why an argument cannot be answered."""


def use_of(asked: str) -> type[Use]:
    """Return the class ``file:class`` of ``modality/``.

    Raises:
        StudioError: If there is none, as an export by a later version may say.
    """
    module, _, name = asked.partition(":")
    try:
        if not re.fullmatch(r"ask_\w+", module):
            raise ImportError(module)
        found: type[Use] = getattr(
            importlib.import_module(f"finetune_studio.modality.{module}"), name
        )
    except (ImportError, AttributeError) as error:
        raise StudioError(
            f"This version does not know how a model is asked by {asked!r}.",
            "Use the version that wrote the export, or its predict.py.",
        ) from error
    return found


class Exporter(ABC):
    """One format.

    Class attributes:
        exact: Whether its answers must be the trained model's; a difference then refuses the export.
        merged: Whether it is given networks with what adapters learnt added to them.
        traces: Whether it follows an input through the network, and so needs the task's signature.
        calibrates: How many training samples it looks at to fix the ranges of its numbers.
        files: What each of its own files is, in words, for the export's README.
    """

    exact: ClassVar[bool] = True
    merged: ClassVar[bool] = True
    traces: ClassVar[bool] = False
    calibrates: ClassVar[int] = 0
    files: ClassVar[dict[str, str]]

    @abstractmethod
    def accepts(self, task: Task) -> bool:
        """Whether models of this task can be written so."""

    def suits(self, recipe: Recipe) -> bool:  # noqa: ARG002
        """Whether a run by this recipe has what is written."""
        return True

    @abstractmethod
    def library(self, architecture: dict[str, Any]) -> str:
        """Return the library that loads the export, under the Hub's name for it."""

    @abstractmethod
    def packages(self, architecture: dict[str, Any]) -> list[str]:
        """Return the packages that load the network in ``predict.py``."""

    @abstractmethod
    def loading(self, architecture: dict[str, Any]) -> tuple[str, str]:
        """Return imports, and the code of ``predict.py`` that makes ``network`` and ``outputs``."""

    @abstractmethod
    def write(
        self,
        bundle: Bundle,
        signature: Signature | None,
        folder: Path,
        examples: Sequence[dict[str, Any]] = (),
    ) -> None:
        """Write the model's own files; labels, preprocessing and words come from the engine.

        ``examples`` are inputs of the network, arrays by name, made from training samples as an export
        makes them, where the format ``calibrates``.
        """

    @abstractmethod
    def open(self, folder: Path, asked: str) -> Use:
        """Return what answers by the files in the folder, in this process."""

    def missing(self) -> str:
        """Say why the format cannot be written on this computer; empty where it can."""
        return ""

    def layer(self, bundle: Bundle, boundary: str) -> str:  # noqa: ARG002
        """Return the layer of the written network whose input the features are; empty if it says them.

        ``boundary`` is that layer in the trained network.
        """
        return "" if self.traces else boundary

    def lend(self, bundle: Bundle, folder: Path) -> dict[str, str]:  # noqa: ARG002
        """Write what the export needs and does not hold; return the variables that name it.

        They stand in the environment in which the export is proven.
        """
        return {}

    def notes(self, bundle: Bundle) -> list[str]:  # noqa: ARG002
        """Return what the README says about loading the model elsewhere, as Markdown."""
        return []

    def needs(self, architecture: dict[str, Any], asked: str) -> list[str]:
        """Return the packages that ``predict.py`` needs."""
        return list(dict.fromkeys([*self.packages(architecture), *use_of(asked).packages]))

    def program(self, architecture: dict[str, Any], asked: str) -> str:
        """Return the text of ``predict.py``."""
        use = use_of(asked)
        module, _, name = asked.partition(":")
        head, load = self.loading(architecture)
        words = {
            "DOES": use.does.replace("these", "its labels"),
            "GIVEN": use.given,
            "PACKAGES": ", ".join(self.needs(architecture, asked)),
            "HEAD": head,
            "MODULE": module,
            "USE": name,
            "LOAD": load,
        }
        return re.sub(r"\b(" + "|".join(words) + r")\b", lambda found: words[found[0]], PROGRAM)


def furnish(
    exporter: Exporter,
    bundle: Bundle,
    asked: str,
    folder: Path,
    options: dict[str, Any] | None = None,
) -> None:
    """Write what the program in an export needs beside the network: labels, numbers, code, itself.

    ``options`` are the task's own settings in the run, and what the network makes ready by itself.
    """
    if names := list(dict.fromkeys(bundle.labels.names)):
        files.write_json(folder / "labels.json", names)
    files.write_json(folder / "preprocessing.json", (options or {}) | bundle.processor)
    if "tokenizer.json" in bundle.files:
        (folder / "tokenizer.json").write_bytes(bundle.files["tokenizer.json"])
    for name, text in programs(asked).items():
        files.write_text(folder / f"{name}.py", text)
    files.write_text(folder / "predict.py", exporter.program(bundle.architecture, asked))


def programs(asked: str) -> dict[str, str]:
    """Return the files of ``modality/`` that an export holds, by name.

    They are the app's own; only the line that imports one from another says where they lie then.
    """
    return {place.rpartition(".")[2]: text for place, text in _copied(asked).items()}


def modules(asked: str) -> dict[str, Any]:
    """Return this program's own modules of which an export holds copies, by the names of those."""
    return {place.rpartition(".")[2]: importlib.import_module(place) for place in _copied(asked)}


def _copied(asked: str) -> dict[str, str]:
    """Return the text of each module that is copied, by its name here."""
    found: dict[str, str] = {}
    todo = [f"finetune_studio.modality.{asked.partition(':')[0]}"]
    while todo:
        place = todo.pop(0)
        if place in found:
            continue
        module = importlib.import_module(place)
        # A frozen build names the compiled file, beside which its source lies.
        text = Path(str(module.__file__)).with_suffix(".py").read_text(encoding="utf-8")
        for line in _OURS.findall(text):
            todo += [f"finetune_studio.modality.{name.strip()}" for name in line.split(",")]
        todo += [f"finetune_studio.{part}.{name}" for part, name, _ in _ITS_OWN.findall(text)]
        found[place] = _ITS_OWN.sub(r"from \2 import \3", _OURS.sub(r"import \1", text))
    return found
