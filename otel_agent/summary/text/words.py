"""Numbers, times and text from storage as people read them."""

from datetime import datetime, timedelta
from typing import Final

from otel_agent.model import Tokens, money
from otel_agent.model.agent_name import without_joiners
from otel_agent.model.plural import counted
from otel_agent.model.printable import printable
from otel_agent.summary.question import Range

_UNITS: Final = (("K", 10**3), ("M", 10**6), ("B", 10**9), ("T", 10**12), ("Q", 10**15))
_EXACT_BELOW: Final = 10_000
"""Five letters are as short as any shortened number."""
_NAMED: Final = {
    "today": "today",
    "yesterday": "yesterday",
    "week": "last 7 days",
    "this-week": "this week",
    "last-week": "last week",
    "month": "last 30 days",
    "this-month": "this month",
    "last-month": "last month",
    "all": "all time",
}

dollars: Final = money.dollars
"""Writes a cost, as everything that has no view does, too."""
NOTHING: Final = "·"
"""The text of a cell without a value."""
CATEGORIES: Final = ("Input", "Output", "Reasoning", "Cache read", "Cache write")
"""Names of the token categories, in the order of ``Tokens.each``."""


def exact(number: int) -> str:
    """Return all digits, with thousands separators."""
    return f"{number:,}"


def compact(number: int) -> str:
    """Return three digits and a unit, ``1.23M``; numbers below 10,000 stay exact."""
    if abs(number) < _EXACT_BELOW:
        return exact(number)
    # 999.5 thousand would round to 1000K: from there on, use the next unit.
    unit, size = next(((unit, size) for unit, size in _UNITS if abs(number) < 999.5 * size), _UNITS[-1])
    value = number / size
    # Three digits in all, judged after rounding: 9.995 is written as 10.0.
    digits = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    return f"{value:,.{digits}f}{unit}"


def share(part: int, whole: int) -> str:
    """Return a part of a whole as ``12.3%``; ``NOTHING`` if the whole is 0."""
    return f"{part / whole:.1%}" if whole else NOTHING


def percent(ratio: float | None) -> str:
    """Return a ratio as ``12.3%``; ``NOTHING`` for ``None``."""
    return NOTHING if ratio is None else f"{ratio:.1%}"


def difference(now: int, then: int) -> str:
    """Return how much more or less it is than before, with its sign: ``+1,234``."""
    return f"{now - then:+,}" if now != then else "0"


def change(now: int, then: int) -> str:
    """Return the difference as a share of what it was before: ``+12.3%``, ``new`` if it was nothing."""
    if then:
        return f"{(now - then) / then:+.1%}" if now else "gone"
    return "new" if now else NOTHING


def tokens(found: Tokens) -> str:
    """Return the sum of all categories in words: ``1 token``, ``2,345 tokens``."""
    return counted(found.total, "token")


def tokens_and_cost(found: Tokens, nusd: int) -> str:
    """Return the tokens and, if any was recorded, the cost: ``2,345 tokens, 0.1234 USD``."""
    return f"{tokens(found)}, {dollars(nusd)} USD" if nusd else tokens(found)


def running(processes: int) -> str:
    """Return the title of the running processes, with their number."""
    return f"Running OpenCode: {counted(processes, 'process', 'processes')}"


def megabytes(number: int) -> str:
    """Return a number of bytes in units of 2**20 bytes."""
    return f"{number / 2**20:,.0f} MB"


def age(passed: timedelta) -> str:
    """Return a duration in its largest unit, such as ``6 min``. A negative one, from a clock that is ahead, is ``0 s``."""
    seconds = max(int(passed.total_seconds()), 0)
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def uptime(passed: timedelta) -> str:
    """Return how long something runs, as a clock has it: ``0:39:18``, from a day on ``1 d 02:05``. A negative one is zero."""
    minutes, seconds = divmod(max(int(passed.total_seconds()), 0), 60)
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}:{minutes:02}:{seconds:02}"
    return f"{hours // 24} d {hours % 24:02}:{minutes:02}"


def took_ms(milliseconds: int | None) -> str:
    """Return how long something took: ``420 ms``, ``4.2 s``, ``3 min 05 s``; ``NOTHING`` if it is not known."""
    if milliseconds is None:
        return NOTHING
    if milliseconds < 1_000:
        return f"{milliseconds} ms"
    # Judged after rounding: 59.96 seconds are written as a minute.
    if milliseconds < 59_950:
        return f"{milliseconds / 1_000:.1f} s"
    minutes, seconds = divmod(round(milliseconds / 1_000), 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def since(moment: datetime, now: datetime) -> timedelta:
    """Return the time that really passed. Subtracting two times of one zone would ignore changes of its clock."""
    return timedelta(seconds=now.timestamp() - moment.timestamp())


def since_epoch(seconds: float, now: datetime) -> timedelta:
    """Return the time that passed since a moment given in seconds since the Unix epoch."""
    return timedelta(seconds=now.timestamp() - seconds)


def moment(when: datetime, now: datetime) -> str:
    """Return a time of this year without the year, a time of another year as its date."""
    return f"{when:%m-%d %H:%M}" if when.year == now.year else f"{when:%Y-%m-%d}"


def period(key: str, since: datetime) -> str:
    """Return the name of a period. An hour needs its offset only if the clock shows it twice."""
    if "T" not in key:
        return key
    twice = since.replace(fold=0).utcoffset() != since.replace(fold=1).utcoffset()
    return f"{since:%Y-%m-%d %H:%M}{since:%z}" if twice else f"{since:%Y-%m-%d %H:%M}"


def range_in_words(of: Range) -> str:
    """Return the range with its dates: ``last 7 days (2026-11-18 to 2026-11-24, Europe/Berlin)``."""
    if of.since is None and of.until is None:
        return _NAMED["all"]
    begin = _day_or_time(of.since)
    end = _last_day_or_time(of.until)
    span = begin if begin == end else " to ".join(bound for bound in (begin, end) if bound)
    if of.name in _NAMED:
        return f"{_NAMED[of.name]} ({span}, {of.zone})"
    words = span if begin and end else f"from {begin}" if begin else f"up to {end}"
    return f"{words} ({of.zone})"


def short_range(of: Range) -> str:
    """Return the range without its dates if it has a name: ``today``, ``all time``."""
    return _NAMED.get(of.name) or range_in_words(of)


def in_range(of: Range) -> str:
    """Return the range as it fits into a sentence: ``today``, ``in the last 7 days``."""
    match of.name:
        case "week" | "month":
            return f"in the {_NAMED[of.name]}"
        case name if name in _NAMED:
            return _NAMED[name]
        case _:
            return f"in this range: {range_in_words(of)}"


def plain(text: str) -> str:
    """Return text from storage as one line that cannot control a terminal.

    Control characters, marks that turn the direction of writing, and lone surrogates become the replacement character.
    What joins the pictures of one emoji is left out.
    """
    return printable(without_joiners(text), "\N{REPLACEMENT CHARACTER}")


def _day_or_time(when: datetime | None) -> str:
    if when is None:
        return ""
    return f"{when:%Y-%m-%d}" if (when.hour, when.minute) == (0, 0) else f"{when:%Y-%m-%d %H:%M}"


def _last_day_or_time(until: datetime | None) -> str:
    """Return the end of a range; if it ends at midnight, the day before, which is its last one."""
    if until is not None and (until.hour, until.minute) == (0, 0):
        return f"{until - timedelta(days=1):%Y-%m-%d}"
    return _day_or_time(until)
