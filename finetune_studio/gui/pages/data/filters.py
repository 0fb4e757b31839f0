"""The saved filters of the Data page and the orders it offers, for each kind of samples; no Qt here."""

from __future__ import annotations

from dataclasses import dataclass

from finetune_studio.gui.pages.data import kinds, texts
from finetune_studio.gui.pages.data.kinds import Kind
from finetune_studio.gui.pages.data.shelf import Survey

_BARE = {
    kinds.SPANS: "Nothing marked",
    kinds.QUESTION: "No answer",
    kinds.SUMMARY: "No summary",
    kinds.CHAT: "No reply",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """A filter: its value in a view, what it is called, and how many samples it shows."""

    value: str
    title: str
    count: int


def offers(survey: Survey, kind: Kind) -> list[Offer]:
    """Return the filters beside All; those of texts without classes stay even where they show none."""
    aside = "Set aside" if kind.is_text else "Unreadable"
    last = [
        Offer("excluded", "Excluded", survey.excluded),
        Offer("unreadable", aside, survey.unreadable),
    ]
    if survey.unlabelled:
        last.append(Offer("unlabelled", "No label", survey.unlabelled))
    if survey.review:
        last.append(Offer("review", "To review", survey.review))
    odd = [Offer(*hint) for hint in survey.hints]
    if not kind.is_text or kind.has_classes:
        return [*odd, *last]
    found = {offer.value: offer for offer in odd}
    always = ((texts.BARE, _BARE[kind.shown]), (texts.LONG, "Very long"), (texts.EMPTY, "Empty"))
    first = [found.pop(value, Offer(value, title, 0)) for value, title in always]
    edited = found.pop(texts.EDITED, Offer(texts.EDITED, "Edited", 0))
    return [*first, *found.values(), edited, *last]


def title_of(value: str, survey: Survey, kind: Kind) -> str:
    """Return what a filter is called; empty for All and for a finding, which names itself."""
    return next((offer.title for offer in offers(survey, kind) if offer.value == value), "")


def orders(kind: Kind) -> list[tuple[str, str]]:
    """Return the orders that are offered, the usual one first."""
    if not kind.is_text:
        return [
            ("mixed", "Mixed"),
            ("newest", "Newest"),
            ("name", "Name"),
            ("class", "Class"),
            ("size", "File size"),
        ]
    found = [
        ("mixed", "Mixed"),
        ("place", "As in the file"),
        ("longest", "Longest first"),
        ("shortest", "Shortest first"),
    ]
    if kind.has_classes:
        found.append(("class", "Type" if kind.shown == kinds.SPANS else "Class"))
    return [*found, ("edited", "Newest edit first")]
