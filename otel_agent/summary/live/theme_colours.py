"""The colours of a running screen's theme as plain values, which the first picture of the next start is painted with."""

import msgspec
from rich.style import Style
from textual.app import App
from textual.color import Color, ColorParseError
from textual.widgets import Tab

from otel_agent.summary.live.palette import Palette
from otel_agent.summary.live.row_list import RowList

_FRAME_ALPHA = 0.6
_RED, _YELLOW, _CYAN = 1, 3, 6


def palette_of(app: App[None]) -> Palette | None:
    """Return the colours in which the screen is drawn; ``None`` if one of these is the terminal's own, or no colour."""
    if app.native_ansi_color:
        return None
    try:
        # A colour without numbers would make the whole file of choices unreadable.
        return msgspec.convert(msgspec.to_builtins(_drawn_with(app)), Palette)
    except (msgspec.ValidationError, ColorParseError):
        return None


def _drawn_with(app: App[None]) -> Palette:
    """Return the colours as the screen names them. Raises ``ColorParseError``."""
    screen = app.screen_stack[0]  # below the list of commands, from which a theme is chosen
    said, named = screen.query_one("#foot").rich_style, app.theme_variables
    cursor = screen.query_one(RowList).get_component_rich_style("rows--cursor")
    mark = screen.query_one("Underline").get_component_rich_style("underline--bar")
    of_key = screen.query("FooterKey").first().get_component_rich_style
    key, does = of_key("footer-key--key"), of_key("footer-key--description")
    ansi = app.ansi_theme.ansi_colors
    return Palette(
        text=_fore(said),
        back=_back(said),
        muted=_fore(screen.query_one("#where").rich_style),
        tab=_fore(next(tab for tab in screen.query(Tab) if not tab.has_class("-active")).rich_style),
        tab_mark=_fore(mark),
        tab_line=_back(mark),
        frame=_hex(Color.parse(_back(said)).blend(Color.parse(named["primary"]), _FRAME_ALPHA)),
        focus=_hex(Color.parse(named["accent"])),
        title=_hex(Color.parse(named["text-accent"])),
        warning=_fore(screen.query_one("#note").rich_style),
        cursor=_fore(cursor),
        cursor_back=_back(cursor),
        bar=_hex(Color.parse(named["scrollbar"])),
        bar_back=_hex(Color.parse(named["scrollbar-background"])),
        key=_fore(key),
        key_text=_fore(does),
        key_back=_back(does),
        cyan=ansi[_CYAN].hex,
        yellow=ansi[_YELLOW].hex,
        red=ansi[_RED].hex,
    )


def _hex(colour: Color) -> str:
    return colour.hex.lower()


def _fore(style: Style) -> str:
    return style.color.name if style.color else ""


def _back(style: Style) -> str:
    return style.bgcolor.name if style.bgcolor else ""
