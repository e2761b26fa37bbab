"""Remembers by how much totals were raised to what the backend has, so that a proof of count can explain them.

No message of the ledger says it: OpenCode no longer has what was counted before the ledger was lost.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping
from typing import Final

from otel_agent.ledger.facts import Facts
from otel_agent.semconv.attributes import Attr

KEY: Final = "kept_totals"
"""Key in ``meta``: a JSON array of metric, attributes and amount."""
_NAMED: Final = (Attr.PROVIDER, Attr.MODEL, Attr.TOKEN_TYPE, Attr.OVERFLOW)
"""The attributes by which amounts are kept apart: the note stays small, however many projects there are."""


_MOST: Final = "max(ifnull(told_value, 0), ifnull(open_value, 0))"
_BELOW_SENT: Final = f"SELECT metric, attributes, {_MOST} - value FROM series WHERE {_MOST} > value"
"""Selects the series that ``Totals.raise_to_sent`` raises, and by how much."""


def note(facts: Facts, database: sqlite3.Connection) -> None:
    """Note what is about to be raised, with what was noted before. Runs inside a transaction."""
    amounts: Counter[tuple[str, str]] = Counter()
    raised = database.execute(_BELOW_SENT).fetchall()
    for metric, attributes, amount in (*_noted(facts.find(KEY)), *raised):
        known = json.loads(attributes)
        named = {name: known[name] for name in _NAMED if name in known}
        amounts[metric, json.dumps(named, sort_keys=True)] += amount
    if amounts:
        facts.note(KEY, json.dumps([[*key, amount] for key, amount in sorted(amounts.items())]))


def kept(meta: Mapping[str, str]) -> list[tuple[str, str, int]]:
    """Return the metric, the attributes as JSON, and the amount of each kept total; none if the note is not ours."""
    return _noted(meta.get(KEY))


def _noted(text: str | None) -> list[tuple[str, str, int]]:
    try:
        return [(str(metric), str(attributes), int(amount)) for metric, attributes, amount in json.loads(text or "[]")]
    except (ValueError, TypeError):
        return []
