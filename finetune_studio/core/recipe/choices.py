"""The choices of a run, section by section, each with its name, its sentence, its unit and its bounds."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Preset = Literal["quick", "balanced", "best"]
Amount = Literal["head_only", "last_stage", "later_half", "everything", "adapters", "custom"]


def described(
    default: Any,
    title: str,
    help_text: str,
    *,
    unit: str = "",
    simple: bool = False,
    lowest: str = "",
    **bounds: Any,
) -> Any:
    """Describe a choice once: its name, its sentence, its unit, and whether Simple shows it.

    ``lowest`` says what its lowest number stands for, where that is not a number.
    """
    return Field(
        default=default,
        title=title,
        description=help_text,
        json_schema_extra={"unit": unit, "simple": simple, "lowest": lowest},
        **bounds,
    )


class Section(BaseModel):
    """A part of a recipe; refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class DataChoices(Section):
    """Where the samples come from and how they are divided."""

    path: str = described("", "Data", "The folder, table or zip with your samples.", simple=True)
    reader: str = described(
        "", "Format", "How the data are read; empty recognises the format by itself."
    )
    path_column: str = described("", "Path column", "The column of a table that names the files.")
    label_column: str = described(
        "", "Label column", "The column of a table that holds the labels."
    )
    text_column: str = described(
        "",
        "Text column",
        "The column of a table that holds the text: what is classified, summarised or answered from, or"
        " the prompt.",
    )
    question_column: str = described(
        "", "Question column", "The column of a table that holds the questions."
    )
    target_column: str = described(
        "",
        "Target column",
        "The column of a table that holds what is learnt: the answer, the summary or the reply.",
    )
    label_separator: str = described(
        "",
        "Between labels",
        "What stands between several labels of one text, such as ; or |; empty finds it where the same"
        " labels recur alone or in other company, and - takes every cell as one label.",
    )
    labels_path: str = described(
        "", "Table of labels", "A second table that gives each label a name; empty finds it beside."
    )
    split_column: str = described(
        "", "Split column", "The column that says train, validation or test."
    )
    group_column: str = described(
        "",
        "Group column",
        "Samples of one group (a patient, a field, a case) always stay in the same split.",
    )
    encoding: str = described(
        "",
        "Encoding",
        "How the letters of texts and tables are written, such as utf-8 or cp1252; empty recognises it.",
    )
    validation_share: float = described(
        0.15,
        "Validation share",
        "The part kept aside to judge each epoch, where the data bring none.",
        unit="of all samples",
        ge=0.01,
        le=0.5,
    )
    test_share: float = described(
        0.15,
        "Test share",
        "The part kept locked to judge the final model, where the data bring no splits at all.",
        unit="of all samples",
        ge=0.0,
        le=0.5,
    )


class ModelChoices(Section):
    """Which pretrained network the run begins with."""

    source: str = described(
        "starter", "Model", "A catalogue name, a weights file or a folder.", simple=True
    )
    architecture: str = described(
        "", "Architecture", "What network a weights file belongs to; empty recognises it."
    )
    image_size: int = described(
        0,
        "Image size",
        "Side of the square that the network sees; 0 keeps what it was pretrained with.",
        unit="pixels",
        lowest="as it is",
        ge=0,
        le=1024,
    )


class LayerChoices(Section):
    """How much of the network may change, and since when."""

    amount: Amount = described(
        "head_only",
        "How much to retrain",
        "The head alone is fastest and safest with few samples; more layers learn finer differences.",
        simple=True,
    )
    trainable: list[str] = described(
        [], "Trainable layers", "Names of the modules that may change, for a custom choice."
    )
    head_first: int = described(
        0,
        "Head first",
        "In the first epochs only the new last layer learns, so that its first rough steps do not"
        " disturb the pretrained layers.",
        unit="epochs",
        ge=0,
        le=1000,
    )
    unfreeze_at: dict[str, int] = described(
        {},
        "Gradual unfreezing",
        "The epoch in which a module begins to learn, by its name; what is not named learns from the"
        " start.",
        unit="epoch",
    )
    lora_rank: int = described(
        16,
        "Rank of adapters",
        "How much an adapter can learn. Adapters (LoRA) are small matrices beside the layers, which"
        " themselves stay as they are; 0 puts them only where a layer has a rank of its own. They are"
        " there if adapters are chosen as what to retrain.",
        unit="rank",
        lowest="none",
        ge=0,
        le=512,
    )
    lora_alpha: float = described(
        32.0,
        "Strength of adapters",
        "What an adapter says is multiplied by this over its rank; twice the rank is usual.",
        gt=0,
        le=4096,
    )
    lora_dropout: float = described(
        0.0,
        "Dropout of adapters",
        "The part of an adapter's input that is left out at random while learning; guards against"
        " overfitting.",
        ge=0,
        lt=1,
    )
    dora: bool = described(
        False,
        "Adapters with size (DoRA)",
        "Learns how strong each output is apart from its direction: often a little better, and slower.",
    )
    lora_layers: list[str] = described(
        [],
        "Layers with adapters",
        "Names of modules, or how they end (q_proj); empty takes all linear layers of attention and"
        " feed-forward blocks.",
    )
    lora_ranks: dict[str, int] = described(
        {},
        "Ranks of single layers",
        "The rank of the adapters in a module, by its name, where it is not that of all; 0 for none.",
        unit="rank",
    )
    lora_4bit: bool = described(
        False,
        "Frozen layers in 4 bits (QLoRA)",
        "Keeps the layers below adapters in a quarter of the memory, a little less exact. Needs an NVIDIA"
        " graphics processor and the package bitsandbytes.",
    )


