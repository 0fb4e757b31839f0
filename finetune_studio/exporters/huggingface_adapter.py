"""Adapter only: what a run with adapters learnt, as a folder that peft puts beside the original model."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from finetune_studio.core.errors import StudioError
from finetune_studio.core.exporter import Exporter, Use
from finetune_studio.core.recipe import Recipe
from finetune_studio.core.task import Bundle, Signature, Task

_ADAPTER = "default"  # what peft calls an adapter without a name
_ASKS = ("AutoModelForSequenceClassification", "AutoModelForTokenClassification")
_KINDS = {
    "AutoModelForSequenceClassification": "SEQ_CLS",
    "AutoModelForTokenClassification": "TOKEN_CLS",
    "AutoModelForQuestionAnswering": "QUESTION_ANS",
    "AutoModelForSeq2SeqLM": "SEQ_2_SEQ_LM",
    "AutoModelForCausalLM": "CAUSAL_LM",
}
_BASE = "BASE_MODEL"  # the environment variable that says where the original model lies

_HEAD = """import json, os
import peft, torch, transformers

transformers.utils.logging.disable_progress_bar()
transformers.utils.logging.set_verbosity_error()"""

_LOAD = """told = json.loads((here / "adapter_config.json").read_text("utf-8"))
base = os.environ.get("BASE_MODEL") or told["base_model_name_or_path"]
sizes = json.loads((here / "base_config.json").read_text("utf-8"))
model = transformers.AUTO.from_pretrained(base, **sizes)
model = peft.PeftModel.from_pretrained(model, here).float().eval()
outputs = list(sizes["id2label"].values()) if "id2label" in sizes else None


@torch.inference_mode()
def network(inputs):
    said = model(**{name: torch.from_numpy(v) for name, v in inputs.items()})
    return {name: value.numpy() for name, value in said.items() if name.endswith("logits")}


@torch.inference_mode()
def write(inputs, **how):
    found = model.generate(**{name: torch.from_numpy(v) for name, v in inputs.items()}, **how)
    return found[0].tolist()


network.write = write
network.model = model.base_model.model


