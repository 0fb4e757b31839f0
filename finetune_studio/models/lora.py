"""Adapters: small matrices that learn beside frozen layers (LoRA, DoRA, QLoRA), and how they are merged.

A network with adapters is described by its architecture with ``adapters`` in it, as plain values, so that
a run on disk is rebuilt as any other: the frozen layers lie in ``frozen.safetensors``, the adapters in
the checkpoints. Whoever uses the trained network gets it merged: plain layers, as without adapters.
"""

from __future__ import annotations

import importlib
import re
import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from finetune_studio.core.errors import StudioError
from finetune_studio.models import tied
from finetune_studio.models.node import within
from finetune_studio.models.ranks import Adaptable, described

if TYPE_CHECKING:
    from collections.abc import Iterator

    from finetune_studio.core.recipe import LayerChoices
    from finetune_studio.core.task import Bundle

_NAME = "default"  # what peft calls an adapter that has no other name
_BASE = ".base_layer"
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_LEARNS = (".lora_A.", ".lora_B.", ".lora_magnitude_vector.")


def adaptable(network: nn.Module, head: str) -> list[Adaptable]:
    """Return the layers that can have an adapter, in the network's order; the head cannot.

    Without names, the linear layers of blocks get one: of attention and feed-forward, and not tables
    of words or a pooler. A network without such layers gets them at its convolutions, but for those
    that look at each channel by itself (MobileNet's): these hold next to nothing that could be thinned.
    """
    found = [_described(name, module) for name, module in _candidates(network, head)]
    linear = any(layer.usual for layer, convolution in found if not convolution)
    return [
        Adaptable(
            layer.name, layer.per_rank, layer.outputs, layer.usual and convolution is not linear
        )
        for layer, convolution in found
    ]


def _candidates(network: nn.Module, head: str) -> Iterator[tuple[str, nn.Module]]:
    inside_attention = [
        name
        for name, module in network.named_modules()
        if isinstance(module, nn.MultiheadAttention)
    ]
    for name, module in network.named_modules():
        if within(name, head) and head:
            continue
        if any(within(name, attention) for attention in inside_attention):
            continue  # torch's own attention reads its layers' weights past any adapter
        grouped = isinstance(module, _CONVOLUTIONS) and module.groups > 1
        plain = isinstance(module, (nn.Linear, *_CONVOLUTIONS)) and not grouped
        if plain or _is_transposed(module):
            yield name, module


def _is_transposed(module: nn.Module) -> bool:
    """Whether a layer is linear, with its weight stored the other way round, as in GPT-2."""
    return type(module).__name__ == "Conv1D" and hasattr(module, "nf")


def _described(name: str, module: nn.Module) -> tuple[Adaptable, bool]:
    weight: Any = module.weight
    convolution = isinstance(module, _CONVOLUTIONS)
    outputs = int(weight.shape[1] if _is_transposed(module) else weight.shape[0])
    per_rank = outputs + weight.numel() // outputs
    in_block = any(part.isdigit() for part in name.split("."))
    return Adaptable(name, per_rank, outputs, in_block), convolution


def put_in(bundle: Bundle, choices: LayerChoices, seed: int) -> None:
    """Give a bundle's network the adapters of a choice, where it asks for them and has none yet.

    They change nothing until they learn: one of each pair of matrices is zero.

    Raises:
        StudioError: If the choice does not suit the network.
    """
    if choices.amount != "adapters" or bundle.architecture.get("adapters"):
        return
    about = described(choices, adaptable(bundle.network, bundle.head))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject(bundle.network, about)
    bundle.architecture = {**bundle.architecture, "adapters": about}


def inject(network: nn.Module, about: dict[str, Any]) -> None:
    """Put adapters, described as plain values, beside a network's layers."""
    import peft

    chosen: dict[str, int] = about["ranks"]
    names = list(chosen)
    usual = max(chosen.values())
    config = peft.LoraConfig(
        r=usual,
        lora_alpha=about["alpha"],
        lora_dropout=about["dropout"],
        use_dora=about["dora"],
        target_modules="|".join(re.escape(name) for name in names),
        rank_pattern={f"^{re.escape(n)}": rank for n, rank in chosen.items() if rank != usual},
        fan_in_fan_out=all(_is_transposed(network.get_submodule(name)) for name in names),
    )
    before = {name: p.requires_grad for name, p in network.named_parameters()}
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # about the direction of a weight, which it then sees itself
        peft.inject_adapter_in_model(config, network, adapter_name=_NAME)
    for name, parameter in network.named_parameters():  # what learns is for others to say
        parameter.requires_grad_(before.get(name.replace(_BASE, ""), True))
    found = {name: layer.r[_NAME] for name, layer in _layers(network)}
    assert found == chosen, "peft put adapters elsewhere than it was told"


