"""The choices of a run, section by section, each with its name, its sentence, its unit and its bounds."""

from __future__ import annotations

from typing import Literal

from finetune_studio.core.recipe.layer_choices import Amount, LayerChoices
from finetune_studio.core.recipe.learning_choices import OptimiserChoices, RegulariseChoices
from finetune_studio.core.recipe.section import Section, described

__all__ = [
    "Amount",
    "AugmentChoices",
    "ComputeChoices",
    "DataChoices",
    "LayerChoices",
    "ModelChoices",
    "OptimiserChoices",
    "Preset",
    "RegulariseChoices",
    "Section",
    "StopChoices",
    "described",
]

Preset = Literal["quick", "balanced", "best"]


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
    fit: Literal["whole", "stretch", "crop"] = described(
        "whole",
        "Pictures that are not square",
        "The network sees squares. Whole: all of the picture, with bars of one colour beside it. Stretch:"
        " all of it, stretched. Crop: its middle, and nothing of its ends. What goes on from an earlier run"
        " keeps the way of that run.",
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
    after: int = described(
        0,
        "End after",
        "Ends the run after so many epochs of its plan, the learning rate being where the plan has it then;"
        " 0 carries out all epochs. A final model after cross-validation ends so.",
        unit="epochs",
        lowest="all",
        ge=0,
        le=1000,
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
