"""The loops that were noticed in the time and the sessions of a question."""

from collections.abc import Callable
from datetime import datetime

from msgspec.structs import replace

from otel_agent.ledger.answers import Scope
from otel_agent.ledger.queries import Queries
from otel_agent.summary.view import LoopSeen


def loops_seen(ledger: Queries, scope: Scope, at: Callable[[int], datetime]) -> list[LoopSeen]:
    """Return the loops, the latest first. ``at`` returns a moment of milliseconds in the zone of the question."""
    found = ledger.loops(scope)
    if not found:
        return []
    ids = frozenset(loop.session_id for loop in found)
    # The filters of the question, whatever its range: a loop can end after the last message that was counted.
    inside = replace(scope, since_ms=None, until_ms=None, session_ids=ids)
    matching = {group.key[0] for group in ledger.by_session(inside)}
    facts = ledger.session_facts(ids)
    return [
        LoopSeen(
            session=loop.session_id,
            title=facts[loop.session_id].title if loop.session_id in facts else "",
            kind=loop.kind,
            tool=loop.tool,
            calls=loop.calls,
            since=at(loop.first_ms),
            until=at(loop.last_ms),
        )
        for loop in found
        if loop.session_id in matching
    ]