"""


class HuggingFaceAdapter(Exporter):
    """A few megabytes beside the original model, which whoever uses them must have."""

    merged = False
    files: ClassVar[dict[str, str]] = {
        "adapter_model.safetensors": "what was learnt beside the original model",
        "adapter_config.json": "which model that is, and where in it the adapter belongs",
        "base_config.json": "how the last layer of the original model is made",
        "tokenizer_config.json": "what the tokenizer is called and how it is used",
        "special_tokens_map.json": "which tokens mark the start, the end and the like",
        "chat_template.jinja": "how a conversation becomes one text",
        "generation_config.json": "how the model writes",
    }

    def accepts(self, task: Task) -> bool:
        """Whether the models of the task are those that peft knows by their class."""
        return bool(task.outside) and task.models != "image"

    def suits(self, recipe: Recipe) -> bool:
        """Whether the run learnt an adapter."""
        return recipe.layers.amount == "adapters"

    def library(self, architecture: dict[str, Any]) -> str:  # noqa: ARG002
        """Return what loads adapters."""
        return "peft"

    def packages(self, architecture: dict[str, Any]) -> list[str]:  # noqa: ARG002
        """Return what loads the model."""
        return ["peft", "transformers", "torch", "safetensors"]

    def loading(self, architecture: dict[str, Any]) -> tuple[str, str]:
        """Return how peft puts the adapter beside the original model."""
        return _HEAD, _LOAD.replace("AUTO", str(architecture.get("auto")))

    def write(
        self,
        bundle: Bundle,
        signature: Signature | None,  # noqa: ARG002
        folder: Path,
        examples: Sequence[dict[str, Any]] = (),  # noqa: ARG002
    ) -> None:
        """Write the adapter as peft keeps it, and the tokenizer.

        Raises:
            StudioError: If there is none, or the network is none that peft could load.
        """
        from safetensors.torch import save_file

        if not bundle.architecture.get("adapters"):
            raise StudioError(
                "This run learnt no adapter: it changed the model itself.",
                "Export it as a Hugging Face folder, or train with adapters (LoRA).",
            )
        if bundle.architecture.get("pooling"):
            raise StudioError(
                "This model averages over its tokens, which no class that peft loads does.",
                "Export it as a Hugging Face folder: there the adapter is merged.",
            )
        for name, content in bundle.files.items():
            (folder / name).write_bytes(content)
        network: Any = bundle.network
        new = _new(bundle)
        state = {_name_in_peft(n): t for n, t in network.state_dict().items() if _own(n, new)}
        plain = {name: tensor.detach().contiguous().clone() for name, tensor in state.items()}
        save_file(plain, folder / "adapter_model.safetensors", metadata={"format": "pt"})
        config = copy.deepcopy(network.peft_config[_ADAPTER])
        config.modules_to_save = new or None
        auto = str(bundle.architecture["auto"])
        config.task_type = _KINDS[auto]
        config.base_model_name_or_path = _name_of(bundle.origin)
        config.inference_mode = True
        config.save_pretrained(folder)
        sizes: dict[str, Any] = {}
        if auto in _ASKS:
            names = network.config.id2label
            sizes = {"num_labels": len(names), "id2label": {str(n): w for n, w in names.items()}}
            if auto == _ASKS[0] and bundle.labels.names:
                sizes["id2label"] = {str(n): w for n, w in enumerate(bundle.labels.names)}
        (folder / "base_config.json").write_text(json.dumps(sizes), encoding="utf-8")

    def lend(self, bundle: Bundle, folder: Path) -> dict[str, str]:
        """Write the original model, as it was before it learnt."""
        from finetune_studio.models import lora, tied, zoo
        from finetune_studio.models.quiet import quiet

        plain = lora.plain_architecture(bundle.architecture)
        network: Any = zoo.rebuild(plain, len(bundle.labels))
        state = lora.base_state(dict(bundle.network.state_dict()))
        network.load_state_dict(tied.completed(network, state), strict=True)
        with quiet():
            network.save_pretrained(folder)
        return {_BASE: str(folder)}

    def open(self, folder: Path, asked: str) -> Use:  # noqa: ARG002
        """Say that the original model is needed, which the folder does not hold.

        Raises:
            StudioError: Always.
        """
        raise StudioError(
            f"{folder} holds an adapter only, which needs the model that it was learnt beside.",
            f"Set {_BASE} to that model's folder and run its predict.py, or ask the run itself.",
        )

    def notes(self, bundle: Bundle) -> list[str]:
        """Return how the adapter is put beside the original model."""
        auto = str(bundle.architecture["auto"])
        return [
            "## The original model",
            "",
            f"This folder holds only what was learnt beside {_name_of(bundle.origin)}. `predict.py` looks",
            "for that model by its name; where it lies in a folder, say so:",
            f"`{_BASE}=folder python predict.py ...`.",
            "With peft:",
            "",
            "```python",
            "from peft import PeftModel",
            f"from transformers import {auto}",
            f'model = PeftModel.from_pretrained({auto}.from_pretrained("the original"), "this folder")',
            "```",
            "",
        ]


def _new(bundle: Bundle) -> list[str]:
    """Return the layers that were made new for the labels and learnt as a whole."""
    from finetune_studio.models import stages

    return stages.always(bundle.network, bundle.head)


def _own(name: str, new: list[str]) -> bool:
    """Whether a tensor is one of those that were learnt."""
    return f".{_ADAPTER}" in name or any(name.startswith(f"{part}.") for part in new)


def _name_in_peft(name: str) -> str:
    plain = name.replace(f".{_ADAPTER}", "")
    if ".lora_magnitude_vector" in plain:
        plain = plain.removesuffix(".weight")
    return f"base_model.model.{plain}"


def _name_of(origin: str) -> str:
    """Return what the original model is called elsewhere, naming no folder of this computer."""
    from finetune_studio.models import zoo

    try:
        row = zoo.CATALOGUE[origin]
    except StudioError:
        return Path(origin).name
    return str(row.facts.get("repository") or row.name)