class OptimiserChoices(Section):
    """How the network is changed step by step."""

    method: Literal["steps", "solve"] = described(
        "steps",
        "Method",
        "Small steps along the gradient; or, where the head alone learns, solving it exactly, which"
        " takes seconds. Each epoch of a solution leaves the head a little freer.",
    )
    epochs: int = described(
        10, "Epochs", "How many times every training sample is seen.", simple=True, ge=1, le=1000
    )
    batch_size: int = described(
        32,
        "Batch size",
        "Samples looked at before each change; 0 finds the largest that suits memory and data.",
        unit="samples",
        lowest="found",
        ge=0,
        le=4096,
    )
    accumulation: int = described(
        0,
        "Parts of a batch",
        "A batch too large for the memory is computed in parts whose gradients are added up. Only batch"
        " norms that learn notice: they see one part at a time. 0 finds how many parts are needed.",
        unit="parts",
        lowest="found",
        ge=0,
        le=4096,
    )
    learning_rate: float = described(
        2e-4,
        "Learning rate",
        "How far one step changes the pretrained layers; too large a step destroys what they know.",
        unit="per step",
        gt=0,
        le=100,
    )
    head_learning_rate: float = described(
        2e-3,
        "Learning rate of the head",
        "The new last layer starts from nothing, so it may take larger steps.",
        unit="per step",
        gt=0,
        le=100,
    )
    weight_decay: float = described(
        0.05, "Weight decay", "Pulls weights towards zero; guards against overfitting.", ge=0, le=10
    )
    label_smoothing: float = described(
        0.0,
        "Label smoothing",
        "Trains towards slightly less than full certainty; helps where labels are noisy.",
        ge=0,
        lt=1,
    )
    schedule: Literal["cosine", "linear", "constant"] = described(
        "cosine", "Schedule", "How the learning rate falls from its peak to the end of the run."
    )
    warmup_share: float = described(
        0.05,
        "Warm-up",
        "The first part of the run, in which the learning rate rises from zero.",
        unit="of all steps",
        ge=0,
        le=0.5,
    )
    gradient_clip: float = described(
        1.0, "Gradient limit", "Longer gradients are cut to this length; 0 cuts none.", ge=0
    )
    balance: Literal["none", "weights", "sampler"] = described(
        "none",
        "Balance classes",
        "Lets rare classes count more: by weight in the loss, or by being drawn more often.",
        simple=True,
    )


class AugmentChoices(Section):
    """How training samples are varied, so that the network learns what matters."""

    strength: Literal["none", "light", "medium", "strong"] = described(
        "light",
        "Variation of pictures",
        "Random crops, flips and changes of colour while training.",
        simple=True,
    )
    horizontal_flip: bool = described(
        True,
        "Mirror pictures",
        "Off where left and right differ in meaning, as with letters or hand signs.",
        simple=True,
    )
    views: int = described(
        3,
        "Varied views kept",
        "How many varied copies of each sample are computed when frozen layers are computed once.",
        unit="a sample",
        ge=1,
        le=32,
    )


class StopChoices(Section):
    """When a run ends before its last epoch, and which epoch is kept."""

    early: bool = described(
        True, "Early stopping", "Ends the run when validation no longer improves.", simple=True
    )
    patience: int = described(
        4, "Patience", "Epochs without gain before the run ends.", unit="epochs", ge=1, le=1000
    )


class ComputeChoices(Section):
    """What the run may use of this computer."""

    device: Literal["auto", "cpu", "cuda", "mps"] = described(
        "auto", "Device", "Where the network runs; auto takes the fastest that works."
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = described(
        "auto",
        "Precision",
        "How exactly numbers are kept while learning: half precision (bf16, fp16) is faster on graphics"
        " processors, where auto takes it, and on few CPUs. Judging is always done in fp32.",
    )
    checkpointing: bool = described(
        False,
        "Recompute activations",
        "Keeps less in memory on the way forward and computes it again on the way back: about a third"
        " slower, with the same result.",
    )
    compile: Literal["auto", "on", "off"] = described(
        "auto",
        "Compile the network",
        "Lets PyTorch compile the network first, which takes up to a minute; auto does so only for"
        " long runs on a graphics processor.",
    )
    threads: int = described(
        0,
        "Processor threads",
        "0 lets the program choose.",
        unit="threads",
        lowest="chosen",
        ge=0,
        le=256,
    )
    cache: Literal["auto", "off"] = described(
        "auto",
        "Compute frozen layers once",
        "Keeps what the frozen layers say about each sample, so that later epochs are fast.",
    )
    cache_limit_mb: int = described(
        4096, "Room for computed features", "On disk and in memory.", unit="MB", ge=16
    )
    decoded: Literal["auto", "off"] = described(
        "auto",
        "Keep decoded samples",
        "Keeps samples decoded on disk where that makes later epochs faster; it changes no result.",
    )
    workers: int = described(
        -1,
        "Loader processes",
        "Processes that read and vary samples; 0 uses threads of this one, -1 measures what is faster.",
        unit="processes",
        lowest="measured",
        ge=-1,
        le=64,
    )
