"""How likely a text is by how often its words occur elsewhere: the simplest of language models."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable

_WORD = re.compile(r"\s*\S+|\s+$")


class Counts:
    """Words by how often they occur; unknown ones are spelt, letter by letter (Witten and Bell 1991)."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._words: Counter[str] = Counter()
        for text in texts:
            self._words.update(_WORD.findall(text))
        self._letters: Counter[str] = Counter()
        for word in self._words:
            self._letters.update(word)
        self._total, self._kinds = self._words.total(), max(1, len(self._words))
        # Any letter may come, and the word may end after each: one of each is added.
        self._room = self._letters.total() + len(self._words) + len(self._letters) + 2

    def surprise(self, text: str) -> float:
        """Return minus the logarithm of a text's probability, in nats."""
        return math.fsum(self._word(word) for word in _WORD.findall(text))

    def _word(self, word: str) -> float:
        every = self._total + self._kinds
        if count := self._words[word]:
            return -math.log(count / every)
        spelt = math.fsum(-math.log((self._letters[c] + 1) / self._room) for c in word)
        ends = -math.log((len(self._words) + 1) / self._room)
        return spelt + ends - math.log(self._kinds / every)
