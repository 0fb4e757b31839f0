"""Paints a text with its title, places in it with the names of what is there, and heat behind words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from finetune_studio.core.preview import Heat, Mark, Span, Spans, Words
from finetune_studio.gui import theme
from finetune_studio.gui.widgets.text_layout import Room, TextLayout

_TITLE_GAP = 4
_FAINTEST = 0.08  # weights below this share of the strongest are not dotted: they say nothing
_known: dict[str, int] = {}


def colour_of(name: str) -> QColor:
    """Return the colour of a kind of place: the same everywhere as long as the program runs."""
    colours = theme.series()
    return colours[_known.setdefault(name, len(_known)) % len(colours)]


@dataclass(frozen=True, slots=True)
class Place:
    """A span as it is painted: whether it stands in the data, whether the model says it, or both."""

    span: Span
    truth: bool
    said: bool


def places_of(spans: Sequence[Spans]) -> list[Place]:
    """Return the places of all spans; what the data and the model agree on is one place."""
    truth = {_key(span): span for group in spans if not group.said for span in group.spans}
    said = {_key(span): span for group in spans if group.said for span in group.spans}
    keys = sorted({*truth, *said})
    return [Place(said.get(key) or truth[key], key in truth, key in said) for key in keys]


def _key(span: Span) -> tuple[int, int, str]:
    return span.start, span.end, span.name


def in_pieces(marks: Sequence[Mark]) -> list[list[Mark]]:
    """Return the marks in groups: heat and spans belong to the picture or the words before them."""
    pieces: list[list[Mark]] = []
    for mark in marks:
        if pieces and isinstance(mark, Spans | Heat):
            pieces[-1].append(mark)
        else:
            pieces.append([mark])
    return pieces


class TextBlock:
    """One text laid out for a width.

    What the model says lies on a tint with its name above; what stands in the data is underlined with a
    bracket and has its name below; what both agree on has tint and bracket, and one name.

    Args:
        words: The text.
        spans: Places in it.
        width: Of the block, in pixels.
        font: Of the text; titles and names are a little smaller.
        most_lines: How many lines to show; 0 shows all.
    """

    def __init__(
        self,
        words: Words,
        spans: Sequence[Spans] = (),
        *,
        width: float,
        font: QFont,
        most_lines: int = 0,
    ) -> None:
        self.words = words
        shown = words.text if words.text.strip() else _nothing()
        self._empty = shown is not words.text
        self.places = places_of(spans)
        self._width = width
        self._small = QFont(font)
        self._small.setPixelSize(
            max(9, round(font.pixelSize() * 0.85)) if font.pixelSize() > 0 else 11
        )
        self._title_font = QFont(self._small)
        self._title_font.setBold(True)
        self._metrics = QFontMetricsF(self._small)
        self._head = self._metrics.height() + _TITLE_GAP if words.title else 0.0
        name = self._metrics.height()
        rooms = [(0, len(shown), Room(1, 3))]
        for place in self.places:
            above = name if place.said else 0.0
            below = 4.0 if place.said else name + 3
            rooms.append((place.span.start, place.span.end, Room(above + 1, below)))
        self._text = TextLayout(shown, width, font, rooms, most_lines)
        self.height = self._head + self._text.height

    @property
    def empty(self) -> bool:
        """Whether there is no text, which is then said in its place."""
        return self._empty

    @property
    def cut(self) -> bool:
        """Whether a part of the text is left out."""
        return self._text.cut

    def paint(
        self, painter: QPainter, corner: QPointF, heat: float = 1.0, clip: QRectF | None = None
    ) -> None:
        """Paint the block with its upper left corner at a point; ``clip`` is what can be seen of it."""
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(corner)
        if self.words.title:
            self._paint_title(painter)
        painter.translate(0, self._head)
        seen = clip.translated(-corner.x(), -corner.y() - self._head) if clip is not None else None
        self._paint_heat(painter, heat, seen)
        self._paint_tints(painter, seen)
        painter.setPen(theme.tokens().muted if self._empty else theme.tokens().text)
        for line in self._text.lines:
            if seen is None or (line.top < seen.bottom() and line.top + line.height > seen.top()):
                line.line.draw(painter, QPointF(0, 0))
        self._paint_names(painter, seen)
        painter.restore()

    def _paint_title(self, painter: QPainter) -> None:
        painter.setFont(self._title_font)
        painter.setPen(theme.tokens().muted)
        box = QRectF(0, 0, self._width, self._metrics.height())
        text = QFontMetricsF(self._title_font).elidedText(
            self.words.title, Qt.TextElideMode.ElideRight, self._width
        )
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, text)

    def _paint_heat(self, painter: QPainter, strength: float, seen: QRectF | None) -> None:
        if strength <= 0:
            return
        for start, end, weight in self.words.heat:
            for box in self._text.boxes(start, end):
                if seen is not None and not box.intersects(seen):
                    continue
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(heat_colour(weight, strength))
                painter.drawRoundedRect(box.adjusted(-0.5, 0, 0.5, 1), 3, 3)
                if weight < -_FAINTEST:
                    painter.setPen(QPen(theme.series()[0], 1.5, Qt.PenStyle.DotLine))
                    low = QPointF(0, box.bottom() + 1)
                    painter.drawLine(QPointF(box.left(), low.y()), QPointF(box.right(), low.y()))

    def _paint_tints(self, painter: QPainter, seen: QRectF | None) -> None:
        for place in self.places:
            boxes = self._text.boxes(place.span.start, place.span.end)
            if seen is not None and not any(_near(box, seen) for box in boxes):
                continue
            colour = colour_of(place.span.name)
            for box in boxes:
                if place.said:
                    painter.setPen(Qt.PenStyle.NoPen)
                    painter.setBrush(tint(colour))
                    painter.drawRoundedRect(box.adjusted(-2, -1, 2, 1), 3, 3)
            if place.truth:
                _paint_bracket(painter, boxes, colour)

    def _paint_names(self, painter: QPainter, seen: QRectF | None) -> None:
        """Write the names above and below; where two would touch, the first is shortened."""
        painter.setFont(self._small)
        now = theme.tokens()
        for above in (True, False):
            named = [p for p in self.places if p.said == above]
            starts = [(p, self._text.boxes(p.span.start, p.span.end)) for p in named]
            shown = [(p, boxes[0]) for p, boxes in starts if boxes]
            for number, (place, box) in enumerate(shown):
                if seen is not None and not _near(box, seen):
                    continue
                room = self._width - box.left()
                if number + 1 < len(shown) and abs(shown[number + 1][1].top() - box.top()) < 1:
                    following = shown[number + 1][1].left()
                    if following > box.left():
                        room = following - box.left() - 4
                text = self._metrics.elidedText(
                    place_name(place), Qt.TextElideMode.ElideRight, room
                )
                high = self._metrics.height()
                top = box.top() - high - 1 if above else box.bottom() + 3
                painter.setPen(now.text if above else now.muted)
                painter.drawText(
                    QRectF(box.left(), top, max(room, 8.0), high),
                    Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft,
                    text if room > 10 else "",
                )

    def place_at(self, point: QPointF) -> Place | None:
        """Return the place under a point of the block; what the model says before what the data say."""
        inside = point - QPointF(0, self._head)
        for place in sorted(self.places, key=lambda found: not found.said):
            for box in self._text.boxes(place.span.start, place.span.end):
                if box.adjusted(-2, -2, 2, 3).contains(inside):
                    return place
        return None

    def letter_at(self, point: QPointF) -> int:
        """Return the letter nearest to a point of the block."""
        return self._text.letter_at(point - QPointF(0, self._head))

    def boxes(self, start: int, end: int) -> list[QRectF]:
        """Return the boxes that letters cover, measured from the block's upper left corner."""
        return [box.translated(0, self._head) for box in self._text.boxes(start, end)]


