"""How a network is changed step by step, and what keeps it from learning by heart."""

from __future__ import annotations

from typing import Literal

from finetune_studio.core.recipe.section import Section, described


class OptimiserChoices(Section):
    """How the network is changed step by step."""

    method: Literal["steps", "solve"] = described(
        "steps",
        "Method",
        "Small steps along the gradient; or, where the head alone learns, solving it exactly, which"
        " takes seconds. Each epoch of a solution leaves the head a little freer.",
        words={"steps": "Small steps", "solve": "Solve exactly"},
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
    find_rate: bool = described(
        False,
        "Find the learning rate first",
        "Before the run, raises the rate from tiny to huge over at most 100 steps on a copy of the network,"
        " and takes the rate at which it learnt fastest; both rates above are scaled alike.",
    )
    weight_decay: float = described(
        0.05,
        "Weight decay",
        "Pulls weights towards zero; guards against overfitting.",
        lowest="off",
        ge=0,
        le=10,
    )
    label_smoothing: float = described(
        0.0,
        "Label smoothing",
        "Trains towards slightly less than full certainty; helps where labels are noisy.",
        unit="of certainty",
        lowest="off",
        ge=0,
        lt=1,
    )
    schedule: Literal["cosine", "linear", "constant", "one_cycle"] = described(
        "cosine",
        "Schedule",
        "How the learning rate falls from its peak to the end of the run. One cycle first rises to the peak"
        " over a third of the run, without a warm-up of its own, and then falls to nearly nothing: it"
        " bears a higher peak.",
    )
    warmup_share: float = described(
        0.05,
        "Warm-up",
        "The first part of the run, in which the learning rate rises from zero; one cycle has its own.",
        unit="of all steps",
        lowest="none",
        ge=0,
        le=0.5,
    )
    gradient_clip: float = described(
        1.0,
        "Gradient limit",
        "Longer gradients are cut to this length; 0 cuts none. 1 is usual.",
        unit="of length",
        lowest="no limit",
        ge=0,
        le=1000,
    )
    balance: Literal["none", "weights", "sampler"] = described(
        "none",
        "Balance classes",
        "Lets rare classes count more: by weight in the loss, or by being drawn more often.",
        simple=True,
        words={
            "none": "No",
            "weights": "Rare ones weigh more",
            "sampler": "Rare ones shown more",
        },
    )


class RegulariseChoices(Section):
    """What keeps the network from learning the training samples by heart."""

    head_dropout: float = described(
        0.0,
        "Dropout of the head",
        "The part of what the head sees that is left out at random while learning, so that it relies on no"
        " single feature; beside what the network leaves out by itself.",
        unit="of all features",
        lowest="none",
        ge=0.0,
        le=0.9,
    )
    mixup: float = described(
        0.0,
        "Mixup",
        "Learns from samples that are blended in pairs, with blended labels: smoother boundaries between"
        " classes. Blended is what reaches the first layer that learns. The higher, the more even the"
        " blend: 0.2 is usual, 0 blends none.",
        unit="alpha",
        lowest="off",
        ge=0.0,
        le=10.0,
    )
    cutmix: float = described(
        0.0,
        "Cutmix",
        "Learns from pictures into which a piece of another is pasted, with labels by area, so that no"
        " single spot decides. 1 is usual, 0 pastes none; with mixup, each step takes one of the two.",
        unit="alpha",
        lowest="off",
        ge=0.0,
        le=10.0,
    )
    towards_pretrained: float = described(
        0.0,
        "Pull to the pretrained weights",
        "Pulls pretrained layers back to where they began, in place of weight decay, which pulls them to"
        " zero: they forget less (L2-SP). Counted as weight decay is: 10 is mild, 300 is strong, 0 is off.",
        lowest="off",
        ge=0.0,
        le=10000.0,
    )
    averaging: float = described(
        0.0,
        "Average of the weights",
        "Judges, keeps and exports a running average of the weights instead of those of the last step,"
        " which jump about. The closer to 1, the longer its memory: 0.99 remembers about a hundred steps;"
        " 0 averages nothing.",
        unit="a step",
        lowest="off",
        ge=0.0,
        le=0.9999,
    )
