"""The choices of a run about what the pretrained network must still know afterwards."""

from __future__ import annotations

from finetune_studio.core.recipe.section import Section, described


class ForgettingChoices(Section):
    """What guards against forgetting, and what forgetting is measured with."""

    blend: float = described(
        1.0,
        "Blend with the original",
        "How much of the fine-tuned network goes into the result; the rest is the network that it was"
        " begun from, number by number. Less keeps more of what that knew. 1 leaves the result as it is.",
        unit="of the result",
        lowest="the original",
        ge=0,
        le=1,
    )
    old_answers: float = described(
        0.0,
        "Keep the original's answers",
        "While the network learns your classes, it must also answer your samples with its original last"
        " layer as it did before (learning without forgetting). So it needs no samples of what it knew, but a"
        " model that brought a last layer of its own. 1 counts as much as your classes do, 0 is off; a step"
        " takes about a third longer, and batch norms keep their statistics.",
        unit="times your classes",
        lowest="off",
        ge=0,
        le=100,
    )
    replay: float = described(
        0.0,
        "Replay of earlier samples",
        "Where a run goes on from one of your own runs, so large a part of what each step sees are samples"
        " that the earlier run learnt from, so that it is not forgotten while new ones are learnt. An epoch"
        " still shows every new sample once. 0 is off.",
        unit="of each step",
        lowest="off",
        ge=0,
        le=0.5,
    )
    held_out: str = described(
        "",
        "Samples of what it knew",
        "A folder or table of samples that the original network knows, labelled with its own classes: how"
        " well it still answers them is measured. Empty compares its answers to your validation samples.",
        place=True,
    )
