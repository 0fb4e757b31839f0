"""Answers in a text: which tokens they are, the best one, and how they are scored; needs numpy alone."""

from __future__ import annotations

import json
import math
import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_KEPT = 20  # best spans a window, among which the certainty is shared out
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")


class Found(NamedTuple):
    """A place in the text, from letter ``start`` up to ``end``; both -1 for no answer."""

    start: int
    end: int
    certainty: float


def asked_in(words: str) -> dict[str, str]:
    """Return the question and the context that a text holds as JSON.

    Raises:
        ValueError: If it does not hold both, as texts.
    """
    try:
        given = json.loads(words)
        found = {name: given[name] for name in ("question", "context")}
    except (ValueError, KeyError, TypeError, RecursionError):
        found = {}
    if not found or not all(isinstance(value, str) for value in found.values()):
        raise ValueError('there is no {"question": "...", "context": "..."} in it')
    return found


# --- scores ----------------------------------------------------------------------------------------


def normalised(text: str) -> str:
    """Return an answer as it is compared: small letters, no punctuation, no articles, single spaces.

    As in the official script of SQuAD (Rajpurkar et al. 2016).
    """
    plain = text.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", plain).split())


def exact_match(said: str, truths: Sequence[str]) -> float:
    """Return 1 if the answer is one of the true ones, else 0; no true one asks for no answer."""
    return max(float(normalised(said) == normalised(truth)) for truth in _known(truths))


def f1(said: str, truths: Sequence[str]) -> float:
    """Return how well the answer's words fit the true answer that they fit best, from 0 to 1."""
    return max(_word_f1(normalised(said).split(), normalised(t).split()) for t in _known(truths))


def _known(truths: Sequence[str]) -> Sequence[str]:
    """Return the answers of which something is left to compare; no answer where there is none."""
    return [truth for truth in truths if normalised(truth)] or [""]


def _word_f1(said: list[str], truth: list[str]) -> float:
    if not said or not truth:
        return float(said == truth)
    same = (Counter(said) & Counter(truth)).total()
    return 2 * same / (len(said) + len(truth))


# --- tokens ----------------------------------------------------------------------------------------


def tokens_of(offsets: np.ndarray, start: int, end: int) -> tuple[int, int]:
    """Return the first and last token of an answer; (0, 0) where the window does not hold all of it.

    Args:
        offsets: Letters of each token, (tokens, 2), negative for tokens that are not the text's.
        start: The answer's first letter.
        end: The letter after its last.
    """
    inside = np.flatnonzero(offsets[:, 1] > offsets[:, 0])
    if end <= start or not len(inside):
        return 0, 0
    if offsets[inside[0], 0] > start or offsets[inside[-1], 1] < end:
        return 0, 0
    touched = inside[(offsets[inside, 1] > start) & (offsets[inside, 0] < end)]
    return (int(touched[0]), int(touched[-1])) if len(touched) else (0, 0)


def best(
    starts: Sequence[np.ndarray],
    ends: Sequence[np.ndarray],
    offsets: Sequence[np.ndarray],
    *,
    longest: int,
    may_be_none: bool,
) -> Found:
    """Return the best answer over all windows of a text.

    The score of a span is that of its first token as a start plus that of its last as an end. No answer
    wins where even the window that speaks least for it scores it higher than the best span (Devlin et
    al. 2019). The certainty is the answer's share among the best spans and no answer (softmax).

    Args:
        starts: Of each window, the scores of its tokens as a start, (tokens,); the first token of the
            window stands for no answer.
        ends: The same as an end.
        offsets: Letters of each window's tokens, (tokens, 2), negative for those that are not the text's.
        longest: Most tokens of an answer.
        may_be_none: Whether a question may have no answer.
    """
    scores: dict[tuple[int, int], float] = {}
    for start, end, places in zip(starts, ends, offsets, strict=True):
        for place, score in _spans(start, end, places, longest):
            scores[place] = max(score, scores.get(place, -np.inf))
    none = min(float(s[0]) + float(e[0]) for s, e in zip(starts, ends, strict=True))
    if may_be_none or not scores:
        scores[(-1, -1)] = none
    place, top = max(scores.items(), key=lambda item: item[1])
    share = 1 / sum(math.exp(min(0.0, score - top)) for score in scores.values())
    return Found(*place, share)


def _spans(
    start: np.ndarray, end: np.ndarray, places: np.ndarray, longest: int
) -> list[tuple[tuple[int, int], float]]:
    """Return the best spans of a window, as letters, with their scores."""
    inside = np.flatnonzero(places[:, 1] > places[:, 0])
    if not len(inside):
        return []
    # Row by row the spans that begin at a token, as many columns as an answer may have tokens.
    wide = min(longest, len(inside))
    ends = np.concatenate([end[inside].astype(np.float64), np.full(wide - 1, -np.inf)])
    table = start[inside, None] + np.lib.stride_tricks.sliding_window_view(ends, wide)
    flat = table.ravel()
    top = np.argpartition(-flat, min(_KEPT, flat.size - 1))[:_KEPT]
    found = []
    for place in top[np.argsort(-flat[top], kind="stable")]:
        if np.isfinite(flat[place]):
            row, more = divmod(int(place), wide)
            first, last = int(inside[row]), int(inside[row + more])
            found.append(((int(places[first, 0]), int(places[last, 1])), float(flat[place])))
    return found


# --- the simplest answer -----------------------------------------------------------------------------


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, without spaces around them."""
    return [found.strip() for found in _SENTENCE_END.split(text) if found.strip()]


def likeliest_sentence(question: str, context: str) -> str:
    """Return the sentence that shares most words with the question, the first of several."""
    asked = set(normalised(question).split())
    found = sentences(context) or [context]
    return max(found, key=lambda sentence: len(asked & set(normalised(sentence).split())))
