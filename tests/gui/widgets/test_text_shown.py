"""The widgets that show texts: lines, places with their names, heat, legend, scrolling."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QImage, QPainter

from finetune_studio.core.preview import Picture, Preview, Span, Spans, Words
from finetune_studio.gui import theme
from finetune_studio.gui.thumbnails import Thumbnails
from finetune_studio.gui.widgets import mark_painters, text_block, text_legend
from finetune_studio.gui.widgets.excerpt import excerpt
from finetune_studio.gui.widgets.gallery import Gallery, GalleryItem
from finetune_studio.gui.widgets.heat_pair import HeatPair
from finetune_studio.gui.widgets.mark_painters import Look, mixed
from finetune_studio.gui.widgets.preview_view import PreviewView
from finetune_studio.gui.widgets.text_block import TextBlock, in_pieces, places_of
from finetune_studio.gui.widgets.text_column import TextColumn
from finetune_studio.gui.widgets.text_layout import TextLayout, Units, reads_from_right

TEXT = "The 😀 gene of Wilson disease was found in 1993 by <b>three</b> groups."


@pytest.fixture
def thumbnails(qapp):
    made = Thumbnails()
    yield made
    made.shutdown()


def span(words: str, name: str, certainty: float | None = None, text: str = TEXT) -> Span:
    start = text.index(words)
    return Span(start, start + len(words), name, certainty)


def test_letters_beyond_the_first_plane_count_twice_for_qt():
    units = Units("a😀b")
    assert [units.of(n) for n in range(-1, 5)] == [0, 0, 1, 3, 4, 4]
    assert [units.letter(n) for n in range(5)] == [0, 1, 1, 2, 3]
    assert Units("plain").of(99) == 5


def test_a_text_is_broken_into_lines_that_hold_all_its_letters(qapp):
    text = f"{TEXT}\n\n{TEXT}"
    layout = TextLayout(text, 120, qapp.font())
    held = "".join(text[line.first : line.last] for line in layout.lines)
    assert held == text.replace("\n", "")
    assert not layout.cut
    assert all(box.right() <= 121 for box in layout.boxes(0, len(text)))
    wilson = span("Wilson", "")
    for box in layout.boxes(wilson.start, wilson.end):
        letter = layout.letter_at(box.center())
        assert wilson.start <= letter <= wilson.end


def test_a_short_form_ends_with_an_ellipsis_where_something_is_left_out(qapp):
    layout = TextLayout("word " * 300, 150, qapp.font(), most_lines=3)
    assert (len(layout.lines), layout.cut) == (3, True)
    assert layout.lines[-1].layout.text().endswith("…")
    assert not TextLayout("word", 150, qapp.font(), most_lines=3).cut
    assert TextLayout("one\ntwo\nthree", 150, qapp.font(), most_lines=2).cut


def test_hebrew_stands_at_the_right_and_english_at_the_left(qapp):
    assert reads_from_right("123 שלום world")
    assert not reads_from_right("hello שלום")
    layout = TextLayout("שלום\nhello", 300, qapp.font())
    (hebrew,), (english,) = layout.boxes(0, 4), layout.boxes(5, 10)
    assert hebrew.right() > 295
    assert english.left() < 5


def test_what_the_data_and_the_model_agree_on_is_one_place():
    truth = Spans((span("Wilson disease", "Disease"), span("1993", "Year")))
    said = Spans((span("Wilson disease", "Disease", 0.9), span("three", "Number", 0.6)), said=True)
    places = places_of([truth, said])
    assert [(p.span.name, p.truth, p.said) for p in places] == [
        ("Disease", True, True),
        ("Year", True, False),
        ("Number", False, True),
    ]
    assert text_block.place_name(places[0]) == "Disease ✓"
    assert places[0].span.certainty == 0.9


def test_a_tint_and_a_bracket_lie_under_their_words_and_nothing_under_others(qapp):
    theme.apply(qapp, "light")
    wilson, year = span("Wilson disease", "Disease"), span("1993", "Year")
    spans = (Spans((year,)), Spans((wilson,), said=True))
    image = QImage(700, 60, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.white)
    painter = QPainter(image)
    painter.setFont(qapp.font())
    mark_painters.paint(painter, QRectF(0, 0, 700, 60), Words(TEXT), Look(spans=spans))
    painter.end()
    block = TextBlock(Words(TEXT), spans, width=700, font=qapp.font())

    def colours(found: Span) -> set[str]:
        box = block.boxes(found.start, found.end)[0].toRect().adjusted(0, 0, 0, 2)
        return {
            image.pixelColor(x, y).name()
            for x in range(box.left(), box.right())
            for y in range(box.top(), box.bottom() + 1)
        }

    def solid(colour: QColor) -> str:
        return mixed(QColor("white"), colour, colour.alphaF()).name()

    tint = solid(text_block.tint(text_block.colour_of("Disease")))
    assert any(_close(tint, other) for other in colours(wilson))
    assert text_block.colour_of("Year").name() in colours(year)
    assert not any(_close(tint, other) for other in colours(span("found", "")))


def _close(one: str, other: str) -> bool:
    a, b = QColor(one), QColor(other)
    return max(abs(a.red() - b.red()), abs(a.green() - b.green()), abs(a.blue() - b.blue())) <= 2


@pytest.mark.parametrize("tokens", [theme.LIGHT, theme.DARK])
def test_words_can_be_read_on_every_tint(tokens, monkeypatch):
    monkeypatch.setattr(theme, "tokens", lambda: tokens)
    monkeypatch.setattr(theme, "series", lambda: tokens.series)
    tints = [text_block.tint(colour) for colour in tokens.series]
    tints += [text_block.heat_colour(weight) for weight in (1.0, -1.0)]
    for colour in tints:
        back = mixed(tokens.surface, colour, colour.alphaF())
        lights = sorted(mark_painters._luminance(c) for c in (back, tokens.text))
        assert (lights[1] + 0.05) / (lights[0] + 0.05) >= 4.5, colour.name()


def test_spans_and_heat_belong_to_the_words_before_them():
    one, two = Words("a", "Question"), Words("b", "Context")
    spans = Spans((Span(0, 1, "Answer"),))
    assert in_pieces((one, two, spans)) == [[one], [two, spans]]


def test_texts_stand_one_below_the_other_or_beside(qapp):
    marks = (Words("a " * 200, "Text"), Words("b", "Reference"), Words("c", "Summary"))
    below = TextColumn(marks, 500, qapp.font())
    assert [p.corner.x() for p in below.placed] == [0, 0, 0]
    beside = TextColumn(marks, 500, qapp.font(), beside="first")
    assert beside.placed[0].corner == QPointF(0, 0)
    assert beside.placed[1].corner.x() == beside.placed[2].corner.x() > 250
    assert beside.placed[1].corner.y() == 0
    narrow = TextColumn(marks, 300, qapp.font(), beside="first")
    assert narrow.placed[1].corner.x() == 0
    last = TextColumn(marks, 500, qapp.font(), beside="last")
    assert [p.corner.x() > 250 for p in last.placed] == [False, False, True]
    assert last.placed[1].corner.y() == last.placed[2].corner.y() > last.placed[0].block.height


def test_what_is_under_the_pointer_is_said_in_words(qapp):
    wilson = span("Wilson disease", "Disease", 0.92)
    marks = (Words(TEXT, "Text", ((4, 5, -0.5),)), Spans((wilson,), said=True))
    column = TextColumn(marks, 900, qapp.font())
    block = column.placed[0].block
    over = block.boxes(wilson.start, wilson.end)[0].center()
    assert column.tip_at(over) == "Disease: said by the model, 92 %"
    assert (
        column.tip_at(block.boxes(4, 5)[0].center()) == "-50 % of the weight of the strongest word"
    )
    assert column.tip_at(QPointF(5, 5000)) == ""


def test_the_legend_explains_only_what_is_there():
    truth, said = Spans((span("1993", "Year"),)), Spans((span("1993", "Year"),), said=True)
    assert text_legend.entries((Words(TEXT), truth)) == []
    kinds = [kind for kind, _ in text_legend.entries((Words(TEXT), truth, said))]
    assert kinds == [text_legend.SAID, text_legend.TRUTH]
    warm = [kind for kind, _ in text_legend.entries((Words(TEXT, "", ((0, 3, 1.0),)),))]
    assert warm == [text_legend.FOR]


def test_a_long_text_scrolls_by_keys_and_is_copied_as_it_is(qtbot, thumbnails):
    view = PreviewView(thumbnails)
    qtbot.addWidget(view)
    view.resize(260, 200)
    view.show()
    long = "\n".join(f"{n} {TEXT}" for n in range(60))
    view.show_preview(Preview((Words("Who?", "Question"), Words(long, "Context"))))
    assert view.verticalScrollBar().maximum() > 1000
    assert view.natural_height(260) > 1200
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_PageDown)
    assert view.verticalScrollBar().value() > 0
    qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == f"Question\nWho?\n\nContext\n{long}"
    view.show_preview(Preview((Words("short"),)))
    assert view.verticalScrollBar().maximum() == 0
    assert view.explains == []
    view.grab()


def test_the_legend_of_names_has_no_colour_of_one_of_them(qtbot):
    """Its swatches were blue, as one type of names is, while the names in the text were orange."""
    legend = text_legend.TextLegend()
    qtbot.addWidget(legend)
    legend.resize(300, 40)
    legend.show_entries([(text_legend.SAID, "said"), (text_legend.TRUTH, "true")])
    picture = legend.grab().toImage()
    colours = {
        picture.pixelColor(x, y).hsvSaturation()
        for x in range(picture.width())
        for y in range(picture.height())
    }
    assert max(colours) < 110  # grey; the series' blue has 255


def test_two_explanations_of_a_text_share_one_legend_below_both(qtbot, thumbnails):
    pair = HeatPair(thumbnails)
    qtbot.addWidget(pair)
    warm = (Words(TEXT, "", ((0, 3, 1.0), (4, 8, -1.0))),)
    pair.show_preview(Preview(warm, lines=("For a",), beside=Preview(warm, lines=("For b",))))
    assert [label.text() for label in pair.titles] == ["For a", "For b"]
    assert (pair.view.explains, len(pair.other.explains)) == ([], 2)
    pair.show_preview(Preview(warm))
    assert len(pair.view.explains) == 2


def test_a_picture_with_words_leaves_room_for_both(qtbot, thumbnails, tmp_path):
    from PIL import Image

    Image.new("RGB", (64, 64), (0, 0, 250)).save(tmp_path / "a.png")
    view = PreviewView(thumbnails)
    qtbot.addWidget(view)
    view.resize(200, 200)
    view.show()
    view.show_preview(Preview((Picture(str(tmp_path / "a.png")), Words(TEXT * 20, "Caption"))))

    def blue() -> bool:
        image = view.grab().toImage()
        return image.pixelColor(image.width() // 2, image.height() // 4) == QColor(0, 0, 250)

    qtbot.waitUntil(blue)
    assert view.verticalScrollBar().maximum() > 0


def test_an_excerpt_shows_what_matters_with_its_places():
    text = "word " * 40 + "Wilson disease was\nfound " + "word " * 200
    wilson = span("Wilson disease", "Disease", text=text)
    far = Spans((Span(1000, 1004, "Other"), wilson))
    words, spans = excerpt((Words(text, "Text"), far), wilson.start, letters=100)
    assert words.text.startswith("…word")
    assert words.text.endswith("…")
    assert "\n" not in words.text
    (shown,) = spans.spans
    assert words.text[shown.start : shown.end] == "Wilson disease"
    assert excerpt((Words("short"), Spans(()))) == (Words("short"),)
    assert excerpt((Picture("a.png"),)) == ()


@pytest.mark.parametrize("strip", [False, True])
def test_a_gallery_lists_texts_and_goes_back_to_pictures(qtbot, thumbnails, strip):
    marks = (Words(TEXT), Spans((span("Wilson disease", "Disease"),), said=True))
    items = [
        GalleryItem(n, "", f"said class {n}", "92 %", "labelled other", "bad", marks)
        for n in range(5)
    ]
    gallery = Gallery(thumbnails, strip=strip)
    qtbot.addWidget(gallery)
    gallery.resize(300, 400 if not strip else 110)
    gallery.show()
    gallery.show_items(items)
    model = gallery.model()
    first, second = (gallery.visualRect(model.index(row, 0)) for row in (0, 1))
    if strip:
        assert second.left() > first.left()
    else:
        assert second.top() >= first.bottom()
        assert first.width() > 250
    spoken = model.data(model.index(0, 0), Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == f"said class 0 92 %, labelled other, {TEXT}"
    qtbot.mouseClick(gallery.viewport(), Qt.MouseButton.LeftButton, pos=second.center())
    assert gallery.chosen_id() == 1
    gallery.grab()
    gallery.show_items([GalleryItem(9, "a.png", "hat")])
    assert gallery.visualRect(model.index(0, 0)).width() < 200


def test_a_text_with_nothing_in_it_says_so(qapp):
    assert not TextBlock(Words(TEXT, "Summary"), width=300, font=qapp.font()).empty
    block = TextBlock(Words(" \n", "Summary"), width=300, font=qapp.font())
    assert block.empty
    picture = QImage(300, 60, QImage.Format.Format_ARGB32)
    picture.fill(0)
    painter = QPainter(picture)
    painter.translate(0, -block.boxes(0, 3)[0].top())  # below the title
    block.paint(painter, QPointF(0, 0))
    painter.end()
    assert any(picture.pixel(x, y) for x in range(60) for y in range(12))
