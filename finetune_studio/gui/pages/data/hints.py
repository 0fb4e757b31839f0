"""What can be seen of a text at a glance: how long it is, its script, probably its language; no Qt here."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

_LOOKED_AT = 400  # letters; the script of a text shows early
_VOTERS = 80  # words
_FEWEST_VOTES = 2
_LEAST_SHARE = 0.12  # of the words; in running text every fourth or so is one of these
_LONG_WORDS = 1000

# The commonest little words of languages in Latin script; each votes for the languages it is in.
_LITTLE = {
    "English": "the of and to in is that was for with as it are this be by not from at which or"
    " you i do have my me we he she they what can there so if no your but will would about a an on"
    " one more has had were been how were when who its than",
    "German": "der die das und ist nicht ein eine zu den mit von sich des auf dem im auch es wird",
    "French": "le la les et des est une dans qui pour pas que sur du au avec ne il elle cette",
    "Spanish": "el los las y en que es por una con para del se no su al lo como más fue",
    "Italian": "il di che è per una non con del della sono si gli anche dei alla più ha nel",
    "Portuguese": "o os as e em que não uma para com do da no na dos das por mais se foi",
    "Dutch": "de het een en van is dat niet op te zijn met voor die aan door ook naar wordt",
    "Swedish": "och att det som en på är av för med den till inte har de om ett men var jag",
    "Polish": "i w na nie się że z do to jest jak po co za od przez dla są jego który",
    "Turkish": "ve bir bu için ile de da çok olarak daha olan gibi ne ama değil kadar var o sonra",
    "Vietnamese": "và của là có không được trong cho một những với các này đã người khi ra về từ",
    "Indonesian": "yang dan di ini itu untuk dengan tidak dari dalam akan pada juga adalah ke",
}
_VOTES: dict[str, tuple[str, ...]] = {}
for _language, _words in _LITTLE.items():
    for _word in _words.split():
        _VOTES[_word] = (*_VOTES.get(_word, ()), _language)

_SCRIPTS = {"CJK": "Chinese", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean"}


@dataclass(frozen=True, slots=True)
class Note:
    """What was seen of a text. ``script`` and ``language`` are empty where nothing can be said."""

    words: int = 0
    letters: int = 0
    script: str = ""
    language: str = ""

    @property
    def empty(self) -> bool:
        """Whether nothing can be read there."""
        return self.words == 0

    @property
    def long(self) -> bool:
        """Whether it is very long."""
        return self.words > _LONG_WORDS


def noted(text: str) -> Note:
    """Look at a text; takes some ten microseconds."""
    found = script(text)
    return Note(
        count_words(text, found),
        len(text),
        found,
        language(text) if found == "Latin" else "",
    )


def count_words(text: str, of: str = "") -> int:
    """Return how many words a text has; in Chinese and Japanese how many signs."""
    if of in ("Chinese", "Japanese"):
        return sum(letter.isalnum() for letter in text)
    return len(text.split())


def script(text: str) -> str:
    """Return the script that most letters of a text's beginning are of; empty without letters."""
    if text.isascii():
        start = text[:_LOOKED_AT]
        return "Latin" if any(map(str.isalpha, start)) or any(map(str.isalpha, text)) else ""
    counts = Counter(_script_of(letter) for letter in text[:_LOOKED_AT])
    del counts[""]
    if "Japanese" in counts:  # Japanese is written with Chinese signs too, Chinese without kana
        counts["Japanese"] += counts.pop("Chinese", 0)
    return counts.most_common(1)[0][0] if counts else ""


@lru_cache(4096)
def _script_of(letter: str) -> str:
    if not letter.isalpha():
        return ""
    if letter.isascii():
        return "Latin"
    first = unicodedata.name(letter, "").partition(" ")[0]
    return _SCRIPTS.get(first, first.capitalize())


def language(text: str) -> str:
    """Return the language whose little words are most in a text's beginning; empty if it is open."""
    words = text[: _LOOKED_AT * 2].lower().split(maxsplit=_VOTERS)[:_VOTERS]
    votes = Counter(voted for word in words if word in _VOTES for voted in _VOTES[word])
    (first, most), (_, second) = [*votes.most_common(2), ("", 0), ("", 0)][:2]
    sure = most >= max(_FEWEST_VOTES, _LEAST_SHARE * len(words)) and most >= 1.5 * second
    return first if sure else ""


def usual(notes: list[Note]) -> tuple[str, str]:
    """Return the script and the language that most texts have: what is not worth a hint."""
    scripts = Counter(note.script for note in notes if note.script)
    languages = Counter(note.language for note in notes if note.language)
    most = scripts.most_common(1)
    told = languages.most_common(1)
    return (most[0][0] if most else "", told[0][0] if told else "")
