"""Writes a classifier that averages over tokens as one that transformers knows, which does not average."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from finetune_studio.core.errors import StudioError
from finetune_studio.core.task import Bundle

# Chosen by measuring on a MiniLM that was trained on medical abstracts: probabilities differ by 2.5e-4 at
# most in float32, and in bfloat16 by no more than those of the network itself do. float16 has no numbers
# this small.
_QUIET = 1e-5  # what the encoder says is made so small that it does not disturb
AFTER_THE_MEAN = "bert.pooler"  # what it is given is what our last layer is, at every token
_STRAIGHT = 3e-4  # so small that tanh is a straight line


def known_to_transformers(bundle: Bundle) -> nn.Module:
    """Return the network, or one with the same answers that a class of transformers can hold.

    ``BertForSequenceClassification`` looks at the first token and cannot average. It is given one layer
    more, whose attention is the same for every token (its queries and keys are zero) and so takes the
    mean; the layer's own norm is the one that our network has there. A layer adds to what it is given:
    that is made small beforehand, and the values large by as much, so that nearly nothing is added. The
    pooler does what our last layer does, at a scale at which its tanh is a straight line. Other networks
    are returned as they are.

    Raises:
        StudioError: If there are more labels than numbers in a token.
    """
    if not grafts(bundle.architecture):
        return bundle.network
    ours: Any = bundle.network
    if len(bundle.labels) > ours.config.hidden_size:
        raise StudioError(
            f"{len(bundle.labels):,} labels are more than this network has room for in transformers.",
            "Export it as ONNX.",
        )
    from transformers import BertForSequenceClassification

    config = copy.deepcopy(ours.encoder.config)
    config.num_hidden_layers += 1
    config.num_labels = len(bundle.labels)
    if bundle.processor.get("several"):
        config.problem_type = "multi_label_classification"
    made: Any = BertForSequenceClassification(config).eval()
    with torch.no_grad():
        made.bert.load_state_dict(ours.encoder.state_dict(), strict=False)
        *_, last, extra = made.bert.encoder.layer
        for own in last.output.LayerNorm.parameters():
            own.mul_(_QUIET)
        _average(extra)
        _conclude(made, ours.classifier.weight, ours.classifier.bias)
    assert isinstance(made, nn.Module)
    return made


def grafts(architecture: dict[str, Any]) -> bool:
    """Whether networks of this architecture average, and can be written so."""
    config = architecture.get("config", {})
    absolute = config.get("position_embedding_type", "absolute") in ("absolute", None)
    return averages(architecture) and config.get("model_type") == "bert" and absolute


def averages(architecture: dict[str, Any]) -> bool:
    """Whether networks of this architecture average over tokens."""
    return architecture.get("pooling") == "mean"


def _average(layer: Any) -> None:
    """Let a fresh layer answer the mean over all tokens, with mean 0 and variance 1, at every token."""
    width = layer.attention.output.dense.in_features
    for own in layer.parameters():
        own.zero_()
    layer.attention.self.value.weight.copy_(torch.eye(width) / _QUIET)
    layer.attention.output.dense.weight.copy_(torch.eye(width))
    for norm in (layer.attention.output.LayerNorm, layer.output.LayerNorm):
        norm.weight.fill_(1.0)


def _conclude(network: Any, weight: Tensor, bias: Tensor) -> None:
    """Let the pooler compute the scores, and the classifier hand them on."""
    count = len(bias)
    pooler = network.bert.pooler.dense
    for own in (*pooler.parameters(), *network.classifier.parameters()):
        own.zero_()
    pooler.weight[:count] = weight * _STRAIGHT
    pooler.bias[:count] = bias * _STRAIGHT
    network.classifier.weight[:, :count] = torch.eye(count) / _STRAIGHT
