"""Charts of a page as SVG elements: columns over time, bars by name, and the week by hour.

They are a few rectangles each, so they are written here: a library would bring scripts, fonts, or thirty megabytes of
arrays. Each rectangle says its exact number to a mouse (``title``) and to a script (``data-tokens``).
"""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from otel_agent.model.plural import counted
from otel_agent.summary.text import words
from otel_agent.summary.text.column import name_of
from otel_agent.summary.view import Rhythm, Row, ToolRow, View, shown

_WIDTH: Final = 960
_HEIGHT: Final = 220
_LEFT: Final = 56
"""Room for the numbers of the axis, in the units of the picture."""
_BOTTOM: Final = 24
_MOST_LABELS: Final = 10
MOST_BARS: Final = 12
_BAR_ROW: Final = 34
_CELL: Final = 34
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def legend() -> str:
    """Return the names of the categories with their colours, as HTML."""
    return "".join(f'<i class="c{index}"></i>{name}' for index, name in enumerate(words.CATEGORIES))


def columns_over_time(view: View) -> str:
    """Return a column for each period, oldest first, its categories one above the other."""
    rows = sorted(view.rows, key=lambda row: row.key)
    largest = max((view.total_of(row.usage) for row in rows), default=0) or 1
    step = (_WIDTH - _LEFT) / max(len(rows), 1)
    parts = [*_axis(largest)]
    for number, row in enumerate(rows):
        parts += _column(view, row, _LEFT + number * step, step, largest)
        if number % max(-(-len(rows) // _MOST_LABELS), 1) == 0:
            parts.append(f'<text x="{_LEFT + number * step:.1f}" y="{_HEIGHT + 18}">{escape(name_of(row))}</text>')
    return _svg(_HEIGHT + _BOTTOM, "Tokens over time, by category", parts)


def _axis(largest: int) -> Iterator[str]:
    for part in (1.0, 0.5, 0.0):
        y = _HEIGHT - part * (_HEIGHT - 10)
        yield f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{words.compact(round(largest * part))}</text>'


def _column(view: View, row: Row, x: float, step: float, largest: int) -> Iterator[str]:
    tokens = shown(row.usage, view.accounting)
    bottom = float(_HEIGHT)
    for index, (name, number) in enumerate(zip(words.CATEGORIES, tokens.by_category(), strict=True)):
        if number > 0:
            height = number / largest * (_HEIGHT - 10)
            bottom -= height
            place = f'x="{x:.2f}" y="{bottom:.2f}" width="{step * 0.8:.2f}" height="{height:.2f}"'
            title = f"{name_of(row)}: {name} {words.exact(number)} of {words.tokens(tokens)}"
            yield _rectangle(f"c{index}", place, number, title)


def bars_by_name(view: View) -> str:
    """Return a bar for each of the rows with the most tokens, with its name above it."""
    return _bars([(name_of(row), view.total_of(row.usage)) for row in view.rows], "tokens")


def calls_by_tool(view: View) -> str:
    """Return a bar for each of the tools with the most calls, with its name above it."""
    return _bars([(name_of(row), row.calls) for row in view.rows if isinstance(row, ToolRow)], "calls")


def _bars(rows: Sequence[tuple[str, int]], unit: str) -> str:
    longest = sorted(rows, key=lambda row: -row[1])[:MOST_BARS]
    largest = max((number for _, number in longest), default=0) or 1
    parts: list[str] = []
    for index, (name, number) in enumerate(longest):
        y = index * _BAR_ROW
        width = max(number, 0) / largest * (_WIDTH - 90)
        parts.append(f'<text class="name" x="0" y="{y + 13}">{escape(words.plain(name)[:100])}</text>')
        place = f'x="0" y="{y + 18}" width="{width:.2f}" height="10" rx="2"'
        parts.append(_rectangle("bar", place, number, f"{name}: {words.exact(number)} {unit}", unit))
        parts.append(f'<text x="{width + 6:.2f}" y="{y + 27}">{words.compact(number)}</text>')
    return _svg(len(longest) * _BAR_ROW, f"{unit.title()} by name", parts)


def week_by_hour(week: Rhythm) -> str:
    """Return a field for each hour of each weekday; the more tokens, the stronger its colour."""
    largest = max(map(max, week)) or 1
    parts = [f'<text x="{_LEFT + hour * _CELL}" y="12">{hour:02}</text>' for hour in range(0, 24, 3)]
    for day, hours in enumerate(week):
        y = 18 + day * (_CELL - 8)
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 17}" text-anchor="end">{_WEEKDAYS[day]}</text>')
        for hour, tokens in enumerate(hours):
            place = f'x="{_LEFT + hour * _CELL}" y="{y}" width="{_CELL - 3}" height="{_CELL - 11}" rx="3"'
            # A little is still seen: the weakest colour is a fifth of the strongest.
            place += f' opacity="{0.2 + 0.8 * tokens / largest:.2f}"' if tokens else ""
            title = f"{_WEEKDAYS[day]} {hour:02}:00: {counted(tokens, 'token')}"
            parts.append(_rectangle("bar" if tokens else "none", place, tokens, title))
    return _svg(18 + 7 * (_CELL - 8), "Tokens by weekday and hour", parts)


def _rectangle(kind: str, place: str, number: int, title: str, unit: str = "tokens") -> str:
    return f'<rect class="{kind}" data-{unit}="{number}" {place}><title>{escape(title)}</title></rect>'


def _svg(height: int, label: str, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