def place_name(place: Place) -> str:
    """Return the short name of a place; a tick says that the data and the model agree."""
    if place.said and place.truth:
        return f"{place.span.name} ✓"
    return place.span.name


def heat_colour(weight: float, strength: float = 1.0) -> QColor:
    """Return the tint of a word: orange for the answer, blue against it, stronger the more it counts."""
    colour = QColor(theme.series()[3] if weight > 0 else theme.series()[0])
    most = 0.5 if theme.tokens().dark else 0.6
    colour.setAlphaF(min(1.0, abs(weight)) * min(1.0, strength) * most)
    return colour


def tint(colour: QColor) -> QColor:
    """Return the faint colour behind what the model names."""
    faint = QColor(colour)
    faint.setAlphaF(0.38 if theme.tokens().dark else 0.26)
    return faint


def _paint_bracket(painter: QPainter, boxes: Sequence[QRectF], colour: QColor) -> None:
    """Underline boxes; short strokes upward show where the place begins and ends."""
    painter.setPen(QPen(colour, 2))
    for number, box in enumerate(boxes):
        low = box.bottom() + 1
        painter.drawLine(QPointF(box.left(), low), QPointF(box.right(), low))
        if number == 0:
            painter.drawLine(QPointF(box.left(), low), QPointF(box.left(), low - 4))
        if number == len(boxes) - 1:
            painter.drawLine(QPointF(box.right(), low), QPointF(box.right(), low - 4))


def _nothing() -> str:
    return QCoreApplication.translate("TextBlock", "(empty)")


def _near(box: QRectF, seen: QRectF) -> bool:
    """Whether a box, or a name beside it, can be seen."""
    return box.adjusted(0, -24, 0, 24).intersects(seen)
