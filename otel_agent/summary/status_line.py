"""One line of numbers for a status bar: what ``otel-agent statusline`` prints."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from otel_agent.errors import UsageError
from otel_agent.ledger.answers import NO_USAGE, Scope, Usage
from otel_agent.ledger.queries import Queries
from otel_agent.ledger.reading import NOT_BEGUN
from otel_agent.summary.question import RANGE_NAMES, Accounting, RangeName
from otel_agent.summary.ranges import named_range
from otel_agent.summary.text import words
from otel_agent.summary.view import shown

FIELDS: Final = ("tokens", "cost", "messages", "sessions", "input", "output", "reasoning", "cache_read", "cache_write")
_FIELD: Final = re.compile(r"\{([^{}]*)\}")


def status_line(template: str, ledger: Queries | None, *, accounting: Accounting, now: datetime) -> str:
    """Return the template with each ``{range.field}`` replaced by its number in a short form.

    ``{range.field:exact}`` gives all digits. If the history is not read to its end, the line says so. Raises
    ``UsageError`` for a field that does not exist.
    """
    ranges: dict[RangeName, Mapping[str, int]] = {}

    def number(found: re.Match[str]) -> str:
        name, field, exact = _parsed(found[1])
        if name not in ranges:
            ranges[name] = _numbers(_usage(name, ledger, now), accounting)
        value = ranges[name][field]
        if field == "cost":
            return words.dollars(value)
        return words.exact(value) if exact else words.compact(value)

    line = words.plain(_FIELD.sub(number, template))
    reading = NOT_BEGUN if ledger is None else ledger.reading()
    if reading is None:
        return line
    return f"{line} (history read: {reading.percent} %)" if reading.looked_at else f"{line} (history not read yet)"


def _parsed(field: str) -> tuple[RangeName, str, bool]:
    path, _, form = field.partition(":")
    name, _, what = path.partition(".")
    for known in RANGE_NAMES:
        if name == known and what in FIELDS and form in ("", "exact"):
            return known, what, bool(form)
    raise UsageError(
        f"--format: {{{field}}} is no field. Use {{RANGE.FIELD}} with a range ({', '.join(RANGE_NAMES)}) and one of "
        f"{', '.join(FIELDS)}, such as {{today.tokens}} or {{week.cost}}; {{today.tokens:exact}} has all digits."
    )


def _usage(name: RangeName, ledger: Queries | None, now: datetime) -> Usage:
    if ledger is None:
        return NO_USAGE
    bounds = named_range(name, now)
    since, until = (None if at is None else round(at.timestamp() * 1000) for at in (bounds.since, bounds.until))
    return ledger.usage(Scope(since_ms=since, until_ms=until))


def _numbers(usage: Usage, accounting: Accounting) -> Mapping[str, int]:
    tokens = shown(usage, accounting)
    counts = (tokens.total, usage.cost_nusd, usage.messages, usage.sessions)
    return dict(zip(FIELDS, (*counts, *tokens.by_category()), strict=True))
