"""What a module of a network is called in plain words."""

from __future__ import annotations

from torch import nn

# The end of a class's name, and what such a module is; the first that fits counts.
_ENDINGS = (
    ("BatchNorm1d", "Batch norm"),
    ("BatchNorm2d", "Batch norm"),
    ("LayerNorm2d", "Layer norm"),
    ("LayerNorm", "Layer norm"),
    ("GroupNorm", "Group norm"),
    ("Dropout", "Dropout"),
    ("StochasticDepth", "Random skipping of blocks"),
    ("DropPath", "Random skipping of blocks"),
    ("Embeddings", "Embedding"),
    ("Embedding", "Embedding"),
    ("MeanPooling", "Mean over the tokens"),
    ("RMSNorm", "Norm"),
    ("T5LayerNorm", "Norm"),
    ("RotaryEmbedding", "Places of the tokens, as turns"),
    ("PositionalEmbedding", "Table of places"),
    ("MultiheadAttention", "Attention"),
    ("Attention", "Attention"),
    ("SqueezeExcitation", "Weighing of channels"),
    ("Conv2dNormActivation", "Convolution with norm"),
    ("Activation", "Activation"),
    ("InvertedResidual", "Inverted residual block"),
    ("BasicBlock", "Residual block"),
    ("Bottleneck", "Residual block"),
    ("MBConv", "Inverted residual block"),
    ("CNBlock", "ConvNeXt block"),
    ("SwinTransformerBlock", "Transformer block"),
    ("EncoderBlock", "Transformer block"),
    ("PatchMerging", "Merging of patches"),
    ("Identity", "Nothing (passes on)"),
    ("Flatten", "Flattening"),
    ("Permute", "Reordering"),
    ("MLPBlock", "Small network of two layers"),
    ("MLP", "Small network of two layers"),
    ("Intermediate", "First half of a small network"),
    ("SelfOutput", "Mixing of what was attended to"),
    ("Output", "Second half of a small network"),
    ("ConvLayer", "Convolution with norm"),
    ("ShortCut", "Shortcut"),
    ("BasicLayer", "Residual block"),
    ("BottleNeckLayer", "Residual block"),
    ("ConvNextLayer", "ConvNeXt block"),
    ("DenseLayer", "Dense layer"),
    ("DenseBlock", "Dense block"),
    ("Transition", "Transition to a smaller picture"),
    ("Layer", "Transformer block"),
    ("Model", "The body, without the head"),
    ("Pooler", "Pooling"),
    ("Encoder", "Encoder: the blocks"),
    ("Decoder", "Decoder: the blocks"),
    ("Stack", "The blocks"),
    ("LayerFF", "Small network of two layers"),
    ("ActDense", "Small network of two layers"),
    ("Stage", "Stage"),
)


def kind_of(module: nn.Module) -> str:
    """Return what a module is, for people who do not read code."""
    if isinstance(module, nn.Conv2d):
        return _convolution(module)
    if isinstance(module, nn.Linear):
        return "Fully connected"
    if isinstance(module, nn.modules.pooling._AdaptiveAvgPoolNd | nn.AvgPool2d | nn.MaxPool2d):
        return "Pooling"
    name = type(module).__name__
    known = type(module).__module__ == "torch.nn.modules.activation" and "Attention" not in name
    if known or isinstance(module, nn.Hardtanh):  # also one that keeps less (``frugal``)
        return f"Activation ({name})"
    if isinstance(module, nn.Sequential | nn.ModuleList) and type(module) in (
        nn.Sequential,
        nn.ModuleList,
    ):
        return f"Group of {len(module)}"
    words = next((text for ending, text in _ENDINGS if name.endswith(ending)), "")
    return words or name


def _convolution(module: nn.Conv2d) -> str:
    size = "×".join(str(side) for side in module.kernel_size)
    alone = " of each channel" if 1 < module.groups == module.in_channels else ""
    return f"Convolution {size}{alone}"
