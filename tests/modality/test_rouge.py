"""ROUGE is what torchmetrics counts, and counts other scripts, too."""

from __future__ import annotations

import random

import pytest
from torchmetrics.functional.text.rouge import rouge_score

from finetune_studio.modality import rouge

_TEXT = "the a cat dog sat on mat and ran away quickly it's blue-green 42 Mr. Smith said: hello"
_WORDS = _TEXT.split()


@pytest.mark.parametrize("seed", range(20))
def test_it_is_what_torchmetrics_counts(seed: int) -> None:
    rng = random.Random(seed)
    said = " ".join(rng.choices(_WORDS, k=rng.randint(0, 30)))
    true = " ".join(rng.choices(_WORDS, k=rng.randint(1, 30)))
    keys = ("rougeL", "rouge1", "rouge2")
    found = rouge_score(said, true, rouge_keys=keys, use_stemmer=False)
    ours = rouge.best(said, (true,))
    assert ours == pytest.approx([float(found[f"{key}_fmeasure"]) for key in keys], abs=1e-6)


def test_the_best_reference_counts_for_each_score() -> None:
    assert rouge.best("a b c", ("x y z", "a b c")) == (1.0, 1.0, 1.0)
    said, references = "the cat sat on the mat", ("a cat sat", "on the mat the cat")
    for number, key in enumerate(("rougeL", "rouge1", "rouge2")):
        found = rouge_score(said, [list(references)], accumulate="best", rouge_keys=key)
        assert rouge.best(said, references)[number] == pytest.approx(
            float(found[f"{key}_fmeasure"]), abs=1e-6
        )


def test_other_scripts_and_nothing() -> None:
    assert rouge.words("Größe, naïve Straße_2") == ["größe", "naïve", "straße", "2"]
    assert rouge.words("今天天气") == ["今", "天", "天", "气"]
    assert rouge.best("今天", ("今天天气",))[1] == pytest.approx(4 / 6)
    assert rouge.best("", ("words",)) == (0.0, 0.0, 0.0)
    assert rouge.best("words", ()) == (0.0, 0.0, 0.0)


def test_sentences_and_lines_of_a_conversation() -> None:
    assert rouge.sentences("One. Two! Three?\nA: four\n\nB: five") == [
        *("One.", "Two!", "Three?", "A: four", "B: five"),
    ]