def _layers(network: nn.Module) -> list[tuple[str, Any]]:
    from peft.tuners.lora import LoraLayer

    return [(n, module) for n, module in network.named_modules() if isinstance(module, LoraLayer)]


def has(network: nn.Module) -> bool:
    """Whether a network has adapters."""
    return any(mark in name for name, _ in network.named_parameters() for mark in _LEARNS)


def names(network: nn.Module) -> list[str]:
    """Return the names of the adapters' own parameters."""
    return [name for name, _ in network.named_parameters() if any(mark in name for mark in _LEARNS)]


def plain_architecture(architecture: dict[str, Any]) -> dict[str, Any]:
    """Return how to build the network without its adapters."""
    return {key: value for key, value in architecture.items() if key != "adapters"}


def plain_name(name: str) -> str:
    """Return what a layer's parameter is called where there are no adapters."""
    return name.replace(_BASE, "")


def base_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of the network as it was before it had adapters."""
    return {plain_name(n): t for n, t in state.items() if not any(mark in n for mark in _LEARNS)}


@torch.no_grad()
def merged(network: nn.Module) -> nn.Module:
    """Add what the adapters learnt to the layers below them; return the network, plain again.

    Raises:
        StudioError: If an adapter holds numbers that are not finite.
    """
    for name, layer in _layers(network):
        try:
            layer.merge(safe_merge=True)
        except ValueError as error:
            raise StudioError(
                f"The adapter of {name} holds numbers that are not finite.", "Train again."
            ) from error
        network.set_submodule(name, layer.get_base_layer())
    for left in ("peft_config",):
        if hasattr(network, left):
            delattr(network, left)
    return network


def merged_state(network: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Put a state into a network with adapters; return the state of the merged network."""
    network.load_state_dict(tied.completed(network, state), strict=True)
    return dict(merged(network).state_dict())


def switched(network: nn.Module, *, on: bool) -> None:
    """Let the adapters speak, or be silent, so that the network answers as before it had them."""
    for _, layer in _layers(network):
        layer.enable_adapters(on)


# --- QLoRA ----------------------------------------------------------------------------------------


def quantise(bundle: Bundle, device: torch.device) -> None:
    """Keep the layers below adapters in 4 bits (NF4, Dettmers et al. 2023), where that is asked for.

    Raises:
        StudioError: If there is no NVIDIA graphics processor or no bitsandbytes.
    """
    about = bundle.architecture.get("adapters") or {}
    if not about.get("four_bit"):
        return
    library = _bitsandbytes(device)
    for _, layer in _layers(bundle.network):
        base = layer.get_base_layer()
        if type(base) is nn.Linear:
            layer.base_layer = _in_4_bits(base, library, device)


def refuse_4bit(choices: LayerChoices, device: torch.device) -> None:
    """Refuse 4 bits where they are not possible, before anything is loaded.

    Raises:
        StudioError: If there is no NVIDIA graphics processor or no bitsandbytes.
    """
    if choices.amount == "adapters" and choices.lora_4bit:
        _bitsandbytes(device)


def _bitsandbytes(device: torch.device) -> Any:
    off = "Set layers.lora_4bit to false: the adapters then learn beside layers of full size."
    if device.type != "cuda":
        raise StudioError(
            "Layers in 4 bits (QLoRA) need an NVIDIA graphics processor, and the run does not use one.",
            off,
        )
    try:
        return importlib.import_module("bitsandbytes")
    except ImportError as error:
        raise StudioError(
            "Layers in 4 bits (QLoRA) need the package bitsandbytes, which is not installed.",
            f"Install it beside this program (pip install bitsandbytes). {off}",
        ) from error


def _in_4_bits(base: nn.Linear, library: Any, device: torch.device) -> nn.Module:
    made: nn.Module = library.nn.Linear4bit(
        base.in_features,
        base.out_features,
        bias=base.bias is not None,
        compute_dtype=torch.bfloat16,
        quant_type="nf4",
    )
    made.weight = library.nn.Params4bit(
        base.weight.data.cpu(), requires_grad=False, quant_type="nf4"
    )
    if base.bias is not None:
        made.bias = base.bias
    return made.to(device)


def full_state(network: nn.Module) -> dict[str, Tensor]:
    """Return a network's tensors as numbers of full size: what lies in 4 bits as what it stands for.

    So a run on disk is the same with and without QLoRA, and merging adds to what was learnt beside.
    """
    state: dict[str, Tensor] = dict(network.state_dict())
    for name, module in network.named_modules():
        quantised = getattr(getattr(module, "weight", None), "quant_state", None)
        if quantised is None:
            continue
        functional: Any = importlib.import_module("bitsandbytes.functional")
        key = f"{name}.weight"
        for part in [n for n in state if n.startswith(f"{key}.")]:
            del state[part]  # how the 4 bits are to be read
        state[key] = functional.dequantize_4bit(module.weight.data, quantised).float()
    return state
