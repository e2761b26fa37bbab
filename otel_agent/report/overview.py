"""The overview as plain values: what was used in a range, by which models, and what is going on now."""

from datetime import datetime, timedelta
from typing import Final, Literal

from msgspec import Struct

from otel_agent.ledger.queries import ActiveSession, Queries, Usage
from otel_agent.model import Overlap, Tokens, without_overlap

ACTIVE_MINUTES: Final = 15
"""A session is active while its last message is younger than this."""

Accounting = Literal["recorded", "disjoint"]
RangeName = Literal["today", "all"]


class Range(Struct, frozen=True):
    name: RangeName
    since: datetime | None
    until: datetime | None
    zone: str


class Overview(Struct, frozen=True):
    range: Range
    accounting: Accounting
    totals: Usage
    models: list[tuple[str, Usage]]
    active: list[ActiveSession]
    newest: datetime | None
    now: datetime


def overview(ledger: Queries | None, name: RangeName, accounting: Accounting, now: datetime) -> Overview:
    """``now`` is in the zone in which a day begins. Without a ledger there is nothing yet: all is zero."""
    found = _range(name, now)
    if ledger is None:
        nothing = Usage(0, 0, Tokens(), Overlap(), 0)
        return Overview(found, accounting, nothing, models=[], active=[], newest=None, now=now)
    since_ms = _ms(found.since) if found.since else 0
    newest_ms = ledger.newest_ms()
    return Overview(
        range=found,
        accounting=accounting,
        totals=ledger.usage(since_ms),
        models=ledger.by_model(since_ms),
        active=ledger.active_sessions(_ms(now - timedelta(minutes=ACTIVE_MINUTES))),
        newest=None if newest_ms is None else datetime.fromtimestamp(newest_ms / 1000, now.tzinfo),
        now=now,
    )


def shown(usage: Usage, accounting: Accounting) -> Tokens:
    """The tokens under an accounting: as recorded, or each in one category only."""
    return usage.tokens if accounting == "recorded" else without_overlap(usage.tokens, usage.overlap)


def overlap(usage: Usage) -> int:
    """Tokens that recorded totals hold twice."""
    return usage.overlap.cached_in_input + usage.overlap.reasoning_in_output


def _range(name: RangeName, now: datetime) -> Range:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return Range(name, midnight if name == "today" else None, None, str(now.tzinfo))


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
