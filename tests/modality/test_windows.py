"""Windows: every token is read, neighbours overlap, and special tokens stand as the tokenizer puts them."""

from __future__ import annotations

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from finetune_studio.modality import windows

WORDS = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", *(f"w{n}" for n in range(100))]


def tokenizer(*, special: bool = True) -> Tokenizer:
    made = Tokenizer(WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = Whitespace()
    if special:
        made.post_processor = TemplateProcessing(
            single="[CLS] $A [SEP]",
            pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
        )
    return made


def text_of(count: int) -> str:
    return " ".join(f"w{n}" for n in range(count))


def test_a_short_text_is_one_window_as_the_tokenizer_makes_it() -> None:
    made = tokenizer()
    (found,) = windows.cut(made, text_of(5), 10, 2)
    whole = made.encode(text_of(5))
    assert found.ids.tolist() == whole.ids
    assert found.types.tolist() == whole.type_ids
    assert found.offsets.tolist() == [[-1, -1], [0, 2], [3, 5], [6, 8], [9, 11], [12, 14], [-1, -1]]


def test_a_question_stands_before_each_window_with_its_own_type() -> None:
    made = tokenizer()
    found = windows.cut(made, text_of(9), 10, 2, "w50 w51")
    whole = made.encode("w50 w51", text_of(9))
    assert found[0].ids.tolist() == [*whole.ids[:9], 2]
    assert found[0].types.tolist() == whole.type_ids[:10]
    assert [window.ids[:4].tolist() for window in found] == [whole.ids[:4]] * len(found)
    assert all(window.types.tolist() == [0] * 4 + [1] * (len(window) - 4) for window in found)
    assert all((window.offsets[:4] == -1).all() for window in found)


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 11, 12, 13, 50])
@pytest.mark.parametrize("overlap", [0, 2, 4, 99])
def test_every_token_is_read_and_neighbours_share_the_overlap(count: int, overlap: int) -> None:
    made, text = tokenizer(), text_of(count)
    found = windows.cut(made, text, 10, overlap)
    parts = [window.offsets[window.offsets[:, 1] > 0].tolist() for window in found]
    assert all(len(window) <= 10 for window in found)
    shared = min(overlap, 4)  # of the eight tokens between the special ones, half must be new
    whole = parts[0]
    for part in parts[1:]:
        if shared:
            assert part[:shared] == whole[-shared:]
        whole = whole + part[shared:]
    assert whole == np.array(made.encode(text, add_special_tokens=False).offsets).tolist()
    assert len(found) == max(1, -(-(count - shared) // (8 - shared)))


def test_a_question_too_long_for_its_half_loses_its_end() -> None:
    (found,) = windows.cut(tokenizer(), "w1", 10, 2, text_of(60))
    assert found.ids.tolist() == [1, 4, 5, 6, 7, 8, 2, 5, 2]


def test_a_tokenizer_without_special_tokens_gets_none() -> None:
    found = windows.cut(tokenizer(special=False), text_of(5), 4, 1)
    assert [window.ids.tolist() for window in found] == [[4, 5, 6, 7], [7, 8]]
    (pair,) = windows.cut(tokenizer(special=False), "w1", 4, 1, "w2")
    assert pair.ids.tolist() == [6, 5]
