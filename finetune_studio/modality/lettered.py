"""A text as one network reads it at once, with the letters of each token known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from tokenizers import Encoding

from finetune_studio.core.preview import Span
from finetune_studio.core.task import Bundle
from finetune_studio.modality import text as texts

_SHORTEST = 8  # letters below which a text is not cut further
# A word with its hyphens and apostrophes; Chinese and Japanese have no spaces, so each sign is one.
_WORD = re.compile(r"[\u3040-\u9fff]|[^\W\u3040-\u9fff]+(?:[-'’][^\W\u3040-\u9fff]+)*|[^\w\s]")


def by_word(
    text: str, offsets: Sequence[tuple[int, int]], weights: Sequence[float]
) -> list[tuple[int, int, float]]:
    """Return the words of a text with the sum of their tokens' weights.

    Args:
        text: The text.
        offsets: First letter and letter after the last of each token; empty for those that are none of
            the text's.
        weights: Of each token.
    """
    words = [match.span() for match in _WORD.finditer(text)]
    ends = np.array([end for _, end in words], np.int64)
    sums = np.zeros(len(words))
    for (start, end), weight in zip(offsets, weights, strict=True):
        place = int(np.searchsorted(ends, start, side="right"))
        if end > start and place < len(words):
            sums[place] += weight
    return [(start, end, float(total)) for (start, end), total in zip(words, sums, strict=True)]


class Lettered:
    """A text, or a question and a text, as tokens.

    A text that is too long loses its end, as the network never reads it; where a place in it is asked
    about, it is cut around that.

    Attributes:
        inputs: What the network takes: int64 (1, tokens) by name.
        notes: What was left out, in words.
    """

    def __init__(self, bundle: Bundle, text: str, question: str | None, place: Span | None) -> None:
        self._pair = question is not None
        self._shift = 0
        tokenizer = texts.tokenizer(bundle)
        part = text
        found = _encoded(tokenizer, question, part)
        while found.overflowing and (self._pair or place is not None) and len(part) > _SHORTEST:
            size = _smaller(len(part), len(found.overflowing))
            if place is not None:
                middle = (place.start + place.end) // 2 - self._shift
                left = min(max(0, middle - size // 2), len(part) - size)
                part, self._shift = part[left : left + size], self._shift + left
            else:
                part = part[:size]
            found = _encoded(tokenizer, question, part)
        self._found = found
        types = found.type_ids if "token_type_ids" in bundle.processor["inputs"] else None
        rows = texts.together([texts.Encoded(found.ids, types, int(bundle.processor["pad_id"]))])
        device = next(bundle.network.parameters()).device
        self.inputs = {name: rows[name].to(device) for name in bundle.processor["inputs"]}
        self.notes = self._left_out(text)

    def _left_out(self, text: str) -> tuple[str, ...]:
        read = [(start, end) for start, end in self.offsets(self.last) if end > start]
        if not read or (read[0][0] <= 1 and not text[read[-1][1] :].strip()):
            return ()
        told = f"Letters {read[0][0] + 1:,} to {read[-1][1]:,} of {len(text):,} were read at once"
        return (f"{told}; words outside are not tinted.",)

    @property
    def last(self) -> int:
        """Return which of the texts is the one that answers: 1 after a question, else 0."""
        return 1 if self._pair else 0

    @property
    def special(self) -> list[bool]:
        """Return which tokens are not the text's, such as those that mark its start."""
        return [part is None for part in self._found.sequence_ids]

    @property
    def word_ids(self) -> list[int | None]:
        """Return the word of each token, as the tokenizer counts words."""
        return list(self._found.word_ids)

    def offsets(self, part: int) -> list[tuple[int, int]]:
        """Return the letters of each token in the first or second text; (0, 0) outside."""
        shift = self._shift if part == self.last else 0
        places = zip(self._found.sequence_ids, self._found.offsets, strict=True)
        return [(s + shift, e + shift) if belongs == part else (0, 0) for belongs, (s, e) in places]

    def tokens(self, place: Span) -> list[int]:
        """Return the tokens that lie in a place of the text."""
        offsets = self.offsets(self.last)
        return [
            n for n, (s, e) in enumerate(offsets) if e > s and s < place.end and e > place.start
        ]


def _smaller(letters: int, further: int) -> int:
    """Return how many letters to try next where ``further`` windows more would be needed."""
    return max(_SHORTEST, min(letters * 9 // 10, round(letters * 1.3 / (further + 1))))


def _encoded(tokenizer: Any, question: str | None, text: str) -> Encoding:
    found: Encoding = (
        tokenizer.encode(text) if question is None else tokenizer.encode(question, text)
    )
    return found
