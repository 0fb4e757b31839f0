"""When and how fast each layer learns, reckoned on plain values."""

from __future__ import annotations

import pytest

from finetune_studio.core.recipe import LayerChoices
from finetune_studio.models import pace

STAGES = [
    ("Stem", ["stem"]),
    ("Stage 1", ["body.0", "body.1"]),
    ("Stage 2", ["body.2"]),
    ("Head", ["head"]),
]
NAMES = ["place", "stem.w", "body.0.w", "body.1.w", "body.2.w", "body.2.norm.w", "head.w"]


def starts(epochs: int = 10, **choices: object) -> dict[str, int]:
    return pace.begins(LayerChoices(**choices), STAGES, NAMES, epochs)


def test_all_learn_from_the_start_unless_told_otherwise():
    assert set(starts().values()) == {1}
    assert starts(head_first=2) == dict.fromkeys(NAMES, 3) | {"head.w": 1}


def test_the_later_of_two_beginnings_counts():
    found = starts(head_first=1, unfreeze_at={"body": 3, "body.2.norm": 5, "head": 9})
    assert found["head.w"] == 1  # it starts from nothing, so it always learns
    assert (found["stem.w"], found["body.0.w"], found["body.2.w"]) == (2, 3, 3)
    assert found["body.2.norm.w"] == 5


def test_a_scheme_counts_where_no_epochs_are_given():
    found = starts(unfreezing="top_down")
    assert (found["body.2.w"], found["body.0.w"], found["stem.w"]) == (2, 3, 4)
    assert found["place"] == 4  # what lies in no stage begins with the last to begin
    own = starts(unfreezing="top_down", unfreeze_at={"stem": 7})
    assert (own["body.2.w"], own["stem.w"]) == (1, 7)


def test_a_run_is_cut_where_more_begins_to_learn():
    found = starts(10, unfreeze_at={"body.0": 4, "stem": 12, "body.1": 4, "place": 4})
    first, second = pace.phases(found, 10)
    assert (first[0], second[0]) == (3, 7)
    assert set(second[1]) - set(first[1]) == {"body.0.w", "body.1.w", "place"}
    assert "stem.w" not in second[1]  # after the end of the run
    assert pace.phases(starts(5), 5) == [(5, tuple(NAMES))]


def test_each_stage_has_a_part_of_the_rate_above_it():
    found = pace.factors(LayerChoices(rate_decay=0.5), STAGES, NAMES)
    assert (found["head.w"], found["body.2.w"], found["body.0.w"]) == (1.0, 1.0, 0.5)
    assert found["stem.w"] == found["place"] == 0.25
    told = LayerChoices(rate_decay=0.5, rates={"body": 0.1, "body.2.norm": 2.0})
    found = pace.factors(told, STAGES, NAMES)
    assert (found["body.0.w"], found["body.2.norm.w"], found["stem.w"]) == (0.1, 2.0, 0.25)


def test_it_is_the_rule_by_which_a_run_goes():
    depths = pytest.importorskip("finetune_studio.models.depths")
    import torch

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.place = torch.nn.Parameter(torch.zeros(1))
            self.stem = torch.nn.Linear(2, 2)
            self.body = torch.nn.Sequential(*(torch.nn.Linear(2, 2) for _ in range(3)))
            self.head = torch.nn.Linear(2, 2)

    network = Network()
    choices = LayerChoices(rate_decay=0.5, rates={"body.1": 3.0})
    names = [name for name, _ in network.named_parameters()]
    mine = pace.factors(choices, STAGES, names)
    theirs = {
        name: part.factor
        for part in depths.parts(network, "head", choices, STAGES)
        for name in part.names
    }
    assert mine == theirs
