"""SVG and plain text, drawn as on a terminal. A picture fetches nothing from elsewhere."""

import html
import io
import re
from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len
from rich.console import Console, Group
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from otel_agent.summary.text.captions import title_of
from otel_agent.summary.text.tables import view_table
from otel_agent.summary.view import View

_COLUMNS: Final = 100
_THEME: Final = TerminalTheme(
    (255, 255, 255),
    (36, 41, 47),
    [
        (36, 41, 47),
        (207, 34, 46),
        (17, 99, 41),
        (154, 103, 0),
        (9, 105, 218),
        (130, 80, 223),
        (27, 124, 131),
        (110, 119, 129),
    ],
    [
        (87, 96, 106),
        (164, 14, 38),
        (26, 127, 55),
        (99, 60, 1),
        (33, 139, 255),
        (163, 113, 247),
        (49, 146, 170),
        (140, 149, 159),
    ],
)
_CELL: Final = re.compile("[^\N{NO-BREAK SPACE}]+(?:\N{NO-BREAK SPACE}[^\N{NO-BREAK SPACE}]+)*")
"""Words with single blanks between them. Rich draws each blank as one that cannot be broken."""
_LETTER: Final = 12.2
"""Width of a letter in Rich's pictures."""
_TEXT: Final = re.compile(
    r'<text class="(?P<kind>[^"]*-r\d+)" x="(?P<x>[\d.]+)" y="(?P<y>[\d.]+)" textLength="[\d.]+"(?P<rest>[^>]*)>(?P<text>[^<]*)</text>'
)
_FONT_FACE: Final = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""Rich's own font, which a browser would fetch from elsewhere."""


def as_svg(views: Sequence[View], width: int = _COLUMNS) -> str:
    """Return an SVG picture, ``width`` letters wide. The same views make the same picture, byte by byte."""
    drawn = _recorded(views, width).export_svg(title=_title(views), theme=_THEME, unique_id="otel-agent")
    return with_own_cells(drawn)


def with_own_cells(drawn: str) -> str:
    """Return a picture that Rich drew without its font, which is elsewhere, and with each cell at its own place."""
    return _TEXT.sub(_cells, _FONT_FACE.sub("", drawn))


def _cells(drawn: re.Match[str]) -> str:
    """Draw each cell of a line at its own place. A browser's font may give a letter another width than a terminal does."""
    left, line = float(drawn["x"]), html.unescape(drawn["text"])
    parts = []
    for cell in _CELL.finditer(line):
        x, length = left + cell_len(line[: cell.start()]) * _LETTER, cell_len(cell[0]) * _LETTER
        text = html.escape(cell[0], quote=False).replace("\N{NO-BREAK SPACE}", "&#160;")
        parts.append(
            f'<text class="{drawn["kind"]}" x="{x:g}" y="{drawn["y"]}" textLength="{length:g}"{drawn["rest"]}>{text}</text>'
        )
    return "".join(parts)


def as_text(views: Sequence[View], width: int = _COLUMNS) -> str:
    """Return plain text without escape sequences, ``width`` letters wide."""
    console = Console(file=io.StringIO(), width=width, record=True, force_terminal=False, color_system=None)
    console.print(_drawn(views))
    return console.export_text()


def _recorded(views: Sequence[View], width: int) -> Console:
    console = Console(
        file=io.StringIO(), width=width, record=True, force_terminal=True, color_system="standard", no_color=False
    )
    console.print(_drawn(views))
    return console


def _drawn(views: Sequence[View]) -> Group:
    return Group(*(part for view in views for part in (view_table(view), Text())))


def _title(views: Sequence[View]) -> str:
    return f"otel-agent: {title_of(views[0])}" if len(views) == 1 else "otel-agent summary"
