"""Messages as the readers give them to the ledger, and the totals that the ledger holds afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from otel_agent import semconv
from otel_agent.ledger.totals import NewSeries, SeriesLimit
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Change, Generation, Message, Overlap, Tokens
from otel_agent.semconv.attributes import TOKEN_TYPES, Attr
from otel_agent.series.attributes import OVERFLOW, from_json
from otel_agent.series.tally import Tally

T0 = 1_769_174_692_533
"""The creation time of call 0. Unix milliseconds."""
MINUTE = 60_000
GRACE = 3_600_000
"""The tests' grace period for an unfinished message. Milliseconds."""
LONG_AFTER = T0 + 10 * GRACE
"""A moment at which every grace period is over. Unix milliseconds."""
START_NS = 1_770_000_000_000_000_000

Totals = dict[tuple[str, str], tuple[int, int]]
"""The value of each series and, for a histogram, the number of observations, by metric and attributes."""


def call(number: int, tokens: Tokens = Tokens(100, 10, 5, 50, 2), **fields: Any) -> Message:
    """Return a completed message. Calls are a minute apart, so that only copies look alike."""
    created = T0 + number * MINUTE
    whole = Message(
        id=f"msg_{number}",
        session_id=f"ses_{number % 3}",
        generation=Generation.V1,
        created_ms=created,
        completed_ms=created + 4_000,
        provider="anthropic",
        model=f"model-{number % 2}",
        agent="build",
        tokens=tokens,
        overlap=Overlap(),
        cost_nusd=tokens.total * 1_000,
        turn_id=f"turn_{number}",
        finish="stop",
        worktree="/home/dev/persona",
    )
    return replace(whole, **fields)


def in_flight(whole: Message, tokens: Tokens | None = None) -> Message:
    """Return the same message unfinished: it is still being written, or OpenCode was killed."""
    so_far = whole.tokens if tokens is None else tokens
    return replace(whole, completed_ms=None, tokens=so_far, cost_nusd=so_far.total * 1_000)


def copy_of(original: Message, number: int) -> Message:
    """Return a fork copy of the message, with another id and session."""
    return replace(original, id=f"{original.id}_copy_{number}", session_id=f"ses_fork_{number}", copied=True)


def enter(ledger: Ledger, *records: Message, count_from_ms: int = 0) -> list[Change]:
    """Record one batch in a transaction and raise the totals. Return the changes."""
    with ledger.transaction():
        changes = ledger.messages.record(records, [], count_from_ms=count_from_ms)
        _raise_totals(ledger, changes)
    return changes


def end_pass(ledger: Ledger, *, now_ms: int = LONG_AFTER, count_from_ms: int = 0) -> list[Change]:
    """Decide the messages that waited for the end of a pass, and raise the totals. Return the changes."""
    changes: list[Change] = []
    while decided := ledger.waiting.decide(now_ms=now_ms, grace_ms=GRACE, count_from_ms=count_from_ms):
        with ledger.transaction():
            resolved = ledger.waiting.resolve(decided)
            _raise_totals(ledger, resolved)
        changes += resolved
    return changes


def enter_all(ledger: Ledger, batches: Iterable[Sequence[Message]]) -> None:
    """Record the batches of one whole pass, and end it."""
    for batch in batches:
        enter(ledger, *batch)
    end_pass(ledger)


def totals(ledger: Ledger) -> Totals:
    """Return the totals of all series."""
    series = ledger.totals.due(list(semconv.METRICS), active_since_ns=0)
    return {(each.metric, each.attributes): (each.value, each.count) for each in series}


def total(ledger: Ledger, metric: semconv.Metric) -> int:
    """Return the sum over all series of a metric, in the metric's smallest unit."""
    return sum(value for (name, _), (value, _) in totals(ledger).items() if name == metric.name)


def tokens(ledger: Ledger) -> Tokens:
    """Return the tokens by category, over all series."""
    found = dict.fromkeys(TOKEN_TYPES, 0)
    for (metric, labels), (value, _) in totals(ledger).items():
        if metric == semconv.TOKEN_USAGE.name:
            found[str(from_json(labels)[Attr.TOKEN_TYPE])] += value
    return Tokens(**found)


def _raise_totals(ledger: Ledger, changes: list[Change]) -> None:
    increases = Tally(disjoint=False).add(changes).increases
    limit = SeriesLimit(10_000, OVERFLOW)
    ledger.totals.raise_by(increases, now_ns=START_NS, new=NewSeries(START_NS), limit=limit)
