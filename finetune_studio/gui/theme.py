"""Colours, sizes and the style sheet of the window, light and dark."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontInfo, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from finetune_studio.core.settings import resources

# Safe for colour-blind readers (Okabe and Ito); the lighter ones stand out on dark ground.
_SERIES_LIGHT = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")
_SERIES_DARK = ("#4BA3DB", "#F2B84B", "#3CC79E", "#F2884A", "#DE9CC1", "#8CCBF2")


@dataclass(frozen=True, slots=True)
class Tokens:
    """The colours of one appearance, by what they are for."""

    dark: bool
    background: QColor
    surface: QColor
    raised: QColor
    line: QColor
    text: QColor
    muted: QColor
    accent: QColor
    accent_soft: QColor
    on_accent: QColor
    ok: QColor
    ok_back: QColor
    warning: QColor
    warning_back: QColor
    bad: QColor
    bad_back: QColor
    series: tuple[QColor, ...]


def _tokens(*, dark: bool, series: tuple[str, ...], **colours: str) -> Tokens:
    made = {name: QColor(value) for name, value in colours.items()}
    return Tokens(dark=dark, series=tuple(QColor(value) for value in series), **made)


LIGHT = _tokens(
    dark=False,
    background="#F5F6F8",
    surface="#FFFFFF",
    raised="#EDF0F4",
    line="#D8DDE5",
    text="#1A222D",
    muted="#5B6776",
    accent="#2B66D9",
    accent_soft="#E3ECFC",
    on_accent="#FFFFFF",
    ok="#1B7F50",
    ok_back="#E2F3EA",
    warning="#9A6410",
    warning_back="#FBF0DC",
    bad="#B83227",
    bad_back="#FBE5E2",
    series=_SERIES_LIGHT,
)
DARK = _tokens(
    dark=True,
    background="#13171D",
    surface="#1A2028",
    raised="#232B35",
    line="#333D4A",
    text="#E7EBF0",
    muted="#9AA6B5",
    accent="#74A2FF",
    accent_soft="#22324E",
    on_accent="#0F1726",
    ok="#62C795",
    ok_back="#18342A",
    warning="#E0B15C",
    warning_back="#3A2F1A",
    bad="#F08A7F",
    bad_back="#43231F",
    series=_SERIES_DARK,
)

_current = LIGHT
_choice = ""
_base_px = 13


def tokens() -> Tokens:
    """Return the colours in use."""
    return _current


def choice() -> str:
    """Return what was asked for: ``system``, ``light`` or ``dark``; empty before :func:`apply`."""
    return _choice


def series() -> tuple[QColor, ...]:
    """Return the colours of plotted series in use, in their order."""
    return _current.series


def level_colours(level: str) -> tuple[QColor, QColor]:
    """Return text and back colour of a level: ok, info, warning or bad."""
    now = _current
    return {
        "ok": (now.ok, now.ok_back),
        "warning": (now.warning, now.warning_back),
        "bad": (now.bad, now.bad_back),
    }.get(level, (now.accent, now.accent_soft))


def px(size: float) -> int:
    """Return a size of the 13 px design, grown with the system's font."""
    return round(size * _base_px / 13)


def apply(app: QApplication, choice: str) -> None:
    """Dress the whole application.

    Args:
        app: The application.
        choice: ``system``, ``light`` or ``dark``.
    """
    global _current, _base_px, _choice  # noqa: PLW0603  one application has one appearance
    dark = choice == "dark" or (
        choice == "system" and QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
    )
    _current = DARK if dark else LIGHT
    _choice = choice
    if app.style().objectName().lower() != "fusion":
        app.setStyle("Fusion")
    font = QFont(app.font())
    if app.property("base_px") is None:
        app.setProperty("base_px", max(13, QFontInfo(font).pixelSize()))
    _base_px = int(app.property("base_px"))
    font.setPixelSize(_base_px)
    app.setStyleSheet("")  # Qt takes four times as long to change one sheet for another
    app.setFont(font)
    app.setPalette(_palette(_current))
    app.setStyleSheet(_sheet(_current))


def _palette(now: Tokens) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for where, colour in (
        (role.Window, now.background),
        (role.WindowText, now.text),
        (role.Base, now.surface),
        (role.AlternateBase, now.raised),
        (role.Text, now.text),
        (role.Button, now.surface),
        (role.ButtonText, now.text),
        (role.BrightText, now.bad),
        (role.Highlight, now.accent_soft),
        (role.HighlightedText, now.text),
        (role.Accent, now.accent),
        (role.Link, now.accent),
        (role.LinkVisited, now.accent),
        (role.ToolTipBase, now.surface),
        (role.ToolTipText, now.text),
        (role.PlaceholderText, now.muted),
        (role.Light, now.raised),
        (role.Midlight, now.raised),
        (role.Mid, now.line),
        (role.Dark, now.line),
        (role.Shadow, now.line),
    ):
        palette.setColor(where, colour)
    faint = QColor(now.muted)
    faint.setAlpha(150)
    for where in (role.WindowText, role.Text, role.ButtonText, role.HighlightedText):
        palette.setColor(QPalette.ColorGroup.Disabled, where, faint)
    return palette


def _sheet(now: Tokens) -> str:
    """Fill the colours, sizes and picture names into resources/theme/studio.qss."""
    folder = resources() / "theme"
    text = (folder / "studio.qss").read_text(encoding="utf-8")
    text = text.replace("@pictures", folder.as_posix())
    text = text.replace("@tone", "dark" if now.dark else "light")
    soft = QColor(now.accent)
    soft.setAlphaF(0.5)
    values = {
        name: getattr(now, name).name()
        for name in Tokens.__slots__
        if isinstance(getattr(now, name), QColor)
    } | {"accent_faint": soft.name(QColor.NameFormat.HexArgb)}
    for name in sorted(values, key=len, reverse=True):
        text = text.replace(f"@{name}", values[name])
    for size in (24, 19, 16, 15, 13, 12, 11):
        text = text.replace(f"@px{size}", f"{px(size)}px")
    return text
