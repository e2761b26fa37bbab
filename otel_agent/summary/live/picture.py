"""The live screen as Textual will draw it, drawn by Rich alone: a person sees it while Textual is still being imported.

What is said comes from the same functions as on the screen. The places are those of ``style.py``; a test compares each
letter and colour with Textual's.
"""

import math
from collections.abc import Sequence
from typing import Final

from rich.console import Console, RenderableType
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from otel_agent.summary.live.crumbs import Crumb
from otel_agent.summary.live.lines import detail_line, foot_lines, reading_line, trend_line, where_line
from otel_agent.summary.live.listing import Listing, list_rows
from otel_agent.summary.live.palette import Palette, painted
from otel_agent.summary.live.panels import Panel, active_of, processes_of, tokens_of
from otel_agent.summary.live.row_lines import first_row, head_line, list_title, row_line
from otel_agent.summary.live.style import HEAD_PERCENT, HEAD_PERCENT_ROOMY, LOW, ROOMY, SHORT, TREND_EDGES, WIDE
from otel_agent.summary.live.tab_names import KEYS_SHOWN, tab_names
from otel_agent.summary.view import Activity, View

Line = list[Segment]
_LEAST: Final = 60, 16
"""Columns and lines below which no picture is drawn, because Textual would cut something."""
_LEAST_ROWS, _LEAST_LOW_ROWS = 5, 3
"""Lines of the rows, with their frame if there are frames. With less room Textual cuts something else."""
_HEAD_BAR: Final = 2
"""Columns of the bar that scrolls the panels."""
_EIGHTHS: Final = "▁▂▃▄▅▆▇ "


def picture(view: View, width: int, height: int, palette: Palette | None, console: Console) -> list[Line] | None:
    """Return the lines of the screen with the first answer; ``None`` if it has no room for all of it.

    Without a palette it has no colours. Only the abilities of the console are used.
    """
    if width < _LEAST[0] or height < _LEAST[1]:
        return None
    return _Picture(view, width, height, palette, console).lines()


