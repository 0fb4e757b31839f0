"""Hugging Face folder: safetensors with settings, reloadable by transformers or torchvision alone."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Prediction
from finetune_studio.core.exporter import Exporter
from finetune_studio.core.files import write_json
from finetune_studio.core.task import Bundle, Signature

_PREDICT = '''"""Which label do these pictures have? python predict.py FILE...

Needs LIBRARY, torch, safetensors, numpy and pillow.
"""
import json, pathlib, sys
import torch, preprocess

here = pathlib.Path(__file__).resolve().parent
names = json.loads((here / "labels.json").read_text("utf-8"))
seen = json.loads((here / "preprocessing.json").read_text("utf-8"))
LOAD
model.eval()
look = lambda path: torch.from_numpy(preprocess.ready(path, seen)[None])


@torch.inference_mode()
def ask(pixels):
    answer = model(pixels)
    shares = getattr(answer, "logits", answer).softmax(1)[0]
    summed = dict.fromkeys(names, 0.0)
    for name, share in zip(outputs, shares.tolist()):
        summed[name] += share
    return torch.tensor([summed[name] for name in names]).numpy()


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    failed = 0
    for path in sys.argv[1:] or sys.exit(__doc__):
        try:
            shares = ask(look(path))
            print(path, names[shares.argmax()], f"{shares.max():.4f}", sep="\\t")
        except Exception as error:  # a damaged picture can raise anything; the others are still asked
            failed = 1
            print(f"{path}: {error}", file=sys.stderr)
    sys.exit(failed)
'''

_TRANSFORMERS = """from transformers import AutoModelForImageClassification

model = AutoModelForImageClassification.from_pretrained(here)
outputs = [model.config.id2label[number] for number in range(model.config.num_labels)]"""

_TORCHVISION = """import torchvision
from safetensors.torch import load_file

config = json.loads((here / "config.json").read_text("utf-8"))
outputs = config["labels"]


def find(value):
    \"\"\"Names of torchvision's own blocks stand in the settings; this finds them.\"\"\"
    if isinstance(value, str) and value.startswith("torchvision.models."):
        module, name = value.removeprefix("torchvision.models.").rsplit(".", 1)
        return getattr(getattr(torchvision.models, module), name)
    return value


kwargs = {name: find(value) for name, value in config["kwargs"].items()}
build = find(config["builder"])
model = (getattr(torchvision.models, build) if isinstance(build, str) else build)(**kwargs)
last = model.get_submodule(config["head"])
model.set_submodule(config["head"], torch.nn.Linear(last.in_features, len(outputs)))
model.load_state_dict(load_file(here / "model.safetensors"))"""


class HuggingFace(Exporter):
    """Weights, settings and preprocessing as the Hub keeps them."""

    predict = _PREDICT
    files: ClassVar[dict[str, str]] = {
        "model.safetensors": "the weights",
        "config.json": "how the network is built, and its labels",
        "preprocessor_config.json": "how a picture is made ready, in the Hub's words",
        "predict.py": "answers files: python predict.py photo.jpg",
    }

    def library(self, architecture: dict[str, Any]) -> str:
        """Return the library of the network, as the Hub calls it."""
        return str(architecture.get("library", ""))

    def packages(self, architecture: dict[str, Any]) -> list[str]:
        """Return what ``predict.py`` imports."""
        return [self.library(architecture), "torch", "safetensors", "numpy", "pillow"]

    def write(self, bundle: Bundle, signature: Signature, folder: Path) -> None:  # noqa: ARG002
        """Write weights and settings, and ``predict.py`` for the library that the network comes from."""
        from safetensors.torch import save_file

        state = {n: t.detach().contiguous().clone() for n, t in bundle.network.state_dict().items()}
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
        library = bundle.architecture["library"]
        if library == "transformers":
            _write_transformers_config(bundle, folder)
            load = _TRANSFORMERS
        else:
            write_json(folder / "config.json", _torchvision_config(bundle))
            load = _TORCHVISION
        text = _PREDICT.replace("LIBRARY", library).replace("LOAD", load)
        (folder / "predict.py").write_text(text, encoding="utf-8")
        write_json(folder / "preprocessor_config.json", _processor(bundle.processor))

    def open(self, folder: Path) -> Callable[[str], Prediction]:
        """Return a function that answers by the folder's own ``predict.py``.

        The file is run only where its text is the one this version writes: code that somebody changed
        is not executed.
        """
        text = (folder / "predict.py").read_text(encoding="utf-8") if folder.is_dir() else ""
        if text not in known_programs():
            raise StudioError(
                f"predict.py in {folder} is not the one this program writes, so it is not run.",
                "Run it yourself if you trust it: python predict.py FILE.",
            )
        from finetune_studio.modality import image

        try:
            program = _imported(folder)
        except Exception as error:
            raise StudioError(
                f"The export {folder} is damaged: {error}.", "Export again."
            ) from error

        def answer(path: str) -> Prediction:
            try:
                shares = program.ask(program.look(path))
            except (OSError, ValueError, SyntaxError) as error:
                raise StudioError(
                    f"{path} cannot be read: {image.reason(path, error)}.", "Try another file."
                ) from error
            pairs = sorted(zip(program.names, shares.tolist(), strict=True), key=lambda p: -p[1])
            return Prediction(pairs[0][0], dict(pairs), input=path)

        return answer


def known_programs() -> set[str]:
    """Return the texts of ``predict.py`` that this version writes."""
    pairs = (("transformers", _TRANSFORMERS), ("torchvision", _TORCHVISION))
    return {_PREDICT.replace("LIBRARY", library).replace("LOAD", load) for library, load in pairs}


def _imported(folder: Path) -> Any:
    """Import an export's ``predict.py`` beside our own ``preprocess``, which is the same file."""
    from finetune_studio.modality import preprocess

    spec = importlib.util.spec_from_file_location("export_predict", folder / "predict.py")
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    before = sys.modules.get("preprocess")
    sys.modules["preprocess"] = preprocess
    try:
        spec.loader.exec_module(program)
    finally:
        del sys.modules["preprocess"]
        if before is not None:
            sys.modules["preprocess"] = before
    return program


def _write_transformers_config(bundle: Bundle, folder: Path) -> None:
    config: Any = bundle.network.config
    names = bundle.labels.names
    config.id2label = dict(enumerate(names))
    config.label2id = {name: number for number, name in enumerate(names)}
    config.architectures = [type(bundle.network).__name__]
    config.save_pretrained(folder)


def _torchvision_config(bundle: Bundle) -> dict[str, Any]:
    about = bundle.architecture
    return {
        "library_name": "torchvision",
        "builder": about["builder"],
        "kwargs": about.get("kwargs", {}),
        "head": about["head"],
        "labels": list(bundle.labels.names),
        "num_labels": len(bundle.labels.names),
    }


def _processor(seen: dict[str, Any]) -> dict[str, Any]:
    """Return the preprocessing in the words of the Hub's image processors."""
    words = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3}
    return {
        "image_processor_type": "CLIPImageProcessor",  # the plain one: resize, cut the centre, normalise
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"shortest_edge": max(int(seen["resize"]), int(seen["crop"]))},
        "resample": words[seen.get("interpolation", "bilinear")],
        "do_center_crop": True,
        "crop_size": {"height": int(seen["crop"]), "width": int(seen["crop"])},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(seen["mean"]),
        "image_std": list(seen["std"]),
    }
