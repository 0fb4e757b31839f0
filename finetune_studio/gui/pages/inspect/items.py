"""What the gallery and the card beside it say of one sample, by the insight that suits the task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from finetune_studio.core.preview import Both, By, Mark, Picture, Preview, Span, Words
from finetune_studio.core.shares import cautious
from finetune_studio.core.task import Pair
from finetune_studio.core.words import NAMES, figure
from finetune_studio.gui.pages.inspect import words
from finetune_studio.gui.pages.inspect.sorting import Sorting
from finetune_studio.gui.widgets.excerpt import excerpt
from finetune_studio.gui.widgets.gallery import GalleryItem
from finetune_studio.insights import answers, closeness, entities, several

Wanted = str | Span | By | Both
_MOST_OFFERED = 30  # names of one text that are offered to be explained


@dataclass(frozen=True)
class Shown:
    """What the card beside the gallery shows of a sample.

    Attributes:
        preview: Marks as the task gives them.
        offers: What can be explained: a text and what it stands for. The first one None waits for a
            choice; otherwise the first one is explained at once.
        facts: Scores and lengths, in words.
        truth: The sample's class, where it has one that can be changed.
        said: What the model says, where that could be its class.
        beside: Which of its texts stand side by side where there is room.
        replies: Whether the model, and the one before fine-tuning, can be asked to reply to it.
    """

    preview: Preview
    offers: tuple[tuple[str, Wanted | None], ...] = ()
    facts: str = ""
    truth: str = ""
    said: str = ""
    beside: str = ""
    replies: bool = False


def gallery_item(sorter: str, pair: Pair, preview: Preview, sorting: Sorting) -> GalleryItem:
    """Return a sample as the gallery shows it."""
    strong, first, second, level = _CAPTIONS.get(sorter, _class_caption)(pair, sorting)
    marks = _short(sorter, pair, preview)
    return GalleryItem(pair[0].id, pair[0].path, strong, first, second, level, marks)


def shown(sorter: str, pair: Pair, preview: Preview, sorting: Sorting) -> Shown:
    """Return a sample as the card beside the gallery shows it."""
    facts = _facts(pair, sorting)
    if sorter == "entities":
        return Shown(preview, _entity_offers(pair), facts)
    if sorter == "answers":
        return Shown(preview, _answer_offers(pair), "\n".join([*_unmarked(pair), facts]))
    if sorter == "closeness":
        if "messages" in pair[0].fields:
            beside = "last" if pair[1].answer.get("reply") else ""
            return Shown(preview, (), facts, beside=beside, replies=True)
        return Shown(preview, (), facts, beside="first" if "summary" in pair[1].answer else "")
    return _class_shown(pair, preview, facts)


def _class_shown(pair: Pair, preview: Preview, facts: str) -> Shown:
    sample, prediction = pair
    if several.has_several([pair]):
        names = [n for n, share in prediction.probabilities.items() if share >= 0.05]
        return Shown(preview, tuple((name, name) for name in names[:8]), facts)
    truth = str(sample.label) if sample.label else ""
    if prediction.label is None:  # it was not asked about this one, such as a training sample
        return Shown(preview, ((truth, truth),) if truth else (), facts, truth)
    pictures = any(isinstance(mark, Picture) for mark in preview.marks)
    said = str(prediction.label)
    offers = _class_offers(said, truth, list(prediction.probabilities), pictures=pictures)
    return Shown(preview, offers, facts, str(sample.label), said)


def _class_offers(
    said: str, truth: str, names: list[str], *, pictures: bool
) -> tuple[tuple[str, Wanted], ...]:
    """Return what can be explained of one class; of a wrong answer first, beside the right one."""
    others = [name for name in names[:5] if name not in (said, truth)]
    offers: list[tuple[str, Wanted]] = [(said, said), *((name, name) for name in others)]
    differ = truth not in ("", said)
    if differ:
        offers.insert(1, (f"{truth} (label)", truth))
        offers.insert(0, (f"{said} beside {truth} (label)", Both(said, truth)))
    if pictures:
        ways = [By(name, "occlusion") for name in ((said, truth) if differ else (said,))]
        if differ:
            offers.append((f"{said} beside {truth}, by covering", Both(*ways)))
        offers += [(f"{way.name}, by covering", way) for way in ways]
    return tuple(offers)


# --- captions in the gallery -----------------------------------------------------------------------

_Caption = tuple[str, str, str, str]


def _class_caption(pair: Pair, sorting: Sorting) -> _Caption:  # noqa: ARG001  captions share one signature
    sample, prediction = pair
    if prediction.label is None and not prediction.probabilities:
        return f"labelled {sample.label or 'nothing'}", "", f"{sample.split}: not asked", ""
    if several.has_several([pair]):
        right = several.kind(pair) == several.RIGHT
        truth = ", ".join(sorted(several.true_names(pair))) or "nothing"
        said = str(prediction.label or "nothing")
        return f"said {said}", "", f"labelled {truth}", "" if right else "bad"
    level = "" if words.is_right(pair) else "bad"
    sure = cautious(words.certainty(pair))
    return f"said {prediction.label}", sure, f"labelled {sample.label}", level


_KINDS = {
    entities.MISSED: "missed",
    entities.INVENTED: "invented",
    entities.TYPE: "of the wrong type",
    entities.BORDERS: "with wrong borders",
}


def _entity_caption(pair: Pair, sorting: Sorting) -> _Caption:  # noqa: ARG001  captions share one signature
    counts = Counter(find.kind for find in entities.finds(pair))
    wrong = [f"{counts[kind]} {text}" for kind, text in _KINDS.items() if counts[kind]]
    found = counts[entities.FOUND]
    if wrong:
        return ", ".join(wrong), "", f"{found} found", "bad"
    return (f"all {found} found" if found else "nothing to find"), "", "", ""


_VERDICTS = {
    answers.WRONG: ("wrong", "bad"),
    answers.MISSED: ("no answer given", "bad"),
    answers.INVENTED: ("answered, though there is none", "bad"),
    answers.PARTLY: ("partly right", "warning"),
    answers.RIGHT: ("right", ""),
    answers.NONE: ("rightly no answer", ""),
}


def _answer_caption(pair: Pair, sorting: Sorting) -> _Caption:
    own = sorting.scores.get(pair[0].id, {})
    kind = answers.kind(pair, own.get("exact_match", 0.0), own.get("f1", 0.0))
    text, level = _VERDICTS[kind]
    sure = answers.certainty(pair)
    return text, cautious(sure) if sure else "", "", level


def _closeness_caption(pair: Pair, sorting: Sorting) -> _Caption:
    own = sorting.scores.get(pair[0].id, {})
    if not own:
        return "not written", "", "", ""
    name, value = next(iter(own.items()))
    return f"{words.metric_name(name)} {_short_figure(value)}", "", _lengths(pair), ""


_CAPTIONS: dict[str, Callable[[Pair, Sorting], _Caption]] = {
    "confusion": _class_caption,
    "entities": _entity_caption,
    "answers": _answer_caption,
    "closeness": _closeness_caption,
}


def _short(sorter: str, pair: Pair, preview: Preview) -> tuple[Mark, ...]:
    """Return a few lines of a text for the gallery; nothing for a picture."""
    if sorter == "answers":
        truth = " | ".join(dict.fromkeys(answers.true_answers(pair[0]))) or "no answer"
        said = answers.said_answer(pair) or "no answer"
        question = str(pair[0].fields.get("question", ""))
        return (Words(f"{_cut(question, 56)}\nsaid: {_cut(said, 60)}\ntrue: {_cut(truth, 60)}"),)
    if sorter == "entities":
        return excerpt(preview.marks, entities.first_error(entities.finds(pair)))
    written = pair[1].answer.get("summary") or pair[1].answer.get("reply")
    return excerpt((Words(str(written)),) if written else preview.marks)


def _cut(text: str, letters: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= letters else f"{flat[:letters].rstrip()}…"


# --- the card beside the gallery ---------------------------------------------------------------------


def _entity_offers(pair: Pair) -> tuple[tuple[str, Wanted | None], ...]:
    text = str(pair[0].fields.get("text", ""))
    offers: list[tuple[str, Wanted | None]] = [("What was said", None)]
    for find in entities.finds(pair)[:_MOST_OFFERED]:
        span = find.said or find.truth
        assert span is not None
        name = " ".join(text[span.start : span.end].split())
        if find.kind == entities.TYPE and find.said is not None and find.truth is not None:
            told = f"{name}: {find.said.name} beside {find.truth.name} (label)"
            offers.append((told, Both(_bare(find.said), _bare(find.truth))))
        missed = " (missed)" if find.said is None else ""
        offers.append((f"{name}: {span.name}{missed}", Span(span.start, span.end, span.name)))
    return tuple(offers) if len(offers) > 1 else ()


def _bare(span: Span) -> Span:
    """Return a place without its certainty, which no explanation asks for."""
    return Span(span.start, span.end, span.name)


def _answer_offers(pair: Pair) -> tuple[tuple[str, Wanted | None], ...]:
    offers: list[tuple[str, Wanted | None]] = [("What was said", None)]
    about = pair[1].answer
    if about.get("text"):
        said = Span(int(about["start"]), int(about["end"]), "answer")
        offers.append((f"{about['text']} (said)", said))
    for answer in pair[0].fields.get("answers") or []:
        start, text = int(answer["start"]), str(answer["text"])
        if text and text != about.get("text"):
            right = Span(start, start + len(text), "answer")
            offers.append((f"{text} (right)", right))
            if about.get("text"):
                offers.append(
                    (f"{_cut(str(about['text']), 30)} beside the right one", Both(said, right))
                )
            break
    return tuple(offers) if len(offers) > 1 else ()


def _facts(pair: Pair, sorting: Sorting) -> str:
    own = sorting.scores.get(pair[0].id, {})
    shown = [(name, value) for name, value in own.items() if name != "loss"]
    parts = [
        f"{NAMES.get(name, words.metric_name(name))} {_short_figure(value)}"
        for name, value in shown
    ]
    return " · ".join([*parts, *([_lengths(pair)] if _lengths(pair) else [])])


def _unmarked(pair: Pair) -> list[str]:
    """Return in sentences what no mark in the text can show: that there is no answer, or none was given."""
    told = [] if pair[0].fields.get("answers") else ["In the data: no answer."]
    return told if pair[1].answer.get("text") else [*told, "Said by the model: no answer."]


def _lengths(pair: Pair) -> str:
    """Return how long what was written is, beside the reference."""
    summary = pair[1].answer.get("summary")
    if summary is not None:
        references = pair[0].fields.get("summaries") or [""]
        there = closeness.words(str(references[0]))
        return f"{closeness.words(str(summary)):,} words, reference {there:,}"
    tokens = pair[1].answer.get("tokens")
    return f"{int(tokens):,} tokens" if tokens else ""


def _short_figure(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 1000 else figure(value)
