"""Classifies a text by the mean of its encoder's outputs, as sentence-embedding models are meant."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class MeanPooling(nn.Module):
    """The mean over the tokens of a text, padding left out, brought to a common size.

    Embeddings of sentences are compared by their direction alone; with mean 0 and variance 1 the last
    layer learns at the same pace from every encoder.
    """

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Return (batch, hidden) of outputs (batch, length, hidden) and a mask (batch, length)."""
        weights = mask.to(hidden.dtype).unsqueeze(-1)
        mean = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1.0)
        # A plain number: a size that is traced could not be written as ONNX.
        return functional.layer_norm(mean, [int(mean.shape[-1])])


class MeanPooledClassifier(nn.Module):
    """An encoder, the mean over its tokens, dropout, and a linear layer with one output a class.

    Reimers and Gurevych 2019 found the mean to hold more of a sentence than the first token, where an
    encoder was not trained to gather it there; a frozen encoder so gives features worth keeping.

    Args:
        encoder: A network of transformers that answers with ``last_hidden_state``; without a pooler.
        classes: Number of outputs.
    """

    base_model_prefix = "encoder"

    def __init__(self, encoder: nn.Module, classes: int) -> None:
        super().__init__()
        config: Any = encoder.config
        self.config = config
        self.encoder = encoder
        self.pooling = MeanPooling()
        self.dropout = nn.Dropout(_dropout_of(config))
        self.classifier = nn.Linear(int(config.hidden_size), classes)
        nn.init.trunc_normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        **_others: Any,
    ) -> Any:
        """Return an object with ``logits``, (batch, classes).

        Args:
            input_ids: Numbers of the tokens, (batch, length).
            attention_mask: 1 for tokens and 0 for padding, (batch, length); None if all are tokens.
            token_type_ids: Which part of a pair each token belongs to, where the encoder asks for it.
        """
        from transformers.modeling_outputs import SequenceClassifierOutput

        named = {"input_ids": input_ids}
        if attention_mask is not None:
            named["attention_mask"] = attention_mask
        if token_type_ids is not None:
            named["token_type_ids"] = token_type_ids
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        hidden = self.encoder(**named).last_hidden_state
        pooled = self.dropout(self.pooling(hidden, mask))
        return SequenceClassifierOutput(logits=self.classifier(pooled))


def _dropout_of(config: Any) -> float:
    """Return how much is left out before the last layer, whatever a kind of network calls that."""
    for name in ("classifier_dropout", "seq_classif_dropout", "hidden_dropout_prob", "dropout"):
        found = getattr(config, name, None)
        if isinstance(found, int | float):
            return float(found)
    return 0.1
