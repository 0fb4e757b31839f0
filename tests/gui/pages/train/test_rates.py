"""Of many learning rates the plot shows those between which the others lie."""

from __future__ import annotations

from finetune_studio.gui.pages.train.rates import telling


def test_few_rates_are_all_shown() -> None:
    assert telling({"head": 1.0, "body": 0.1}) == {"head": 1.0, "body": 0.1}
    assert list(telling({"head": 1.0, "Stage 4": 0.1, "Stage 3": 0.2})) == [
        "head",
        "Stage 4",
        "Stage 3",
    ]


def test_of_many_the_ends_are_shown_in_order() -> None:
    rates = {"head": 1e-3} | {
        f"Encoder layer {n}": 2e-4 * 0.9 ** (12 - n) for n in range(12, 0, -1)
    }
    shown = telling(rates | {"classifier": 5e-4})
    assert list(shown) == ["head", "Encoder layer 1", "classifier"]
    assert shown["Encoder layer 1"] == rates["Encoder layer 1"]
