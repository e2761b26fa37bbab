"""Compares the tool calls that are kept with those that the published totals count: they are the same calls."""

import json
import sqlite3
from collections import Counter
from typing import Final

from otel_agent.ledger.facts import Facts
from otel_agent.ledger.kept_calls import Found
from otel_agent.semconv import TOOL_CALL_COUNT
from otel_agent.semconv.attributes import Attr

RAISED: Final = "totals_raised"
"""Key in ``meta``: totals went on from what a backend had, so they may hold calls that no message here has."""
BEFORE: Final = "calls_before"
"""Key in ``meta``: what the totals counted before calls were kept, by the attributes of the series."""

_Call = tuple[str, str]
"""Tool and outcome."""
_KEPT: Final = (
    "SELECT t.name, k.outcome, count(*) FROM kept_call AS k JOIN tool AS t ON t.number = k.tool "
    "JOIN message AS m ON m.number = k.message WHERE m.calls_found = ? AND m.number > ? GROUP BY 1, 2"
)


def differing_calls(database: sqlite3.Connection) -> int:
    """Return for how many tools and outcomes the totals are not what the calls of their messages add up to."""
    facts = Facts(database)
    epoch = facts.number("epoch_message")
    rows = database.execute(_KEPT, (Found.WHEN_COUNTED, epoch))
    kept: Counter[_Call] = Counter({(tool, outcome): number for tool, outcome, number in rows})
    series = database.execute("SELECT attributes, value FROM series WHERE metric = ?", (TOOL_CALL_COUNT.name,))
    counted = _by_call(dict(series.fetchall()))
    counted.subtract(_by_call(json.loads(facts.find(BEFORE) or "{}")))
    if any(not tool for tool, _ in counted):
        # An overflow series has lost the names: only the sum of all can be compared.
        kept, counted = Counter({("", ""): kept.total()}), Counter({("", ""): counted.total()})
    # A ledger that took over other totals has more in them than its messages; it never has less.
    exact = not epoch and facts.find(RAISED) is None
    return sum(
        kept[call] > counted[call] or (exact and kept[call] != counted[call]) for call in kept.keys() | counted.keys()
    )


def _by_call(series: dict[str, int]) -> "Counter[_Call]":
    found: Counter[_Call] = Counter()
    for text, value in series.items():
        attributes = json.loads(text)
        found[str(attributes.get(Attr.TOOL, "")), str(attributes.get(Attr.TOOL_OUTCOME, ""))] += value
    return found
