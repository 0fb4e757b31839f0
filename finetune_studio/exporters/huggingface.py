"""Hugging Face folder: safetensors with settings, reloadable by transformers or torchvision alone."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from finetune_studio.core.errors import StudioError
from finetune_studio.core.exporter import Exporter, Use, modules
from finetune_studio.core.files import write_json
from finetune_studio.core.task import Bundle, Signature, Task
from finetune_studio.modality import tags
from finetune_studio.models import averaging

_IMAGES = "AutoModelForImageClassification"

_QUIET = """import torch, transformers

transformers.utils.logging.disable_progress_bar()
transformers.utils.logging.set_verbosity_error()"""

_TRANSFORMERS = """model = transformers.AUTO.from_pretrained(here).float().eval()
outputs = [model.config.id2label[number] for number in range(model.config.num_labels)]
other = {"pixels": "pixel_values"}


@torch.inference_mode()
def network(inputs):
    said = model(**{other.get(name, name): torch.from_numpy(v) for name, v in inputs.items()})
    return {name: value.numpy() for name, value in said.items() if name.endswith("logits")}


network.model = model


"""

_WRITERS = """model = transformers.AUTO.from_pretrained(here).float().eval()
outputs = None


@torch.inference_mode()
def network(inputs):
    said = model(**{name: torch.from_numpy(v) for name, v in inputs.items()}, use_cache=False)
    return {"logits": said.logits.numpy()}


@torch.inference_mode()
def write(inputs, **how):
    found = model.generate(**{name: torch.from_numpy(v) for name, v in inputs.items()}, **how)
    return found[0].tolist()


network.write = write


"""

_AVERAGING = """encoder = transformers.AutoModel.from_pretrained(here).float().eval()
head = load_file(here / "head.safetensors")
outputs = [encoder.config.id2label[number] for number in range(len(head["bias"]))]


@torch.inference_mode()
def network(inputs):
    given = {name: torch.from_numpy(values) for name, values in inputs.items()}
    mask = given["attention_mask"].unsqueeze(-1).float()
    mean = (encoder(**given).last_hidden_state * mask).sum(1) / mask.sum(1)
    mean = torch.nn.functional.layer_norm(mean, mean.shape[-1:])
    return {"logits": (mean @ head["weight"].T + head["bias"]).numpy(), "features": mean.numpy()}


"""

_TORCHVISION = """config = json.loads((here / "config.json").read_text("utf-8"))
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
model.load_state_dict(load_file(here / "model.safetensors"))
model.eval()


@torch.inference_mode()
def network(inputs):
    return {"logits": model(torch.from_numpy(inputs["pixels"])).numpy()}


network.model = model


"""


_ABOUT_AVERAGING = [
    "In training the model took the mean over all tokens. transformers has no BERT classifier that does, so",
    "that the folder's network has one layer more than what it was begun from: its attention is the same",
    "for all tokens, and its numbers are small and large on purpose. It answers as the trained model does,",
    "in float32 and in bfloat16; float16 has no numbers that small. To train it further, begin from the",
    "original model, or go on in Finetune Studio.",
    "",
]


_ABOUT_THE_HEAD = [
    "That is the encoder. In training the model took the mean over all tokens, brought it to mean 0 and",
    "variance 1, and asked a last layer; transformers has no classifier of this kind that does so. That",
    "layer lies in `head.safetensors`, and `predict.py` shows in a few lines how both go together.",
    "",
]


class HuggingFace(Exporter):
    """Weights, settings and preprocessing as the Hub keeps them."""

    files: ClassVar[dict[str, str]] = {
        "model.safetensors": "the weights",
        "head.safetensors": "the last layer, where it lies apart",
        "config.json": "how the network is built, and its labels",
        "preprocessor_config.json": "how a picture is made ready, in the Hub's words",
        "tokenizer_config.json": "what the tokenizer is called and how it is used",
        "special_tokens_map.json": "which tokens mark the start, the end and the like",
        "chat_template.jinja": "how a conversation becomes one text",
        "generation_config.json": "how the model writes",
    }

    def accepts(self, task: Task) -> bool:
        """Whether there is a way to ask such a model outside."""
        return bool(task.outside)

    def library(self, architecture: dict[str, Any]) -> str:
        """Return the library of the network, as the Hub calls it."""
        return str(architecture.get("library", ""))

    def packages(self, architecture: dict[str, Any]) -> list[str]:
        """Return what loads the network."""
        return [self.library(architecture), "torch", "safetensors"]

    def loading(self, architecture: dict[str, Any]) -> tuple[str, str]:
        """Return how the library that the network comes from loads it."""
        if self.library(architecture) == "transformers":
            auto = str(architecture.get("auto", _IMAGES))
            if averaging.averages(architecture) and not averaging.grafts(architecture):
                return f"{_QUIET}\nfrom safetensors.torch import load_file", _AVERAGING
            text = _WRITERS if auto in _WRITING else _TRANSFORMERS
            return _QUIET, text.replace("AUTO", auto)
        head = "import json\nimport torch, torchvision\nfrom safetensors.torch import load_file"
        return head, _TORCHVISION

    def write(
        self,
        bundle: Bundle,
        signature: Signature | None,  # noqa: ARG002
        folder: Path,
        examples: Sequence[dict[str, Any]] = (),  # noqa: ARG002
    ) -> None:
        """Write weights and settings, and what the Hub's own tools need to make inputs ready."""
        from safetensors.torch import save_file

        if bundle.files:
            _write_texts(bundle, folder)
            return
        state = {n: t.detach().contiguous().clone() for n, t in bundle.network.state_dict().items()}
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
        if self.library(bundle.architecture) == "transformers":
            _named(bundle.network.config, bundle).save_pretrained(folder)
        else:
            write_json(folder / "config.json", _torchvision_config(bundle))
        write_json(folder / "preprocessor_config.json", _processor(bundle.processor))

    def layer(self, bundle: Bundle, boundary: str) -> str:
        """Return the layer whose input the features are, where the folder's network has it."""
        if averaging.grafts(bundle.architecture):
            return averaging.AFTER_THE_MEAN
        return "" if averaging.averages(bundle.architecture) else boundary

    def open(self, folder: Path, asked: str) -> Use:
        """Return what answers by the folder's own ``predict.py``.

        The file is run only where its text is the one this version writes: code that somebody changed
        is not executed.
        """
        text = (folder / "predict.py").read_text(encoding="utf-8") if folder.is_dir() else ""
        if text not in self.known_programs(asked):
            raise StudioError(
                f"predict.py in {folder} is not the one this program writes, so it is not run.",
                "Run it yourself if you trust it: python predict.py FILE.",
            )
        try:
            use: Use = _imported(folder, asked).use
        except Exception as error:
            raise StudioError(
                f"The export {folder} is damaged: {error}.", "Export again."
            ) from error
        return use

    def notes(self, bundle: Bundle) -> list[str]:
        """Return how transformers loads the folder, and what it should know."""
        about = bundle.architecture
        if not bundle.files:
            return []
        apart = averaging.averages(about) and not averaging.grafts(about)
        auto = "AutoModel" if apart else about["auto"]
        lines = [
            "## How to load it",
            "",
            "```python",
            f"from transformers import AutoTokenizer, {auto}",
        ]
        lines += [
            'tokenizer = AutoTokenizer.from_pretrained("this folder")',
            f'model = {auto}.from_pretrained("this folder")',
            "```",
            "",
        ]
        if apart:
            return lines + _ABOUT_THE_HEAD
        return lines + (_ABOUT_AVERAGING if averaging.grafts(about) else [])

    def known_programs(self, asked: str) -> set[str]:
        """Return the texts of ``predict.py`` that this version writes."""
        kinds: list[dict[str, Any]] = [{"library": "torchvision"}]
        kinds += [{"library": "transformers", "auto": auto} for auto in _AUTOS]
        kinds += [{"library": "transformers", "pooling": "mean"}]
        return {self.program(kind, asked) for kind in kinds}


