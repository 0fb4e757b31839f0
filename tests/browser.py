"""Opens a page in Qt's Chromium and says what it asked for, what it complained of, and how it prints.

Run by a Python that has PySide6 with QtWebEngine, in a process of its own:

    QT_QPA_PLATFORM=offscreen python browser.py PAGE.html PAGE.pdf [PAGE.png [light|dark [WIDTHxHEIGHT]]]
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("QTWEBENGINE_DISABLE_SANDBOX", "1")
os.environ.setdefault("QTWEBENGINE_CHROMIUM_FLAGS", "--no-sandbox --disable-gpu")

from PySide6.QtCore import QMarginsF, QTimer, QUrl
from PySide6.QtGui import QPageLayout, QPageSize
from PySide6.QtWebEngineCore import (
    QWebEnginePage,
    QWebEngineProfile,
    QWebEngineSettings,
    QWebEngineUrlRequestInfo,
    QWebEngineUrlRequestInterceptor,
)
from PySide6.QtWebEngineWidgets import QWebEngineView
from PySide6.QtWidgets import QApplication

_LONGEST_MS = 120_000
_SETTLE_MS = 500  # until a page that is shown is painted too


class Listener(QWebEngineUrlRequestInterceptor):
    """Notes every request."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def interceptRequest(self, info: QWebEngineUrlRequestInfo) -> None:  # noqa: N802  Qt's name
        self.asked.append(info.requestUrl().toString()[:200])


class Page(QWebEnginePage):
    """Notes every message on the console."""

    said: list[str]

    def javaScriptConsoleMessage(  # noqa: N802  Qt's name
        self, level: object, text: str, line: int, source: str
    ) -> None:
        self.said.append(f"{level}: {text} ({source[:100]}:{line})")


def main() -> None:
    """Open the page, print it, and write what happened as JSON."""
    file, pdf, *more = sys.argv[1:]
    picture, scheme, size = (*more, *("", "light", "640x900")[len(more) :])
    if scheme == "dark":
        os.environ["QTWEBENGINE_CHROMIUM_FLAGS"] += " --blink-settings=preferredColorScheme=0"
    app = QApplication([])
    profile = QWebEngineProfile()
    listener = Listener()
    profile.setUrlRequestInterceptor(listener)
    page = Page(profile)
    page.said = []
    # Qt alone would keep a local page from asking elsewhere; the page itself has to.
    remote = QWebEngineSettings.WebAttribute.LocalContentCanAccessRemoteUrls
    page.settings().setAttribute(remote, True)
    view = QWebEngineView()
    view.setPage(page)
    view.resize(*map(int, size.split("x")))
    view.show()
    found: dict[str, object] = {"loaded": False}

    def finish() -> None:
        found.update(asked=listener.asked, said=page.said)
        print(json.dumps(found))
        app.quit()

    def printed(_: str, fine: bool) -> None:
        found["printed"] = fine
        finish()

    def measured(sizes: object) -> None:
        found["sizes"] = sizes
        QTimer.singleShot(_SETTLE_MS, keep)

    def keep() -> None:
        if picture:
            view.grab().save(picture)
        a4 = QPageSize(QPageSize.PageSizeId.A4)
        way, millimetre = QPageLayout.Orientation.Portrait, QPageLayout.Unit.Millimeter
        # Qt's own margins stand above those of the page's style, so they are the same.
        page.printToPdf(pdf, QPageLayout(a4, way, QMarginsF(12, 14, 12, 16), millimetre))

    def loaded(fine: bool) -> None:
        found["loaded"] = fine
        page.runJavaScript(
            "JSON.stringify([document.documentElement.scrollWidth, window.innerWidth, document.images.length,"
            " [...document.images].filter(i => !i.naturalWidth).length])",
            measured,
        )

    page.pdfPrintingFinished.connect(printed)
    page.loadFinished.connect(loaded)
    QTimer.singleShot(_LONGEST_MS, app.quit)
    page.load(QUrl.fromLocalFile(str(Path(file).resolve())))
    app.exec()


main()
