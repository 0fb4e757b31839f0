"""Writes a classifier that averages over tokens as one that transformers knows, which does not average."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from finetune_studio.core.task import Bundle

# Chosen by measuring (docs/benchmarks.md): with these, probabilities differ by about 1e-6.
_QUIET = 1e-5  # what the last layer of the encoder says is made so small that it does not disturb
_LOUD = 1e5  # two constants, beside which norms do not change what is to be kept
_STRAIGHT = 1e-5  # so small that tanh is a straight line


def known_to_transformers(bundle: Bundle) -> nn.Module:
    """Return the network, or one with the same answers that a class of transformers can hold.

    ``BertForSequenceClassification`` looks at the first token and cannot average. It is given one layer
    more, whose attention is the same for every token (its queries and keys are zero) and so takes the
    mean, whose values are the last linear layer's, and whose other parts pass them on: the encoder's own
    outputs are made small beforehand, so that what the layer adds to is nearly nothing, and two large
    constants of opposite sign make its norms a fixed scale. Where that is not possible, the network is
    returned as it is.
    """
    if not grafts(bundle):
        return bundle.network
    from transformers import BertForSequenceClassification

    ours: Any = bundle.network
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
        _average(extra, ours.classifier.weight, ours.classifier.bias)
        _pass_on(made, len(bundle.labels))
    return made


def grafts(bundle: Bundle) -> bool:
    """Whether a network that averages can be written so."""
    if bundle.architecture.get("pooling") != "mean":
        return False
    config: Any = getattr(bundle.network, "encoder", bundle.network).config
    absolute = getattr(config, "position_embedding_type", "absolute") in ("absolute", None)
    room = len(bundle.labels) + 3 <= int(getattr(config, "hidden_size", 0))
    return config.model_type == "bert" and absolute and room


def _average(layer: Any, weight: Tensor, bias: Tensor) -> None:
    """Let a fresh layer put the scores of the mean into its first places."""
    count, width = weight.shape
    for own in layer.parameters():
        own.zero_()
    layer.attention.self.value.weight[:count] = weight / _QUIET
    layer.attention.self.value.bias[:count] = bias
    dense = layer.attention.output.dense
    dense.weight[:count, :count] = torch.eye(count)
    dense.weight[count, :count] = -1.0  # so that the mean over the places stays zero
    dense.bias[count + 1], dense.bias[count + 2] = _LOUD, -_LOUD
    for norm in (layer.attention.output.LayerNorm, layer.output.LayerNorm):
        norm.weight.fill_(_LOUD * (2 / width) ** 0.5)


def _pass_on(network: Any, count: int) -> None:
    """Let pooler and classifier hand on the first places."""
    pooler = network.bert.pooler.dense
    for own in (*pooler.parameters(), *network.classifier.parameters()):
        own.zero_()
    pooler.weight[:count, :count] = torch.eye(count) * _STRAIGHT
    network.classifier.weight[:, :count] = torch.eye(count) / _STRAIGHT
