"""Builds text networks of transformers from plain settings, without weights or from a folder's."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from finetune_studio.core.errors import StudioError
from finetune_studio.models import build as building
from finetune_studio.models import library, tied
from finetune_studio.models.node import within
from finetune_studio.models.quiet import loaded as loaded_library
from finetune_studio.models.quiet import quiet
from finetune_studio.models.text.pooled import MeanPooledClassifier

if TYPE_CHECKING:
    from pathlib import Path

CLASSIFY = "AutoModelForSequenceClassification"
TAG = "AutoModelForTokenClassification"
ANSWER = "AutoModelForQuestionAnswering"
REWRITE = "AutoModelForSeq2SeqLM"
WRITE = "AutoModelForCausalLM"

# Which table of transformers says what kinds of network there are, and what such a network does.
_KINDS = {
    CLASSIFY: ("MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING", "does not classify texts"),
    TAG: ("MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING", "does not mark words in texts"),
    ANSWER: ("MODEL_FOR_QUESTION_ANSWERING_MAPPING", "does not find answers in texts"),
    REWRITE: ("MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING", "does not turn one text into another"),
    WRITE: ("MODEL_FOR_CAUSAL_LM_MAPPING", "does not go on with a text"),
}
_SUITED = {
    CLASSIFY: "an encoder such as minilm",
    TAG: "an encoder such as minilm",
    ANSWER: "an encoder such as minilm",
    REWRITE: "an encoder with a decoder, such as T5 or BART",
    WRITE: "a language model such as SmolLM2",
}
LEFT_OUT = (
    "auto_map",
    "attn_implementation",
    "_attn_implementation",
    "torch_dtype",
    "dtype",
    "id2label",
    "label2id",
    "num_labels",
    "problem_type",
    "_name_or_path",
)
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def build(architecture: dict[str, Any], classes: int) -> nn.Module:
    """Return the network that an architecture describes, with random weights, in float32.

    Args:
        architecture: ``auto`` (a class of transformers), ``config`` and ``pooling``.
        classes: Number of outputs, where the network classifies.

    Raises:
        StudioError: If this version does not know such networks.
    """
    auto, config = _auto(architecture), config_of(architecture, classes)
    with quiet():
        if architecture.get("pooling") == "mean":
            return MeanPooledClassifier(
                encoder_class(config)(config, **_poolerless(config)), classes
            )
        library.load()
        import transformers

        made = getattr(transformers, auto).from_config(config, dtype=torch.float32)
    assert isinstance(made, nn.Module)
    for name in architecture.get("untied", ()):
        _untie(made, name)
    return made


def _untie(network: nn.Module, name: str) -> None:
    """Give a module numbers of its own where its kind shares them with another."""
    around, _, table = name.rpartition(".")
    module = network.get_submodule(around)
    module.register_parameter(table, nn.Parameter(getattr(module, table).detach().clone()))


def loaded(
    place: Path, architecture: dict[str, Any], classes: int, seed: int, *, own_head: bool = False
) -> nn.Module:
    """Return the network with a folder's weights; what the folder lacks of its head is new.

    A classifying network's last layer is made anew in any case, unless its ``own_head`` is wanted.

    Raises:
        StudioError: If weights are missing, damaged or of another network.
    """
    config = config_of(architecture, classes)
    with quiet(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if architecture.get("pooling") == "mean":
            encoder, told = _read(place, encoder_class(config), config, _poolerless(config))
            refuse_gaps(place, told, ())
            made = MeanPooledClassifier(encoder, classes)
            building.reset_head(made, "classifier", seed)
            return made
        library.load()
        import transformers

        auto = _auto(architecture)
        network, told = _read(place, getattr(transformers, auto), config, {})
    _remember_untied(network, architecture, classes)
    refuse_gaps(place, told, new_parts(network))
    head = head_of(network)
    if (auto in (CLASSIFY, TAG) and not own_head) or any(
        within(name, head) for name in told["missing_keys"]
    ):
        building.reset_head(network, head, seed)
    return network


def _remember_untied(network: nn.Module, architecture: dict[str, Any], classes: int) -> None:
    """Write down which weights the files hold apart though the kind shares them."""
    with torch.device("meta"):
        shared = tied.second_names(build(architecture, classes))
    if apart := sorted(shared.keys() - tied.second_names(network).keys()):
        architecture["untied"] = apart


def _read(
    place: Path, kind: Any, config: Any, others: dict[str, Any]
) -> tuple[nn.Module, dict[str, Any]]:
    from safetensors import SafetensorError

    try:
        network, told = kind.from_pretrained(
            str(place),
            config=config,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
            **others,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise StudioError(
            f"The weights in {place} cannot be read: {str(error).splitlines()[0]}",
            "The folder must hold the whole model as .safetensors; download or copy it again.",
        ) from error
    network.eval()
    return network, told


def refuse_gaps(place: Path, told: dict[str, Any], new: tuple[str, ...]) -> None:
    """Refuse a folder whose weights leave a part of the network random that is not made new.

    Raises:
        StudioError: Naming some of what is missing.
    """
    missing = list(told["missing_keys"])
    other = [found[0] for found in told["mismatched_keys"]]
    lacking = [n for n in sorted([*missing, *other]) if not any(within(n, part) for part in new)]
    if lacking:
        raise StudioError(
            f"The weights in {place} do not belong to its config.json: {len(lacking)} parts are"
            f" missing or of another shape ({', '.join(lacking[:5])}).",
            "Download or copy the folder again.",
        )


def config_of(architecture: dict[str, Any], classes: int) -> Any:
    """Return the settings as an object of transformers.

    Raises:
        StudioError: If the kind is not known, or the network is not one for this purpose.
    """
    library.load()
    loaded_library()
    from huggingface_hub.errors import StrictDataclassError
    from transformers import CONFIG_MAPPING

    auto, values = _auto(architecture), architecture["config"]
    kind = str(values.get("model_type"))
    if kind not in CONFIG_MAPPING:
        raise StudioError(
            f"This version does not know networks of the kind {kind!r}.",
            "Models that bring program code of their own are never run; choose another model.",
        )
    tags = 1 + 2 * classes  # outside, and of each type where one begins and where it goes on
    outputs = {CLASSIFY: classes, TAG: tags, ANSWER: 2}.get(auto)
    named = {} if outputs is None else {"num_labels": outputs}
    plain = {name: value for name, value in values.items() if name not in LEFT_OUT}
    try:
        return CONFIG_MAPPING[kind].from_dict(plain, **named)
    except (StrictDataclassError, AttributeError, TypeError, ValueError) as error:
        why = " ".join(str(error).split())[:200]
        raise StudioError(
            f"The settings in config.json make no network of the kind {kind!r}: {why}",
            "Download or copy the folder again.",
        ) from error


def refuse_other_kinds(place: Path | str, values: dict[str, Any], auto: str) -> None:
    """Refuse a model that is not made for what it shall do, or that cannot be trained.

    Raises:
        StudioError: Saying what it is, and what would do.
    """
    library.load()
    import transformers

    config = config_of({"auto": auto, "config": values}, 2)
    table, words = _KINDS[auto]
    kinds = getattr(transformers, table, None) or _table(table)
    masked = _table("MODEL_FOR_MASKED_LM_MAPPING")
    reads = auto in (CLASSIFY, TAG, ANSWER)
    encoder_only = auto == WRITE and type(config) in masked and not config.is_decoder
    both = getattr(config, "is_encoder_decoder", False)
    if type(config) not in kinds or encoder_only or (both and auto != REWRITE):
        raise StudioError(
            f"The model in {place} is of the kind {values.get('model_type')!r}, which {words}"
            f"{' here' if both and reads else ''}.",
            f"Choose {_SUITED[auto]}.",
        )
    if "quantization_config" in values:
        raise StudioError(
            f"The weights in {place} are quantised (stored in few bits) and cannot be trained.",
            "Choose the same model with its weights as they are.",
        )


def _table(name: str) -> Any:
    library.load()
    from transformers.models.auto import modeling_auto

    return getattr(modeling_auto, name)


def encoder_class(config: Any) -> Any:
    """Return the class of the bare network of a kind, without any head."""
    found = _table("MODEL_MAPPING")[type(config)]
    return found[0] if isinstance(found, tuple) else found


def _poolerless(config: Any) -> dict[str, Any]:
    known = inspect.signature(encoder_class(config).__init__).parameters
    return {"add_pooling_layer": False} if "add_pooling_layer" in known else {}


def _auto(architecture: dict[str, Any]) -> str:
    auto = str(architecture.get("auto"))
    if auto not in _KINDS:
        raise StudioError(
            f"This version does not know networks of the class {auto!r}.",
            "A newer version of Finetune Studio may have made it; update, or choose another model.",
        )
    return auto


def new_parts(network: nn.Module) -> tuple[str, ...]:
    """Return the names of the modules around the pretrained body: the head and what leads to it.

    Empty for a network that keeps its own last layer, as language models do.
    """
    body = getattr(network, "base_model_prefix", "")
    if not body or not isinstance(getattr(network, body, None), nn.Module):
        return ()
    if getattr(network, "get_output_embeddings", lambda: None)() is not None:
        return ()
    return tuple(
        name
        for name, child in network.named_children()
        if name != body and next(child.parameters(), None) is not None
    )


def head_of(network: nn.Module) -> str:
    """Return the dotted name of the last layer: the last linear one outside the pretrained body."""
    found, new = "", new_parts(network)
    last: nn.Module | None = getattr(network, "get_output_embeddings", lambda: None)()
    for name, module in network.named_modules():
        among = isinstance(module, nn.Linear) and any(within(name, part) for part in new)
        if module is last or (last is None and among):
            found = name
    if not found:
        raise StudioError(
            f"The network {type(network).__name__} has no last layer that can be replaced.",
            "Choose another model.",
        )
    return found


def inputs_of(network: nn.Module) -> list[str]:
    """Return which of the inputs of texts a network takes."""
    config: Any = network.config
    asked = network.encoder if isinstance(network, MeanPooledClassifier) else network
    known = inspect.signature(asked.forward).parameters
    two_parts = (getattr(config, "type_vocab_size", 0) or 0) > 1
    return [name for name in _INPUTS if name in known and (name != "token_type_ids" or two_parts)]


def longest(network: nn.Module) -> int | None:
    """Return how many tokens a network can see at once; None where it sets no limit.

    Networks whose places are counted from behind the padding's own place lose some.
    """
    config: Any = network.config
    for name, module in network.named_modules():
        table = name.rpartition(".")[2]
        if table == "position_embeddings" and isinstance(module, nn.Embedding):
            lost = 0 if module.padding_idx is None else module.padding_idx + 1
            return module.num_embeddings - lost
    found = getattr(config, "max_position_embeddings", None)
    return int(found) if isinstance(found, int) and found > 0 else None
