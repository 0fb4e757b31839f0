"""The look: readable in light and dark, grown with the system's font, no placeholder left."""

from __future__ import annotations

import pytest

from finetune_studio.gui import theme


def _contrast(one, other) -> float:
    def light(colour):
        parts = [colour.redF(), colour.greenF(), colour.blueF()]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dark = sorted((light(one), light(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("now", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_text_has_contrast_everywhere(now):
    for back in (now.background, now.surface, now.raised, now.accent_soft):
        assert _contrast(now.text, back) >= 4.5
    for back in (now.background, now.surface, now.raised):
        assert _contrast(now.muted, back) >= 4.5
    assert _contrast(now.on_accent, now.accent) >= 4.5
    for back in (now.ok_back, now.warning_back, now.bad_back):
        assert _contrast(now.text, back) >= 4.5
    assert _contrast(now.accent, now.accent_soft) >= 4.0  # bold text of a chosen step


def test_a_choice_dresses_the_application(qapp):
    theme.apply(qapp, "dark")
    assert theme.tokens() is theme.DARK
    assert theme.choice() == "dark"
    assert theme.DARK.surface.name() in qapp.styleSheet()
    theme.apply(qapp, "light")
    assert theme.tokens() is theme.LIGHT
    assert "@" not in qapp.styleSheet().split("*/", 1)[1]
    assert qapp.font().pixelSize() == theme.px(13)
