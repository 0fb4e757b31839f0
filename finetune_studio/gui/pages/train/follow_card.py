"""The card with the same few validation samples, whose answers change from epoch to epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QWidget

from finetune_studio.core import texts
from finetune_studio.core.dataset import Sample
from finetune_studio.core.watching import Watched
from finetune_studio.gui import theme
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets.card import Card
from finetune_studio.gui.widgets.elided_label import ElidedLabel
from finetune_studio.gui.widgets.sample_strip import SampleStrip, StripItem
from finetune_studio.tasks import nouns

_LETTERS = 160
Lookup = Callable[[Sequence[int]], dict[int, Sample]]


class FollowCard(Card):
    """Follows the newest epoch until the slider is moved back, and again when it is at its end."""

    def __init__(
        self, thumbnails: Thumbnails, lookup: Lookup, parent: QWidget | None = None
    ) -> None:
        super().__init__("", parent)
        self._lookup = lookup
        self._watched: list[Watched] = []
        self._samples: dict[int, Sample] = {}
        self._score = ""
        self.strip = SampleStrip(thumbnails)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setObjectName("watched_epoch")
        self.slider.setAccessibleName(self.tr("Epoch that is looked back to"))
        self.slider.setToolTip(self.tr("Look back at what the model said after earlier epochs."))
        self.slider.setRange(0, 0)
        self.slider.setPageStep(1)
        self.slider.setFixedWidth(theme.px(90))
        self.slider.valueChanged.connect(self._on_moved)
        self.when, self.summary = QLabel(), ElidedLabel()
        self.summary.setProperty("role", "muted")
        self.when.setTextFormat(Qt.TextFormat.PlainText)
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(self.summary, 1)
        row.addWidget(self.when)
        row.addWidget(self.slider)
        self.body.addLayout(row)
        self.body.addWidget(self.strip)
        self.hide()

    def begin(self) -> None:
        """Forget the run before."""
        self._watched, self._samples = [], {}
        self.slider.setRange(0, 0)
        self.strip.show_items([])
        self.hide()

    def show_watched(self, watched: Sequence[Watched], task: str, headline: str) -> None:
        """Show the answers of a run so far."""
        if list(watched) == self._watched:
            return
        newest = self.slider.value() >= self.slider.maximum()
        self._watched, self._score = list(watched), headline
        wanted = [int(a["id"]) for a in self._watched[-1].answers] if self._watched else []
        if any(number not in self._samples for number in wanted):
            self._samples = self._lookup(wanted)
        many = nouns(task)[1]
        self.set_title(
            self.tr("The same validation {many}, as the model sees them").format(many=many)
        )
        self.setVisible(bool(wanted))
        last = max(0, len(self._watched) - 1)
        self.slider.blockSignals(True)
        self.slider.setRange(0, last)
        self.slider.setEnabled(last > 0)
        if newest:
            self.slider.setValue(last)
        self.slider.blockSignals(False)
        self._refresh()

    @Slot(int)
    def _on_moved(self, _place: int) -> None:
        self._refresh()

    def _refresh(self) -> None:
        place = min(self.slider.value(), len(self._watched) - 1)
        if place < 0:
            self.when.setText("")
            self.summary.setText("")
            return
        now = self._watched[place]
        before = self._watched[place - 1].answers if place else []
        items = strip_items(now.answers, before, self._samples, self._score)
        self.strip.show_items(items)
        last = f"{self._watched[-1].epoch:g}"
        self.when.setText(self.tr("epoch {n} of {last}").format(n=f"{now.epoch:g}", last=last))
        since = self._watched[place - 1].epoch if place else 0.0
        self.summary.setText(self._summed(items, since))

    def _summed(self, items: Sequence[StripItem], since: float) -> str:
        judged = [item for item in items if item.level]
        right = sum(item.level == "ok" for item in judged)
        parts = []
        if judged:
            parts.append(self.tr("{n} of {all} right").format(n=right, all=len(judged)))
        changed = sum(bool(item.before) for item in items)
        if since:
            count = str(changed) if changed else self.tr("none")
            parts.append(self.tr("{n} changed since epoch {at}").format(n=count, at=f"{since:g}"))
        return ", ".join(parts)


def strip_items(
    answers: Sequence[dict[str, Any]],
    before: Sequence[dict[str, Any]],
    samples: dict[int, Sample],
    headline: str = "",
) -> list[StripItem]:
    """Return an epoch's answers as tiles, each with what was said the epoch before if it was another."""
    earlier = {answer["id"]: answer for answer in before}
    return [_item(answer, earlier.get(answer["id"]), samples, headline) for answer in answers]


def _item(
    answer: dict[str, Any],
    earlier: dict[str, Any] | None,
    samples: dict[int, Sample],
    headline: str,
) -> StripItem:
    sample = samples.get(answer["id"])
    said, right = _said(answer), answer.get("right")
    changed = earlier is not None and _said(earlier) != said
    text = " ".join(texts.whole(sample.fields).split())[:_LETTERS] if sample else ""
    if not text and (sample is None or not sample.path):
        text = "This sample is not in the project any more."
    return StripItem(
        int(answer["id"]),
        sample.path if sample and not sample.fields.get("text") and not text else "",
        text,
        said,
        _note(answer, headline),
        "" if right is None else "ok" if right else "bad",
        _said(earlier) if changed and earlier is not None else "",
        str(answer.get("truth") or ""),
    )


def _said(answer: dict[str, Any]) -> str:
    return str(answer.get("answer") or "nothing")


def _note(answer: dict[str, Any], headline: str) -> str:
    """Return how certain the answer is, or how close it comes where it is not just right or wrong."""
    certainty, score = answer.get("certainty"), answer.get("score")
    if certainty is not None:
        return f"{100 * certainty:.0f} %"
    if answer.get("right") is None and score is not None:
        from finetune_studio.core.words import score_name

        return f"{score_name(headline)} {score:.2f}"
    return ""