_WRITING = ("AutoModelForSeq2SeqLM", "AutoModelForCausalLM")
_AUTOS = (
    _IMAGES,
    "AutoModelForSequenceClassification",
    "AutoModelForTokenClassification",
    "AutoModelForQuestionAnswering",
    *_WRITING,
)


# What the outputs of classifying networks stand for, given the labels.
_NAMED: dict[str, Callable[[Sequence[str]], Sequence[str]]] = {
    _IMAGES: list,
    "AutoModelForSequenceClassification": list,
    "AutoModelForTokenClassification": tags.names,
}


def _imported(folder: Path, asked: str) -> Any:
    """Import an export's ``predict.py`` beside our own modules, which are the same files."""
    spec = importlib.util.spec_from_file_location("export_predict", folder / "predict.py")
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    ours = modules(asked)
    before = {name: sys.modules.get(name) for name in ours}
    sys.modules.update(ours)
    try:
        spec.loader.exec_module(program)
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
    return program


def _write_texts(bundle: Bundle, folder: Path) -> None:
    """Write a network that reads texts, with its tokenizer."""
    from safetensors.torch import save_file

    from finetune_studio.models.quiet import quiet

    for name, content in bundle.files.items():
        (folder / name).write_bytes(content)
    network: Any = averaging.known_to_transformers(bundle)
    if averaging.averages(bundle.architecture) and network is bundle.network:
        head = network.get_submodule(bundle.head).state_dict()
        save_file({n: t.contiguous() for n, t in head.items()}, folder / "head.safetensors")
        network = network.encoder
    _named(network.config, bundle)
    network.config.architectures = [type(network).__name__]
    with quiet():
        network.save_pretrained(folder)


def _named(config: Any, bundle: Bundle) -> Any:
    """Give a network's settings the names of its labels and its own."""
    auto = bundle.architecture.get("auto", _IMAGES)
    if auto in _NAMED and (names := _NAMED[auto](bundle.labels.names)):
        config.id2label = dict(enumerate(names))
        config.label2id = {name: number for number, name in enumerate(names)}
    config.architectures = [type(bundle.network).__name__]
    return config


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
    crop, fit = int(seen["crop"]), seen.get("fit", "crop")
    square = {"height": crop, "width": crop}
    # The plain one resizes, cuts the centre and normalises; Llava's first puts bars beside the picture.
    kind = "LlavaImageProcessor" if fit == "whole" else "CLIPImageProcessor"
    return {
        "image_processor_type": kind,
        "do_convert_rgb": True,
        "do_pad": fit == "whole",
        "do_resize": True,
        "size": {"shortest_edge": max(int(seen["resize"]), crop)} if fit == "crop" else square,
        "resample": words[seen.get("interpolation", "bilinear")],
        "do_center_crop": fit == "crop",
        "crop_size": square,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(seen["mean"]),
        "image_std": list(seen["std"]),
    }
