"""The days of the last months as a map: a column for each week, a line for each weekday, darker with more tokens."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from msgspec.structs import replace
from rich.text import Text

from otel_agent.summary.question import Question, Range
from otel_agent.summary.ranges import period_of
from otel_agent.summary.text import words
from otel_agent.summary.view import PeriodRow, View

_WEEKS: Final = 53
_LABELS: Final = ("Mon", "", "Wed", "", "Fri", "", "Sun")
_LABEL_COLUMNS: Final = 4
_SHADES: Final = ("░░", "▒▒", "▓▓", "██")
_NO_USE: Final = "· "
_NO_DAY: Final = "  "
_LEAST_WEEKS: Final = 8
"""Fewer would be no map."""


def calendar_question(view: View) -> Question:
    """Return the question to the timeline that the map shows: each day of the last year, under the view's filters."""
    begin, _ = period_of(view.now - timedelta(weeks=_WEEKS - 1), "week")
    days = Range("custom", begin, None, view.range.zone)
    return replace(view.question, range=days, by="day", sort=None, limit=None, with_trend=False)


def calendar_map(days: View, width: int) -> Text:
    """Return the map, ``width`` columns wide, with as many weeks as it has room for; empty if those are too few."""
    rows = [row for row in days.rows if isinstance(row, PeriodRow)]
    weeks = min((width - _LABEL_COLUMNS) // 2, _WEEKS)
    if weeks < _LEAST_WEEKS or not rows:
        return Text("")
    # Whole weeks from Monday on; the last one is under way.
    begin = len(rows) - 1 - rows[-1].since.weekday() - 7 * (weeks - 1)
    shown = rows[max(begin, 0) :]
    blank = max(-begin, 0)
    tokens = [days.total_of(row.usage) for row in shown]
    limits = _limits(tokens)
    text = Text(" " * _LABEL_COLUMNS + _months(shown, blank) + "\n", style="", no_wrap=True, overflow="ellipsis")
    for weekday, label in enumerate(_LABELS):
        text.append(f"{label:<{_LABEL_COLUMNS}}", "dim")
        for week in range(weeks):
            at = week * 7 + weekday - blank
            if 0 <= at < len(shown):
                text.append(*((_shade(tokens[at], limits), "cyan") if tokens[at] > 0 else (_NO_USE, "dim")))
            else:
                text.append(_NO_DAY)
        text.append("\n")
    return text.append_text(_legend(shown, tokens))


def _limits(tokens: Sequence[int]) -> tuple[int, int, int]:
    """Return the numbers above which a day is darker: a fourth of the days with use is in each shade."""
    used = sorted(number for number in tokens if number > 0)
    if not used:
        return 0, 0, 0
    first, second, third = (used[min(len(used) * part // 4, len(used) - 1)] for part in (1, 2, 3))
    return first, second, third


def _shade(tokens: int, limits: tuple[int, int, int]) -> str:
    return _SHADES[sum(tokens >= limit for limit in limits)]


def _months(shown: Sequence[PeriodRow], blank: int) -> str:
    """Return the names of the months above the weeks in which they begin."""
    line = ""
    for number, row in enumerate(shown):
        at = (number + blank) // 7 * 2
        if row.since.day == 1 and len(line) <= at:
            line = f"{line:<{at}}{row.since:%b} "
    return line


def _legend(shown: Sequence[PeriodRow], tokens: Sequence[int]) -> Text:
    most = max(range(len(tokens)), key=lambda at: tokens[at])
    text = Text.assemble((" " * _LABEL_COLUMNS + "less ", "dim"), ("░▒▓█", "cyan"), (" more", "dim"))
    if tokens[most] > 0:
        text.append(f", most {words.compact(tokens[most])} on {shown[most].since:%Y-%m-%d}", "dim")
    return text
