"""Shows a page of the guide: our own Markdown with our own drawings; nothing is ever fetched."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, QRectF, Qt, QUrl, Signal, Slot
from PySide6.QtGui import (
    QFont,
    QImage,
    QPainter,
    QResizeEvent,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextListFormat,
)
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QTextBrowser, QWidget
from typing_extensions import override

from finetune_studio.gui import theme

_TO_HERE = QTextCursor.MoveMode.KeepAnchor
_PIXELS = QTextCharFormat.Property.FontPixelSize
_PICTURE = "\ufffc"  # stands in a block's text where a picture is


class Reader(QTextBrowser):
    """Reads files of one folder only; links name other parts of the guide.

    Signals:
        part_wanted: The name of the part that a link leads to.
    """

    part_wanted = Signal(str)

    def __init__(self, folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self._text = ""
        self._shown: QTextDocument | None = None
        self.setOpenLinks(False)
        self.setOpenExternalLinks(False)
        self.anchorClicked.connect(self._on_anchor_clicked)

    def show_text(self, markdown: str) -> None:
        """Show another text from its beginning."""
        self._text = markdown
        self._lay_out()
        self.moveCursor(QTextCursor.MoveOperation.Start)
        self.verticalScrollBar().setValue(0)

    def _lay_out(self) -> None:
        document = QTextDocument(self)  # a cleared one would keep the look of its last heading
        document.setDefaultFont(self.font())
        document.setDocumentMargin(8)
        document.setMarkdown(self._text, QTextDocument.MarkdownFeature.MarkdownDialectCommonMark)
        room = self._room()
        shape = document.rootFrame().frameFormat()
        shape.setRightMargin(max(0, self.viewport().width() - room - 24))
        document.rootFrame().setFrameFormat(shape)
        cursor = QTextCursor(document)
        block = document.begin()
        while block.isValid():
            cursor.setPosition(block.position())
            cursor.setPosition(block.position() + block.length() - 1, _TO_HERE)
            _shape(cursor)
            block = block.next()
        self.setDocument(document)
        if self._shown is not None:
            self._shown.deleteLater()
        self._shown = document

    def _room(self) -> int:
        """Return how wide the text may be: lines much longer than this are hard to read."""
        return min(theme.px(700), max(200, self.viewport().width() - 24))

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        """Paint the drawings anew where they would not fit any more."""
        super().resizeEvent(event)
        if self._text:
            place = self.verticalScrollBar().value()
            self._lay_out()
            self.verticalScrollBar().setValue(place)

    @override
    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        """Return a drawing of our own folder in the colours in use; anything else is empty."""
        file = self._folder / Path(QUrl(name).path()).name
        if kind != QTextDocument.ResourceType.ImageResource.value or file.suffix != ".svg":
            return None
        if not file.is_file():
            return None
        return drawing(file.read_text(encoding="utf-8"), self.devicePixelRatioF(), self._room())

    @Slot(QUrl)
    def _on_anchor_clicked(self, link: QUrl) -> None:
        self.part_wanted.emit(link.path().removesuffix(".md"))


def _shape(cursor: QTextCursor) -> None:
    """Give one block line height, distances and size, which Markdown leaves to us."""
    block = cursor.block()
    level = block.blockFormat().headingLevel()
    shape = QTextBlockFormat()
    if _PICTURE not in block.text():
        shape.setLineHeight(145, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
    shape.setBottomMargin(theme.px(4 if level else 3 if block.textList() else 10))
    shape.setTopMargin(theme.px({1: 0, 2: 14}.get(level, 0)))
    cursor.mergeBlockFormat(shape)
    if block.textList():
        dots = block.textList().format()
        if dots.style() != QTextListFormat.Style.ListDecimal:
            dots.setStyle(QTextListFormat.Style.ListDisc)
            block.textList().setFormat(dots)
    if level:
        look = QTextCharFormat()
        look.setFontWeight(QFont.Weight.Bold)
        look.setProperty(_PIXELS, theme.px(19 if level == 1 else 15))
        cursor.setCharFormat(look)


def drawing(svg: str, ratio: float, room: int) -> QImage:
    """Paint an SVG, at most ``room`` wide; its colours are written ``@text``, ``@series1``."""
    now = theme.tokens()
    for place, colour in enumerate(now.series, 1):
        svg = svg.replace(f"@series{place}", colour.name())
    svg = re.sub(r"@(\w+)", lambda found: _colour(found.group(1)), svg)
    renderer = QSvgRenderer(QByteArray(svg.encode("utf-8")))
    size = renderer.defaultSize()
    if size.width() > room:
        size = size.scaled(room, size.height(), Qt.AspectRatioMode.KeepAspectRatio)
    image = QImage(size * ratio, QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(ratio)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    renderer.render(painter, QRectF(0, 0, size.width(), size.height()))
    painter.end()
    return image


def _colour(name: str) -> str:
    return str(getattr(theme.tokens(), name).name())
