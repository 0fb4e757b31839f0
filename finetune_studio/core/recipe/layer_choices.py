"""How much of a network may change, since when, and how fast each part of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from finetune_studio.core.recipe.section import Section, described

Amount = Literal["head_only", "last_stage", "later_half", "everything", "adapters", "custom"]
Unfreezing = Literal["none", "head_then_all", "top_down"]
Multiplier = Annotated[float, Field(ge=0.01, le=100.0)]


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
        lowest="none",
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
    unfreezing: Unfreezing = described(
        "none",
        "Layers wake",
        "When pretrained layers begin to learn: all from the start (none); after the head has learnt alone"
        " for about a tenth of the run (head then all); or one stage more each epoch, from the last down"
        " to the first, over the first half of the run (top down). Not used where epochs of single layers"
        " are given.",
        words={"none": "All at once", "head_then_all": "Head, then all", "top_down": "Top down"},
    )
    rate_decay: float = described(
        1.0,
        "Slower with depth",
        "Each stage of the network learns with this part of the learning rate of the stage after it, since"
        " the first layers hold what is useful for everything: 0.38 is usual where everything is"
        " retrained, 0.9 for the many layers of a text model; 1 lets all learn alike.",
        unit="of the rate above",
        ge=0.05,
        le=1.0,
    )
    rates: dict[str, Multiplier] = described(
        {},
        "Rates of single layers",
        "What the learning rate of a module is multiplied by, by its name; the longest name that fits"
        " counts. It comes in place of what slower with depth would give.",
        unit="times",
    )
    keep_statistics: bool = described(
        False,
        "Batch norms keep their statistics",
        "Batch norms, which bring what flows through a network to one level, go by the mean and spread they"
        " learnt in pretraining, not by those of the few samples in hand. Usually better where samples"
        " are few and like those of pretraining; off where they look quite different, as under a microscope.",
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
        unit="over the rank",
        gt=0,
        le=4096,
    )
    lora_dropout: float = described(
        0.0,
        "Dropout of adapters",
        "The part of an adapter's input that is left out at random while learning; guards against"
        " overfitting.",
        unit="of its input",
        lowest="none",
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
