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
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
)
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QTextBrowser, QWidget
from typing_extensions import override

from finetune_studio.gui import theme


class Reader(QTextBrowser):
    """Reads files of one folder only; links name other parts of the guide.

    Signals:
        part_wanted: The name of the part that a link leads to.
    """

    part_wanted = Signal(str)

    def __init__(self, folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self.setOpenLinks(False)
        self.setOpenExternalLinks(False)
        self.anchorClicked.connect(self._on_anchor_clicked)
        self.document().setDocumentMargin(8)

    def show_text(self, markdown: str) -> None:
        """Show another text from its beginning."""
        self.document().clear()
        self.document().setMarkdown(
            markdown, QTextDocument.MarkdownFeature.MarkdownDialectCommonMark
        )
        self._give_room()
        self.moveCursor(QTextCursor.MoveOperation.Start)
        self.verticalScrollBar().setValue(0)

    def _give_room(self) -> None:
        """Set line height, distances and heading sizes, which Markdown leaves to us."""
        cursor = QTextCursor(self.document())
        block = self.document().begin()
        while block.isValid():
            cursor.setPosition(block.position())
            level = block.blockFormat().headingLevel()
            shape = QTextBlockFormat()
            shape.setLineHeight(150, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
            shape.setBottomMargin(theme.px(4 if level else 2 if block.textList() else 10))
            shape.setTopMargin(theme.px({1: 0, 2: 14}.get(level, 0)))
            cursor.mergeBlockFormat(shape)
            if level:
                cursor.select(QTextCursor.SelectionType.BlockUnderCursor)
                look = QTextCharFormat()
                look.setProperty(
                    QTextCharFormat.Property.FontPixelSize, theme.px(19 if level == 1 else 15)
                )
                look.setProperty(QTextCharFormat.Property.FontSizeAdjustment, 0)
                look.setFontWeight(QFont.Weight.Bold)
                cursor.mergeCharFormat(look)
            block = block.next()

    @override
    def loadResource(self, kind: int, name: QUrl) -> Any:
        """Return a drawing of our own folder in the colours in use; anything else is empty."""
        file = self._folder / Path(name.path()).name
        if kind != QTextDocument.ResourceType.ImageResource.value or file.suffix != ".svg":
            return None
        if not file.is_file():
            return None
        return drawing(file.read_text(encoding="utf-8"), self.devicePixelRatioF())

    @Slot(QUrl)
    def _on_anchor_clicked(self, link: QUrl) -> None:
        self.part_wanted.emit(link.path().removesuffix(".md"))


def drawing(svg: str, ratio: float) -> QImage:
    """Paint an SVG whose colours are written ``@text``, ``@series1`` and so on."""
    now = theme.tokens()
    for place, colour in enumerate(now.series, 1):
        svg = svg.replace(f"@series{place}", colour.name())
    svg = re.sub(r"@(\w+)", lambda found: _colour(found.group(1)), svg)
    renderer = QSvgRenderer(QByteArray(svg.encode("utf-8")))
    size = renderer.defaultSize()
    image = QImage(size * ratio, QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(ratio)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    renderer.render(painter, QRectF(0, 0, size.width(), size.height()))
    painter.end()
    return image


def _colour(name: str) -> str:
    return str(getattr(theme.tokens(), name).name())
