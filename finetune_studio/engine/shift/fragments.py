"""How far texts lie from what a tokenizer was made for: into how many pieces it must break their words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Words as people count them; of scripts that put no spaces between words, each sign is one.
_WORD = re.compile(
    r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[^\W\d_]+(?:['’][^\W\d_]+)*"
)
# Plain English, to know how many words a tokenizer breaks up where there is nothing odd about them.
PLAIN = (
    "The house stands near the river, and in the evening people walk along the water with their children."
    " It was a long day, but nobody wanted to go home before dark. She asked him whether he had seen the"
    " new school, and he said that it looked larger than the old one. In the morning they take the early"
    " train to the city, work in an office, have lunch with friends and come back after six. When the"
    " weather is good, everyone sits outside and talks about the news, the price of food and what they"
    " will do next week. Some read a book, others listen to music or watch the birds above the trees."
)
_MOST_LETTERS = 4000  # of one text


def pieces(tokenizer: Tokenizer, texts: Iterable[str], unknown: int | None) -> dict[str, float]:
    """Return tokens a word, the share of words broken up, and the share of tokens that are unknown.

    Each word is encoded by itself with a space before it, so that punctuation and numbers, which every
    tokenizer breaks up, count nothing. Ács et al. 2021 and Rust et al. 2021 ("How good is your
    tokenizer?") call the first fertility and the second the proportion of continued words.
    """
    words = [word for text in texts for word in _WORD.findall(text[:_MOST_LETTERS])]
    counts: dict[str, int] = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    tokens = broken = lost = 0
    distinct = list(counts)
    found = tokenizer.encode_batch([f" {word}" for word in distinct], add_special_tokens=False)
    for word, one in zip(distinct, found, strict=True):
        times, number = counts[word], len(one.ids)
        if one.tokens and not one.tokens[0].strip("▁Ġ "):
            number = max(1, number - 1)  # a space that is a token of its own
        tokens += times * number
        broken += times * (number > 1)
        lost += times * sum(token == unknown for token in one.ids)
    every = max(1, len(words))
    return {
        "words": float(len(words)),
        "tokens_a_word": tokens / every,
        "broken_words": broken / every,
        "unknown_tokens": lost / max(1, tokens),
    }
