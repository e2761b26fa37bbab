"""The colours of the live screen as plain values, so that its first picture can be painted without Textual."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Annotated, Final

from msgspec import Meta, Struct
from rich.color import Color
from rich.segment import Segment
from rich.style import Style

_DIMMED: Final = 0.66
"""Textual paints dim letters as letters of a colour, which is so far from the background."""
Colour = Annotated[str, Meta(pattern="^#[0-9a-f]{6}$")]


class Palette(Struct, frozen=True):
    """Colours as ``#rrggbb``. The defaults are those of Textual's own theme."""

    text: Colour = "#e0e0e0"
    back: Colour = "#121212"
    muted: Colour = "#a0a0a0"
    tab: Colour = "#797979"
    tab_mark: Colour = "#0178d4"
    tab_line: Colour = "#262626"
    frame: Colour = "#074f86"
    focus: Colour = "#fea62b"
    title: Colour = "#ffc473"
    warning: Colour = "#fea62b"
    cursor: Colour = "#ddedf9"
    cursor_back: Colour = "#0178d4"
    bar: Colour = "#003054"
    bar_back: Colour = "#000000"
    key: Colour = "#ffa62b"
    key_text: Colour = "#e0e0e0"
    key_back: Colour = "#242f38"
    cyan: Colour = "#58d1eb"
    yellow: Colour = "#fd971f"
    red: Colour = "#f4005f"


@lru_cache(256)
def _painted(style: Style, palette: Palette) -> Style:
    """Return a style with the colours of the palette for those that have a name only, and for dim letters."""
    named = {"cyan": palette.cyan, "yellow": palette.yellow, "red": palette.red}
    fore, back = style.color or Color.parse(palette.text), style.bgcolor or Color.parse(palette.back)
    fore = Color.parse(named.get(fore.name, fore.name))
    if style.dim and fore.triplet and back.triplet:
        mixed = (below + (above - below) * _DIMMED for below, above in zip(back.triplet, fore.triplet, strict=True))
        fore = Color.from_rgb(*mixed)
    return style + Style(color=fore, bgcolor=back, dim=False)


def painted(segments: Iterable[Segment], palette: Palette | None) -> Iterator[Segment]:
    """Yield the segments in the colours of the palette; without any colour if there is none."""
    for text, style, _ in segments:
        has = style or Style()
        yield Segment(text, has.without_color if palette is None else _painted(has, palette))