class _Picture:
    """One picture under way."""

    def __init__(self, view: View, width: int, height: int, palette: Palette | None, console: Console) -> None:
        self._view, self._width, self._height, self._console = view, width, height, console
        self._palette = palette
        self._plain = palette is None
        self._colours = palette or Palette()
        self._low, self._short = height < LOW, height < SHORT

    def lines(self) -> list[Line] | None:
        view, width = self._view, self._width
        listing = list_rows(view, width)
        at = first_row(listing)
        muted = Style(color=self._colours.muted)
        row = listing.rows[at] if listing.rows else None
        detail = self._block(detail_line(view, row, width - 2, self._height), 1, muted)
        foot = self._block(foot_lines(view, None, short=self._short), 1)
        note = reading_line(view)
        above = [
            *self._tabs(),
            *self._block(where_line(Crumb(view.name), view), 1, muted),
            *(self._block(note, 1, Style(color=self._colours.warning, bold=True)) if note else []),
        ]
        head = self._head()
        trend = trend_line(view, width - TREND_EDGES)
        trends = self._block(trend, TREND_EDGES // 2) if trend else []
        below = [*detail, *foot]
        room = self._height - len(above) - len(head) - len(trends) - len(below) - 1
        if room < (_LEAST_LOW_ROWS if self._low else _LEAST_ROWS):
            return None
        drawn = [*above, *head, *trends, *self._rows(listing, at, room), *below, self._keys()]
        return [list(painted(line, self._palette)) for line in drawn]

    def _block(self, content: RenderableType, edge: int, style: Style | None = None) -> list[Line]:
        """Return the lines of a text or a table, with so many blank columns on each side."""
        options = self._console.options.update(width=self._width - 2 * edge, height=None, highlight=False)
        lines = self._console.render_lines(content, options, style=style)
        blank = Segment(" " * edge)
        return [[blank, *line, blank] for line in lines]

    def _tabs(self) -> list[Line]:
        colours, names = self._colours, tab_names(self._width)
        active = Style(bold=True) if self._plain else Style(color=colours.text)
        other = Style(dim=True) if self._plain else Style(color=colours.tab)
        labels, begin, at = [Segment(" ")], 0, 0
        for view, name in names.items():
            labels += [Segment(name, active if view == self._view.name else other), Segment(" ")]
            begin = at if view == self._view.name else begin
            at += len(name) + 1
        end, bar = begin + len(names[self._view.name]), self._width - 2
        line = [
            Segment("━" * (begin - 1) + "╸" if begin else "", Style(color=colours.tab_line)),
            Segment("━" * (end - begin), Style(color=colours.tab_mark)),
            Segment("╺" + "━" * (bar - end - 1), Style(color=colours.tab_line)),
        ]
        return [self._filled(labels), self._filled([Segment(" "), *line])]

    def _head(self) -> list[Line]:
        """Return the panels of an overview, with a bar if they are higher than they may be."""
        if self._view.activity is None:
            return []
        percent = HEAD_PERCENT_ROOMY if self._height >= ROOMY else HEAD_PERCENT
        most = (self._height - 1) * percent // 100
        lines = self._panels(self._view.activity, self._width)
        if len(lines) <= most:
            return lines
        lines = self._panels(self._view.activity, self._width - _HEAD_BAR)
        bars = self._bar(most, len(lines), 0, _HEAD_BAR)
        return [[*line, bar] for line, bar in zip(lines[:most], bars, strict=True)]

    def _panels(self, activity: Activity, width: int) -> list[Line]:
        view, height = self._view, self._height
        processes, tokens = processes_of(view, activity, height), tokens_of(view, self._width, height)
        active = active_of(view, activity, height)
        if self._width < WIDE:
            panels = (processes, tokens, *([active] if active else []))
            return [line for panel in panels for line in self._panel(panel, width)]
        left, right = self._panel(processes, width // 2), self._panel(tokens, width - width // 2)
        lines = max(len(left), len(right))
        beside = zip(self._stretched(left, lines), self._stretched(right, lines), strict=True)
        return [[*one, *other] for one, other in beside] + (self._panel(active, width) if active else [])

    def _panel(self, panel: Panel, width: int) -> list[Line]:
        edge = 2
        options = self._console.options.update(width=width - 2 * edge, height=None, highlight=False)
        content = self._console.render_lines(panel.content, options)
        if self._low:
            blank = Segment(" " * edge)
            return [[blank, *line, blank] for line in content]
        return self._framed(content, panel.title, width, Style(color=self._colours.frame))

    @staticmethod
    def _stretched(lines: list[Line], number: int) -> list[Line]:
        """Return the lines of a panel with blank ones before its last line, or after it if there is no frame."""
        framed = lines[-1][0].text.startswith("╰")
        width = Segment.get_line_length(lines[-1])
        blank = [Segment("│", lines[-1][0].style), Segment(" " * (width - 2)), Segment("│", lines[-1][0].style)]
        more = [blank if framed else [Segment(" " * width)]] * (number - len(lines))
        return [*lines[:-1], *more, lines[-1]] if framed else [*lines, *more]

    def _framed(self, content: list[Line], title: str, width: int, frame: Style) -> list[Line]:
        side, blank = Segment("│", frame), Segment(" ")
        shown = Text(f" {title} ")
        shown.truncate(width - 4, overflow="ellipsis")
        rest = "─" * (width - 3 - shown.cell_len)
        named = Segment(shown.plain, Style(color=self._colours.title, bold=True))
        top = [Segment("╭─", frame), named, Segment(f"{rest}╮", frame)]
        return [
            top,
            *([side, blank, *line, blank, side] for line in content),
            [Segment(f"╰{'─' * (width - 2)}╯", frame)],
        ]

    def _rows(self, listing: Listing, at: int, room: int) -> list[Line]:
        """Return the rows and their frame in so many lines, with the cursor on row ``at``."""
        inner = room if self._low else room - 2
        scrolls = len(listing.rows) + 1 > inner
        width = self._width - (2 if self._low else 4) - scrolls
        first = max(at - inner + 2, 0)
        lines = [self._row(head_line(listing), width, Style(color=self._colours.muted))]
        lines += [
            self._row(row_line(listing, index, at_cursor=index == at), width, self._cursor(index == at))
            for index in range(first, min(first + inner - 1, len(listing.rows)))
        ]
        lines += [[Segment(" " * width)]] * (inner - len(lines))
        if scrolls:
            bars = self._bar(inner, len(listing.rows) + 1, first)
            lines = [[*line, bar] for line, bar in zip(lines, bars, strict=True)]
        if self._low:
            return [[Segment(" "), *line, Segment(" ")] for line in lines]
        return self._framed(lines, list_title(listing), self._width, Style(color=self._colours.focus))

    def _cursor(self, is_at: bool) -> Style:
        if not is_at:
            return Style()
        if self._plain:
            return Style(reverse=True)
        return Style(color=self._colours.cursor, bgcolor=self._colours.cursor_back)

    def _row(self, text: Text, width: int, style: Style) -> Line:
        segments = Segment.apply_style(text.render(self._console), style)
        return Segment.adjust_line_length(list(segments), width, style)

    def _bar(self, size: int, rows: int, first: int, width: int = 1) -> list[Segment]:
        """Return a scroll bar: so many lines for a window of as many of the rows, from the row ``first`` on."""
        thumb = max(1, size / (rows / size))
        start = int((size - thumb) * first / (rows - size) * 8)
        end = start + math.ceil(thumb * 8)
        back, bar = Style(bgcolor=self._colours.bar_back), Style(color=self._colours.bar)
        drawn = []
        for line in range(size):
            top, bottom = line * 8, line * 8 + 8
            if start >= bottom or end <= top:
                drawn.append(Segment(" " * width, back))
            elif start > top:
                drawn.append(Segment(_EIGHTHS[7 - start % 8] * width, back + bar))
            elif end < bottom:
                drawn.append(Segment(_EIGHTHS[7 - end % 8] * width, back + bar + Style(reverse=True)))
            else:
                drawn.append(Segment(" " * width, bar + Style(reverse=True)))
        return drawn

    def _keys(self) -> Line:
        colours = self._colours
        back = Style(bgcolor=colours.key_back)
        name, said = back + Style(color=colours.key, bold=True), back + Style(color=colours.key_text)
        shown = [
            part
            for key, does in KEYS_SHOWN.items()
            for part in (Segment(key, name), Segment(f" {does}", said), Segment(" ", back))
        ]
        return Segment.adjust_line_length(shown, self._width, back)

    def _filled(self, line: Sequence[Segment]) -> Line:
        return Segment.adjust_line_length(list(line), self._width)
